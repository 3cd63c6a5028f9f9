"""Set-up for training: devices, precisions and the settings of a process."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from mbnas.errors import ConfigurationError, OutOfMemory
from mbnas.training.device import processor
from mbnas.training.device.device_setup import (
    autocast,
    flushing_subnormals,
    free_memory,
    prepare_process,
    resolve_device,
    resolve_precision,
    take_device,
    visible_devices,
    worker_name,
)
from mbnas.training.device.processor import processor_flags


@pytest.fixture
def machine(monkeypatch):
    """A function that gives this process a machine with other devices, as torch reports them."""

    def has(*, cuda=0, bf16=False, flags=(), uses="AVX512"):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *, including_emulation: bf16)
        monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda **_: None)
        monkeypatch.setattr(processor, "processor_flags", lambda: frozenset(flags))
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: uses)

    return has


@pytest.mark.parametrize(
    ("cuda", "name", "resolved"),
    [
        (0, "auto", "cpu"),
        (2, "auto", "cuda"),
        (2, "cpu", "cpu"),
        (2, "cuda", "cuda"),
        (2, "cuda:1", "cuda:1"),
    ],
)
def test_an_existing_device_is_resolved(machine, cuda, name, resolved):
    machine(cuda=cuda)
    assert resolve_device(name) == resolved


@pytest.mark.parametrize(
    ("cuda", "name", "sentence"),
    [
        (0, "gpu", r"\(='gpu'\) is not a device: use auto, cpu, cuda or cuda:0\."),
        (0, "", r"\(=''\) is not a device"),
        (2, "cuda:-1", r"\(='cuda:-1'\) is not a device"),
        (0, "cuda", r"\(='cuda'\) is not on this machine, which has 0 CUDA devices: use cpu or"),
        (2, "cuda:2", r"\(='cuda:2'\) is not on this machine, which has 2 CUDA devices"),
        (0, "mps", r"\(='mps'\) is not on this machine: use cpu or auto\."),
        (1, "meta", r"\(='meta'\) is not on this machine: use cpu or auto\."),
    ],
)
def test_a_missing_device_is_refused(machine, cuda, name, sentence):
    machine(cuda=cuda)
    with pytest.raises(ConfigurationError, match=rf"run\.device {sentence}"):
        resolve_device(name)


def test_another_accelerator_of_the_machine_is_resolved(machine, monkeypatch):
    machine()
    found = torch.device("mps")
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda **_: found)
    assert resolve_device("mps") == "mps"
    with pytest.raises(ConfigurationError, match=r"\(='xpu'\) is not on this machine"):
        resolve_device("xpu")


@pytest.mark.parametrize("name", ["cpu", "cuda"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_an_explicit_precision_stays(machine, precision, name):
    machine(cuda=1, bf16=precision == "float32", flags=["amx_bf16"])
    assert resolve_precision(precision, name) == precision


@pytest.mark.parametrize(
    ("has", "name", "precision"),
    [
        ({}, "cpu", "float32"),
        ({"flags": ["avx512f", "avx2"]}, "cpu", "float32"),
        ({"flags": ["fpu", "avx512_bf16"]}, "cpu", "bfloat16"),
        ({"flags": ["amx_bf16"]}, "cpu", "bfloat16"),
        ({"flags": ["amx_bf16"], "uses": "AVX2"}, "cpu", "float32"),
        ({"cuda": 1, "bf16": True}, "cuda:0", "bfloat16"),
        ({"cuda": 1, "flags": ["amx_bf16"]}, "cuda", "float32"),
        ({"flags": ["amx_bf16"]}, "mps", "float32"),
    ],
)
def test_the_precision_is_the_one_that_the_device_is_fast_at(machine, has, name, precision):
    machine(**has)
    assert resolve_precision("auto", name) == precision


def test_the_processors_flags_are_read_from_linux(monkeypatch):
    text = "processor\t: 0\nflags\t\t: fpu sse2 amx_bf16\nbugs\t\t: none\nflags\t\t: other\n"
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: text)
    assert processor_flags() == {"fpu", "sse2", "amx_bf16"}


def test_a_processor_without_flags_in_procfs_has_none(monkeypatch):
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: "processor\t: 0\n")
    assert processor_flags() == frozenset()


def test_a_system_without_procfs_has_no_flags(monkeypatch):
    def absent(*_, **__):
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", absent)
    assert processor_flags() == frozenset()


@pytest.mark.parametrize(
    ("precision", "dtype"), [("float32", torch.float32), ("bfloat16", torch.bfloat16)]
)
def test_a_network_computes_in_its_precision(precision, dtype):
    with autocast("cpu", precision):
        assert torch.nn.Conv2d(1, 2, 3)(torch.zeros(1, 1, 4, 4)).dtype == dtype


def test_a_process_is_set_to_deterministic_algorithms_and_its_threads(monkeypatch):
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    prepare_process(2)
    assert torch.get_num_threads() == 2
    assert torch.are_deterministic_algorithms_enabled()
    assert not torch.backends.cudnn.benchmark
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"


def test_an_existing_workspace_setting_stays(monkeypatch):
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")
    prepare_process(1)
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":16:8"


def test_a_worker_is_named_by_host_process_and_device():
    host, _, rest = worker_name("cuda:1").rpartition(":" + str(os.getpid()))
    assert host
    assert rest == " cuda:1"


@pytest.mark.parametrize(
    ("name", "taken"), [("cuda", [0, 1, 0]), ("cuda:1", []), ("cpu", []), ("auto", [])]
)
def test_slots_use_the_devices_in_turn(machine, monkeypatch, name, taken):
    machine(cuda=2)
    found = []
    monkeypatch.setattr(torch.cuda, "set_device", found.append)
    for slot in range(3):
        take_device(name, slot)
    assert found == taken
    assert visible_devices() == 2


def test_a_device_without_memory_for_another_process_is_out_of_memory(machine, monkeypatch):
    def full(_):
        raise RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be")

    machine(cuda=1)
    monkeypatch.setattr(torch.cuda, "set_device", full)
    with pytest.raises(OutOfMemory, match=r"^Memory ran out on cuda: CUDA error: out of memory$"):
        take_device("cuda", 0)


@pytest.mark.parametrize(("name", "free"), [("cuda", (10, 11)), ("cuda:1", (11,))])
def test_free_memory_is_that_of_the_devices_of_slots(machine, monkeypatch, name, free):
    machine(cuda=2)
    of_device = {0: (10, 99), 1: (11, 99), "cuda:1": (11, 99)}
    monkeypatch.setattr(torch.cuda, "mem_get_info", of_device.get)
    assert free_memory(name) == free


def test_subnormal_numbers_are_zero_only_within_the_context():
    smallest = np.float64(2.0**-1074)
    with flushing_subnormals():
        assert smallest * np.float64(1.0) == 0
        with flushing_subnormals():
            pass
        assert smallest * np.float64(1.0) == 0
    assert smallest * np.float64(1.0) > 0
