"""What ``mbnas export`` writes, prints and refuses; tests/export opens what it wrote."""

import pytest

from mbnas.cli.main import main

from ....prediction.conftest import card_of, write_model


@pytest.fixture
def study(tmp_path):
    """A folder with two models, one of them the best."""
    for name in ("best", "other"):
        write_model(tmp_path / f"study/weights/{name}", card_of(network="0vgg3", base_channels=4))
    return tmp_path / "study"


def test_files_are_printed(study, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["export", str(study), "--to", "onnx", str(out)]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    names = ("README.md", "fold0.onnx", "fold1.onnx", "model.json")
    assert said.out.splitlines() == [str(out / name) for name in names]


@pytest.mark.parametrize("format_", ["torch", "onnx", "monai"])
def test_a_folder_with_files_is_refused(study, tmp_path, capsys, format_):
    arguments = ["export", str(study), "--model", "other", "--to", format_, str(tmp_path)]
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        f"mbnas: {tmp_path} exists and is not empty: choose another folder, or remove it.\n"
    )


def test_a_model_that_does_not_exist_is_refused(study, tmp_path, capsys):
    arguments = ["export", str(study), "--model", "third", "--to", "onnx", str(tmp_path / "out")]
    assert main(arguments) == 1
    assert "there is best, other" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
