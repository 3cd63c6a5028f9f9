"""The loop of a training: steps of Adam over augmented batches of resident slices.

Shape suffixes: B batch, C channels, K classes, H height, W width.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn

from mbnas.data.augment import apply_augmentation
from mbnas.data.augmentation import AugmentationParameters, draw_augmentation
from mbnas.pulse import beat
from mbnas.training.batches import shuffled_batches
from mbnas.training.device import autocast
from mbnas.training.losses import make_loss
from mbnas.training.protocol import Protocol, TrainingSettings
from mbnas.training.resident import ResidentSlices

ADAM_STATE = ("step", "exp_avg", "exp_avg_sq")
"""What torch's Adam remembers of a parameter."""


class TrainingLoop:
    """Steps of Adam over augmented batches of resident slices.

    Nothing in a step waits for the device; the mean loss is read once an epoch.

    Args:
        network: What is trained, on the device of the slices.
        data: Where the slices lie.
        slices: Indices of the training slices, at least one.
        protocol: Its training and augmentation sections are read.
        rng: Draws the batches and their augmentation.

    Attributes:
        step: How many steps were made.
        learning_rate: Of the last step.
    """

    def __init__(
        self,
        network: nn.Module,
        data: ResidentSlices,
        slices: Int[np.ndarray, " training"],
        protocol: Protocol,
        rng: np.random.Generator,
    ) -> None:
        self._network = network
        self._data = data
        self._settings = protocol.training
        self._augmentation = protocol.augmentation
        self._rng = rng
        self._batches = shuffled_batches(slices, self._settings.batch_size, rng)
        self._loss = make_loss(self._settings.loss)
        self._optimiser = torch.optim.Adam(
            network.parameters(), lr=self._settings.learning_rate, fused=True
        )
        per_pass = -(-len(slices) // self._settings.batch_size)
        self._steps_per_epoch = self._settings.steps_per_epoch or per_pass
        self._num_steps = self._settings.epochs * self._steps_per_epoch
        self.step = 0
        self.learning_rate = 0.0

    def state(self) -> dict[str, Tensor]:
        """Return what Adam remembers, by parameter; empty before the first step."""
        remembered = self._optimiser.state
        return {
            f"{kind}.{name}": remembered[parameter][kind]
            for name, parameter in self._network.named_parameters()
            if parameter in remembered
            for kind in ADAM_STATE
        }

    def resume(self, state: Mapping[str, Tensor], *, epochs: int) -> None:
        """Go on as if some epochs had been made, which another process did.

        Batches and augmentations of those epochs are drawn, and nothing is done with them, so
        that what follows is what would have followed there.

        Args:
            state: As :meth:`state` gave it there; the network has its weights from there.
            epochs: How many there were.
        """
        for name, parameter in self._network.named_parameters():
            if f"step.{name}" in state:
                self._optimiser.state[parameter] = {
                    kind: _placed(state[f"{kind}.{name}"], parameter) for kind in ADAM_STATE
                }
        self.step = epochs * self._steps_per_epoch
        for _ in range(self.step):
            self._draw()

    def run_epoch(self) -> float:
        """Make one epoch's steps and return their mean loss."""
        self._network.train()
        total = torch.zeros((), device=self._data.images_NCHW.device)
        for _ in range(self._steps_per_epoch):
            total += self.run_step(*self._next_batch())
            beat()
        return total.item() / self._steps_per_epoch

    def run_step(
        self,
        images_BCHW: Float[Tensor, "batch channels height width"],
        labels_BHW: UInt8[Tensor, "batch height width"],
    ) -> Float[Tensor, ""]:
        """Make one step on a batch and return its loss."""
        self.learning_rate = learning_rate_at(self.step, self._num_steps, self._settings)
        for group in self._optimiser.param_groups:
            group["lr"] = self.learning_rate
        self._optimiser.zero_grad(set_to_none=True)
        with autocast(images_BCHW.device.type, self._settings.precision):
            logits_BKHW = self._network(images_BCHW)
        loss = self._loss(logits_BKHW.float(), labels_BHW)
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimiser.step()
        self.step += 1
        return loss.detach()

    def _next_batch(
        self,
    ) -> tuple[Float[Tensor, "batch channels height width"], UInt8[Tensor, "batch height width"]]:
        images_NCHW = self._data.images_NCHW
        batch, parameters = self._draw()
        indices = torch.from_numpy(batch).to(images_NCHW.device)
        images_BCHW, labels_BHW = apply_augmentation(
            parameters, images_NCHW[indices], self._data.labels_NHW[indices]
        )
        return images_BCHW.contiguous(memory_format=torch.channels_last), labels_BHW

    def _draw(self) -> tuple[Int[np.ndarray, " batch"], AugmentationParameters]:
        batch = next(self._batches)
        parameters = draw_augmentation(
            self._augmentation,
            self._rng,
            batch=len(batch),
            channels=self._data.in_channels,
            flip_dims=self._data.flip_dims(self._augmentation.flip_axes),
        )
        return batch, parameters


def _placed(remembered: Tensor, parameter: Tensor) -> Tensor:
    """Return what Adam remembers on its parameter's device and in its memory layout.

    The fused step goes through memory, not through indices: another layout would mix weights up.
    """
    if remembered.shape != parameter.shape:  # the count of steps
        return remembered.to(parameter.device)
    return torch.empty_like(parameter, requires_grad=False).copy_(remembered)


def learning_rate_at(step: int, num_steps: int, settings: TrainingSettings) -> float:
    """Return the learning rate of a step: linear warm-up, polynomial decay.

    Args:
        step: From 0, below ``num_steps``.
        num_steps: Of the whole training.
        settings: Peak, exponent and length of the warm-up.

    >>> settings = TrainingSettings(learning_rate=1.0, decay_exponent=0.5, warmup_steps=2)
    >>> [round(learning_rate_at(step, 4, settings), 3) for step in range(4)]
    [0.5, 0.866, 0.707, 0.5]
    """
    warmup = min(1.0, (step + 1) / settings.warmup_steps) if settings.warmup_steps else 1.0
    decay = (1.0 - step / num_steps) ** settings.decay_exponent
    return float(settings.learning_rate * warmup * decay)
