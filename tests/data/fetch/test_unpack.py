"""Archives, valid and malicious."""

import io
import shutil
import tarfile

import pytest

from mbnas.data.fetch.unpack import unpack
from mbnas.errors import DownloadError


def member(name, kind=tarfile.REGTYPE, linkname=""):
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, linkname
    return made


def archive(path, members, mode="w"):
    """Write members, each regular file with its own name as content."""
    with tarfile.open(path, mode) as made:
        for each in members:
            content = each.name.encode() if each.isreg() else b""
            each.size = len(content)
            made.addfile(each, io.BytesIO(content))
    return path


SOUND = ("./Task/dataset.json", "Task/imagesTr/a.nii.gz")


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_files_and_folders_are_unpacked(tmp_path, mode):
    folder = member("Task/imagesTr", tarfile.DIRTYPE)
    made = archive(tmp_path / "a.tar", [folder, *map(member, SOUND)], mode)
    seen = []
    top = unpack(made, tmp_path / "out", top="Task", progress=lambda *each: seen.append(each))
    assert top == tmp_path / "out/Task"
    assert (top / "dataset.json").read_text() == "./Task/dataset.json"
    assert (top / "imagesTr/a.nii.gz").read_text() == "Task/imagesTr/a.nii.gz"
    assert seen[0][0] == 0
    assert seen[-1][0] == seen[-1][1] == sum(map(len, SOUND))


def test_metadata_files_of_macos_are_skipped(tmp_path):
    names = ("._Task", *SOUND, "Task/._dataset.json", "Task/imagesTr/._a.nii.gz")
    top = unpack(archive(tmp_path / "a.tar", map(member, names)), tmp_path / "out", top="Task")
    assert sorted(each.name for each in top.rglob("*")) == ["a.nii.gz", "dataset.json", "imagesTr"]


def test_modes_and_owners_are_not_restored(tmp_path):
    odd = member("Task/dataset.json")
    odd.mode, odd.uid = 0o6777, 12345
    file = unpack(archive(tmp_path / "a.tar", [odd]), tmp_path / "out", top="Task") / "dataset.json"
    assert file.stat().st_mode & 0o6111 == 0
    assert file.stat().st_uid == (tmp_path / "out").stat().st_uid


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (member("../escaped"), r"'\.\./escaped', which leads out"),
        (member("Task/../../escaped"), "leads out"),
        (member("Task/../escaped"), "leads out"),
        (member("/tmp/escaped"), "leads out"),
        (member("Task/link", tarfile.SYMTYPE, "/etc/passwd"), "'Task/link', which is neither"),
        (member("Task/link", tarfile.SYMTYPE, "../.."), "neither a file nor a folder"),
        (member("Task/link", tarfile.LNKTYPE, "Task/dataset.json"), "neither"),
        (member("Task/pipe", tarfile.FIFOTYPE), "neither"),
        (member("Task/device", tarfile.CHRTYPE), "neither"),
        (member("._link", tarfile.SYMTYPE, "/etc/passwd"), "neither"),
        (member("Other/file"), "does not lie in the folder Task"),
        (member("Task"), "does not lie in the folder Task"),
    ],
    ids=lambda each: f"{each.name} {each.type}" if isinstance(each, tarfile.TarInfo) else "",
)
def test_untrusted_entries_are_refused_before_anything_is_written(tmp_path, bad, told):
    made = archive(tmp_path / "a.tar", [*map(member, SOUND), bad])
    with pytest.raises(DownloadError, match=told):
        unpack(made, tmp_path / "out", top="Task")
    assert [each.name for each in tmp_path.iterdir()] == ["a.tar"]


def test_an_archive_without_the_folder_is_refused(tmp_path):
    with pytest.raises(DownloadError, match="holds no folder Task"):
        unpack(archive(tmp_path / "a.tar", [member("._Task")]), tmp_path / "out", top="Task")


def test_an_archive_larger_than_the_disk_is_refused(tmp_path, monkeypatch):
    made = archive(tmp_path / "a.tar", map(member, SOUND))
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage._replace(free=40))
    with pytest.raises(DownloadError, match="has 40 bytes free, and 41 bytes are needed"):
        unpack(made, tmp_path / "out", top="Task")
    assert not (tmp_path / "out").exists()


def test_a_damaged_archive_is_refused_and_leaves_nothing(tmp_path):
    made = archive(tmp_path / "a.tar", [member("Task/" + "a" * 90)])
    for damaged in (made.read_bytes()[:550], b"no archive"):
        made.write_bytes(damaged)
        with pytest.raises(DownloadError, match="is not a tar archive, or is damaged"):
            unpack(made, tmp_path / "out", top="Task")
        assert not (tmp_path / "out").exists()
