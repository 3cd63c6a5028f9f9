"""What is exported to torch, opened by torch without mbnas."""

import ast
import inspect
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import mbnas
from mbnas.data.datasets.dataset import LabelClass
from mbnas.errors import ModelError
from mbnas.export import network_source as network_source_module
from mbnas.export.agreement import TOLERANCE, disagreement
from mbnas.export.network_source import network_source
from mbnas.export.torch_program import export_torch
from mbnas.network.others.own_network import find_own_network
from mbnas.prediction.model.members import load_members
from mbnas.prediction.model.model_card import read_card, sha256_of, write_card
from mbnas.prediction.model.torch_members import build_empty

from .conftest import SIZES, card_of, images_of

ALONE = """
import sys

for name in sys.argv.pop().split():
    sys.modules[name] = None  # importing it raises ImportError
from pathlib import Path
import numpy as np
import torch
folder, images, result = map(Path, sys.argv[1:])
sys.path.insert(0, str(folder))
import network
batches = [torch.from_numpy(each) for each in np.load(images, allow_pickle=True)]
found = {}
with torch.no_grad():
    for path in sorted(folder.glob("*.pt2")):
        program = torch.export.load(path).module()
        member = network.load(path.with_suffix(".safetensors"))
        for number, batch in enumerate(batches):
            found[f"program {path.stem} {number}"] = program(batch).numpy()
            found[f"source {path.stem} {number}"] = member(batch).numpy()
np.savez(result, **found)
"""


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory):
    """A model's folder and card, and its export."""
    out = tmp_path_factory.mktemp("torch") / "out"
    assert export_torch(trained[0], out) == ()
    return *trained, out


@pytest.mark.slow
def test_programs_and_source_run_without_mbnas(exported, tmp_path):
    folder, card, out = exported
    batches = [images_of(size) for size in SIZES]
    array = np.empty(len(batches), object)
    array[:] = batches
    np.save(tmp_path / "images.npy", array)
    places = (out, tmp_path / "images.npy", tmp_path / "found.npz")
    absent = "mbnas jaxtyping monai nibabel"
    if card.network.startswith("0"):  # the library needs these
        absent += " safetensors segmentation_models_pytorch"
    subprocess.run([sys.executable, "-B", "-c", ALONE, *map(str, places), absent], check=True)
    found = np.load(tmp_path / "found.npz")
    assert len(found.files) == 2 * len(card.members) * len(SIZES)
    for member, run in zip(card.members, load_members(folder, card), strict=True):
        for number, images in enumerate(batches):
            expected = run(images)
            for way in ("program", "source"):
                logits = found[f"{way} {Path(member.file).stem} {number}"]
                assert disagreement(logits, expected) < TOLERANCE
                assert np.array_equal(logits.argmax(axis=1), expected.argmax(axis=1))


def test_the_folder_is_a_model(exported):
    folder, card, out = exported
    stems = {Path(each.file).stem for each in card.members}
    files = {f"{stem}.{kind}" for stem in stems for kind in ("pt2", "safetensors")}
    assert {path.name for path in out.iterdir()} == files | {
        "README.md",
        "model.json",
        "network.py",
    }
    assert read_card(out) == card
    images = images_of((1, 8, 8))
    runs = zip(load_members(folder, card), load_members(out, card), strict=True)
    assert all(np.array_equal(one(images), other(images)) for one, other in runs)


def test_nothing_tells_where_it_was_made(exported):
    place = str(Path(mbnas.__file__).parent).encode()
    assert all(place not in path.read_bytes() for path in exported[2].iterdir())


def test_modules_of_blocks_define_every_name_once_and_need_torch_alone():
    """Their definitions are written into one file."""
    statements = [
        each
        for module in network_source_module._SOURCES
        for each in ast.parse(inspect.getsource(module)).body
    ]
    names = [
        name
        for each in statements
        for name in (
            [each.name]
            if isinstance(each, ast.ClassDef | ast.FunctionDef)
            else [target.id for target in getattr(each, "targets", [])]
        )
    ]
    assert len(names) > 30
    assert len(set(names)) == len(names)
    roots = {each.module.partition(".")[0] for each in statements if hasattr(each, "module")}
    assert roots <= {"__future__", "jaxtyping", "mbnas", "torch"}


def test_a_name_cannot_put_code_into_the_source():
    name = 'liver"""\nimport os\n"""'
    card = card_of(channels=(name,), classes=(LabelClass(value=1, name=name),))
    text = network_source(replace(card, notice=name, dataset=name), ending="")
    imported = [each for each in ast.walk(ast.parse(text)) if isinstance(each, ast.Import)]
    assert [alias.name for each in imported for alias in each.names] == ["torch"]


def test_only_what_the_network_needs_is_in_its_source():
    text = network_source(card_of(network="0vgg3"), ending="")
    classes = [each.name for each in ast.parse(text).body if isinstance(each, ast.ClassDef)]
    assert classes == ["ConvolutionNormReLU", "VGGBlock", "Network"]


OWN = """
from torch import nn

def make(in_channels, num_classes):
    return nn.Conv2d(in_channels, num_classes, 3, padding=1)
"""


def test_a_trusted_module_has_programs_but_no_source(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "own_net_of_export.py").write_text(OWN)
    network = str(find_own_network("module:own_net_of_export:make"))
    card = card_of(network=network, members=card_of().members[:1])
    (tmp_path / "model").mkdir()
    weights = tmp_path / "model" / "fold0.safetensors"
    save_file(build_empty(card, trust_modules=True).state_dict(), weights)
    member = replace(card.members[0], sha256=sha256_of(weights))
    write_card(tmp_path / "model", replace(card, members=(member,)))
    with pytest.raises(ModelError, match="--trust-module"):
        export_torch(tmp_path / "model", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (why_not,) = export_torch(tmp_path / "model", tmp_path / "out", trust_modules=True)
    assert why_not.startswith("No network.py was written: module:own_net_of_export:make#")
    assert not (tmp_path / "out" / "network.py").exists()
    assert "There is no `network.py` here" in (tmp_path / "out" / "README.md").read_text()
    program = torch.export.load(tmp_path / "out" / "fold0.pt2").module()
    assert program(torch.zeros(3, 1, 9, 5)).shape == (3, 3, 9, 5)
