"""Folders are complete or absent, and other folders are not changed."""

import errno
import os

import pytest

from mbnas.errors import WriteError
from mbnas.machine.files import temporary_name, write_text
from mbnas.machine.folders import making_folder


def names(folder):
    return sorted(each.name for each in folder.iterdir())


def test_only_the_folders_of_killed_processes_are_removed(tmp_path):
    strangers = [".video.partial", ".mbnas", ".out.partial", "out2"]
    for name in strangers:
        (tmp_path / name).mkdir()
        (tmp_path / name / "mine").touch()
    (tmp_path / ".film.mp4.partial").touch()
    (tmp_path / temporary_name("out")).mkdir()
    with making_folder(tmp_path / "out") as aside:
        (aside / "a.txt").touch()
    assert names(tmp_path) == sorted([*strangers, ".film.mp4.partial", "out"])
    assert names(tmp_path / "out") == ["a.txt"]


@pytest.mark.parametrize("through_a_file", [True, False])
def test_a_refusal_names_the_final_folder(through_a_file, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def make():
        with making_folder(tmp_path / "new/out") as aside:
            monkeypatch.setattr("os.fsync", refuse)
            if through_a_file:
                write_text(aside / "a.txt", "text")
            (aside / "b.txt").touch()

    with pytest.raises(
        WriteError, match=r"The disk is full: .*/new/out.* cannot be written"
    ) as found:
        make()
    assert ".mbnas-" not in str(found.value)
    assert names(tmp_path) == []
