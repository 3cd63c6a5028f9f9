"""Augmentation as values: its settings, and the random parameters of one batch.

Drawn parameters can be stored and replayed; :mod:`mbnas.data.augmentation.transform`
applies it.

Source: Bosma et al. 2022, section 3.1 (scaling, shifting, rotating, flipping, brightness);
the ranges are ours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from mbnas.data.images.geometry import ANATOMICAL_AXES
from mbnas.errors import ConfigurationError

LEFT_RIGHT = ANATOMICAL_AXES[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentationSettings:
    """How much training slices are varied.

    Attributes:
        probability: Probability that a transform other than flipping is applied to a slice,
            0 to 1.
        scale: Largest relative change of size; 0.15 is from 0.85 to 1.15 times.
        shift: Largest shift along either axis as a fraction of the side of the slice.
        rotation_degrees: Largest rotation in either direction.
        brightness: Largest offset added to a channel, in units of its normalised intensities.
        flip_axes: Anatomical axes across which half of the slices are flipped. A flip across an
            axis other than left-right gives an anatomy that does not exist.
        mirror_pairs: Pairs of names of classes that are exchanged in a left-right flip. ``None``
            decides by the names of the classes (:mod:`mbnas.data.augmentation.laterality`), and
            may also remove flip axes. A study decides once, when it is created.

    Raises:
        ConfigurationError: if a value breaks its rule.
    """

    probability: float = 0.5
    scale: float = 0.15
    shift: float = 0.1
    rotation_degrees: float = 15.0
    brightness: float = 0.2
    flip_axes: tuple[str, ...] = (LEFT_RIGHT,)
    mirror_pairs: tuple[tuple[str, ...], ...] | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.probability <= 1:
            raise ConfigurationError(
                f"augmentation.probability (={self.probability}) must be between 0 and 1."
            )
        if not 0 <= self.scale < 1:
            raise ConfigurationError(f"augmentation.scale (={self.scale}) must be in [0, 1).")
        for name in ("shift", "rotation_degrees", "brightness"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ConfigurationError(
                    f"augmentation.{name} (={getattr(self, name)}) must be 0 or more and finite."
                )
        for axis in self.flip_axes:
            if axis not in ANATOMICAL_AXES:
                raise ConfigurationError(
                    f"augmentation.flip_axes holds {axis!r}: use {', '.join(ANATOMICAL_AXES)}."
                )
        names = [name for pair in self.mirror_pairs or () for name in pair]
        if any(len(pair) != 2 for pair in self.mirror_pairs or ()) or len(set(names)) < len(names):
            raise ConfigurationError(
                f"augmentation.mirror_pairs (={self.mirror_pairs}) must be pairs of class names, "
                'each name once, such as [["left kidney", "right kidney"]].'
            )


MAX_REACH = 3.0
"""No transform needs pixels farther from the centre than this, in half sides; others are 0."""


def reach_of(settings: AugmentationSettings) -> float:
    """Return how far from the centre augmentation samples, in half sides of its output, 1 or more.

    >>> round(reach_of(AugmentationSettings()), 2)
    1.64
    >>> reach_of(AugmentationSettings(probability=0.0))
    1.0
    """
    if not settings.probability:
        return 1.0
    angle = math.radians(min(settings.rotation_degrees, 45.0))
    corner = (math.cos(angle) + math.sin(angle)) / (1.0 - settings.scale)
    return min(corner + 2.0 * settings.shift, MAX_REACH)


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentationParameters:
    """The transform of each slice of one batch.

    Attributes:
        scale: Magnification, of shape (batch,).
        shift: Displacement along height and width, as a fraction of the side, (batch, 2).
        rotation: Angle in radians, (batch,).
        flip: Whether height and width are reversed, (batch, 2).
        brightness: Offset of every channel, (batch, channels).
    """

    scale: Float[np.ndarray, " batch"]
    shift: Float[np.ndarray, "batch 2"]
    rotation: Float[np.ndarray, " batch"]
    flip: Bool[np.ndarray, "batch 2"]
    brightness: Float[np.ndarray, "batch channels"]


def draw_augmentation(
    settings: AugmentationSettings,
    rng: np.random.Generator,
    *,
    batch: int,
    channels: int,
    flip_dims: tuple[bool, bool],
) -> AugmentationParameters:
    """Return random parameters for a batch.

    Args:
        settings: The ranges.
        rng: Source of randomness.
        batch: Number of slices.
        channels: Number of image channels.
        flip_dims: Whether slices may be reversed along height and along width.
    """

    def uniform(largest: float, *shape: int) -> np.ndarray:
        values = rng.uniform(-largest, largest, size=(batch, *shape))
        applied = rng.random(batch) < settings.probability
        return values * applied.reshape(batch, *[1] * len(shape))

    return AugmentationParameters(
        scale=1.0 + uniform(settings.scale),
        shift=uniform(settings.shift, 2),
        rotation=np.deg2rad(uniform(settings.rotation_degrees)),
        flip=(rng.random((batch, 2)) < 0.5) & np.array(flip_dims),
        brightness=uniform(settings.brightness, channels),
    )


def sampling_matrices(parameters: AugmentationParameters) -> Float[np.ndarray, "batch 2 3"]:
    """Return the maps from output to input coordinates that ``affine_grid`` expects.

    Coordinates run from −1 to 1 over the slice, x (width) before y (height).
    """
    cosine, sine = np.cos(parameters.rotation), np.sin(parameters.rotation)
    sign_y, sign_x = np.where(parameters.flip, -1.0, 1.0).T
    matrices = np.empty((len(parameters.scale), 2, 3))
    matrices[:, 0, 0] = sign_x * cosine / parameters.scale
    matrices[:, 0, 1] = sign_x * -sine / parameters.scale
    matrices[:, 1, 0] = sign_y * sine / parameters.scale
    matrices[:, 1, 1] = sign_y * cosine / parameters.scale
    matrices[:, 0, 2] = -2.0 * parameters.shift[:, 1]
    matrices[:, 1, 2] = -2.0 * parameters.shift[:, 0]
    return matrices
