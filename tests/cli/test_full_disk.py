"""A disk that fills up at any point: one sentence, no partial files, and the next run resumes."""

import errno
import itertools
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from mbnas.cli.main import main
from mbnas.machine.files import is_temporary

from ..prediction.conftest import card_of, write_model

INLINE = ("--set", "run.executor=inline")
FRESH = ("--network", "unet-genotype", "--executor", "inline")


@pytest.fixture(autouse=True)
def _one_core(monkeypatch):
    """Prepare and measure in this process, where the test can refuse writes."""
    monkeypatch.setattr("os.cpu_count", lambda: 1)


@pytest.fixture
def study(finished, tmp_path):
    """A copy of the finished study."""
    return shutil.copytree(finished, tmp_path / "study", symlinks=True)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model with small networks."""
    folder = tmp_path_factory.mktemp("model") / "model"
    card = card_of(network="0vgg3", base_channels=4)
    write_model(folder, replace(card, members=card.members[:1]))
    return folder


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A folder of two images."""
    folder = tmp_path_factory.mktemp("images")
    for number in range(2):
        voxels = np.random.default_rng(number).normal(100, 30, (20, 24, 6)).astype(np.float32)
        image = nib.Nifti1Image(voxels, np.diag([1.0, -1.0, 3.0, 1.0]))
        nib.save(image, folder / f"case_{number}.nii.gz")
    return folder


@contextmanager
def refused_at(number, code=errno.ENOSPC):
    """Make the system refuse to write the file with that number, from 0."""
    whole, counted = os.fsync, itertools.count()

    def fsync(descriptor):
        if next(counted) == number:
            raise OSError(code, os.strerror(code))
        return whole(descriptor)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", fsync)
        yield


def files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def half_written(folder):
    """Return the entries of a folder that a refused write must not leave."""
    return [path for path in folder.rglob("*") if is_temporary(path.name)]


def complaint(capsys, status):
    """Return the one sentence of a command whose write was refused."""
    said = capsys.readouterr().err.strip().splitlines()
    assert status == 1
    assert len(said) == 1, said
    assert said[0].startswith("mbnas: ")
    assert said[0].endswith(".")
    return said[0]


def refuse_every_write(capsys, folder, command):
    """Repeat a command until it succeeds, and return how often it was refused.

    Each time one more file is written before the disk is full.
    """
    refused = 0
    while status := _run_refused(command, refused):
        assert "The disk is full: " in complaint(capsys, status)
        assert half_written(folder) == []
        refused += 1
    capsys.readouterr()
    assert half_written(folder) == []
    return refused


def _run_refused(command, number):
    with refused_at(number):
        return main([str(each) for each in command])


def test_train(study, capsys):
    options = ("--epochs", "2", "--name", "tried", *INLINE)
    refused = refuse_every_write(capsys, study, ["train", study, *options])
    assert refused >= 4
    assert main(["train", str(study), "--epochs", "2", "--name", "whole", *INLINE]) == 0
    tried, whole = study / "weights/tried", study / "weights/whole"
    for path in files(whole):
        assert path.suffix == ".toml" or path.read_bytes() == (tried / path.name).read_bytes()
    assert [each.name for each in files(tried)] == [each.name for each in files(whole)]


@pytest.mark.parametrize(
    ("format_", "number"),
    [
        ("torch", 0),
        ("torch", 2),
        pytest.param("onnx", 2, marks=pytest.mark.slow),
        ("monai", 0),
        ("monai", 9),
    ],
)
def test_export(format_, number, model, tmp_path, capsys):
    out = tmp_path / "new/out"
    status = _run_refused(["export", model, "--to", format_, out], number)
    said = complaint(capsys, status)
    assert f"{out}" in said
    assert ".mbnas-" not in said
    assert list(tmp_path.iterdir()) == []
    assert main(["export", str(model), "--to", format_, str(out)]) == 0


def test_predict(model, images, tmp_path, capsys):
    options = ("--probabilities", "--uncertainty", "--overlay")
    tried, whole = tmp_path / "tried", tmp_path / "whole"
    refused = refuse_every_write(capsys, tmp_path, ["predict", model, images, tried, *options])
    assert refused >= 2 * 3
    assert main(["predict", str(model), str(images), str(whole), *options]) == 0
    for path in files(whole):
        same = (tried / path.name).read_bytes() == path.read_bytes()
        assert same or path.name == "prediction.json"  # which contains times
    assert len(files(tried)) == len(files(whole)) == 2 * 4 + 1


@pytest.mark.slow
def test_compare(study, capsys):
    refused = refuse_every_write(
        capsys, study, ["compare", study, "--initialisations", "1", *FRESH]
    )
    assert refused >= 5 + 1  # the tables and the page
    assert len(files(study / "comparison")) == refused - 1


