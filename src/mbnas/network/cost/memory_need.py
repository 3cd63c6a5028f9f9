"""How much memory a training needs on its device, predicted from the network.

A step runs on torch's meta device, where tensors have a size but no content. Every storage counts
from the operation that creates it until nothing refers to it, so both what autograd saves and
temporary tensors are counted as torch allocates them.

Tensors are the same on every device, but the scratch memory of operations is not: on a CPU, that of
convolutions depends on the processor's instructions, and it is not predicted. The total is meant
for CUDA devices, where a workspace and a margin stand for scratch memory.

Shape suffixes: B batch, C channels, H height, W width.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

from mbnas.network.interface import Interface
from mbnas.network.operations.determinism import deterministic_algorithms

MARGIN = 1.25
"""Ratio of needed to counted memory: the allocator's fragmentation, and workspaces."""

CONTEXT_BYTES = 600 * 2**20
"""Memory of a process on a CUDA device before its first tensor: context, kernels, libraries.

Chosen, not measured; it differs by some hundred MiB between devices and versions.
"""

Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryNeed:
    """Memory of a training on its device, in bytes.

    Attributes:
        kept: From the first step to the last: parameters in float32 with their gradients and
            Adam's two moments, and buffers.
        saved: What autograd keeps of a batch between forward and backward pass, including the
            batch and the loss.
        step: The peak of a step in addition to ``kept``: ``saved`` and temporary tensors.
        validation: The peak of predicting a batch in addition to ``kept``.
        workspace: A copy of the input, output and weights of the largest convolution, for
            libraries that change their layout. On a CPU they may allocate more.
    """

    kept: int
    saved: int
    step: int
    validation: int
    workspace: int

    @property
    def total(self) -> int:
        """The total of a process on a CUDA device, with :data:`MARGIN` and the context."""
        counted = self.kept + max(self.step, self.validation) + self.workspace
        return CONTEXT_BYTES + math.ceil(MARGIN * counted)


def memory_need(
    build: Callable[[], nn.Module],
    loss: Loss,
    interface: Interface,
    *,
    batch: int,
    validation_batch: int,
    dtype: torch.dtype = torch.float32,
    deterministic: bool = True,
) -> MemoryNeed:
    """Return how much memory training a network needs, without computing anything.

    A network that the meta device cannot run, such as one that reads values, is run on the CPU
    with two and three slices, and its need is extrapolated linearly.

    Args:
        build: Builds the network.
        loss: The loss of logits in float32 and class indices.
        interface: What the network fits.
        batch: Slices in a training step.
        validation_batch: Slices that are predicted at once.
        dtype: In which the network computes; on the CPU it is float32.
        deterministic: Whether torch uses deterministic algorithms, as in every training. On a
            GPU, networks of this package then upsample by shifted maps
            (:mod:`mbnas.network.operations.upsampling`) and other networks by gathers; both
            need more memory.
    """
    with deterministic_algorithms(wanted=deterministic):
        try:
            return _counted(
                build, loss, interface, batch, validation_batch, torch.device("meta"), dtype
            )
        except (NotImplementedError, RuntimeError, ValueError, TypeError):
            few, more = (
                _counted(build, loss, interface, slices, slices, torch.device("cpu"), torch.float32)
                for slices in (2, 3)
            )
    at = partial(_extended, 2, 3)
    return MemoryNeed(
        kept=few.kept,
        saved=at(few.saved, more.saved, batch),
        step=at(few.step, more.step, batch),
        validation=at(few.validation, more.validation, validation_batch),
        workspace=at(few.workspace, more.workspace, max(batch, validation_batch)),
    )


def _extended(first: int, second: int, at_first: int, at_second: int, wanted: int) -> int:
    """Return the value at ``wanted`` on the line through two points, 0 or more."""
    slope = (at_second - at_first) / (second - first)
    return max(0, math.ceil(at_first + slope * (wanted - first)))


def _counted(
    build: Callable[[], nn.Module],
    loss: Loss,
    interface: Interface,
    batch: int,
    validation_batch: int,
    device: torch.device,
    dtype: torch.dtype,
) -> MemoryNeed:
    with torch.device(device):
        network = build().to(device)
    kept = sum(_bytes_of(each) for each in network.buffers())
    for parameter in network.parameters():
        copies = 4 if parameter.requires_grad else 1  # itself, its gradient, two moments
        kept += copies * _bytes_of(parameter)
    network = network.to(dtype)
    for parameter in network.parameters():
        if parameter.requires_grad:  # gradients are in `kept`; here each is dropped at once
            parameter.register_post_accumulate_grad_hook(  # type: ignore[no-untyped-call]
                _drop_gradient
            )
    workspace = 0

    def look(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal workspace
        copied = (inputs[0], output, *module.parameters())
        workspace = max(workspace, sum(map(_bytes_of, copied)))

    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            module.register_forward_hook(look)
    with _StorageCounter() as counter:
        # During a step, autocast keeps a copy of the weights in its precision.
        start = 0 if dtype == torch.float32 else sum(map(_bytes_of, network.parameters()))
        images_BCHW, labels_BHW = _batch(batch, interface, device)
        value = loss(network.train()(images_BCHW.to(dtype)).float(), labels_BHW)
        saved = start + counter.bytes
        value.backward()  # type: ignore[no-untyped-call]
        step = start + counter.peak_bytes
        del images_BCHW, labels_BHW, value
    with _StorageCounter() as counter, torch.no_grad():
        images_BCHW, _ = _batch(validation_batch, interface, device)
        network.eval()(images_BCHW.to(dtype)).argmax(dim=1)
        validation = start + counter.peak_bytes
    return MemoryNeed(kept=kept, saved=saved, step=step, validation=validation, workspace=workspace)


def _batch(slices: int, interface: Interface, device: torch.device) -> tuple[Tensor, Tensor]:
    size = interface.size
    images_BCHW = torch.zeros(slices, interface.in_channels, size, size, device=device)
    labels_BHW = torch.zeros(slices, size, size, dtype=torch.uint8, device=device)
    return images_BCHW.contiguous(memory_format=torch.channels_last), labels_BHW


def _bytes_of(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _drop_gradient(parameter: Tensor) -> None:
    parameter.grad = None


class _StorageCounter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the storages that operations create, until each is freed.

    Attributes:
        bytes: Size of all existing storages.
        peak_bytes: The largest size so far.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._known: dict[int, weakref.ref[torch.UntypedStorage]] = {}
        self.bytes = self.peak_bytes = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run an operation and count the storages it creates."""
        inputs = {
            each.untyped_storage()._cdata
            for each in tree_iter((args, kwargs))
            if isinstance(each, Tensor)
        }
        made = func(*args, **(kwargs or {}))
        for each in tree_iter(made):
            if isinstance(each, Tensor) and each.untyped_storage()._cdata not in inputs:
                self._count(each.untyped_storage())
        return made

    def _count(self, storage: torch.UntypedStorage) -> None:
        key, num_bytes = storage._cdata, storage.nbytes()
        if key not in self._known:
            self._known[key] = weakref.ref(storage, lambda _: self._forget(key, num_bytes))
            self.bytes += num_bytes
            self.peak_bytes = max(self.peak_bytes, self.bytes)

    def _forget(self, key: int, num_bytes: int) -> None:
        del self._known[key]
        self.bytes -= num_bytes
