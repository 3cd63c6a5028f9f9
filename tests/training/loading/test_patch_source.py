"""One suite for every source of patches: windows equal the files, predictions those of MONAI."""

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from monai.inferers import sliding_window_inference
from torch import nn

from mbnas.data.augmentation.parameters import AugmentationSettings, reach_of
from mbnas.data.datasets.label_scheme import IGNORED, Targets
from mbnas.data.slices.prepared_slices import PreparedSlices
from mbnas.prediction.probabilities import predicted_labels
from mbnas.prediction.volume_inference import predicted_by_tiles
from mbnas.training.loading.load_slices import resident_slices, streamed_slices
from mbnas.training.loop.validation import count_overlap, predicted_batches

SOURCES = {"resident": resident_slices, "streamed": streamed_slices}
REACH = reach_of(AugmentationSettings())


@pytest.fixture
def prepared(patch_slices):
    return PreparedSlices.open(patch_slices)


@pytest.fixture(params=[("float32", 0), ("float16", 1)], ids=["float32", "float16, neighbours"])
def read_as(request):
    """The precision of images, and how many neighbours they have on either side."""
    return request.param


@pytest.fixture(params=[*SOURCES, "gathered"])
def source(request, prepared, read_as):
    """A source on the CPU; a gathered one fetches as on a GPU."""
    return SOURCES.get(request.param, resident_slices)(prepared, "cpu", *read_as, REACH)


def fetched(source, batches, request):
    is_gathered = "gathered" in request.node.callspec.id
    return list(source._gathered(batches) if is_gathered else source.fetch(iter(batches)))


def whole_slices(prepared, read_as):
    """The expected images, with their neighbours as channels, and labels of every slice."""
    precision, context = read_as
    found = []
    for volume in prepared.volumes:
        images = prepared.images_of(volume).astype(precision).astype(np.float32)
        for number, labels in enumerate(prepared.labels_of(volume)):
            seen = np.arange(number - context, number + context + 1).clip(0, len(images) - 1)
            found.append((np.concatenate(images[seen]), labels))
    return found


def window_of(array, top, left, side):
    """A window cut from a slice that is padded by zeros on all sides."""
    padding = [(0, 0)] * (array.ndim - 2) + [(side, side)] * 2
    padded = np.pad(array, padding)
    return padded[..., top + side : top + 2 * side, left + side : left + 2 * side]


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_windows_equal_those_of_the_files(source, prepared, read_as, request, data):
    slices = whole_slices(prepared, read_as)
    side = source.window_size
    window = st.integers(0, len(slices) - 1).flatmap(
        lambda number: st.tuples(
            st.just(number),
            *[st.integers(1 - side, length - 1) for length in slices[number][1].shape],
        )
    )
    batches = data.draw(st.lists(st.lists(window, min_size=1, max_size=4), min_size=1, max_size=6))
    found = fetched(source, [np.array(each) for each in batches], request)
    for batch, (images, labels) in zip(batches, found, strict=True):
        assert (images.dtype, labels.dtype) == (torch.float32, torch.uint8)
        for (number, top, left), image, label in zip(batch, images, labels, strict=True):
            assert np.array_equal(image, window_of(slices[number][0], top, left, side))
            assert np.array_equal(label, window_of(slices[number][1], top, left, side))


def test_its_facts_are_those_of_the_files(source, prepared):
    assert source.interface.size == prepared.index.settings.patch_size == 16
    assert source.window_size == 28
    assert source.num_channels == len(prepared.channels)
    assert source.in_channels == (2 * source.context + 1) * source.num_channels
    labels = [each for volume in prepared.volumes for each in prepared.labels_of(volume)]
    expected = [[(each == index).sum() for index in range(source.num_classes)] for each in labels]
    assert source.label_pixels(np.arange(len(labels))).tolist() == expected
    assert source.label_counts(np.arange(3)).tolist() == np.sum(expected[:3], axis=0).tolist()
    names = [prepared.volumes[volume].patient for volume in prepared.volume_of_slice]
    assert [source.patients[number] for number in source.patient_N] == names


class Blurred(nn.Module):
    """A network whose logits depend on where a tile ends: convolutions pad it with zeros."""

    def __init__(self, channels, classes):
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(
            nn.Conv2d(channels, 8, 7, padding=3), nn.ReLU(), nn.Conv2d(8, classes, 7, padding=3)
        )

    def forward(self, images):
        return 5 * self.layers(images)


