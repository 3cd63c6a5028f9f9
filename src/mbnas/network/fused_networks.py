"""Several networks of one architecture that compute as one.

Small networks leave a large device partly idle. Fused, each convolution of all networks is one
grouped convolution, and each normalisation runs over all of their channels. Every network keeps
its own weights and batch statistics.

Shape suffixes: M networks, B batch, C channels, K classes, H height, W width.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call


class FusedNetworks:
    """Networks of one architecture whose weights are rows of common tensors.

    Their parameters and buffers become views of these tensors, so what an optimiser or a batch
    normalisation writes is seen by both. They compute in training mode.

    Args:
        networks: Two or more networks of equal structure on one device.

    Raises:
        ValueError: if there are fewer than two, or they differ in structure.

    Source: model ensembling in the documentation of ``torch.func``.
    """

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        if len(networks) < 2:
            raise ValueError(f"networks (={len(networks)}) must be 2 or more.")
        self._networks = tuple(networks)
        self._template = copy.deepcopy(networks[0]).to("meta").train()
        self._parameters = _stacked([dict(each.named_parameters()) for each in networks])
        self._buffers = _stacked([dict(each.named_buffers()) for each in networks])
        for name, parameter in self._parameters.items():
            parameter.requires_grad_(networks[0].get_parameter(name).requires_grad)

    def __call__(
        self, images_MBCHW: Float[Tensor, "networks batch channels height width"]
    ) -> Float[Tensor, "networks batch classes height width"]:
        """Return the logits of each network for its own images."""
        logits: Tensor = torch.vmap(self._compute)(self._parameters, self._buffers, images_MBCHW)
        return logits

    def _compute(
        self, parameters: dict[str, Tensor], buffers: dict[str, Tensor], images_BCHW: Tensor
    ) -> Tensor:
        logits: Tensor = functional_call(self._template, (parameters, buffers), (images_BCHW,))
        return logits

    def clear_gradients(self) -> None:
        """Drop all gradients, here and in the networks."""
        for parameter in self._parameters.values():
            parameter.grad = None
        for network in self._networks:
            network.zero_grad(set_to_none=True)

    def distribute_gradients(self) -> None:
        """Give each network's parameters its part of the gradients of a backward pass."""
        for name, stacked in self._parameters.items():
            if stacked.grad is not None:
                for network, gradient in zip(self._networks, stacked.grad, strict=True):
                    network.get_parameter(name).grad = gradient


def _stacked(of_networks: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Return common tensors by name, and make each network's own ones views of these."""
    first = of_networks[0]
    if any(other.keys() != first.keys() for other in of_networks):
        raise ValueError("networks must have the same parameters and buffers.")
    stacked = {}
    for name, example in first.items():
        own = [tensors[name] for tensors in of_networks]
        if any(each.shape != example.shape for each in own):
            raise ValueError(f"networks must agree in the shape of {name}.")
        stacked[name] = _in_rows([each.detach() for each in own])
        for each, row in zip(own, stacked[name], strict=True):
            each.data = row
    return stacked


def _in_rows(tensors: Sequence[Tensor]) -> Tensor:
    """Return tensors stacked, each in its memory layout."""
    example = tensors[0]
    if example.dim() == 4 and example.is_contiguous(memory_format=torch.channels_last):
        last = torch.stack([each.permute(0, 2, 3, 1) for each in tensors])
        return last.permute(0, 1, 4, 2, 3)
    return torch.stack(list(tensors))
