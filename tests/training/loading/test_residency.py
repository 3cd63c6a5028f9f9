"""The rule by which slices are resident on a device or streamed to it."""

from types import SimpleNamespace

import pytest
import torch

from mbnas.training.loading import load_slices as loading
from mbnas.training.loading.batch_stream import streamed_bytes
from mbnas.training.loading.load_slices import are_resident
from mbnas.training.loading.slice_source import slices_bytes

GIB = 2**30


def test_bytes_by_hand():
    assert slices_bytes(10, channels=2, size=8) == 10 * 64 * (2 * 4 + 1)
    assert slices_bytes(10, channels=2, size=8, precision="float16") == 10 * 64 * (2 * 2 + 1)
    assert streamed_bytes(3, channels=2, size=8, precision="float16") == 4 * 3 * 64 * 5
    assert streamed_bytes(3, channels=2, size=8) == 4 * 3 * 64 * 9


@pytest.mark.parametrize(("available_gib", "resident"), [(4, True), (3.9, False)])
def test_on_the_host_the_limit_is_half_of_the_available_memory(
    monkeypatch, available_gib, resident
):
    monkeypatch.setattr(loading, "available_bytes", lambda: available_gib * GIB)
    assert are_resident(2 * GIB, "cpu") is resident


@pytest.mark.parametrize(
    ("device", "num_gib", "resident"),
    [
        ("cuda:0", 2, True),
        ("cuda:0", 2.1, False),
        ("cuda:1", 10, True),
        ("cuda:1", 10.1, False),
        ("cuda", 10, True),
        ("cuda", 10.1, False),
    ],
)
def test_on_a_cuda_device_the_limit_is_a_quarter_of_its_memory(
    monkeypatch, device, num_gib, resident
):
    memory = {0: 8 * GIB, 1: 40 * GIB}
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(memory))
    monkeypatch.setattr(
        torch.cuda,
        "get_device_properties",
        lambda index: SimpleNamespace(total_memory=memory[index]),
    )
    assert are_resident(int(num_gib * GIB), device) is resident


def test_slices_count_as_resident_on_a_cuda_device_that_is_not_visible(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert are_resident(10**15, "cuda")
