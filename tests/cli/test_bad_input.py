"""Every mistake gives one sentence and a non-zero exit status, and leaves nothing behind."""

import gzip
import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from mbnas.cli.main import main
from mbnas.data.phantom import write_phantom
from mbnas.study.lock import study_lock

INLINE = ("--set", "run.executor=inline")


def refused(capsys, *arguments):
    """Run a command that must fail; return its exit status and its one message."""
    try:
        status = main([str(argument) for argument in arguments])
    except SystemExit as exit_:
        status = exit_.code
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("mbnas: ")
    assert "Traceback" not in said.err
    return status, said.err.strip()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["serch"], "serch"),
        (
            ["search", "DATA", "STUDY", "--evaluation", "3"],
            "the nearest is --evaluations",
        ),
        (
            ["search", "DATA", "STUDY", "--set", "training.epoch=3"],
            "the nearest is training.epochs",
        ),
        (["search", "DATA", "STUDY", "--protocol", "fast"], "There is no protocol 'fast'"),
        (["search", "DATA", "STUDY", "--device", "gpu9"], "is not a device"),
        (["search", "DATA", "STUDY", "--address", "auto"], "needs --executor ray"),
        (["compare", "STUDY", "--address", "auto"], "needs --executor ray"),
        (["search", "DATA", "STUDY", "--set", "run.gpu_share=2.0"], "at most 1"),
        (["cost", "0vgg3-2vgg3"], "levels change by at most 1"),
        (["cost", "unet-genotype", "--size", "0"], "--size (=0) must be 1 or more"),
    ],
)
def test_misuse_is_status_2_and_leaves_nothing(arguments, told, capsys, dataset, tmp_path):
    places = {"DATA": str(dataset), "STUDY": str(tmp_path / "study")}
    status, said = refused(capsys, *(places.get(each, each) for each in arguments))
    assert status == 2
    assert told in said
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_a_dataset_is_refused(capsys, tmp_path):
    status, said = refused(capsys, "search", tmp_path / "absent", tmp_path / "study")
    assert status == 1
    assert "absent" in said
    assert not list(tmp_path.iterdir())


def test_fewer_patients_than_folds_are_refused(capsys, dataset, options, tmp_path):
    more = ("--set", "protocol.folds=5")
    status, said = refused(capsys, "search", dataset, tmp_path / "study", *options, *more)
    assert status == 1
    assert "4 patients cannot fill 5 folds" in said
    assert not list(tmp_path.iterdir())


def test_a_study_that_another_process_holds_is_refused(capsys, finished, dataset):
    with study_lock(finished, "mbnas search somewhere"):
        status, said = refused(capsys, "search", dataset, finished)
    assert status == 1
    assert "mbnas search somewhere" in said


def test_a_folder_with_other_files_is_not_a_study(capsys, dataset, tmp_path):
    (tmp_path / "thesis.tex").write_text("")
    status, said = refused(capsys, "search", dataset, tmp_path)
    assert status == 1
    assert "has other files (such as thesis.tex)" in said
    assert [each.name for each in tmp_path.iterdir()] == ["thesis.tex"]


def test_status_of_a_folder_that_is_not_a_study(capsys, tmp_path):
    status, said = refused(capsys, "status", tmp_path)
    assert status == 1
    assert "is not a study" in said


