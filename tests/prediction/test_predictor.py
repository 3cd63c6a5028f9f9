"""What a model makes of volumes: the classes of the slices it learned from, on their voxels."""

import json
import subprocess
import sys
import tracemalloc
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from mbnas.data.images.geometry import Geometry
from mbnas.data.slices.plane_transform import PlaneTransform, image_blocks
from mbnas.errors import DatasetError, ModelError
from mbnas.prediction import volume_inference
from mbnas.prediction.image_warnings import image_warnings
from mbnas.prediction.model.model_card import ModelCard
from mbnas.prediction.model.torch_members import load_network
from mbnas.prediction.predictor import Predictor
from mbnas.prediction.probabilities import entropy, softmax

from .conftest import CT, Z_SCORE, card_of, write_model


def voxels_of(shape, seed=0):
    return np.random.default_rng(seed).normal(100, 30, shape).astype(np.float32)


def prepared(voxels, normalisation, plane):
    blocks = image_blocks(voxels, normalisation, plane, at_once=3)
    return np.concatenate([images for _, images in blocks])


def network_means(folder, card, images):
    """The mean probabilities of the members, by torch alone."""
    with torch.inference_mode():
        parts = [
            load_network(folder, card, each)(torch.from_numpy(images)).softmax(dim=1)
            for each in card.members
        ]
    return (sum(parts) / len(parts)).numpy()


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_where_nothing_is_resampled_voxels_take_their_pixels_class(tmp_path, axis):
    card = write_model(tmp_path / "model", card_of(slice_axis=axis))
    shape = tuple(5 if each == axis else 32 for each in range(3))
    voxels = voxels_of((1, *shape))
    plane = PlaneTransform.fit(Geometry.canonical(shape, (1.0, 1.0, 1.0)), axis, 32)
    means = network_means(tmp_path / "model", card, prepared(voxels, (Z_SCORE,), plane))
    labels = Predictor.load(tmp_path / "model").predict(voxels, (1.0, 1.0, 1.0))
    expected = np.array([0, 1, 5], np.uint8)[plane.undo(means.argmax(axis=1))]
    second, first = np.sort(means, axis=1)[:, -2:].swapaxes(0, 1)
    is_clear = plane.undo(first - second > 1e-4)  # the rest may be rounded to either side
    assert is_clear.mean() > 0.99
    assert np.array_equal(labels[is_clear], expected[is_clear])
    assert labels.dtype == np.uint8
    assert len(np.unique(labels)) > 1


def test_where_slices_were_resized_probabilities_are_resized_back(tmp_path):
    card = card_of(channels=("CT", "MRI"), normalisation=(CT, Z_SCORE))
    card = write_model(tmp_path / "model", card)
    predictor = Predictor.load(tmp_path / "model")
    geometry = Geometry.canonical((50, 61, 70), (0.8, 0.7, 3.0))
    voxels = voxels_of((2, 50, 61, 70))
    found = predictor.segment(voxels, geometry, probabilities=True, uncertainty=True)
    plane = PlaneTransform.fit(geometry, 2, 32)
    images = prepared(voxels, card.normalisation, plane)
    means = plane.restore(network_means(tmp_path / "model", card, images))
    expected = np.moveaxis(means, (0, 1), (2, 3))
    assert_allclose(found.probabilities_XYZK, expected, atol=1e-5)
    assert_allclose(found.probabilities_XYZK.sum(axis=-1), 1, atol=1e-5)
    assert np.array_equal(found.labels_XYZ, found.probabilities_XYZK.argmax(axis=-1))
    entropies = -(expected * np.log(expected)).sum(axis=-1) / np.log(3)
    assert_allclose(found.uncertainty_XYZ, entropies, atol=1e-4)


def test_uncertainty_runs_from_certain_to_undecided():
    certain = np.zeros((1, 4, 1, 2), np.float32)
    certain[:, 2, 0, 0] = 1
    certain[..., 1] = 0.25
    assert_allclose(entropy(certain), [[[0, 1]]], atol=1e-6)
    assert entropy(certain).min() >= 0
    logits = np.array([1e4, -1e4, 0.0], np.float32).reshape(1, 3, 1, 1)
    assert softmax(logits).ravel().tolist() == [1, 0, 0]


def test_reversed_slices_are_averaged_as_far_as_training_reversed_them(model):
    folder, card = model
    voxels = voxels_of((1, 32, 32, 4))
    geometry = Geometry.canonical((32, 32, 4), (1.0, 1.0, 1.0))
    plain, with_tta = (
        Predictor.load(folder, tta=tta).segment(each, geometry, probabilities=True)
        for tta, each in ((False, voxels), (True, voxels))
    )
    reversed_ = Predictor.load(folder).segment(
        np.ascontiguousarray(voxels[:, ::-1]), geometry, probabilities=True
    )
    mean = (plain.probabilities_XYZK + reversed_.probabilities_XYZK[::-1]) / 2
    assert card.flips == (True, False)
    assert_allclose(with_tta.probabilities_XYZK, mean, atol=1e-6)


