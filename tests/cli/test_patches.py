"""A study with patches from its search to scores of predictions, and what it exports."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from mbnas.cli.main import main
from mbnas.prediction.model.model_card import read_card
from mbnas.prediction.predictor import Predictor

from .conftest import OPTIONS

pytestmark = pytest.mark.slow

PATCHES = [
    "preparation.patch_size=16" if each.startswith("preparation.slice_size") else each
    for each in OPTIONS
]


@pytest.fixture(scope="module")
def study(dataset, tmp_path_factory):
    """A study with patches, searched and compared, whose best network became a model."""
    path = tmp_path_factory.mktemp("patches") / "study"
    inline = ("--set", "run.executor=inline")
    options = [*PATCHES, "--evaluations", "5", *inline]
    assert main(["search", str(dataset), str(path), *options]) == 0
    networks = ("--network", "best", "--network", "unet-genotype")
    options = ("--initialisations", "1", "--executor", "inline", *networks)
    assert main(["compare", str(path), *options]) == 0
    assert main(["train", str(path), "--epochs", "2", "--json", *inline]) == 0
    return path


def test_images_are_predicted_and_scored(study, dataset, tmp_path, capsys):
    status = main(["predict", str(study), str(dataset / "imagesTr"), str(tmp_path), "--overlay"])
    assert status == 0
    capsys.readouterr()
    labels = str(dataset / "labelsTr")
    assert main(["evaluate", str(tmp_path), labels, "--json", "--workers", "1"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert len(told["cases"]) == 4


def test_a_page_shows_it(study, capsys):
    capsys.readouterr()
    assert main(["report", str(study)]) == 0
    assert main(["status", str(study)]) == 0
    assert "<svg" in (study / "report.html").read_text()
    assert "patch_size = 16" in (study / "study.toml").read_text()
    assert "slice_size" not in (study / "study.toml").read_text()


def test_it_is_explained(study, capsys):
    capsys.readouterr()
    assert main(["explain", str(study), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["networks"] == 5
    assert told["choices"]


def test_a_search_goes_on_without_repeated_options(study, dataset, capsys):
    assert main(["search", str(dataset), str(study)]) == 0
    assert main(["search", str(dataset), str(study), "--set", "preparation.slice_size=16"]) == 1
    assert "preparation.patch_size: 16 in the study, nothing asked for" in capsys.readouterr().err


@pytest.mark.parametrize("form", ["torch", "onnx", "monai"])
def test_exports_predict_as_the_model_does(study, dataset, form, tmp_path, capsys):
    if form == "onnx":
        pytest.importorskip("onnxruntime")
        pytest.importorskip("onnx")
        pytest.importorskip("onnxscript")
    assert main(["export", str(study), "--to", form, str(tmp_path / "out")]) == 0
    image = str(dataset / "imagesTr" / "prostate_000.nii.gz")
    expected = Predictor.load(study).predict_file(image, tmp_path / "expected.nii.gz")
    if form == "monai":
        import subprocess
        import sys

        command = [sys.executable, "-m", "monai.bundle", "run"]
        options = ["--config_file", "configs/inference.json", "--image", image]
        ran = subprocess.run(
            [*command, *options, "--output_dir", str(tmp_path / "labels")],
            cwd=tmp_path / "out",
            capture_output=True,
            text=True,
        )
        assert ran.returncode == 0, ran.stderr
        from mbnas.data.images.read import read_label

        found, _ = read_label(tmp_path / "labels" / "prostate_000.nii.gz")
    else:
        model = tmp_path / "out"
        found = Predictor.load(model).predict_file(image, tmp_path / "found.nii.gz")
    assert (found == expected).mean() > 0.9999
    pages = [*(tmp_path / "out").rglob("README.md")]
    assert "tiles of 16×16 that start every 8 pixels" in " ".join(pages[0].read_text().split())


def test_a_model_of_whole_slices_can_follow_patches(study, tmp_path):
    copy = shutil.copytree(study, tmp_path / "study", symlinks=True)
    options = ("--size", "24", "--epochs", "1", "--set", "run.executor=inline")
    assert main(["train", str(copy), "--all-patients", "--name", "whole", *options]) == 0
    card = read_card(copy / "weights" / "whole")
    assert (card.slice_size, card.patch_size) == (24, None)
    card = read_card(copy / "weights" / "best")
    assert (card.slice_size, card.patch_size) == (None, 16)
    assert np.isfinite(card.spacing_mm).all()


def test_slices_and_patches_together_are_refused(dataset, tmp_path, capsys):
    options = [*OPTIONS, "--set", "preparation.patch_size=16"]
    assert main(["search", str(dataset), str(tmp_path / "study"), *options]) == 2
    error = capsys.readouterr().err
    assert (
        "preparation.slice_size (=16) and preparation.patch_size (=16) exclude each other" in error
    )
    assert "Traceback" not in error


def test_a_check_tells_of_patches(dataset, capsys):
    arguments = ["check", str(dataset), "--set", "preparation.patch_size=32"]
    assert main([*arguments, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["dataset"]
    assert (told["slice_size"], told["patch_size"]) == (None, 32)
    assert main(arguments) == 0
    assert "in patches of 32×32 pixels" in " ".join(capsys.readouterr().out.split())


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A dataset of pictures in colours of different sizes, each with a bright disc."""
    root = tmp_path_factory.mktemp("pictures") / "discs"
    rng = np.random.default_rng(0)
    for folder in ("imagesTr", "labelsTr"):
        (root / folder).mkdir(parents=True)
    for number in range(4):
        height, width = (int(each) for each in rng.integers(40, 90, 2))
        row, column = rng.integers(12, (height - 12, width - 12))
        rows, columns = np.ogrid[:height, :width]
        disc = (rows - row) ** 2 + (columns - column) ** 2 <= 100
        picture = rng.integers(0, 90, (height, width, 3)) + 120 * disc[..., None]
        Image.fromarray(picture.astype(np.uint8)).save(root / f"imagesTr/disc{number}_0000.png")
        Image.fromarray(disc.astype(np.uint8)).save(root / f"labelsTr/disc{number}.png")
    facts = {
        "channel_names": {"0": "R", "1": "G", "2": "B"},
        "labels": {"background": 0, "disc": 1},
        "numTraining": 4,
        "file_ending": ".png",
    }
    (root / "dataset.json").write_text(json.dumps(facts))
    return root


def test_pictures_of_different_sizes_are_learned_and_predicted(pictures, tmp_path, capsys):
    study, labels = tmp_path / "study", tmp_path / "labels"
    options = [*PATCHES, "--evaluations", "1", "--set", "training.epochs=12"]
    options += ["--set", "run.executor=inline"]
    assert main(["search", str(pictures), str(study), *options]) == 0
    assert main(["train", str(study), "--epochs", "12", "--set", "run.executor=inline"]) == 0
    assert main(["predict", str(study), str(pictures / "imagesTr"), str(labels)]) == 0
    capsys.readouterr()
    reference = pictures / "labelsTr"
    assert main(["evaluate", str(labels), str(reference), "--json", "--workers", "1"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert len(told["cases"]) == 4
    for file in reference.iterdir():
        found, wanted = (np.asarray(Image.open(each / file.name)) for each in (labels, reference))
        assert found.shape == wanted.shape
        assert 2 * ((found > 0) & (wanted > 0)).sum() > 0.5 * ((found > 0).sum() + wanted.sum())