def test_check_distinguishes_sound_from_broken(capsys, dataset, tmp_path):
    assert main(["check", str(dataset), "--set", "protocol.folds=2"]) == 0
    assert "is sound" in capsys.readouterr().out
    broken = write_phantom("spleen", tmp_path / "broken", num_patients=2)
    label = next((broken / "labelsTr").iterdir())
    label.write_bytes(label.read_bytes()[:100])
    assert main(["check", str(broken), "--set", "protocol.folds=2", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert not found["sound"]
    assert [each["severity"] for each in found["findings"]] == ["error"]


# Other processes, other versions, other data


@pytest.fixture
def copied(finished, tmp_path):
    """A copy of the finished study that a test may change."""
    return shutil.copytree(finished, tmp_path / "study")


HOLDER = """
import sys
from pathlib import Path
from mbnas.study.lock import study_lock

with study_lock(Path(sys.argv[1]), "mbnas search elsewhere"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_study_that_a_process_holds_can_only_be_read(capsys, copied, dataset):
    arguments = [sys.executable, "-c", HOLDER, str(copied)]
    with subprocess.Popen(
        arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        for command in (["search", dataset, copied], ["compare", copied]):
            status, said = refused(capsys, *command)
            assert status == 1
            assert f"is in use by process {holder.pid}" in said
            assert "mbnas search elsewhere" in said
        assert main(["status", str(copied)]) == 0
        assert main(["report", str(copied)]) == 0
        holder.communicate()
    assert main(["search", str(dataset), str(copied), *INLINE]) == 0


@pytest.mark.parametrize("command", ["search", "status", "report", "compare"])
def test_a_ledger_of_a_newer_version_is_not_changed(command, capsys, copied, dataset):
    with closing(sqlite3.connect(copied / "ledger.sqlite")) as connection:
        connection.execute("PRAGMA user_version = 99")
    before = (copied / "ledger.sqlite").read_bytes()
    places = [dataset, copied] if command == "search" else [copied]
    status, said = refused(capsys, command, *places)
    assert status == 1
    assert "was written by a newer mbnas (schema 99;" in said
    assert said.endswith("Update mbnas to open it.")
    assert (copied / "ledger.sqlite").read_bytes() == before


@pytest.mark.parametrize("change", ["label", "case", "class"])
def test_a_changed_dataset_is_refused(change, capsys, copied, content, dataset, tmp_path):
    changed = shutil.copytree(dataset, tmp_path / "changed")
    facts = json.loads((changed / "dataset.json").read_text())
    if change == "label":
        label = next((changed / "labelsTr").iterdir())
        voxels = bytearray(gzip.decompress(label.read_bytes()))
        voxels[-1] = 1
        label.write_bytes(gzip.compress(voxels))
    elif change == "case":
        facts["training"].pop()
    else:
        facts["labels"]["1"] = "another zone"
    (changed / "dataset.json").write_text(json.dumps(facts))
    slices = sorted((copied / "slices").rglob("*"))
    before = content(copied)
    status, said = refused(capsys, "search", changed, copied, *INLINE)
    assert status == 1
    assert f"The dataset {changed} is not the one that {copied} was begun with" in said
    assert sorted((copied / "slices").rglob("*")) == slices
    assert content(copied) == before
    assert main(["search", str(dataset), str(copied), *INLINE]) == 0


def test_removed_slices_of_a_study_are_prepared_again(copied, content, dataset):
    before, slices = content(copied), sorted((copied / "slices").rglob("*"))
    shutil.rmtree(copied / "slices")
    assert main(["search", str(dataset), str(copied), *INLINE]) == 0
    assert sorted((copied / "slices").rglob("*")) == slices
    assert content(copied) == before


# Names that suggest several volumes of one patient


@pytest.fixture
def frames(dataset, tmp_path):
    """The dataset with names as if two patients had two volumes each."""
    root = shutil.copytree(dataset, tmp_path / "frames")
    text = (root / "dataset.json").read_text()
    for number in range(4):
        name = f"patient{number // 2 + 1:03d}_frame{1 + 11 * (number % 2):02d}"
        text = text.replace(f"prostate_{number:03d}.", f"{name}.")
        for folder in ("imagesTr", "labelsTr"):
            file = root / folder / f"prostate_{number:03d}.nii.gz"
            file.rename(file.with_name(f"{name}.nii.gz"))
    (root / "dataset.json").write_text(text)
    return root


SUSPICION = (
    "patient001_frame01, patient001_frame12 look like one patient's cases, but count as 2 "
    "patients (and 1 more such groups): a patient split over folds makes scores too good. If they "
    "are one, set data.patient_pattern."
)
GROUPED = ("--set", r"data.patient_pattern=patient\d+")


def test_a_search_warns_of_names_of_one_patient(capsys, frames, options, tmp_path):
    options = [*options, *INLINE, "--evaluations", "1"]
    assert main(["search", str(frames), str(tmp_path / "apart"), *options]) == 0
    assert capsys.readouterr().err == f"mbnas: warning: {SUSPICION}\n"
    assert main(["search", str(frames), str(tmp_path / "one"), *options, *GROUPED]) == 0
    assert capsys.readouterr().err == ""


def test_check_warns_of_names_of_one_patient(capsys, frames):
    options = ["--set", "protocol.folds=2", "--json"]
    assert main(["check", str(frames), *options]) == 0
    (finding,) = json.loads(capsys.readouterr().out)["findings"]
    assert (finding["severity"], finding["rule"]) == ("warning", "suspicious-names")
    assert finding["message"] == SUSPICION
    assert main(["check", str(frames), *options, *GROUPED]) == 0
    assert json.loads(capsys.readouterr().out)["findings"] == []


# Full disks and read-only places


@pytest.fixture
def _one_core(monkeypatch):
    """Prepare and check in this process, with its permissions."""
    monkeypatch.setattr("os.cpu_count", lambda: 1)


def fill(disk, free):
    """Leave that many bytes free on a disk."""
    (disk / "ballast").write_bytes(bytes(shutil.disk_usage(disk).free - free))


@pytest.mark.usefixtures("_one_core")
@pytest.mark.parametrize(
    ("free", "told"),
    [
        (0, "The disk is full: nothing can be written to "),
        (16 * 4096, "The disk is full: "),
        (40 * 4096, "The disk is full: "),
    ],
)
def test_a_search_that_cannot_begin_on_a_full_disk_leaves_nothing(
    free, told, capsys, dataset, options, small_disk
):
    disk = small_disk("1m")
    fill(disk, free)
    status, said = refused(capsys, "search", dataset, disk / "new/study", *options, *INLINE)
    assert status == 1
    assert told in said
    assert "\n" not in said
    assert [each.name for each in disk.iterdir()] == ["ballast"]


@pytest.mark.usefixtures("_one_core")
@pytest.mark.parametrize("free", [0, 2 * 4096, 8 * 4096])
def test_a_search_that_a_full_disk_ends_resumes_once_there_is_space(
    free, capsys, content, dataset, finished, options, small_disk
):
    study = small_disk("2m") / "study"
    begin = ["search", str(dataset), str(study), *options, *INLINE, "--evaluations"]
    assert main([*begin, "1"]) == 0
    capsys.readouterr()
    fill(study.parent, free)
    status, said = refused(capsys, *begin, "2")
    assert status == 1
    assert "The disk is full" in said
    assert "\n" not in said
    assert main(["status", str(study)]) == 0
    (study.parent / "ballast").unlink()
    assert main([*begin, "2"]) == 0
    evaluations, trainings, *_ = content(study)
    assert evaluations == content(finished)[0][:2]
    assert len(trainings) == 4
    assert set(trainings) < set(content(finished)[1])


@pytest.mark.usefixtures("_one_core")
@pytest.mark.parametrize("place", ["study", "study/ledger.sqlite", "study/.lock"])
def test_a_read_only_study_can_be_read(
    place, capsys, dataset, finished, open_directory, unprivileged
):
    data = shutil.copytree(dataset, open_directory / "data")
    study = shutil.copytree(finished, open_directory / "study")
    described = (study / "study.toml").read_text().replace(str(dataset), str(data))
    (study / "study.toml").write_text(described)
    for each in (study, *study.rglob("*")):
        each.chmod(0o777)
    (open_directory / place).chmod(0o555)
    with unprivileged():
        for command in (["search", data, study, *INLINE], ["compare", study]):
            status, said = refused(capsys, *command)
            assert status == 1
            assert "is read-only" in said
            assert "\n" not in said
        assert main(["status", str(study)]) == 0


@pytest.mark.usefixtures("_one_core")
def test_a_study_in_a_read_only_folder_is_refused_in_one_sentence(
    capsys, dataset, options, open_directory, unprivileged
):
    data = shutil.copytree(dataset, open_directory / "data")
    open_directory.chmod(0o555)
    with unprivileged():
        status, said = refused(capsys, "search", data, open_directory / "study", *options, *INLINE)
    assert status == 1
    assert said == (
        f"mbnas: {open_directory / 'study'} cannot be written: you have no permission. Change the "
        "permissions of its folder, or choose another place."
    )
    assert [each.name for each in open_directory.iterdir()] == ["data"]
