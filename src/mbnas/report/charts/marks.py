"""The marks of networks in charts, as paths around a place."""

from __future__ import annotations

from collections.abc import Iterable

from mbnas.report.markup import Markup, element

Sign = tuple[bool, str, str, str]
"""Whether a mark occurs, its classes, its path in a box of 20 by 14, and its meaning."""


def path_of_network(x: float, y: float) -> str:
    """Return a dot."""
    return f"M{x - 4:.1f} {y:.1f}a4 4 0 1 0 8 0a4 4 0 1 0-8 0z"


def path_of_ring(x: float, y: float, radius: float = 8.0) -> str:
    """Return a circle around a dot."""
    half, whole = f"{radius:g} {radius:g} 0 1 0", f"{2 * radius:g}"
    return f"M{x - radius:.1f} {y:.1f}a{half} {whole} 0a{half}-{whole} 0z"


def path_of_start(x: float, y: float) -> str:
    """Return a diamond."""
    return f"M{x:.1f} {y - 6:.1f}l6 6-6 6-6-6z"


def path_of_low(x: float, y: float) -> str:
    """Return a triangle that points down, for a score below the axis."""
    return f"M{x - 5:.1f} {y - 4:.1f}h10l-5 9z"


def path_of_none(x: float, y: float) -> str:
    """Return a cross, for a network without a score."""
    return f"M{x - 4:.1f} {y - 4:.1f}l8 8m0-8l-8 8"


def draw_signs(signs: Iterable[Sign]) -> Markup:
    """Return the key of the marks that occur in a chart."""
    items = (
        element(
            "li",
            element("svg", element("g", element("path", d=path), class_=kind), class_="sign"),
            words,
        )
        for occurs, kind, path, words in signs
        if occurs
    )
    return element("ul", *items, class_="key")
