"""Prepared slices as they are shown: one channel, or the colours of a picture as they are stored.

Each channel of a picture is normalised by itself, which changes its hue. The index has what undoes
this.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from mbnas.data.images.appearance import seen_channels
from mbnas.data.slices.prepared_slices import PreparedSlices, PreparedVolume


def shown_slices(
    prepared: PreparedSlices,
    volume: PreparedVolume,
    place: slice = slice(None),
    *,
    step: int = 1,
) -> Float32[np.ndarray, "slice height width *colours"]:
    """Return slices of a volume for a reader: normalised greys, or stored colours last.

    Colours of slices that were prepared without their tones are normalised ones.

    Args:
        prepared: The slices.
        volume: One of its volumes.
        place: Which slices of the volume.
        step: Every how many-th row and column.
    """
    images_NCHW = np.array(prepared.images_of(volume)[place, :, ::step, ::step])
    seen = seen_channels(np.moveaxis(images_NCHW, 1, 0), volume.geometry.unit)
    if seen.ndim < images_NCHW.ndim or not volume.tones:
        return seen
    subtracted, divisors = np.array(volume.tones, np.float32).T
    stored: np.ndarray = seen * divisors + subtracted
    return stored


def are_coloured(prepared: PreparedSlices) -> bool:
    """Return whether slices are shown in colours."""
    channels = np.zeros((len(prepared.channels), 1), np.float32)
    return bool(seen_channels(channels, prepared.unit).ndim > 1)
