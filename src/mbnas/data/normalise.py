"""Intensities made comparable between volumes, each channel by its modality.

CT numbers mean the same in every scan, so one clipping and one scaling, taken from
what lies inside the foreground of the whole dataset, serves all volumes. Other
modalities have arbitrary units, and each volume is normalised by itself.

Source: Bosma et al. 2022, section 3.1, after nnU-Net (Isensee et al. 2021).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Integer

from mbnas.errors import DatasetError

SAMPLE_PER_CASE = 10_000
"""So many foreground voxels of a case, evenly spread, stand for all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForegroundIntensities:
    """How one CT channel is distributed inside the foreground of a dataset.

    Attributes:
        low: 0.5th percentile, in the image's units.
        high: 99.5th percentile.
        mean: Mean of the values.
        deviation: Standard deviation of the values.
    """

    low: float
    high: float
    mean: float
    deviation: float


Normalisation = tuple[ForegroundIntensities | None, ...]
"""For each channel what CT is clipped and scaled by; ``None`` for z-normalisation."""


def is_ct(channel: str) -> bool:
    """Say whether a channel's declared modality is CT."""
    return channel.strip().lower() == "ct"


def sample_foreground(
    voxels_CXYZ: Float32[np.ndarray, "channel x y z"], labels_XYZ: Integer[np.ndarray, "x y z"]
) -> Float32[np.ndarray, "channel sample"]:
    """Return at most :data:`SAMPLE_PER_CASE` foreground voxels, evenly spread over all."""
    indices = np.flatnonzero(labels_XYZ)
    if len(indices) > SAMPLE_PER_CASE:
        indices = indices[np.linspace(0, len(indices) - 1, SAMPLE_PER_CASE).astype(np.int64)]
    return voxels_CXYZ.reshape(len(voxels_CXYZ), -1)[:, indices]


def fit_normalisation(
    channels: Sequence[str], samples: Sequence[Float32[np.ndarray, "channel _"]]
) -> Normalisation:
    """Return how each channel is normalised.

    Args:
        channels: Declared modality of each channel.
        samples: Foreground voxels of each case; not looked at if no channel is CT.

    Raises:
        DatasetError: if a channel is CT and there are no foreground voxels.
    """
    if not any(map(is_ct, channels)):
        return (None,) * len(channels)
    if not any(sample.shape[1] for sample in samples):
        raise DatasetError(
            "No case has foreground: CT is normalised by the intensities inside it, held-out "
            "patients left out. Correct the labels."
        )
    values = np.concatenate([np.asarray(sample) for sample in samples], axis=1).astype(np.float64)
    return tuple(
        _fit(values[number]) if is_ct(channel) else None for number, channel in enumerate(channels)
    )


def _fit(values: np.ndarray) -> ForegroundIntensities:
    low, high = np.percentile(values, (0.5, 99.5))
    return ForegroundIntensities(
        low=float(low), high=float(high), mean=float(values.mean()), deviation=float(values.std())
    )


def of_volume(
    voxels_CXYZ: Float32[np.ndarray, "channel x y z"], normalisation: Normalisation
) -> tuple[ForegroundIntensities, ...]:
    """Return how one volume's channels are normalised, every number known.

    By them :func:`normalise` serves any part of the volume as it would serve the whole. They
    are summed a plane at a time, in no more memory than a plane takes.

    Args:
        voxels_CXYZ: The whole volume.
        normalisation: What the dataset says of each channel.
    """
    channels = zip(voxels_CXYZ, normalisation, strict=True)
    return tuple(_of_itself(voxels) if ct is None else ct for voxels, ct in channels)


def _of_itself(voxels: Float32[np.ndarray, "x y z"]) -> ForegroundIntensities:
    low, high = float(voxels.min()), float(voxels.max())
    if low == high:
        return ForegroundIntensities(low=low, high=high, mean=low, deviation=0.0)
    mean = sum(float(plane.sum(dtype=np.float64)) for plane in voxels) / voxels.size
    squares = sum(float(((plane.astype(np.float64) - mean) ** 2).sum()) for plane in voxels)
    return ForegroundIntensities(
        low=low, high=high, mean=mean, deviation=float(np.sqrt(squares / voxels.size))
    )


def normalise(
    voxels_CXYZ: Float32[np.ndarray, "channel x y z"], normalisation: Normalisation
) -> Float32[np.ndarray, "channel x y z"]:
    """Return the volume with each channel normalised; a constant channel becomes zero."""
    channels = zip(voxels_CXYZ, normalisation, strict=True)
    return np.stack(
        [_z_score(voxels) if ct is None else _ct(voxels, ct) for voxels, ct in channels]
    )


def _z_score(voxels: Float32[np.ndarray, "x y z"]) -> Float32[np.ndarray, "x y z"]:
    if voxels.min() == voxels.max():
        return np.zeros_like(voxels)
    wide = voxels.astype(np.float64)
    scores: np.ndarray = ((wide - wide.mean()) / wide.std()).astype(np.float32)
    return scores


def _ct(
    voxels: Float32[np.ndarray, "x y z"], ct: ForegroundIntensities
) -> Float32[np.ndarray, "x y z"]:
    clipped = np.clip(voxels.astype(np.float64), ct.low, ct.high)
    return ((clipped - ct.mean) / (ct.deviation or 1.0)).astype(np.float32)
