"""Predicted slices as the ledger keeps them: one byte per pixel, compressed."""

from __future__ import annotations

import zlib

import numpy as np
from jaxtyping import UInt8

from mbnas.data.slices.prepared_slices import PreparedVolume
from mbnas.errors import StudyError


def pack_prediction(predicted_NHW: UInt8[np.ndarray, "slice height width"]) -> bytes:
    """Return predicted slices as a volume's record keeps them."""
    return zlib.compress(predicted_NHW.tobytes())


def unpack_prediction(
    prediction: bytes, volume: PreparedVolume, *, num_labels: int
) -> UInt8[np.ndarray, "slice height width"]:
    """Return the predicted slices of a volume's record.

    Args:
        prediction: From :func:`pack_prediction`.
        volume: The volume's prepared slices.
        num_labels: Number of labels without the background, which no label exceeds.

    Raises:
        StudyError: if it cannot be unpacked, has another size or holds other labels.
    """
    try:
        flat = np.frombuffer(zlib.decompress(prediction), dtype=np.uint8)
        predicted_NHW = flat.reshape(volume.num_slices, *volume.plane.frame)
    except (zlib.error, ValueError) as error:
        raise _damaged(volume.case, f"it cannot be unpacked: {error}") from error
    if predicted_NHW.size and (largest := int(predicted_NHW.max())) > num_labels:
        raise _damaged(volume.case, f"it holds label {largest} of {num_labels}")
    return predicted_NHW


def _damaged(case: str, finding: str) -> StudyError:
    return StudyError(
        f"The ledger is damaged (volumes, case_name {case!r}, prediction: {finding}). Everything "
        "else can be read. Restore the ledger from a copy, or set that prediction to NULL: then no "
        "segmentation of that case is shown."
    )
