"""Streaming to a CUDA device with a fake one that copies slowly: no slot is reused too early."""

from contextlib import nullcontext
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch

from mbnas.data.slices.prepared_slices import PreparedSlices
from mbnas.training.loading.batch_stream import AHEAD, sent_by_stream
from mbnas.training.loading.load_slices import streamed_slices
from mbnas.training.loading.read_ahead import ReadAhead


@dataclass
class SlowCopy:
    """An event that has happened after a wait for it."""

    device: "SlowDevice"
    waited_for: bool = False

    def query(self):
        return self.waited_for

    def synchronize(self):
        self.waited_for = True
        self.device.log.append("waited")


@dataclass
class SlowDevice:
    """A fake stream that records its calls."""

    log: list = field(default_factory=list)

    def record_event(self):
        self.log.append("sent")
        return SlowCopy(self)

    def wait_event(self, _event):
        self.log.append("awaited")


@pytest.fixture
def slow_device(monkeypatch):
    device = SlowDevice()
    monkeypatch.setattr(torch.cuda, "Stream", lambda _target: device)
    monkeypatch.setattr(torch.cuda, "stream", lambda _stream: nullcontext())
    monkeypatch.setattr(torch.cuda, "current_stream", lambda _target: device)
    monkeypatch.setattr(
        torch.Tensor, "record_stream", lambda _tensor, _stream: device.log.append("kept")
    )
    return device


@pytest.mark.parametrize("context", [0, 2])
def test_a_slot_is_reused_only_after_its_copy_has_finished(slices, slow_device, context):
    prepared = PreparedSlices.open(slices)
    source = streamed_slices(prepared, "cpu", "float32", context)
    sizes = [1 + number % 3 for number in range(3 * AHEAD)]
    batches = [np.arange(size) + number for number, size in enumerate(sizes)]
    slots = [source._slot(3) for _ in range(AHEAD)]
    filled_slots, given_back = [], []

    def fill(number, slot):
        filled_slots.append(id(slot))
        source._read(batches[number], slot)

    class Watched(ReadAhead):
        def give_back(self, slot):
            given_back.append(slow_device.log.count("waited"))
            super().give_back(slot)

    with Watched(fill, len(batches), slots) as filled:
        for batch, (images, labels) in zip(
            batches, sent_by_stream(filled, sizes, AHEAD, source.target), strict=True
        ):
            assert np.array_equal(images, prepared.images[source.seen(batch)].reshape(images.shape))
            assert np.array_equal(labels, prepared.labels[batch])
    # nothing is waited for while a slot is left; then each copy in turn, and its slot comes back
    assert slow_device.log[: 4 * AHEAD + 1] == ["sent", "awaited", "kept", "kept"] * AHEAD + [
        "waited"
    ]
    assert given_back == list(range(1, 2 * AHEAD + 1))
    assert filled_slots == [id(slot) for slot in slots] * 3


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_batches_reach_a_gpu_while_it_computes(slices):
    prepared = PreparedSlices.open(slices)
    source = streamed_slices(prepared, "cuda")
    rng = np.random.default_rng(0)
    batches = [rng.integers(0, len(prepared.labels), 8) for _ in range(50)]
    busy = torch.randn(2000, 2000, device="cuda")
    kept = []
    for images, _ in source.fetch(batches):
        busy = (busy @ busy).clamp(-1, 1)  # the device lags behind
        kept.append(images.sum(dim=(1, 2, 3), dtype=torch.float64))
        del images
    for batch, sums in zip(batches, kept, strict=True):
        expected = prepared.images[batch].sum(axis=(1, 2, 3), dtype=np.float64)
        np.testing.assert_allclose(sums.cpu(), expected, rtol=1e-10, atol=1e-8)
