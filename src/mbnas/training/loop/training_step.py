"""One training step: augmentation, forward pass, loss, backward pass and Adam.

Shape suffixes: M fused trainings, B batch, C channels, K classes, H height,
W width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from mbnas.data.augmentation.transform import augment
from mbnas.data.datasets.label_scheme import IGNORED, Targets
from mbnas.network.fused_networks import FusedNetworks
from mbnas.network.operations.memory_layout import channels_last
from mbnas.training.device.device_setup import autocast
from mbnas.training.loop.cuda_graph import RecordedCall
from mbnas.training.loop.losses import make_loss
from mbnas.training.protocol import TrainingSettings

ADAM_STATE = ("step", "exp_avg", "exp_avg_sq")
"""The state that torch's Adam keeps of a parameter."""


class StepInputs(NamedTuple):
    """The inputs of a step, on the device; those of fused trainings are concatenated."""

    images_BCHW: Float[Tensor, "batch channels side side"]
    labels_BHW: UInt8[Tensor, "batch side side"]
    matrices_B23: Float[Tensor, "batch 2 3"]
    brightness_BC: Float[Tensor, "batch channels"]


class Step:
    """A training step of one network, or of several fused networks.

    Nothing in it waits for the device. With ``training.step`` ``compiled``, torch compiles
    everything up to the loss; with ``graph``, the whole step is recorded once as a CUDA graph and
    replayed. Both happen at the first step, and later trainings reuse the result.

    Args:
        networks: On their device; two or more are of one architecture and are fused.
        settings: Resolved.
        targets: What the networks predict.
        size: Side of the networks' input; by default that of the images.
    """

    def __init__(
        self,
        networks: Sequence[nn.Module],
        settings: TrainingSettings,
        targets: Targets,
        size: int | None = None,
    ) -> None:
        self.networks = tuple(networks)
        self._settings = settings
        self._size = size
        self._fused = FusedNetworks(networks) if len(networks) > 1 else None
        self._loss = make_loss(settings.loss, targets)
        self._outside = IGNORED if targets.ignores else 0
        recorded = settings.step == "graph"
        device = next(self.networks[0].parameters()).device
        # A recorded step reads its rate from the device.
        rates = [
            torch.tensor(settings.learning_rate, device=device)
            if recorded
            else settings.learning_rate
            for _ in networks
        ]
        self._optimiser = torch.optim.Adam(
            [
                {"params": list(each.parameters()), "lr": rate}
                for each, rate in zip(networks, rates, strict=True)
            ],
            fused=True,
            capturable=recorded,
        )
        self._compiled = (
            torch.compile(self._losses, dynamic=False) if settings.step == "compiled" else None
        )
        self._recorded: RecordedCall | None = None

    def __call__(
        self, inputs: StepInputs, learning_rates: Sequence[float]
    ) -> Float[Tensor, " trainings"]:
        """Make one step and return the loss of each training.

        Args:
            inputs: The same number of slices for each training, concatenated.
            learning_rates: Of each training.
        """
        for group, rate in zip(self._optimiser.param_groups, learning_rates, strict=True):
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate
        if self._settings.step != "graph":
            return self._make(*inputs)
        if self._recorded is None:
            self._recorded = RecordedCall(self._make, inputs, self._changing)
        return self._recorded(*inputs)

    def train(self) -> None:
        """Set the networks to training mode."""
        for network in self.networks:
            network.train()

    def begin(self, weights: Sequence[Mapping[str, Tensor]]) -> None:
        """Start new trainings in place of those before.

        Args:
            weights: Parameters and buffers of each network.
        """
        for network, its_weights in zip(self.networks, weights, strict=True):
            network.load_state_dict(its_weights)
        for remembered in self._optimiser_state():
            remembered.zero_()

    def state(self, index: int = 0) -> dict[str, Tensor]:
        """Return Adam's state of a network, by parameter; empty before the first step."""
        remembered = self._optimiser.state
        return {
            f"{kind}.{name}": remembered[parameter][kind]
            for name, parameter in self.networks[index].named_parameters()
            if parameter in remembered
            for kind in ADAM_STATE
        }

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Set Adam's state of the only network to one from :meth:`state`."""
        (network,) = self.networks
        for name, parameter in network.named_parameters():
            if f"step.{name}" in state:
                self._optimiser.state[parameter] = {
                    kind: _placed(state[f"{kind}.{name}"], parameter) for kind in ADAM_STATE
                }

    def _make(
        self, images_BCHW: Tensor, labels_BHW: Tensor, matrices_B23: Tensor, brightness_BC: Tensor
    ) -> Tensor:
        self._clear_gradients()
        losses_of = self._compiled or self._losses
        losses_M = losses_of(images_BCHW, labels_BHW, matrices_B23, brightness_BC)
        losses_M.sum().backward()  # type: ignore[no-untyped-call]
        if self._fused is not None:
            self._fused.distribute_gradients()
        self._optimiser.step()
        return losses_M.detach()

    def _losses(
        self, images_BCHW: Tensor, labels_BHW: Tensor, matrices_B23: Tensor, brightness_BC: Tensor
    ) -> Tensor:
        images_BCHW, labels_BHW = augment(
            matrices_B23,
            brightness_BC,
            images_BCHW,
            labels_BHW,
            self._size,
            outside=self._outside,
        )
        images_BCHW = channels_last(images_BCHW)
        with autocast(images_BCHW.device.type, self._settings.precision):
            logits_of_each = self._logits(images_BCHW)
        labels_of_each = labels_BHW.chunk(len(self.networks))
        return torch.stack(
            [
                self._loss(logits_BKHW.float(), its_labels_BHW)
                for logits_BKHW, its_labels_BHW in zip(logits_of_each, labels_of_each, strict=True)
            ]
        )

    def _logits(self, images_BCHW: Tensor) -> Sequence[Tensor]:
        if self._fused is None:
            return [self.networks[0](images_BCHW)]
        images_MBCHW = images_BCHW.reshape(len(self.networks), -1, *images_BCHW.shape[1:])
        return self._fused(images_MBCHW).unbind()

    def _clear_gradients(self) -> None:
        if self._fused is None:
            self._optimiser.zero_grad(set_to_none=True)
        else:
            self._fused.clear_gradients()

    def _changing(self) -> list[Tensor]:
        """Return all tensors that a step changes."""
        of_networks = [
            tensor
            for network in self.networks
            for tensor in (*network.parameters(), *network.buffers())
        ]
        return of_networks + self._optimiser_state()

    def _optimiser_state(self) -> list[Tensor]:
        return [each for of_one in self._optimiser.state.values() for each in of_one.values()]


def is_program(settings: TrainingSettings) -> bool:
    """Whether a step is compiled or recorded at its first call, for later trainings too."""
    return settings.step in ("compiled", "graph")


def _placed(remembered: Tensor, parameter: Tensor) -> Tensor:
    """Return Adam's state on its parameter's device and in its memory layout.

    The fused step runs over memory, not over indices: another layout would mix up weights.
    """
    if remembered.shape != parameter.shape:  # the count of steps
        return remembered.to(parameter.device)
    return torch.empty_like(parameter, requires_grad=False).copy_(remembered)
