"""What a bundle's segmenter refuses; tests of the bundle see what it makes of an image."""

import ast

import nibabel as nib
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn

from mbnas.data.images.geometry import Geometry
from mbnas.data.images.volume import Placement, Volume
from mbnas.errors import DatasetError
from mbnas.export import segmenter as segmenter_module
from mbnas.export.segmenter import Segmenter
from mbnas.export.source_text import module_sources


def make_segmenter(num_channels=1):
    return Segmenter(
        members=[nn.Conv2d(num_channels, 2, 1)],
        device=torch.device("cpu"),
        precision="float32",
        slice_axis=2,
        slice_size=8,
        normalisation=[{"scheme": "zscore", "foreground": None}] * num_channels,
        label_values=[0, 1],
    )


def write(path, voxels):
    nib.save(nib.Nifti1Image(voxels.astype(np.float32), np.eye(4)), path)
    return str(path)


def test_other_channels_are_refused(tmp_path):
    image = write(tmp_path / "image.nii", np.ones((4, 4, 3, 2)))
    with pytest.raises(DatasetError, match="has 2 channels, and the model was trained on 1"):
        make_segmenter().segment_file(image, str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_voxels_without_a_value_are_refused(tmp_path):
    image = write(tmp_path / "image.nii", np.full((4, 4, 3), np.nan))
    with pytest.raises(DatasetError, match="not finite"):
        make_segmenter().segment_file(image, str(tmp_path / "out"))


def test_an_image_is_not_overwritten(tmp_path):
    image = write(tmp_path / "image.nii", np.ones((4, 4, 3)))
    with pytest.raises(DatasetError, match="is the image itself"):
        make_segmenter().segment_file(image, str(tmp_path))
    assert np.array_equal(nib.load(image).get_fdata(), np.ones((4, 4, 3)))


def test_channels_may_be_a_file_each(tmp_path):
    images = [write(tmp_path / f"image_{n}.nii.gz", np.ones((4, 5, 3))) for n in range(2)]
    path = make_segmenter(2).segment_file(images, str(tmp_path / "out"))
    assert path == str(tmp_path / "out" / "image_0.nii.gz")
    assert nib.load(path).shape == (4, 5, 3)


def test_channels_are_normalised_as_in_training():
    """Every scheme, through a network that gives its input back."""
    rng = np.random.default_rng(0)
    voxels = rng.uniform(0, 255, (5, 8, 8, 3)).astype(np.float32)
    foreground = {"low": 20.0, "high": 200.0, "mean": 90.0, "deviation": 50.0}
    schemes = ("CT", "zscore", "noNorm", "rescale_to_0_1", "rgb_to_0_1")
    normalisation = [
        {"scheme": each, "foreground": foreground if each == "CT" else None} for each in schemes
    ]
    seen = []

    class Looking(nn.Module):
        def forward(self, images):
            seen.append(images.numpy().copy())
            return images[:, :2]

    segmenter = Segmenter(
        members=[Looking()],
        device="cpu",
        precision="float32",
        slice_axis=2,
        slice_size=8,
        normalisation=normalisation,
        label_values=[0, 1],
    )
    geometry = Geometry.canonical((8, 8, 3), (1.0, 1.0, 1.0))
    segmenter.segment(
        Volume(voxels=voxels, geometry=geometry, placement=Placement(format="NIfTI", fields={}))
    )
    wide = voxels.astype(np.float64)
    expected = [
        (wide[0].clip(20, 200) - 90) / 50,
        (wide[1] - wide[1].mean()) / wide[1].std(),
        wide[2],
        (wide[3] - wide[3].min()) / (wide[3].max() - wide[3].min()),
        wide[4] / 255,
    ]
    slices = np.concatenate(seen)  # from several threads, in any order: noNorm tells them apart
    slices = slices[slices[:, 2, 0, 0].argsort()]
    expected_NCHW = np.moveaxis(np.array(expected), -1, 0)[wide[2, 0, 0].argsort()]
    assert_allclose(slices, expected_NCHW, rtol=1e-5, atol=1e-6)


def test_every_name_that_a_bundle_imports_is_in_the_module_that_it_copied():
    """A bundle has one folder of modules: packages, and two modules of one name, would be lost."""
    trees = {name: ast.parse(text) for name, text in module_sources(segmenter_module).items()}
    imports = [
        (name, node.module, each.name)
        for name, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level == 1
        for each in node.names
    ]
    assert len(imports) > 20
    for name, source, imported in imports:
        assert imported in set(defined(trees[source])), f"{name}: {source} has no {imported}"


def defined(tree):
    """The names at the top of a module."""
    for statement in tree.body:
        match statement:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Assign(targets=targets):
                yield from (
                    each.id
                    for target in targets
                    for each in ast.walk(target)
                    if isinstance(each, ast.Name)
                )
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case ast.ImportFrom(names=names) | ast.Import(names=names):
                yield from (each.asname or each.name for each in names)
