"""A network as a graph without Python: what torch stores as a program, and ONNX is made from."""

from __future__ import annotations

import torch
from torch import nn
from torch.export import Dim, ExportedProgram
from torch.fx.experimental import _config as tracing

from mbnas.errors import ModelError
from mbnas.export.agreement import first_line

DIMS = {0: "batch", 2: "height", 3: "width"}
"""Which of an image batch's four dims are free, and what they are called."""

_EXAMPLE = (2, 197, 261)
"""Batch, height and width that the network is traced with: nothing special about any.

Nothing is computed, and some networks need this much.
"""


def export_program(network: nn.Module, *, in_channels: int) -> ExportedProgram:
    """Return a network as a program for any batch, height and width of 1 or more.

    Nothing in it tells where on this machine its source lies.

    Args:
        network: On the CPU and in evaluation mode.
        in_channels: Channels of its images.

    Raises:
        ModelError: if torch cannot make it one.
    """
    batch, height, width = _EXAMPLE
    example = torch.zeros(batch, in_channels, height, width)
    shapes = (dict.fromkeys(DIMS, Dim.DYNAMIC),)
    try:
        # Oblivious: else what holds for the example's size alone, such as that it needs
        # padding, becomes a condition on every size.
        with tracing.patch(backed_size_oblivious=True):  # type: ignore[attr-defined]
            program = torch.export.export(network, (example,), dynamic_shapes=shapes)
    except Exception as error:
        raise ModelError(
            f"torch cannot make a program of this network ({first_line(error)}). Export another."
        ) from error
    for module in program.graph_module.modules():
        if isinstance(module, torch.fx.GraphModule):
            for node in module.graph.nodes:
                node.meta.pop("stack_trace", None)
    return program
