"""A bundle, run by MONAI on files where there is no mbnas, against mbnas's own predictor."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
import torch

from mbnas.data.datasets.dataset import LabelClass
from mbnas.errors import ModelError
from mbnas.export.monai_bundle import export_monai
from mbnas.prediction.model.model_card import write_card
from mbnas.prediction.predictor import Predictor

from .conftest import CT, NETWORKS, Z_SCORE, card_of, write_model

SAGITTAL = np.array([[0, 0, -4.0, 30], [-0.9, 0.05, 0, 7], [0.05, 0.8, 0, -3], [0, 0, 0, 1]])
OBLIQUE = np.array([[-0.7, 0, 0.1, 12.5], [0, 0.7, 0, -8], [0.1, 0, 3.0, 1], [0, 0, 0, 1]])
MRI = {
    "network": NETWORKS["ends at level 1"],
    "classes": (LabelClass(value=2, name="front"), LabelClass(value=300, name="back")),
    "slice_axis": 0,
    "precision": "bfloat16",
}
CT_AND_MRI = {
    "channels": ("CT", "$1/0 MRI"),
    "normalisation": (CT, Z_SCORE),
}


def write_noise(path, shape, affine):
    """Write smooth random intensities, larger towards one corner."""
    rng = np.random.default_rng(0)
    coarse = rng.normal(40, 120, [max(2, n // 4) for n in shape[:3]] + list(shape[3:]))
    for axis, n in enumerate(shape[:3]):
        coarse = coarse.repeat(-(-n // coarse.shape[axis]), axis).take(range(n), axis)
    nib.save(nib.Nifti1Image(coarse.astype(np.float32), affine), path)
    return path


def predicted(model, image, path):
    """Write the label map that mbnas predicts, and read it."""
    Predictor.load(model, device="cpu").predict_file(image, path)
    return nib.load(path)


def equal_files(found, expected):
    assert found.get_data_dtype() == expected.get_data_dtype()
    assert np.array_equal(np.asanyarray(found.dataobj), np.asanyarray(expected.dataobj))
    for name in ("pixdim", "srow_x", "srow_y", "srow_z", "qform_code", "sform_code"):
        assert np.array_equal(found.header[name], expected.header[name])


BLOCKING = """import sys
for name in ("mbnas", "jaxtyping", "safetensors"):
    sys.modules[name] = None  # importing it raises ImportError
"""


def run_without_mbnas(command, folder, blocked):
    """Run Python where these packages cannot be imported; the working directory is given."""
    blocked.mkdir()
    code = (
        "import sys\nfor name in ('mbnas', 'jaxtyping', 'safetensors'): sys.modules[name] = None\n"
    )
    (blocked / "sitecustomize.py").write_text(code)
    environment = os.environ | {"PYTHONPATH": str(blocked)}
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.slow
def test_monai_runs_it_on_a_file(tmp_path):
    write_model(tmp_path / "model", card_of(**MRI))
    assert export_monai(tmp_path / "model", tmp_path / "bundle") == ()
    image = write_noise(tmp_path / "case.nii.gz", (41, 30, 5), SAGITTAL)
    command = ["-m", "monai.bundle", "run", "--config_file", "configs/inference.json"]
    command += ["--image", str(image), "--output_dir", str(tmp_path / "labels")]
    command += ["--device", "cpu"]
    run_without_mbnas(command, tmp_path / "bundle", tmp_path / "blocked")
    assert [path.name for path in (tmp_path / "labels").iterdir()] == ["case.nii.gz"]
    expected = predicted(tmp_path / "model", image, tmp_path / "expected.nii.gz")
    equal_files(nib.load(tmp_path / "labels/case.nii.gz"), expected)
    assert set(np.unique(expected.dataobj)) == {0, 2, 300}


ELSEWHERE = """
import sys
from monai.bundle import run, verify_net_in_out
bundle, image, labels = sys.argv[1:]
sys.path.insert(0, bundle)
files = {"config_file": f"{bundle}/configs/inference.json"}
verify_net_in_out("network_def", meta_file=f"{bundle}/configs/metadata.json", any=32, **files,
                  device="cpu", bundle_root=bundle)
run(bundle_root=bundle, image=image, output_dir=labels, device="$torch.device('cpu')", **files)
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["back at level 0", "newer"])
def test_monai_verifies_it_and_runs_it_from_elsewhere(name, tmp_path):
    write_model(tmp_path / "model", card_of(**CT_AND_MRI, network=NETWORKS[name]))
    export_monai(tmp_path / "model", tmp_path / "bundle")
    image = write_noise(tmp_path / "case.nii", (32, 50, 7, 2), OBLIQUE)
    places = [str(tmp_path / name) for name in ("bundle", "case.nii", "labels")]
    run_without_mbnas(["-c", ELSEWHERE, *places], tmp_path, tmp_path / "blocked")
    expected = predicted(tmp_path / "model", image, tmp_path / "expected.nii.gz")
    equal_files(nib.load(tmp_path / "labels/case.nii"), expected)
    assert set(np.unique(expected.dataobj)) == {0, 1, 5}


@pytest.fixture(scope="module")
def bundle(small, tmp_path_factory):
    out = tmp_path_factory.mktemp("bundle") / "out"
    export_monai(small[0], out)
    return out


def test_the_metadata_has_what_the_specification_asks_for(bundle, small):
    facts = json.loads((bundle / "configs/metadata.json").read_text())
    mandatory = "version monai_version pytorch_version numpy_version required_packages_version "
    mandatory += "task description authors copyright network_data_format"
    assert set(mandatory.split()) <= facts.keys()
    image, pred = (
        facts["network_data_format"][side][name]
        for side, name in (("inputs", "image"), ("outputs", "pred"))
    )
    tensor = {"type", "format", "num_channels", "spatial_shape", "dtype", "value_range"}
    assert all(tensor | {"is_patch_data", "channel_def"} <= each.keys() for each in (image, pred))
    assert image["modality"] == "MRI"
    assert pred["channel_def"] == {"0": "background", "1": "anterior", "2": "posterior"}
    assert "no medical device" in facts["intended_use"]
    assert "no medical device" in (bundle / "docs/README.md").read_text()


def test_the_weights_hold_no_code(bundle):
    weights = torch.load(bundle / "models/model.pt", weights_only=True)
    assert all(isinstance(each, torch.Tensor) for each in weights.values())
    assert "members.0.cells.0.0.0.0.weight" in weights


def test_names_from_a_dataset_are_no_code_in_a_configuration(tmp_path):
    model = tmp_path / "model"
    code = "$__import__('os')"
    card = card_of(
        network="0vgg3", dataset=code, channels=(code,), classes=(LabelClass(value=1, name=code),)
    )
    write_model(model, card)
    export_monai(model, tmp_path / "out")
    for path in (tmp_path / "out/configs").iterdir():
        assert "__import__('" not in path.read_text()


def test_a_network_without_source_has_no_bundle(small, tmp_path):
    write_card(tmp_path, replace(small[1], network="module:lab.nets:Small#00000000"))
    with pytest.raises(ModelError, match=r"source is not copied\. Export it to torch or onnx"):
        export_monai(tmp_path, tmp_path / "out", trust_modules=True)
    assert not (tmp_path / "out").exists()
