"""Normalises intensities; the declared name of a channel selects the scheme.

The names are those of nnU-Net, in upper or lower case:

- ``CT``: CT numbers mean the same in every scan, so all volumes are clipped and scaled by the
  same values, taken from the foreground of the whole dataset.
- ``noNorm``: values are used as they are, such as probability maps.
- ``rescale_to_0_1``: each volume's smallest value becomes 0, its largest 1.
- ``rgb_to_0_1``: values from 0 to 255 are divided by 255.
- ``zscore`` and every other name: arbitrary units. Each volume is scaled separately to mean 0
  and standard deviation 1.

For a given volume, all five are one operation: clip, subtract, divide.

Source: Bosma et al. 2022, section 3.1, after nnU-Net (Isensee et al. 2021); the names are those
of nnU-Net v2's ``channel_names``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float32, Integer

from mbnas.errors import DatasetError

SAMPLE_PER_CASE = 10_000
"""Maximum number of foreground voxels that are sampled from a case, evenly spread."""

Scheme = Literal["CT", "zscore", "noNorm", "rescale_to_0_1", "rgb_to_0_1"]
SCHEMES: tuple[Scheme, ...] = ("CT", "zscore", "noNorm", "rescale_to_0_1", "rgb_to_0_1")
_BY_NAME: dict[str, Scheme] = {scheme.casefold(): scheme for scheme in SCHEMES}
_BRIGHTEST = 255.0

IN_WORDS: dict[Scheme, str] = {
    "CT": "clipped to the foreground's percentiles 0.5 and 99.5, scaled by its mean and deviation",
    "zscore": "each image to mean 0 and standard deviation 1",
    "noNorm": "used as it is",
    "rescale_to_0_1": "each image from its smallest and largest value to 0 and 1",
    "rgb_to_0_1": "divided by 255",
}
"""Description of each scheme."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForegroundIntensities:
    """Distribution of one CT channel inside the foreground of a dataset.

    Attributes:
        low: 0.5th percentile, in the units of the image.
        high: 99.5th percentile.
        mean: Mean of the values.
        deviation: Standard deviation of the values.
    """

    low: float
    high: float
    mean: float
    deviation: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """The operation on one channel of one volume: clip, subtract, divide.

    Attributes:
        low: Lower values are set to this, in the units of the image.
        high: Higher values are set to this.
        subtract: Value to subtract after clipping.
        divide: Divisor of the difference; not 0.
    """

    low: float = -math.inf
    high: float = math.inf
    subtract: float = 0.0
    divide: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelNormalisation:
    """How one channel is normalised in every volume of a dataset.

    Attributes:
        scheme: The scheme of its name.
        foreground: Values that CT is clipped and scaled by; ``None`` for the other schemes.

    Raises:
        DatasetError: if CT has no foreground, or another scheme has one.
    """

    scheme: Scheme
    foreground: ForegroundIntensities | None = None

    def __post_init__(self) -> None:
        if (self.scheme == "CT") != (self.foreground is not None):
            raise DatasetError(
                f"The normalisation {self.scheme} {'needs' if self.scheme == 'CT' else 'has no'} "
                "foreground intensities."
            )

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> ChannelNormalisation:
        """Return the normalisation from its ``dataclasses.asdict`` after JSON.

        Raises:
            DatasetError: if its scheme is not known or its numbers are not finite.
        """
        scheme, numbers = fields["scheme"], fields["foreground"]
        if scheme not in SCHEMES:
            raise DatasetError(
                f"The normalisation {scheme!r} is not known: use {', '.join(SCHEMES)}."
            )
        foreground = None
        if numbers is not None:
            names = ("low", "high", "mean", "deviation")
            foreground = ForegroundIntensities(**{name: float(numbers[name]) for name in names})
            if not all(math.isfinite(getattr(foreground, name)) for name in names):
                raise DatasetError("A normalisation holds a number that is not finite.")
        return cls(scheme=scheme, foreground=foreground)

    def scaling(self, voxels_XYZ: Float32[np.ndarray, "x y z"]) -> Scaling:
        """Return the operation on this channel of a volume.

        The volume is summed plane by plane, which needs the memory of one plane. A constant
        channel becomes 0 under ``zscore`` and ``rescale_to_0_1``.

        Args:
            voxels_XYZ: The whole volume.
        """
        if self.foreground is not None:
            ct = self.foreground
            return Scaling(low=ct.low, high=ct.high, subtract=ct.mean, divide=ct.deviation or 1.0)
        if self.scheme == "noNorm":
            return Scaling()
        if self.scheme == "rgb_to_0_1":
            return Scaling(divide=_BRIGHTEST)
        low, high = float(voxels_XYZ.min()), float(voxels_XYZ.max())
        if low == high:
            return Scaling(subtract=low)
        if self.scheme == "rescale_to_0_1":
            return Scaling(subtract=low, divide=high - low)
        return _z_score(voxels_XYZ)


Normalisation = tuple[ChannelNormalisation, ...]
"""How each channel of a dataset is normalised."""