def test_both_dims_give_four_predictions(tmp_path):
    calls = []

    def run(images):
        calls.append(images)
        return np.repeat(images, 3, axis=1)

    predictor = Predictor(card=card_of(flips=(True, True)), members=(run,), tta=True)
    predictor.predict(voxels_of((32, 32, 2)), (1.0, 1.0, 1.0))
    distinct = {each.tobytes() for each in calls}
    assert len(calls) == len(distinct) == 4
    back = {np.flip(each, d).tobytes() for each, d in zip(calls, [(), 3, 2, (2, 3)], strict=True)}
    assert back == {calls[0].tobytes()}


@pytest.mark.parametrize(("slice_axis", "swaps"), [(2, True), (1, True), (0, False)])
def test_classes_that_change_places_are_swapped_back_in_reversed_slices(slice_axis, swaps):
    """A network that says left above the middle and right below it, as one that learned sides."""

    def run(images):
        logits = np.zeros((len(images), 3, *images.shape[2:]), np.float32)
        half = images.shape[2] // 2
        logits[:, 1, :half] = 9
        logits[:, 2, half:] = 9
        return logits

    card = card_of(slice_axis=slice_axis, mirrored_classes=(0, 2, 1), slice_size=8)
    voxels, geometry = voxels_of((1, 8, 8, 8)), Geometry.canonical((8, 8, 8), (1.0, 1.0, 1.0))
    plain, with_tta = (
        Predictor(card=card, members=(run,), tta=tta).segment(voxels, geometry, probabilities=True)
        for tta in (False, True)
    )
    equal = np.allclose(plain.probabilities_XYZK, with_tta.probabilities_XYZK, atol=1e-6)
    assert equal == swaps


def test_test_time_flips_that_training_never_saw_are_refused(tmp_path):
    write_model(tmp_path / "model", card_of(flips=(False, False)))
    with pytest.raises(ModelError, match="Leave --tta out"):
        Predictor.load(tmp_path / "model", tta=True)


def test_a_fold_picks_the_members_that_did_not_learn_from_it(model):
    folder, card = model
    assert Predictor.load(folder, fold=1).card.members == card.members[1:]
    with pytest.raises(ModelError, match="no member for fold 7: there are 0, 1"):
        Predictor.load(folder, fold=7)


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((2, 8, 8, 8), "has 2 where the model takes 1 channel: MRI"),
        ((8, 8), "is not a volume"),
        ((1, 8, 0, 8), "is not a volume"),
    ],
)
def test_arrays_that_are_no_image_for_the_model_are_refused(model, shape, words):
    with pytest.raises(DatasetError, match=words):
        Predictor.load(model[0]).predict(np.zeros(shape, np.float32), (1.0, 1.0, 1.0))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_voxels_without_a_value_are_refused(model, bad):
    voxels = voxels_of((8, 8, 8))
    voxels[1, 2, 3] = bad
    with pytest.raises(DatasetError, match="1 voxels that are not finite"):
        Predictor.load(model[0]).predict(voxels, (1.0, 1.0, 1.0))
    with pytest.raises(DatasetError, match="three positive lengths"):
        Predictor.load(model[0]).predict(voxels_of((8, 8, 8)), (1.0, 0.0, 1.0))


@pytest.mark.parametrize("logit", [np.nan, np.inf])
def test_logits_that_decide_nothing_are_no_background(logit):
    logits = np.full((1, 3, 32, 32), logit, np.float32)
    predictor = Predictor(card=card_of(), members=(lambda images: logits,))
    with pytest.raises(ModelError, match="logits are not finite"):
        predictor.predict(voxels_of((32, 32, 1)), (1.0, 1.0, 1.0))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_predicts_the_same(model):
    geometry = Geometry.canonical((40, 50, 6), (1.0, 1.0, 3.0))
    one, other = (
        Predictor.load(model[0], device=device, tta=True).segment(
            voxels_of((1, 40, 50, 6)), geometry, probabilities=True
        )
        for device in ("cpu", "cuda")
    )
    assert_allclose(one.probabilities_XYZK, other.probabilities_XYZK, atol=1e-2)


def test_a_label_map_comes_out_on_the_images_own_grid(model, tmp_path):
    affine = np.array([[0, 0, -3.1, 9], [-0.9, 0.1, 0, 70], [0.1, 0.9, 0, -4], [0, 0, 0, 1]])
    voxels = voxels_of((20, 24, 6)).astype(np.int16)
    nib.save(nib.Nifti1Image(voxels, affine), tmp_path / "image.nii.gz")
    predictor = Predictor.load(str(model[0]))
    labels = predictor.predict_file(str(tmp_path / "image.nii.gz"), tmp_path / "labels.nii.gz")
    image, written = nib.load(tmp_path / "image.nii.gz"), nib.load(tmp_path / "labels.nii.gz")
    assert written.shape == image.shape
    assert written.affine.tobytes() == image.affine.tobytes()
    assert written.get_data_dtype() == np.uint8
    turned = nib.as_closest_canonical(written)
    assert np.array_equal(np.asarray(turned.dataobj), labels)
    canonical = nib.as_closest_canonical(image)
    spacing = tuple(map(float, nib.affines.voxel_sizes(canonical.affine)))
    assert np.array_equal(predictor.predict(np.asarray(canonical.dataobj), spacing), labels)


