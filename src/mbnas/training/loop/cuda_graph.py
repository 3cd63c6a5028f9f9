"""A call recorded as a CUDA graph, whose replay costs almost no CPU time.

Source: PyTorch's notes on CUDA semantics, "CUDA graphs".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

_ATTEMPTS = 3


class RecordedCall:
    """A call on tensors of fixed shapes, recorded when created and replayed at every call.

    Libraries' set-up at their first use cannot be recorded, so the function is called a few times
    before, and the changes of those calls are undone.

    Args:
        call: Works on the current CUDA device without waiting for it, and reads and writes
            the same memory every time.
        example: Arguments with the shapes and types of all calls.
        changing: Returns the tensors that the call changes. Tensors that its first call creates,
            such as an optimiser's state, are set to zero.
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
        torch.cuda.empty_cache()  # the graph has its own memory, without what was used here
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
        """Replay the call on other values and return a copy of its result."""
        for ours, given in zip(self._inputs, inputs, strict=True):
            ours.copy_(given)
        self._graph.replay()
        return self._output.clone()
