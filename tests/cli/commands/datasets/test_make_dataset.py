"""``mbnas dataset`` and ``mbnas check`` on folders of pictures, as a user calls them."""

import json

import numpy as np
import pytest
from PIL import Image

from mbnas.cli.main import main


@pytest.fixture
def folders(tmp_path):
    """Folders of the eyes of three patients, and of masks with 0 and 255."""
    rng = np.random.default_rng(0)
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    for name in ("p1L", "p1R", "p2L", "p2R", "p3L", "p3R"):
        mask = np.zeros((24, 32), np.uint8)
        mask[4:14, 5:20] = 255
        pixels = rng.integers(0, 60, (24, 32, 3)) + mask[..., None] // 2
        Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / f"images/{name}.jpg")
        Image.fromarray(mask).save(tmp_path / f"masks/{name}_gt.png")
    return tmp_path


def arguments(root, *more):
    return ["dataset", str(root / "images"), str(root / "masks"), *more]


def test_a_dataset_is_written_and_sound(folders, capsys):
    out = folders / "out"
    pattern = r"(?P<patient>p\d)[LR]"
    assert main(arguments(folders, str(out), "--patient-pattern", pattern)) == 0
    printed = capsys.readouterr()
    assert "6 pictures with masks: masks are named NAME_gt." in printed.out
    assert "Patients: 3, by the pattern." in printed.out
    assert printed.err.endswith(f"Next: mbnas check {out}\n")
    written = json.loads((out / "dataset.json").read_text())
    assert written["patient_table"] == "patients.csv"
    assert main(arguments(folders, "--dry-run", "--patient-pattern", pattern, "--json")) == 0
    told = json.loads(capsys.readouterr().out)["dataset"]
    assert told | {"name": "out"} == written
    checked = ["check", str(out), "--set", "protocol.folds=3"]
    assert main([*checked, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["dataset"]
    assert (found["patients"], found["cases"], found["length_unit"]) == (3, 6, "pixels")
    assert found["patients_by"] == "dataset"
    assert main(checked) == 0
    assert "3, by the table that dataset.json names" in capsys.readouterr().out
    assert main([*checked, "--set", "data.patient_pattern=.*", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["dataset"]
    assert (found["patients"], found["patients_by"]) == (6, "pattern")


def test_check_shows_patches_of_pictures_and_advises_them(folders, capsys):
    out = folders / "out"
    assert main(arguments(folders, str(out))) == 0
    capsys.readouterr()
    checked = ["check", str(out), "--set", "protocol.folds=3", "--set"]
    assert main([*checked, "preparation.patch_size=16"]) == 0
    printed = capsys.readouterr().out
    assert "6 pictures, seen in patches of 16×16 pixels" in printed
    assert "preparation.patch_size" not in printed
    assert main([*checked, "preparation.slice_size=8"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "become 4 times smaller along each side" in printed
    assert "--set preparation.patch_size=8" in printed


def test_nothing_is_written_in_a_dry_run_and_a_pattern_is_suggested(folders, capsys):
    assert main(arguments(folders, "--dry-run")) == 0
    assert r"add --patient-pattern '(?P<patient>.*\d)[_-]?[LRlr]$'" in capsys.readouterr().err
    assert sorted(each.name for each in folders.iterdir()) == ["images", "masks"]


def test_check_shows_folders_without_json(folders, capsys):
    assert main(["check", str(folders)]) == 1
    printed = capsys.readouterr()
    assert "6 pictures with masks" in printed.out
    assert f"Write a dataset with: mbnas dataset {folders / 'images'}" in printed.err


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ((), "needs OUT"),
        (("images",), "is not empty: a dataset is written to a new folder. Choose another place"),
        (("images/p1L.jpg",), "p1L.jpg is a file: a dataset is written to a new folder"),
        (("images/p1L.jpg/out",), "p1L.jpg/out cannot be written: there is a file in place of"),
        (("--dry-run", "--classes", "background"), "--classes holds 'background'"),
        (("--dry-run", "--patient-pattern", "("), "is not a regular expression"),
        (("--dry-run", "--patient-pattern", "x"), "does not match"),
        (("--dry-run", "--classes", "a,b"), "names 2 classes"),
    ],
)
def test_a_misuse_gets_one_sentence(folders, capsys, more, words):
    more = [str(folders / each) if each.startswith("images") else each for each in more]
    assert main(arguments(folders, *more)) != 0
    printed = capsys.readouterr()
    assert words in printed.err
    assert printed.out == ""  # before files are read


def test_a_folder_of_folders_is_refused_with_one_of_them(folders, capsys):
    (folders / "all").mkdir()
    (folders / "images").rename(folders / "all/train")
    assert main(["dataset", str(folders / "all"), str(folders / "masks"), "--dry-run"]) == 1
    assert f"such as {folders / 'all/train'}: give that one, or put all" in capsys.readouterr().err


def test_masks_without_any_class_are_told(folders, capsys):
    Image.new("L", (32, 24)).save(folders / "masks/p2R_gt.png")
    assert main(arguments(folders, "--dry-run")) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "1 mask without any class: p2R. A search refuses such pictures" in said
    out = folders / "out"
    assert main(arguments(folders, str(out))) == 0
    checked = ["check", str(out), "--set", "protocol.folds=2"]
    assert main(checked) == 1
    assert main([*checked, "--set", "data.allow_empty_cases=true"]) == 0


def test_check_lists_a_mixture_of_pictures_and_volumes(folders, capsys):
    import nibabel as nib

    assert main(arguments(folders, str(folders / "out"))) == 0
    root = folders / "out"
    names = ("p1L", "p1R", "p2L")
    for name in names:
        (root / f"imagesTr/{name}_0000.png").unlink()
        (root / f"labelsTr/{name}.png").unlink()
        labels = np.zeros((24, 32, 1), np.uint8)
        labels[3:9, 4:9] = 1
        volume = np.random.default_rng(1).random((24, 32, 1, 3)).astype(np.float32)
        nib.save(nib.Nifti1Image(volume, np.eye(4)), root / f"imagesTr/{name}.nii.gz")
        nib.save(nib.Nifti1Image(labels, np.eye(4)), root / f"labelsTr/{name}.nii.gz")
    facts = json.loads((root / "dataset.json").read_text())
    del facts["file_ending"]
    others = ("p2R", "p3L", "p3R")
    facts["training"] = [
        {"image": f"imagesTr/{name}.nii.gz", "label": f"labelsTr/{name}.nii.gz"} for name in names
    ] + [{"image": f"imagesTr/{name}_0000.png", "label": f"labelsTr/{name}.png"} for name in others]
    (root / "dataset.json").write_text(json.dumps(facts))
    capsys.readouterr()
    assert main(["check", str(root), "--json"]) == 1
    rules = {each["rule"] for each in json.loads(capsys.readouterr().out)["findings"]}
    assert "mixed-units" in rules
