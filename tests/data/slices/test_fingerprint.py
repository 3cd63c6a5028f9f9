"""Fingerprints: equal after a move, otherwise with an explained difference."""

import json
import shutil
from dataclasses import replace

import pytest

from mbnas.data.datasets.dataset import LabelClass, read_dataset
from mbnas.data.datasets.patients import group_by_patient
from mbnas.data.slices.fingerprint import Fingerprint, differences, take_fingerprint
from mbnas.data.slices.prepare_slices import prepare_slices
from mbnas.data.slices.prepared_slices import Index, PreparationSettings

SETTINGS = PreparationSettings(slice_size=8)


def taken(root, *held_out, settings=SETTINGS):
    dataset = read_dataset(root)
    patients = group_by_patient([case.name for case in dataset.cases], None, None)
    return take_fingerprint(
        dataset, settings, patients, held_out=frozenset(held_out), allow_empty_cases=False
    )


def test_a_copy_in_another_folder_or_layout_has_the_same_fingerprint(msd, nnunet, tmp_path):
    elsewhere = shutil.copytree(msd, tmp_path / "elsewhere")
    assert taken(msd) == taken(elsewhere) == taken(nnunet)
    assert not differences(taken(msd), taken(elsewhere))


def test_the_index_has_the_fingerprint(msd, tmp_path):
    before = taken(msd, "case_12")
    dataset = read_dataset(msd)
    patients = {case.name: case.name for case in dataset.cases}
    folder = prepare_slices(
        dataset, SETTINGS, tmp_path / "slices", patients=patients, held_out=frozenset(["case_12"])
    )
    index = Index.read(folder)
    assert Fingerprint.of_index(index, allow_empty_cases=False) == before
    assert folder.name == index.digest == before.digest


def test_every_part_changes_the_digest(msd):
    whole = taken(msd)
    cases = whole.cases
    other = replace(cases[0], contents=("0", "1"))
    changes = (
        {"settings": PreparationSettings(slice_size=9)},
        {"channels": ("CT",)},
        {"classes": (LabelClass(value=1, name="front"),)},
        {"cases": cases[1:]},
        {"cases": (other, *cases[1:])},
        {"cases": (replace(cases[0], patient="x"), *cases[1:])},
        {"held_out": ("case_12",)},
        {"allow_empty_cases": True},
    )
    digests = {whole.digest, *(replace(whole, **change).digest for change in changes)}
    assert len(digests) == 1 + len(changes)


def test_neighbours_change_how_slices_are_read_not_the_slices(msd, tmp_path):
    plain, seeing = taken(msd), taken(msd, settings=replace(SETTINGS, context=2))
    assert seeing.digest == plain.digest
    assert not differences(plain, seeing)
    dataset = read_dataset(msd)
    patients = {case.name: case.name for case in dataset.cases}
    folders, texts = set(), set()
    for number, settings in enumerate((SETTINGS, replace(SETTINGS, context=2))):
        folder = prepare_slices(dataset, settings, tmp_path / str(number), patients=patients)
        folders.add(folder.name)
        texts.add((folder / "index.json").read_text())
        assert Index.read(folder).settings == SETTINGS
    assert folders == {plain.digest}
    assert len(texts) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda one: {"cases": one.cases[1:]}, "lacks the case case_11"),
        (lambda one: {"cases": one.cases[2:]}, "lacks the cases case_11 and case_12"),
        (
            lambda one: {"cases": (*one.cases, replace(one.cases[0], name="new"))},
            "has the case new in addition",
        ),
        (
            lambda one: {"cases": (*one.cases[:3], replace(one.cases[3], contents=("",)))},
            "has other files for the case case_14",
        ),
        (
            lambda one: {"cases": (*one.cases[:3], replace(one.cases[3], patient="x"))},
            "gives the case case_14 to another patient",
        ),
        (lambda one: {"channels": ("CT", "PET")}, "has the channels CT, PET, not MRI"),
        (
            lambda one: {"classes": one.classes[:1]},
            "has the classes 1 (front), not 1 (front), 2 (back)",
        ),
        (lambda one: {"held_out": ("case_11",)}, "holds out other patients"),
    ],
)
def test_differences_are_explained(msd, change, words):
    before = taken(msd)
    assert differences(before, replace(before, **change(before))) == (words,)


def test_files_that_changed_are_named_by_their_case(msd):
    before = taken(msd)
    facts = json.loads((msd / "dataset.json").read_text())
    shutil.copy(msd / facts["training"][0]["image"], msd / facts["training"][2]["image"])
    assert differences(before, taken(msd)) == ("has other files for the case case_13",)
