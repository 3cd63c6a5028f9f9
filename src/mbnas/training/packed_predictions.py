"""Predicted slices as the ledger keeps them: one byte a pixel, compressed; no torch needed."""

from __future__ import annotations

import zlib

import numpy as np
from jaxtyping import UInt8

from mbnas.data.slices.prepared_slices import PreparedVolume
from mbnas.errors import StudyError


def pack_prediction(predicted_NSS: UInt8[np.ndarray, "slice side side"]) -> bytes:
    """Return what a record of a volume keeps of its predicted slices."""
    return zlib.compress(predicted_NSS.tobytes())


def unpack_prediction(
    prediction: bytes, volume: PreparedVolume, *, num_classes: int
) -> UInt8[np.ndarray, "slice side side"]:
    """Return the predicted slices that a record of a volume holds.

    Args:
        prediction: As :func:`pack_prediction` makes it.
        volume: The volume's prepared slices.
        num_classes: Background included; no pixel holds an index beyond.

    Raises:
        StudyError: if it cannot be unpacked or is of another size.
    """
    side = volume.plane.slice_size
    try:
        flat = np.frombuffer(zlib.decompress(prediction), dtype=np.uint8)
        predicted_NSS = flat.reshape(volume.num_slices, side, side)
    except (zlib.error, ValueError) as error:
        raise _damaged(volume.case, f"it cannot be unpacked: {error}") from error
    if predicted_NSS.size and (largest := int(predicted_NSS.max())) >= num_classes:
        raise _damaged(volume.case, f"it holds class {largest} of {num_classes}")
    return predicted_NSS


def _damaged(case: str, finding: str) -> StudyError:
    return StudyError(
        f"The ledger is damaged (volumes, case_name {case!r}, prediction: {finding}). All else can "
        "be read. Restore the ledger from a copy, or set that prediction to NULL: then no "
        "segmentation of that case is shown."
    )
