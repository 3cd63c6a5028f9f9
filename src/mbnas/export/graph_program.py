"""A network as a graph without Python, which torch stores and ONNX is converted from."""

from __future__ import annotations

import torch
from torch import nn
from torch.export import Dim, ExportedProgram
from torch.fx.experimental import _config as tracing

from mbnas.errors import ModelError
from mbnas.export.agreement import first_line

DIMS = {0: "batch", 2: "height", 3: "width"}
"""The dynamic ones of an image batch's four dimensions, and their names."""

_EXAMPLE = (2, 197, 261)
"""Batch, height and width with which the network is traced: arbitrary numbers.

Nothing is computed, and some networks need this size.
"""


def export_program(network: nn.Module, *, in_channels: int) -> ExportedProgram:
    """Return a network as a program for any batch, height and width of 1 or more.

    It contains no paths of this machine.

    Args:
        network: On the CPU and in evaluation mode.
        in_channels: Channels of its images.

    Raises:
        ModelError: if torch cannot export it.
    """
    batch, height, width = _EXAMPLE
    example = torch.zeros(batch, in_channels, height, width)
    shapes = (dict.fromkeys(DIMS, Dim.DYNAMIC),)
    try:
        # Oblivious: otherwise facts about the example's size, such as that it needs padding,
        # would become conditions on every size.
        with tracing.patch(backed_size_oblivious=True):  # type: ignore[attr-defined]
            program = torch.export.export(network, (example,), dynamic_shapes=shapes)
    except Exception as error:
        raise ModelError(
            f"torch cannot export this network as a program ({first_line(error)}). Export another."
        ) from error
    for module in program.graph_module.modules():
        if isinstance(module, torch.fx.GraphModule):
            for node in module.graph.nodes:
                node.meta.pop("stack_trace", None)
    return program
