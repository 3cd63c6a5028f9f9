"""Where a file says that its voxels lie, in its header's own words.

NIfTI says it up to three times: by a matrix (sform), by a quaternion (qform) and by the
lengths of the voxels, each with a code of what it is relative to. A matrix made of these and
written again is not always the same to the last digit, so a file that is to lie exactly where
another does is given that file's fields as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

FIELDS = (
    *("pixdim", "xyzt_units", "qform_code", "sform_code"),
    *("quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y", "qoffset_z"),
    *("srow_x", "srow_y", "srow_z"),
)
"""The fields of a NIfTI header that place its voxels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """What a header says of where its voxels lie.

    Attributes:
        header_bytes: 348 for NIfTI-1, whose numbers have 32 bits, and 540 for NIfTI-2.
        fields: Each of :data:`FIELDS` as it stands there.
    """

    header_bytes: int
    fields: Mapping[str, float | tuple[float, ...]]
