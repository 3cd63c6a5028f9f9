"""How images and classes are shown: choice of slices, brightness, orientation, colours.

Slices are shown as radiologists look at them: anterior or superior up, the patient's right to
the left. Pictures are shown as they are stored, those with three channels in colours. A class
has the same colour on the page, on overlays and in figures.

Shape suffixes: N slices.

Source of the colours: Okabe and Ito 2008, "Color Universal Design": colours that remain distinct
for people with any of the common kinds of colour blindness. Black is left out, as is the blue
that is dark on grey images; consecutive colours are those that differ most.
"""

from __future__ import annotations

import colorsys

import numpy as np
from jaxtyping import Float32, Integer, Shaped, UInt8

from mbnas.data.images.geometry import Unit

NUM_COLOURS = 3
"""Red, green and blue."""

EDGES = (("A", "S"), ("R", "S"), ("R", "A"))
"""For slices across each canonical axis: the letters of their left and upper edge."""


def chosen_slices(
    foreground_N: Integer[np.ndarray, " slice"], most: int
) -> Integer[np.ndarray, " shown"]:
    """Return the slices to show: an even selection of those with foreground and one on each side.

    Args:
        foreground_N: Foreground pixels of each slice.
        most: Maximum number of slices, 1 or more; that with most foreground is always chosen.
    """
    inside = np.flatnonzero(foreground_N)
    if not inside.size:
        inside = np.array([len(foreground_N) // 2])
    first = max(int(inside[0]) - 1, 0)
    last = min(int(inside[-1]) + 1, len(foreground_N) - 1)
    if last - first < most:
        return np.arange(first, last + 1)
    even = np.linspace(first, last, most).round().astype(int)
    fullest = int(foreground_N.argmax())
    even[np.abs(even - fullest).argmin()] = fullest
    return even


def seen_channels(
    channels: Float32[np.ndarray, "*channels_and_grid"], unit: Unit
) -> Float32[np.ndarray, "*grid_and_colours"]:
    """Return what is shown of an image: the first channel, or the colours of a picture last.

    >>> seen_channels(np.zeros((3, 5, 4), np.float32), "pixels").shape
    (5, 4, 3)
    >>> seen_channels(np.zeros((3, 5, 4), np.float32), "mm").shape
    (5, 4)
    """
    is_coloured = unit == "pixels" and len(channels) == NUM_COLOURS
    return np.moveaxis(channels, 0, -1) if is_coloured else channels[0]


def window(pixels: Float32[np.ndarray, "*grid"]) -> tuple[float, float]:
    """Return the intensities shown as black and white: percentiles 0.5 and 99.5."""
    low, high = np.percentile(pixels, (0.5, 99.5))
    return float(low), float(max(high, low + 1e-6))


def as_bytes(
    pixels: Float32[np.ndarray, "*grid"], black_and_white: tuple[float, float]
) -> UInt8[np.ndarray, "*grid"]:
    """Return intensities as bytes, black as 0 and white as 255."""
    low, high = black_and_white
    return (((pixels - low) / (high - low)).clip(0, 1) * 255).round().astype(np.uint8)


def upright(
    slices: Shaped[np.ndarray, "*stack"], *, coloured: bool = False
) -> Shaped[np.ndarray, "*turned"]:
    """Return slices with their second axis upwards and their first to the left.

    Args:
        slices: The two axes of a slice are the last, or the last before the colours.
        coloured: Whether the last axis is that of the colours.
    """
    if coloured:
        return slices.swapaxes(-2, -3)[..., ::-1, ::-1, :]
    return slices.swapaxes(-1, -2)[..., ::-1, ::-1]


_FIRST = ("#56b4e9", "#e69f00", "#cc79a7", "#f0e442", "#009e73", "#d55e00")


def class_colour(number: int) -> str:
    """Return the colour of a foreground class as ``#rrggbb``.

    Args:
        number: Number of the class, from 0 without the background.

    >>> class_colour(0), class_colour(1)
    ('#56b4e9', '#e69f00')
    """
    return _FIRST[number] if number < len(_FIRST) else further_colour(number - len(_FIRST))


def further_colour(index: int) -> str:
    """Return a colour beyond the palette; consecutive hues are a golden angle apart."""
    red, green, blue = colorsys.hls_to_rgb(index * 0.381966 % 1, 0.62, 0.5)
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"