def scheme_of(channel: str) -> Scheme:
    """Return the scheme of a channel with a declared name.

    >>> scheme_of("ct"), scheme_of("NONORM"), scheme_of("T2")
    ('CT', 'noNorm', 'zscore')
    """
    return _BY_NAME.get(channel.strip().casefold(), "zscore")


def is_ct(channel: str) -> bool:
    """Return whether the declared modality of a channel is CT."""
    return scheme_of(channel) == "CT"


def sample_foreground(
    voxels_CXYZ: Float32[np.ndarray, "channel x y z"], labels_XYZ: Integer[np.ndarray, "x y z"]
) -> Float32[np.ndarray, "channel sample"]:
    """Return at most :data:`SAMPLE_PER_CASE` foreground voxels, evenly spread."""
    indices = np.flatnonzero(labels_XYZ)
    if len(indices) > SAMPLE_PER_CASE:
        indices = indices[np.linspace(0, len(indices) - 1, SAMPLE_PER_CASE).astype(np.int64)]
    return voxels_CXYZ.reshape(len(voxels_CXYZ), -1)[:, indices]


def fit_normalisation(
    channels: Sequence[str], samples: Sequence[Float32[np.ndarray, "channel _"]]
) -> Normalisation:
    """Return how each channel is normalised.

    Args:
        channels: Declared name of each channel.
        samples: Foreground voxels of each case; not used if no channel is CT.

    Raises:
        DatasetError: if a channel is CT and there are no foreground voxels.
    """
    schemes = [scheme_of(channel) for channel in channels]
    if "CT" not in schemes:
        return tuple(ChannelNormalisation(scheme=scheme) for scheme in schemes)
    if not any(sample.shape[1] for sample in samples):
        raise DatasetError(
            "No case has foreground: CT is normalised by the intensities inside it, held-out "
            "patients excluded. Correct the labels."
        )
    values = np.concatenate([np.asarray(sample) for sample in samples], axis=1).astype(np.float64)
    return tuple(
        ChannelNormalisation(
            scheme=scheme, foreground=_fit(values[number]) if scheme == "CT" else None
        )
        for number, scheme in enumerate(schemes)
    )


def of_volume(
    voxels_CXYZ: Float32[np.ndarray, "channel x y z"], normalisation: Normalisation
) -> tuple[Scaling, ...]:
    """Return the operation on each channel of one volume.

    With it, :func:`normalise` gives the same values for a part of the volume as for the whole.

    Args:
        voxels_CXYZ: The whole volume.
        normalisation: Normalisation of each channel of the dataset.
    """
    channels = zip(voxels_CXYZ, normalisation, strict=True)
    return tuple(channel.scaling(voxels_XYZ) for voxels_XYZ, channel in channels)


def normalise(
    voxels_CXYZ: Float32[np.ndarray, "channel x y z"], scalings: Sequence[Scaling]
) -> Float32[np.ndarray, "channel x y z"]:
    """Return a volume, or a part of it, with clipped and scaled channels."""
    channels = zip(voxels_CXYZ, scalings, strict=True)
    return np.stack([_scaled(voxels_XYZ, scaling) for voxels_XYZ, scaling in channels])


def outside_range(
    voxels_CXYZ: Float32[np.ndarray, "channel x y z"], schemes: Sequence[Scheme]
) -> str | None:
    """Return the message about a channel that is outside the range of its scheme, or ``None``.

    Args:
        voxels_CXYZ: A volume of finite intensities.
        schemes: Scheme of each channel.
    """
    for number, (voxels_XYZ, scheme) in enumerate(zip(voxels_CXYZ, schemes, strict=True)):
        low, high = float(voxels_XYZ.min()), float(voxels_XYZ.max())
        if scheme == "rgb_to_0_1" and not (low >= 0 and high <= _BRIGHTEST):
            return (
                f"holds values from {low:g} to {high:g} in channel {number}: rgb_to_0_1 needs "
                "values from 0 to 255. Correct the file, or declare another channel name, such as "
                "rescale_to_0_1."
            )
    return None


def _fit(values: np.ndarray) -> ForegroundIntensities:
    low, high = np.percentile(values, (0.5, 99.5))
    return ForegroundIntensities(
        low=float(low), high=float(high), mean=float(values.mean()), deviation=float(values.std())
    )


def _z_score(voxels_XYZ: Float32[np.ndarray, "x y z"]) -> Scaling:
    mean = sum(float(plane.sum(dtype=np.float64)) for plane in voxels_XYZ) / voxels_XYZ.size
    squares = sum(float(((plane.astype(np.float64) - mean) ** 2).sum()) for plane in voxels_XYZ)
    return Scaling(subtract=mean, divide=math.sqrt(squares / voxels_XYZ.size))


def _scaled(
    voxels_XYZ: Float32[np.ndarray, "x y z"], scaling: Scaling
) -> Float32[np.ndarray, "x y z"]:
    clipped = np.clip(voxels_XYZ.astype(np.float64), scaling.low, scaling.high)
    return ((clipped - scaling.subtract) / scaling.divide).astype(np.float32)
