"""A call recorded as a CUDA graph: launched again as one, it costs the processor next to nothing.

Source: PyTorch's notes on CUDA semantics, "CUDA graphs".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

_ATTEMPTS = 3


class RecordedCall:
    """A call on tensors of fixed shapes, recorded at once and replayed at every call.

    What libraries set up at their first use cannot be recorded, so the call is made a few times
    before, and what that changed is undone.

    Args:
        call: Works on the current CUDA device, waits for nothing there, and reads and writes
            the same memory every time.
        example: Arguments of the shapes and types that all calls have.
        changing: Returns the tensors that the call changes. Those that it makes at its first
            time are zero before, as what an optimiser remembers is.
    """

    def __init__(
        self,
        call: Callable[..., Tensor],
        example: Sequence[Tensor],
        changing: Callable[[], Sequence[Tensor]],
    ) -> None:
        self._inputs = [each.clone() for each in example]
        before = {id(each): (each, each.detach().clone()) for each in changing()}
        aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(_ATTEMPTS):
                call(*self._inputs)
        torch.cuda.current_stream().wait_stream(aside)
        torch.cuda.empty_cache()  # the graph has memory of its own, and what was used is no part
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._output = call(*self._inputs)
        with torch.no_grad():
            for tensor in changing():
                if id(tensor) in before:
                    tensor.copy_(before[id(tensor)][1])
                else:
                    tensor.zero_()

    def __call__(self, *inputs: Tensor) -> Tensor:
        """Make the call on other values and return what it gives, which is the caller's own."""
        for ours, given in zip(self._inputs, inputs, strict=True):
            ours.copy_(given)
        self._graph.replay()
        return self._output.clone()
