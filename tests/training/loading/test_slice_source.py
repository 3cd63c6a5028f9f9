"""One suite for every slice source: its batches equal the files."""

import gc
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mbnas.data.slices.prepared_slices import PreparedSlices
from mbnas.training.device.device_setup import prepare_process
from mbnas.training.loading.load_slices import resident_slices, streamed_slices
from mbnas.training.loop.fit import train_once
from mbnas.training.loop.validation import count_overlap

SOURCES = {"resident": resident_slices, "streamed": streamed_slices}
PRECISIONS = ("float32", "float16")
GPU = pytest.param(
    "cuda",
    marks=[
        pytest.mark.gpu,
        pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
    ],
)


@pytest.fixture
def prepared(slices):
    return PreparedSlices.open(slices)


@pytest.fixture(params=["cpu", GPU])
def device(request):
    return request.param


@pytest.fixture(params=PRECISIONS)
def precision(request):
    return request.param


@pytest.fixture(params=SOURCES)
def source(request, prepared, device, precision):
    return SOURCES[request.param](prepared, device, precision)


@pytest.fixture
def images(prepared, precision):
    """The expected images: those of the files, rounded for float16."""
    return prepared.images.astype(precision).astype(np.float32)


def test_its_facts_are_those_of_the_files(source, prepared, device):
    assert source.device.type == device
    assert source.in_channels == len(prepared.channels)
    assert source.num_classes == 1 + len(prepared.classes)
    assert source.patients == prepared.patients
    assert source.held_out_patients == prepared.held_out_patients
    assert source.flip_axis_dims == prepared.axis_dims
    names = [prepared.volumes[volume].patient for volume in prepared.volume_of_slice]
    assert [source.patients[number] for number in source.patient_N] == names


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_batches_equal_those_of_the_files_in_order(source, prepared, images, data):
    index = st.integers(0, len(prepared.labels) - 1)
    batches = data.draw(st.lists(st.lists(index, min_size=1, max_size=9), max_size=12))
    fetched = list(source.fetch(np.array(batch) for batch in batches))
    assert len(fetched) == len(batches)
    for batch, (found, labels) in zip(batches, fetched, strict=True):
        assert found.device == labels.device == source.device
        assert (found.dtype, labels.dtype) == (torch.float32, torch.uint8)
        assert np.array_equal(found.cpu(), images[batch])
        assert np.array_equal(labels.cpu(), prepared.labels[batch])


def test_a_batch_shares_no_memory_with_the_source(source, prepared, images):
    batch = np.array([2, 0])
    for found, labels in source.fetch([batch] * 12):
        found.fill_(torch.nan)
        labels.fill_(77)
    ((found, labels),) = source.fetch([batch])
    assert np.array_equal(found.cpu(), images[batch])
    assert np.array_equal(labels.cpu(), prepared.labels[batch])


def test_kept_batches_do_not_change(source, images):
    batches = [np.array([number, number + 1]) for number in range(12)]
    kept = list(source.fetch(batches))
    for batch, (found, _) in zip(batches, kept, strict=True):
        assert np.array_equal(found.cpu(), images[batch])


def test_two_fetches_can_run_at_the_same_time(source, images):
    batches = [np.array([number]) for number in range(8)]
    pairs = zip(source.fetch(batches), source.fetch(batches[::-1]), strict=True)
    for number, ((one, _), (other, _)) in enumerate(pairs):
        assert np.array_equal(one.cpu(), images[[number]])
        assert np.array_equal(other.cpu(), images[[7 - number]])


@pytest.mark.parametrize("taken", [0, 1, 3])
def test_stopping_early_ends_the_thread(source, taken):
    before = threading.active_count()
    fetched = source.fetch([np.array([0])] * 50)
    for _ in range(taken):
        next(fetched)
    fetched.close()
    assert threading.active_count() == before
    abandoned = source.fetch([np.array([0])] * 50)
    next(abandoned)
    del abandoned
    gc.collect()
    assert threading.active_count() == before


def test_a_missing_slice_is_an_error(source, device):
    if device == "cuda" and type(source).__name__ == "ResidentSlices":
        pytest.skip("a CUDA device that indexes beyond its memory is lost to its process")
    before = threading.active_count()
    with pytest.raises(IndexError):
        list(source.fetch([np.array([0]), np.array([10**6])]))
    assert threading.active_count() == before


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_classes_are_counted_in_any_slices(source, prepared, data):
    index = st.integers(0, len(prepared.labels) - 1)
    chosen = np.array(data.draw(st.lists(index, min_size=1, max_size=9)))
    expected = [(prepared.labels[chosen] == each).sum() for each in range(source.num_classes)]
    counts = source.label_counts(chosen)
    assert counts.tolist() == expected
    assert counts.dtype == np.int64
    of_each = [
        [(prepared.labels[one] == each).sum() for each in range(len(counts))] for one in chosen
    ]
    assert source.label_pixels(chosen).tolist() == of_each


def test_classes_are_counted_beyond_one_block(source, prepared, monkeypatch):
    monkeypatch.setattr("mbnas.training.loading.slice_source.COUNTED", 5)
    everything = np.arange(len(prepared.labels))
    expected = np.bincount(prepared.labels.ravel(), minlength=source.num_classes)
    assert np.array_equal(source.label_counts(everything), expected)


def test_a_training_is_the_same_bit_for_bit_for_any_source(task, prepared, device, precision):
    prepare_process(1)
    task = replace(task, device=device)
    one, other = (train_once(task, load(prepared, device, precision)) for load in SOURCES.values())
    assert one.epochs == other.epochs
    assert one.score == other.score
    for name, weight in one.network.state_dict().items():
        assert torch.equal(weight, other.network.state_dict()[name]), name


def test_overlap_is_the_same_for_any_source(prepared, device):
    torch.manual_seed(0)
    network = torch.nn.Conv2d(len(prepared.channels), 1 + len(prepared.classes), 3, padding=1)
    everything = np.arange(len(prepared.labels))
    one, other = (
        count_overlap(network.to(device), load(prepared, device), everything, "float32")
        for load in SOURCES.values()
    )
    for name in ("overlap", "predicted", "reference"):
        assert np.array_equal(getattr(one, name), getattr(other, name))
