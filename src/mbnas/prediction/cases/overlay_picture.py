"""A picture of a prediction: slices with every class in a colour over the image.

Shape suffixes: XYZ canonical voxels, H height and W width of a slice on its voxels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image, ImageDraw, ImageFont

from mbnas.data.images.appearance import (
    EDGES,
    as_bytes,
    chosen_slices,
    class_colour,
    upright,
    window,
)
from mbnas.data.images.geometry import Unit
from mbnas.escaping import visible
from mbnas.version import RESEARCH_SOFTWARE

MOST_SLICES = 24
_COLUMNS = 6
_PANEL = 200
_PICTURE_PANEL = 800
_LINE = 16
_FILL = 0.3
_MARGIN = 2
_SWATCH = 13
_BETWEEN = 12
_FONT = ImageFont.load_default()


def draw_overlay(
    image: Float32[np.ndarray, "x y z *colours"],
    classes_XYZ: UInt8[np.ndarray, "x y z"],
    spacing_mm: tuple[float, float, float],
    *,
    unit: Unit = "mm",
    slice_axis: int,
    names: Sequence[str],
    title: str,
) -> Image.Image:
    """Return a sheet of at most 24 slices, spread evenly over the foreground.

    Slices have radiological orientation and their aspect ratio in millimetres. A picture is shown
    as it is stored.

    Args:
        image: One channel of the image on its voxels, or the colours of a picture last.
        classes_XYZ: Labels on the same voxels, 0 for background.
        spacing_mm: Distance between voxel centres along each axis.
        unit: What it is given in: a picture has no anatomical directions.
        slice_axis: The axis that slices are cut across.
        names: Names of the labels without the background.
        title: The heading.
    """
    images = np.moveaxis(image, slice_axis, 0)
    classes_NHW = np.moveaxis(classes_XYZ, slice_axis, 0)
    shown = chosen_slices(np.count_nonzero(classes_NHW, axis=(1, 2)), MOST_SLICES)
    black_and_white = window(images[shown])
    side = _PANEL if unit == "mm" else _PICTURE_PANEL
    size = _panel_size(classes_NHW.shape[1:], spacing_mm, slice_axis, side)
    columns = min(_COLUMNS, len(shown))
    rows = -(-len(shown) // columns)
    width = max(columns * (size[0] + 4), 420)
    heading, signs = _lines(in_picture(title), width - 2 * _MARGIN), _signs(names, width)
    top = _LINE * len(heading)
    below = top + rows * (size[1] + 4)
    num_lines = 2 + max((sign.line for sign in signs), default=-1)
    sheet = Image.new("RGB", (width, below + _LINE * num_lines), "black")
    draw = ImageDraw.Draw(sheet)
    for place, number in enumerate(shown):
        row, column = divmod(place, columns)
        corner = (column * (size[0] + 4), top + row * (size[1] + 4))
        panel = _panel(as_bytes(images[number], black_and_white), classes_NHW[number], size)
        sheet.paste(panel, corner)
        if unit == "mm":
            _caption(draw, corner, size, f"{number + 1}/{len(images)}", EDGES[slice_axis])
    for number, line in enumerate(heading):
        draw.text((_MARGIN, number * _LINE + 1), line, "white")
    for sign in signs:
        sign.draw(draw, below)
    draw.text((_MARGIN, sheet.height - _LINE + 1), RESEARCH_SOFTWARE, "#aaaaaa")
    return sheet


def _panel_size(
    plane_shape: Sequence[int], spacing_mm: tuple[float, float, float], slice_axis: int, side: int
) -> tuple[int, int]:
    """Return width and height of an upright slice in pixels; the larger is ``side``."""
    spacings = [each for axis, each in enumerate(spacing_mm) if axis != slice_axis]
    across, up = (n * mm for n, mm in zip(plane_shape, spacings, strict=True))
    scale = side / max(across, up)
    return max(1, round(across * scale)), max(1, round(up * scale))


def _panel(
    image: UInt8[np.ndarray, "height width *colours"],
    classes_HW: UInt8[np.ndarray, "height width"],
    size: tuple[int, int],
) -> Image.Image:
    """Return one upright slice with tinted and outlined classes."""
    turned = upright(image, coloured=image.ndim > 2)
    seen = Image.fromarray(np.ascontiguousarray(turned)).convert("RGB")
    labels = Image.fromarray(np.ascontiguousarray(upright(classes_HW)))
    shades = np.asarray(seen.resize(size, Image.Resampling.BILINEAR), dtype=np.float32)
    classes = np.asarray(labels.resize(size, Image.Resampling.NEAREST))
    colours = [_rgb(class_colour(number)) for number in range(int(classes.max()))]
    tint = np.array([(0, 0, 0), *colours], np.float32)[classes]
    share = np.where(classes > 0, _FILL, 0.0) + np.where(_is_edge(classes), 1 - _FILL, 0.0)
    mixed = shades * (1 - share[..., None]) + tint * share[..., None]
    return Image.fromarray(mixed.round().astype(np.uint8))


def _is_edge(classes: np.ndarray) -> np.ndarray:
    """Return where foreground is next to another class."""
    padded = np.pad(classes, 1, mode="edge")
    middle = padded[1:-1, 1:-1]
    beside = (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:])
    edge: np.ndarray = (middle > 0) & np.logical_or.reduce([middle != each for each in beside])
    return edge


def _caption(
    draw: ImageDraw.ImageDraw,
    corner: tuple[int, int],
    size: tuple[int, int],
    number: str,
    edges: tuple[str, str],
) -> None:
    (x, y), (left, above) = corner, edges
    draw.text((x + 2, y + size[1] - 12), number, "white")
    draw.text((x + 2, y + size[1] // 2 - 6), left, "#cccccc")
    draw.text((x + size[0] // 2 - 3, y), above, "#cccccc")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sign:
    """The name of a class in the legend, or one line of it.

    Attributes:
        number: Number of the class whose colour precedes the text; ``None`` for further lines.
        text: In characters of the font.
        x: Left end in pixels.
        line: Line of the legend.
    """

    number: int | None
    text: str
    x: int
    line: int

    def draw(self, draw: ImageDraw.ImageDraw, top: int) -> None:
        """Draw it into a legend whose top is at ``top``."""
        y = top + self.line * _LINE
        if self.number is not None:
            box = (self.x, y + 3, self.x + 7, y + 12)
            draw.rectangle(box, fill=class_colour(self.number))
        draw.text((self.x + _SWATCH - _MARGIN, y + 1), self.text, "white")


def _signs(names: Sequence[str], width: int) -> list[_Sign]:
    """Return the legend: all names, in as many lines as needed."""
    signs: list[_Sign] = []
    x, line = _MARGIN, 0
    for number, name in enumerate(names):
        parts = _lines(in_picture(name), width - _SWATCH - _MARGIN)
        if x > _MARGIN and x + _SWATCH + _length(parts[0]) > width:
            x, line = _MARGIN, line + 1
        for place, part in enumerate(parts):
            if place:
                x, line = _MARGIN, line + 1
            signs.append(_Sign(number=None if place else number, text=part, x=x, line=line))
        x += _SWATCH + _BETWEEN + round(_length(parts[-1]))
    return signs


def _lines(text: str, width: int) -> list[str]:
    """Return a text broken into lines of at most ``width`` pixels, at any character."""
    lines = [""]
    for each in text:
        if lines[-1] and _length(lines[-1] + each) > width:
            lines.append("")
        lines[-1] += each
    return lines


def _length(text: str) -> float:
    return _FONT.getlength(text)


def in_picture(text: str) -> str:
    r"""Return text in characters of Pillow's font in every version; others are escaped.

    >>> in_picture("milz \u4eba\n")
    'milz \\u4eba\\n'
    """
    return visible(text).encode("latin-1", "backslashreplace").decode("latin-1")


def _rgb(colour: str) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(colour[1:])
    return red, green, blue
