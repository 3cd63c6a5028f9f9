"""The batches and augmentation of an epoch, drawn before its first step.

They are copied to the device at once, so that no step waits for numbers from the host.

Shape suffixes: S steps, B batch, C channels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int

from mbnas.data.augmentation.parameters import (
    AugmentationSettings,
    draw_augmentation,
    sampling_matrices,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceAugmentation:
    """How the training slices of a dataset are varied.

    Attributes:
        settings: How far slices are varied.
        channels: Number of image channels.
        flip_dims: Whether slices may be reversed along height and along width.
        left_right_dim: Which of the two is the left-right axis, 0 or 1; ``None`` if neither is.
        absolute_channels: Channels whose brightness is not varied.
        mirrored_classes: What the background and each class becomes in a slice flipped left to
            right; empty if no class changes places.
        seen: Number of slices that a network sees at once; all are varied alike.
        share: Side of a network's input as a share of that of the images that are read: below 1
            for patches, which are sampled from larger windows.
    """

    settings: AugmentationSettings
    channels: int
    flip_dims: tuple[bool, bool]
    left_right_dim: int | None = None
    absolute_channels: tuple[int, ...] = ()
    mirrored_classes: tuple[int, ...] = ()
    seen: int = 1
    share: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochPlan:
    """The batches of an epoch and the augmentation of their slices.

    Attributes:
        batches_SB: What is read: indices of slices, or for patches a slice, a row and a column
            along one more dimension.
        matrices_SB23: Affine transform of each slice, as ``affine_grid`` expects it.
        brightness_SBC: Value added to each channel, that of every slice that is seen.
        mirrored_SB: Whether each slice is flipped left to right.
    """

    batches_SB: Int[np.ndarray, "step batch ..."]
    matrices_SB23: Float32[np.ndarray, "step batch 2 3"]
    brightness_SBC: Float32[np.ndarray, "step batch channels"]
    mirrored_SB: Bool[np.ndarray, "step batch"]

    def part(self, steps: Sequence[int]) -> EpochPlan:
        """Return the plan of some steps."""
        chosen = np.asarray(steps)
        return EpochPlan(
            batches_SB=self.batches_SB[chosen],
            matrices_SB23=self.matrices_SB23[chosen],
            brightness_SBC=self.brightness_SBC[chosen],
            mirrored_SB=self.mirrored_SB[chosen],
        )


def draw_epoch(
    augmentation: SliceAugmentation,
    batches: Iterator[Int[np.ndarray, "batch ..."]],
    rng: np.random.Generator,
    *,
    steps: int,
) -> EpochPlan:
    """Return the next epoch of a training.

    Args:
        augmentation: How slices are varied.
        batches: The order of the slices or patches; it draws from the same generator.
        rng: Draws, for each step, its batch and then how that is varied.
        steps: Steps in the epoch, 1 or more.
    """
    left_right_dim = augmentation.left_right_dim
    indices, matrices, brightness, mirrored = [], [], [], []
    for _ in range(steps):
        batch = next(batches)
        parameters = draw_augmentation(
            augmentation.settings,
            rng,
            batch=len(batch),
            channels=augmentation.channels,
            flip_dims=augmentation.flip_dims,
        )
        indices.append(batch)
        matrices.append(sampling_matrices(parameters) * augmentation.share)
        brightness.append(parameters.brightness)
        mirrored.append(
            np.zeros(len(batch), bool)
            if left_right_dim is None
            else parameters.flip[:, left_right_dim]
        )
    brightness_SBC = np.stack(brightness).astype(np.float32)
    brightness_SBC[..., list(augmentation.absolute_channels)] = 0
    brightness_SBC = np.tile(brightness_SBC, augmentation.seen)
    return EpochPlan(
        batches_SB=np.stack(indices),
        matrices_SB23=np.stack(matrices).astype(np.float32),
        brightness_SBC=brightness_SBC,
        mirrored_SB=np.stack(mirrored),
    )


def side_by_side(plans: Sequence[EpochPlan]) -> EpochPlan:
    """Return the plan of fused trainings, with each step's batches concatenated."""
    return EpochPlan(
        batches_SB=np.concatenate([plan.batches_SB for plan in plans], axis=1),
        matrices_SB23=np.concatenate([plan.matrices_SB23 for plan in plans], axis=1),
        brightness_SBC=np.concatenate([plan.brightness_SBC for plan in plans], axis=1),
        mirrored_SB=np.concatenate([plan.mirrored_SB for plan in plans], axis=1),
    )
