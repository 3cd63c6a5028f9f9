"""Every mistake gets one sentence, a non-zero exit status, and leaves nothing behind."""

import json

import pytest

from mbnas.cli.main import main
from mbnas.data.phantom import write_phantom
from mbnas.study.lock import study_lock


def refused(capsys, *arguments):
    """Run a command that must fail; return its exit status and the one thing it said."""
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
            "the nearest that does is --evaluations",
        ),
        (
            ["search", "DATA", "STUDY", "--set", "training.epoch=3"],
            "nearest that does is training.epochs",
        ),
        (["search", "DATA", "STUDY", "--protocol", "fast"], "There is no protocol 'fast'"),
        (["search", "DATA", "STUDY", "--device", "gpu9"], "is no device"),
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


def test_a_folder_that_is_no_dataset(capsys, tmp_path):
    status, said = refused(capsys, "search", tmp_path / "absent", tmp_path / "study")
    assert status == 1
    assert "absent" in said
    assert not list(tmp_path.iterdir())


def test_fewer_patients_than_folds(capsys, dataset, options, tmp_path):
    more = ("--set", "protocol.folds=5")
    status, said = refused(capsys, "search", dataset, tmp_path / "study", *options, *more)
    assert status == 1
    assert "4 patients cannot fill 5 folds" in said
    assert not list(tmp_path.iterdir())


def test_a_study_that_another_process_holds(capsys, finished, dataset):
    with study_lock(finished, "mbnas search somewhere"):
        status, said = refused(capsys, "search", dataset, finished)
    assert status == 1
    assert "mbnas search somewhere" in said


def test_a_folder_of_other_things_is_no_study(capsys, dataset, tmp_path):
    (tmp_path / "thesis.tex").write_text("")
    status, said = refused(capsys, "search", dataset, tmp_path)
    assert status == 1
    assert "holds other files (such as thesis.tex)" in said
    assert [each.name for each in tmp_path.iterdir()] == ["thesis.tex"]


def test_status_of_no_study(capsys, tmp_path):
    status, said = refused(capsys, "status", tmp_path)
    assert status == 1
    assert "is no study" in said


def test_check_tells_sound_from_broken(capsys, dataset, tmp_path):
    assert main(["check", str(dataset), "--set", "protocol.folds=2"]) == 0
    assert "is sound" in capsys.readouterr().out
    broken = write_phantom("spleen", tmp_path / "broken", num_patients=2)
    label = next((broken / "labelsTr").iterdir())
    label.write_bytes(label.read_bytes()[:100])
    assert main(["check", str(broken), "--set", "protocol.folds=2", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert not found["sound"]
    assert [each["severity"] for each in found["findings"]] == ["error"]