def test_predictions_are_those_of_monai(source, prepared, read_as):
    network = Blurred(source.in_channels, source.num_classes)
    slices = np.array([5, 2, 9, 3])
    predicted = list(predicted_batches(network, source, slices, "float32"))
    expected = whole_slices(prepared, read_as)
    assert len(predicted) == len(slices)
    for number, (classes, labels) in zip(slices, predicted, strict=True):
        image, reference = expected[number]
        with torch.no_grad():
            means = sliding_window_inference(
                torch.from_numpy(image)[None],
                16,
                5,
                lambda images: network(images).softmax(dim=1),
                overlap=0.5,
                mode="gaussian",
            )
        first, second = means.topk(2, dim=1).values[0]
        is_clear = (first - second) > 1e-4
        assert is_clear.float().mean() > 0.98
        assert (classes[0] == means.argmax(dim=1)[0])[is_clear].all()
        assert np.array_equal(labels[0], reference)
        assert len(classes.unique()) > 1


def test_predictions_are_those_of_a_predictor(source, prepared, read_as):
    network = Blurred(source.in_channels, source.num_classes)
    images = [image for image, _ in whole_slices(prepared, read_as)][:4]

    def predict(images_BCSS):
        with torch.no_grad():
            return network(torch.from_numpy(images_BCSS)).softmax(dim=1).numpy()

    maps = predicted_by_tiles(iter(images), 16, at_once=7, predict=predict)
    of_training = predicted_batches(network, source, np.arange(4), "float32")
    for map_KHW, (classes, _) in zip(maps, of_training, strict=True):
        second, first = np.sort(map_KHW, axis=0)[-2:]
        is_clear = first - second > 1e-4
        assert np.array_equal(map_KHW.argmax(axis=0)[is_clear], classes[0].numpy()[is_clear])


def test_counts_are_those_of_all_pixels(source):
    class Nothing(nn.Module):
        def forward(self, images):
            return (
                torch.eye(source.num_classes)[0]
                .expand(1, 1, 1, -1)
                .movedim(3, 1)
                .expand(len(images), -1, *images.shape[2:])
            )

    counts = count_overlap(Nothing(), source, np.arange(6), "float32")
    assert counts.predicted.sum() == 0
    expected = source.label_pixels(np.arange(6))[:, 1:].sum(axis=0)
    assert counts.reference.sum(axis=0).tolist() == expected.tolist()


def test_trainings_draw_what_the_source_can_fetch(source, request):
    rng = np.random.default_rng(0)
    batches = list(islice(source.patches.batches(np.arange(9), 5, rng), 4))
    for images, labels in fetched(source, batches, request):
        assert images.shape == (5, source.in_channels, 28, 28)
        inner = labels[:, 6:22, 6:22]
        assert sum(bool(each.any()) for each in inner) >= 2


REGIONS = Targets(num_labels=2, regions=((1, 2), (2,)), written=(1, 2), ignores=True)


def test_regions_are_blended_as_probabilities(source, prepared, read_as):
    network = Blurred(source.in_channels, 2)
    images = [image for image, _ in whole_slices(prepared, read_as)][:3]

    def predict(images_BCSS):
        with torch.no_grad():
            return network(torch.from_numpy(images_BCSS)).sigmoid().numpy()

    maps = predicted_by_tiles(iter(images), 16, at_once=9, predict=predict)
    predicted = predicted_batches(
        network, replace(source, targets=REGIONS), np.arange(3), "float32"
    )
    for map_KHW, (labels, _) in zip(maps, predicted, strict=True):
        expected = predicted_labels(map_KHW[None], REGIONS.written)[0]
        is_clear = (np.abs(map_KHW - 0.5) > 1e-4).all(axis=0)
        assert np.array_equal(labels[0].numpy()[is_clear], expected[is_clear])
        assert len(np.unique(expected)) > 1


def test_pixels_outside_a_slice_are_ignored_where_pixels_may_be(source, request):
    ((images, labels),) = fetched(
        replace(source, targets=REGIONS), [np.array([[0, -5, -7]])], request
    )
    assert (labels[0, :5] == IGNORED).all()
    assert (labels[0, :, :7] == IGNORED).all()
    assert (labels[0, 5:, 7:] < 3).all()
    assert not images[0, :, :5].any()