def test_orientation_does_not_matter(model, tmp_path):
    predictor = Predictor.load(model[0])
    voxels = voxels_of((20, 24, 6))
    image = nib.Nifti1Image(voxels, np.diag([1.0, 1.0, 3.0, 1.0]))
    nib.save(image, tmp_path / "a.nii")
    other = image.as_reoriented(nib.orientations.axcodes2ornt(("S", "L", "P")))
    nib.save(other, tmp_path / "b.nii")
    one, two = (predictor.predict_file(tmp_path / f"{n}.nii", tmp_path / f"l{n}.nii") for n in "ab")
    assert np.array_equal(one, two)
    assert nib.load(tmp_path / "lb.nii").shape == other.shape


def peak_beyond_the_volume(predictor, num_slices):
    """Bytes allocated at most while a volume was predicted, the volume itself not counted."""
    voxels = voxels_of((1, 48, 48, num_slices))
    geometry = Geometry.canonical((48, 48, num_slices), (1.0, 1.0, 1.0))
    tracemalloc.start()
    predictor.segment(voxels, geometry)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak, voxels.nbytes


def test_memory_grows_by_the_output_alone():
    predictor = Predictor(
        card=card_of(slice_size=64), members=(lambda images: np.repeat(images, 3, axis=1),)
    )
    short, small = peak_beyond_the_volume(predictor, 128)
    long, large = peak_beyond_the_volume(predictor, 512)
    labels = (large - small) / 4
    assert short > 2 * labels  # what a batch needs is seen at all
    assert long - short < 1.25 * labels


def test_predicting_by_others_than_torch_does_not_load_it(model):
    code = (
        "import sys; import mbnas; from mbnas import Predictor\n"
        "import mbnas.cli.commands.models.predict\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("axis", [0, 2])
@pytest.mark.parametrize("tta", [False, True])
def test_a_volume_is_predicted_slice_by_slice_with_its_neighbours(tmp_path, monkeypatch, axis, tta):
    """Whole volumes, in blocks of three slices, equal every slice with neighbours by hand."""
    monkeypatch.setattr(volume_inference, "_MOST_SLICES", 3)
    card = card_of(channels=("CT", "MRI"), normalisation=(CT, Z_SCORE), slice_axis=axis, context=2)
    card = write_model(tmp_path / "model", card)
    shape = tuple(8 if each == axis else 32 for each in range(3))
    voxels, geometry = voxels_of((2, *shape)), Geometry.canonical(shape, (1.0, 1.0, 1.0))
    plane = PlaneTransform.fit(geometry, axis, 32)
    images = prepared(voxels, card.normalisation, plane)
    means = []
    for number in range(8):
        seen = [min(max(number + step, 0), 7) for step in (-2, -1, 0, 1, 2)]
        one = np.concatenate([images[each] for each in seen])[None]
        assert one.shape == (1, 10, 32, 32)
        parts = [network_means(tmp_path / "model", card, one)]
        if tta:
            flipped = np.ascontiguousarray(one[:, :, ::-1])
            parts.append(network_means(tmp_path / "model", card, flipped)[:, :, ::-1])
        means.append(np.mean(parts, axis=0)[0])
    predictor = Predictor.load(tmp_path / "model", tta=tta)
    found = predictor.segment(voxels, geometry, probabilities=True)
    expected = np.moveaxis(plane.undo(np.moveaxis(np.stack(means), 1, 0)[0]), axis, 0)
    probabilities = np.moveaxis(found.probabilities_XYZK[..., 0], axis, 0)
    assert_allclose(probabilities, expected, atol=1e-5)
    assert len(np.unique(found.labels_XYZ)) > 1


def test_a_card_without_neighbours_is_written_as_before_and_one_with_them_read_back(model):
    _, card = model
    assert "context" not in json.loads(card.to_json())
    seeing = replace(card, context=1)
    assert json.loads(seeing.to_json())["context"] == 1
    assert ModelCard.from_json(seeing.to_json()) == seeing
    assert seeing.interface.in_channels == 3 * card.interface.in_channels
    with pytest.raises(ModelError, match="context must be 0 to 8"):
        replace(card, context=9)


def test_an_image_of_one_slice_is_warned_of_where_neighbours_were_seen():
    grid = Geometry.canonical((32, 32, 1), (1.0, 1.0, 3.0))
    assert not image_warnings(card_of(), grid)
    (warning,) = image_warnings(card_of(context=1), grid)
    assert "single slice" in warning
