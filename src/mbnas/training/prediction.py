"""Predicted slices as the ledger keeps them: one byte a pixel, compressed; no torch needed."""

from __future__ import annotations

import zlib

import numpy as np
from jaxtyping import UInt8

from mbnas.data.slices import PreparedVolume


def pack_prediction(predicted_NSS: UInt8[np.ndarray, "slice side side"]) -> bytes:
    """Return what a record of a volume keeps of its predicted slices."""
    return zlib.compress(predicted_NSS.tobytes())


def unpack_prediction(
    prediction: bytes, volume: PreparedVolume
) -> UInt8[np.ndarray, "slice side side"]:
    """Return the predicted slices that a record of a volume holds."""
    side = volume.plane.slice_size
    flat = np.frombuffer(zlib.decompress(prediction), dtype=np.uint8)
    return flat.reshape(volume.num_slices, side, side)
