"""What Pillow does not tell of a PNG: the size of its samples, and EXIF after its pixels.

Source: W3C Recommendation "Portable Network Graphics (PNG) Specification (Second Edition)",
sections 5.3 and 11.2.2, and the chunk eXIf of the third edition.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path

from mbnas.errors import DatasetError

_MAGIC_BYTES = 8
_HEADER_BYTES = 26
_GREY, _COLOUR, _COLOUR_ALPHA = 0, 2, 6
_MAX_EXIF_BYTES = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class PngHeader:
    """The samples of a PNG.

    Attributes:
        bits: Bits of a sample: 1, 2, 4, 8 or 16.
        colour_type: 0 grey, 2 colour, 3 palette, 4 grey with alpha, 6 colour with alpha.
    """

    bits: int
    colour_type: int

    @property
    def is_deep_colour(self) -> bool:
        """Whether its colours have 16 bits."""
        return self.bits == 16 and self.colour_type in (_COLOUR, _COLOUR_ALPHA)

    @property
    def grey_step(self) -> int:
        """What Pillow multiplies stored greys by, to fill the range to 255.

        >>> PngHeader(bits=2, colour_type=0).grey_step
        85
        """
        scales = self.colour_type == _GREY and self.bits in (2, 4)
        return 255 // (2**self.bits - 1) if scales else 1


def png_header(path: Path, stream: BufferedIOBase) -> PngHeader:
    """Return what the first chunk says of the samples.

    Raises:
        DatasetError: for grey with alpha in 16 bits, of which Pillow drops 8.
    """
    stream.seek(0)
    start = stream.read(_HEADER_BYTES)
    bits, colour_type = start[-2:] if len(start) == _HEADER_BYTES else (0, 0)
    if (bits, colour_type) == (16, 4):
        raise DatasetError(
            f"{path} holds greys of 16 bits with an alpha channel, which are not read. Save it "
            "without alpha."
        )
    return PngHeader(bits=bits, colour_type=colour_type)


def late_exif(stream: BufferedIOBase) -> bytes | None:
    """Return the EXIF of a PNG whose chunk may be after the pixels, which are skipped."""
    stream.seek(_MAGIC_BYTES)
    while len(start := stream.read(8)) == 8:
        length, kind = struct.unpack(">I4s", start)
        if kind == b"eXIf" and length <= _MAX_EXIF_BYTES:
            return stream.read(length)
        stream.seek(length + 4, 1)
    return None
