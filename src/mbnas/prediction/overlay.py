"""A picture of a prediction: its slices side by side, every class in a colour over the image.

Shape suffixes: XYZ canonical voxels, H height and W width of a slice on its voxels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image, ImageDraw

from mbnas.data.viewing import EDGES, chosen_slices, upright, window
from mbnas.data.volume import RESEARCH_SOFTWARE

MOST_SLICES = 24
_COLUMNS = 6
_PANEL = 200
_LINE = 16
_FILL = 0.3
_PALETTE = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#d55e00", "#cc79a7", "#0072b2")
"""Okabe and Ito's colours but black: they remain apart for people who are colour blind."""


def draw_overlay(
    image_XYZ: Float32[np.ndarray, "x y z"],
    classes_XYZ: UInt8[np.ndarray, "x y z"],
    spacing_mm: tuple[float, float, float],
    *,
    slice_axis: int,
    names: Sequence[str],
    title: str,
) -> Image.Image:
    """Return a sheet of at most 24 slices that show all of the foreground, evenly thinned.

    Slices are turned as radiologists look at them, and as wide and high as in millimetres.

    Args:
        image_XYZ: One channel of the image.
        classes_XYZ: Class indices on the same voxels.
        spacing_mm: Distance between voxel centres along each axis.
        slice_axis: Which axis slices are cut across.
        names: Of the foreground classes.
        title: What stands above.
    """
    images_NHW = np.moveaxis(image_XYZ, slice_axis, 0)
    classes_NHW = np.moveaxis(classes_XYZ, slice_axis, 0)
    shown = chosen_slices(np.count_nonzero(classes_NHW, axis=(1, 2)), MOST_SLICES)
    low, high = window(images_NHW[shown])
    size = _panel_size(classes_NHW.shape[1:], spacing_mm, slice_axis)
    columns = min(_COLUMNS, len(shown))
    rows = -(-len(shown) // columns)
    width = max(columns * (size[0] + 4), 420)
    sheet = Image.new("RGB", (width, rows * (size[1] + 4) + 3 * _LINE), "black")
    draw = ImageDraw.Draw(sheet)
    for place, number in enumerate(shown):
        row, column = divmod(place, columns)
        corner = (column * (size[0] + 4), _LINE + row * (size[1] + 4))
        grey = ((images_NHW[number] - low) / (high - low)).clip(0, 1) * 255
        panel = _panel(grey.round().astype(np.uint8), classes_NHW[number], size)
        sheet.paste(panel, corner)
        _caption(draw, corner, size, f"{number + 1}/{len(images_NHW)}", EDGES[slice_axis])
    draw.text((2, 1), _drawable(title), "white")
    _legend(draw, names, sheet.height - 2 * _LINE)
    draw.text((2, sheet.height - _LINE + 1), RESEARCH_SOFTWARE, "#aaaaaa")
    return sheet


def _panel_size(
    plane_shape: Sequence[int], spacing_mm: tuple[float, float, float], slice_axis: int
) -> tuple[int, int]:
    """Return width and height in pixels of an upright slice, the larger of them always the same."""
    spacings = [each for axis, each in enumerate(spacing_mm) if axis != slice_axis]
    across, up = (n * mm for n, mm in zip(plane_shape, spacings, strict=True))
    scale = _PANEL / max(across, up)
    return max(1, round(across * scale)), max(1, round(up * scale))


def _panel(
    grey_HW: UInt8[np.ndarray, "height width"],
    classes_HW: UInt8[np.ndarray, "height width"],
    size: tuple[int, int],
) -> Image.Image:
    """Return one slice upright, its classes tinted and outlined."""
    image = Image.fromarray(np.ascontiguousarray(upright(grey_HW)))
    labels = Image.fromarray(np.ascontiguousarray(upright(classes_HW)))
    grey = np.asarray(image.resize(size, Image.Resampling.BILINEAR), dtype=np.float32)
    classes = np.asarray(labels.resize(size, Image.Resampling.NEAREST))
    colours = np.array([(0, 0, 0), *map(_rgb, _PALETTE)], np.float32)
    tint = colours[np.where(classes > 0, 1 + (classes.astype(int) - 1) % len(_PALETTE), 0)]
    share = np.where(classes > 0, _FILL, 0.0) + np.where(_is_edge(classes), 1 - _FILL, 0.0)
    mixed = grey[..., None] * (1 - share[..., None]) + tint * share[..., None]
    return Image.fromarray(mixed.round().astype(np.uint8))


def _is_edge(classes: np.ndarray) -> np.ndarray:
    """Return where foreground has another class beside it."""
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


def _legend(draw: ImageDraw.ImageDraw, names: Sequence[str], y: int) -> None:
    x = 2
    for number, name in enumerate(names):
        draw.rectangle((x, y + 3, x + 9, y + 12), fill=_PALETTE[number % len(_PALETTE)])
        draw.text((x + 13, y + 1), _drawable(name), "white")
        x += 25 + round(draw.textlength(_drawable(name)))


def _drawable(text: str) -> str:
    """Return text in letters that Pillow's own font has in every version."""
    return text.encode("latin-1", "replace").decode("latin-1")


def _rgb(colour: str) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(colour[1:])
    return red, green, blue
