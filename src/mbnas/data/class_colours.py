"""The colours of foreground classes, the same on the page, on overlays and in figures.

Source: Okabe and Ito 2008, "Color Universal Design": colours that remain apart for people with
any of the common kinds of colour blindness. Black, and the blue that is dark on grey images,
are left out; neighbours in the order are those that differ most.
"""

from __future__ import annotations

import colorsys

_FIRST = ("#56b4e9", "#e69f00", "#cc79a7", "#f0e442", "#009e73", "#d55e00")


def class_colour(number: int) -> str:
    """Return the colour of a foreground class as ``#rrggbb``.

    Args:
        number: Of the class, counted from 0 without the background.

    >>> class_colour(0), class_colour(1)
    ('#56b4e9', '#e69f00')
    """
    return _FIRST[number] if number < len(_FIRST) else further_colour(number - len(_FIRST))


def further_colour(index: int) -> str:
    """Return a colour where a palette has come to its end: hues are a golden angle apart."""
    red, green, blue = colorsys.hls_to_rgb(index * 0.381966 % 1, 0.62, 0.5)
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"
