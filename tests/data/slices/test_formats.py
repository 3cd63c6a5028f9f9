"""Datasets in every format of volumes give the same slices, voxel for voxel."""

import json

import numpy as np
import pytest

from mbnas.data.images.read import read_image, read_label
from mbnas.data.images.write import write_image
from mbnas.data.slices.prepared_slices import PreparedSlices

from .test_prepare_slices import prepare

pytest.importorskip("SimpleITK")


def copied(nnunet, root, image_suffix, label_suffix):
    """Write a dataset anew in other formats."""
    facts = json.loads((nnunet / "dataset.json").read_text())
    for folder, suffix in (("imagesTr", image_suffix), ("labelsTr", label_suffix)):
        (root / folder).mkdir(parents=True)
        for path in sorted((nnunet / folder).iterdir()):
            image = read_image((path,))
            stored = image.geometry.from_canonical(image.voxels[0])
            if folder == "labelsTr":
                labels, geometry = read_label(path)
                stored = geometry.from_canonical(labels)
            target = root / folder / path.name.replace(".nii.gz", suffix)
            write_image(target, stored[None], np.asarray(image.geometry.affine))
    (root / "dataset.json").write_text(json.dumps(facts | {"file_ending": image_suffix}))
    return root


@pytest.mark.parametrize(
    ("image_suffix", "label_suffix"), [(".nrrd", ".nrrd"), (".nrrd", ".seg.nrrd"), (".mha", ".mha")]
)
def test_the_same_volumes_give_the_same_slices(nnunet, tmp_path, image_suffix, label_suffix):
    root = copied(nnunet, tmp_path / "copy", image_suffix, label_suffix)
    one = PreparedSlices.open(prepare(nnunet, tmp_path / "one"))
    other = PreparedSlices.open(prepare(root, tmp_path / "other"))
    assert np.array_equal(one.images, other.images)
    assert np.array_equal(one.labels, other.labels)
    assert one.patients == other.patients
    for before, after in zip(one.volumes, other.volumes, strict=True):
        assert after.geometry.has_voxels_of(before.geometry)
