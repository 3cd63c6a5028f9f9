"""What is exported to ONNX, opened by ONNX's own tools and by mbnas without torch."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

import mbnas
from mbnas.data.images.read import read_label
from mbnas.data.images.write import write_image
from mbnas.errors import ModelError, UsageError
from mbnas.export.agreement import TOLERANCE, disagreement
from mbnas.export.onnx_model import export_onnx
from mbnas.prediction.model.members import load_members
from mbnas.prediction.model.model_card import read_card, sha256_of, write_card
from mbnas.prediction.predictor import Predictor

from .conftest import SIZES, images_of


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory):
    """A model and its export, each as folder and card."""
    out = tmp_path_factory.mktemp("onnx") / "deep" / "out"
    assert export_onnx(trained[0], out) == ()
    return *trained, out, read_card(out)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_onnxruntime_gives_the_logits_of_torch(exported, size):
    folder, card, out, exported_card = exported
    images = images_of(size)
    for run, member in zip(load_members(folder, card), exported_card.members, strict=True):
        session = onnxruntime.InferenceSession(out / member.file)
        (logits,) = session.run(["logits"], {"images": images})
        assert disagreement(logits, run(images)) < TOLERANCE
        assert logits.dtype == np.float32


def test_both_give_one_label_map(exported):
    folder, card, out, exported_card = exported
    images = images_of((4, 32, 32))
    labels = [
        np.mean([run(images) for run in load_members(*model)], axis=0).argmax(axis=1)
        for model in ((folder, card), (out, exported_card))
    ]
    assert np.array_equal(*labels)
    assert np.array_equal(np.unique(labels), [0, 1, 2])


def test_the_files_are_sound_and_say_what_they_are(exported):
    _, card, out, exported_card = exported
    files = {path.name for path in out.iterdir()}
    assert files == {"README.md", "model.json", *(each.file for each in exported_card.members)}
    for member in exported_card.members:
        model = onnx.load(out / member.file, load_external_data=False)
        onnx.checker.check_model(model, full_check=True)
        assert not any(each.external_data for each in model.graph.initializer)
        dims = [
            [each.dim_param or each.dim_value for each in value.type.tensor_type.shape.dim]
            for value in (*model.graph.input, *model.graph.output)
        ]
        assert dims == [["batch", 2, "height", "width"], ["batch", 3, "height", "width"]]
        facts = {each.key: each.value for each in model.metadata_props}
        assert facts["mbnas.network"] == card.network
        assert json.loads(facts["mbnas.label_values"]) == [0, 1, 5]
        assert "no medical device" in facts["mbnas.notice"]
        content = (out / member.file).read_bytes()
        assert str(Path(mbnas.__file__).parent).encode() not in content  # where it was made


def test_the_card_is_the_models_but_for_the_files(exported):
    _, card, out, exported_card = exported
    files = tuple(
        replace(each, file=f"fold{each.fold}.onnx", sha256=sha256_of(out / f"fold{each.fold}.onnx"))
        for each in card.members
    )
    assert exported_card == replace(card, format="onnx", members=files)


WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None  # importing it raises ImportError
from mbnas.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def test_mbnas_predicts_with_it_where_there_is_no_torch(exported, tmp_path):
    folder, _, out, _ = exported
    image = tmp_path / "image.nii.gz"
    voxels = np.random.default_rng(0).normal(40, 100, (2, 32, 30, 3)).astype(np.float32)
    write_image(image, voxels, np.diag([1.0, 1.0, 3.0, 1.0]))
    command = ["predict", "--onnx", str(out), str(image), str(tmp_path / "labels.nii.gz")]
    subprocess.run([sys.executable, "-c", WITHOUT_TORCH, *command], check=True)
    expected = Predictor.load(folder, device="cpu").predict_file(image, tmp_path / "torch.nii.gz")
    labels, _ = read_label(tmp_path / "labels.nii.gz")
    assert np.array_equal(labels, expected)
    assert set(np.unique(labels)) == {0, 1, 5}


@pytest.fixture(scope="module")
def small_export(small, tmp_path_factory):
    out = tmp_path_factory.mktemp("empty")  # an empty folder may be there
    export_onnx(small[0], out)
    return out


def test_what_was_trained_in_bfloat16_runs_in_float32(small, small_export):
    folder, card = small
    assert card.precision == "bfloat16"
    (exact,) = load_members(folder, replace(card, precision="float32"))
    (run,) = load_members(small_export, read_card(small_export))
    images = images_of((1, 16, 16), channels=1)
    assert disagreement(run(images), exact(images)) < TOLERANCE


def test_an_existing_folder_is_left_unchanged(small, tmp_path):
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(UsageError, match="exists and is not empty"):
        export_onnx(small[0], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]


def test_an_export_is_not_exported_again(small_export, tmp_path):
    with pytest.raises(ModelError, match="export the model that it was made from"):
        export_onnx(small_export, tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_a_module_is_not_imported_unless_trusted(small, tmp_path):
    write_card(tmp_path, replace(small[1], network="module:antigravity:fly#00000000"))
    (tmp_path / "fold0.safetensors").write_bytes((small[0] / "fold0.safetensors").read_bytes())
    with pytest.raises(ModelError, match="--trust-module"):
        export_onnx(tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("package", ["onnx", "onnxscript", "onnxruntime"])
def test_a_missing_package_is_named(small, tmp_path, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ModelError, match=rf"{package}.*pip install 'mbnas\[onnx\]'"):
        export_onnx(small[0], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_is_no_such_network_is_refused(small_export, tmp_path):
    out = shutil.copytree(small_export, tmp_path / "out")
    card = read_card(out)
    other = replace(card, channels=("MRI", "MRI"), normalisation=card.normalisation * 2)
    with pytest.raises(ModelError, match="not the network that the card describes"):
        load_members(out, other)
    (out / "fold0.onnx").write_bytes(b"no network")
    spoilt = replace(card.members[0], sha256=sha256_of(out / "fold0.onnx"))
    with pytest.raises(ModelError, match="no network that onnxruntime can run"):
        load_members(out, replace(card, members=(spoilt,)))
    with pytest.raises(ModelError, match="damaged or of another model"):
        load_members(out, card)