def test_figures_and_report(study, tmp_path, capsys, monkeypatch):
    from mbnas.report.figures.study_figures import FIGURES

    monkeypatch.setattr(
        "mbnas.cli.commands.searches.figures.figures_of",
        lambda studies: {"progress": FIGURES["progress"]},
    )
    command = ["figures", study, "--output", tmp_path / "drawn"]
    assert refuse_every_write(capsys, tmp_path, command) == 4
    assert len(files(tmp_path / "drawn")) == 4  # three formats, and what includes the PDF
    assert refuse_every_write(capsys, study, ["report", study]) == 1


def test_evaluate(dataset, tmp_path, capsys):
    labels = dataset / "labelsTr"
    command = ["evaluate", labels, labels, "--markdown", tmp_path / "a.md", "--workers", "1"]
    status = _run_refused(command, 0)
    printed = capsys.readouterr()
    assert status == 1
    assert "4 cases" in printed.out  # what was measured is not lost
    assert printed.err.count("The disk is full: ") == 1
    assert files(tmp_path) == []
    assert main([str(each) for each in command]) == 0
    assert len(files(tmp_path)) == 1


@pytest.mark.slow
def test_search_with_a_log(dataset, options, tmp_path, capsys):
    study = tmp_path / "study"
    more = ("--evaluations", "1", "--log", "tensorboard", *INLINE)
    assert refuse_every_write(capsys, tmp_path, ["search", dataset, study, *options, *more]) > 3
    assert len(list((study / "log/tensorboard").rglob("events*"))) == 3


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (errno.EDQUOT, "Your disk quota is used up"),
        (errno.EROFS, "its file system is read-only"),
        (errno.EACCES, "you have no permission"),
        (errno.EIO, "the disk reports an error"),
        (errno.ENOENT, "its folder does not exist"),
    ],
)
def test_other_refusals_are_reported_likewise(code, told, model, images, tmp_path, capsys):
    for number in (0, 1):
        with refused_at(number, code):
            status = main(["predict", str(model), str(images), str(tmp_path / "out")])
        assert told in complaint(capsys, status)
        assert half_written(tmp_path) == []
    assert main(["predict", str(model), str(images), str(tmp_path / "out")]) == 0


def test_one_case_that_cannot_be_written_leaves_the_others(model, images, tmp_path, capsys):
    with refused_at(1, errno.EFBIG):
        status = main(["predict", str(model), str(images), str(tmp_path / "out")])
    said = capsys.readouterr()
    assert status == 1
    assert "case_0 could not be predicted: " in said.err
    assert "larger than a file may be here" in said.err
    assert said.out.startswith("1 predicted; 1 failed: ")


def test_what_is_printed_to_a_full_disk(finished):
    for command in (["status"], ["trainings", "--all"], ["trainings", "--json"]):
        with open("/dev/full", "w") as full:  # noqa: PTH123
            words = [sys.executable, "-m", "mbnas", command[0], str(finished), *command[1:]]
            ended = subprocess.run(
                words, stdout=full, stderr=subprocess.PIPE, text=True, check=False
            )
        assert ended.returncode == 1
        assert ended.stderr.startswith("mbnas: The disk is full: what this command prints")
        assert ended.stderr.count("\n") == 1


# Real disks


def fill(disk, free):
    """Leave that many bytes free on a disk."""
    (disk / "ballast").write_bytes(bytes(max(0, shutil.disk_usage(disk).free - free)))


@pytest.mark.parametrize("free", [0, 4096, 5 * 4096])
@pytest.mark.parametrize(
    "command",
    ["train", pytest.param("compare", marks=pytest.mark.slow), "figures", "report", "predict"],
)
def test_on_a_real_disk(command, free, finished, model, images, small_disk, capsys):
    disk = small_disk("4m")
    study = shutil.copytree(finished, disk / "study", symlinks=True)
    capsys.readouterr()
    commands = {
        "train": ["train", study, "--epochs", "2", *INLINE],
        "compare": ["compare", study, "--initialisations", "1", *FRESH],
        "figures": ["figures", study, "--format", "svg"],
        "report": ["report", study],
        "predict": ["predict", model, images, disk / "out", "--probabilities"],
    }
    words = [str(each) for each in commands[command]]
    before = {path: path.read_bytes() for path in files(study)}
    fill(disk, free)
    assert "The disk is full: " in complaint(capsys, main(words))
    assert half_written(disk) == []
    changed = {
        path.name
        for path, content in before.items()
        if not path.exists() or path.read_bytes() != content
    }
    assert changed <= {".lock", "ledger.sqlite", "report.html"}
    (disk / "ballast").unlink()
    assert main(words) == 0
