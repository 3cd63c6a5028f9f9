"""Markup that escapes by construction: everything that is not markup is text.

One function builds every element of the drawings and of the page, HTML and SVG, so that no name
from a dataset can become an element or end an attribute. Control and other invisible characters,
some of which are invalid in HTML and SVG, are written as escapes.
"""

from __future__ import annotations

from html import escape

from mbnas.escaping import visible


class Markup(str):
    """Text that is markup already and is not escaped again."""

    __slots__ = ()


Content = str | int | None
"""A child of an element: markup, text to escape, a number, or ``None`` for nothing."""

_VOID = frozenset({"br", "meta", "link", "input"})


def fragment(*children: Content) -> Markup:
    """Return ``children`` joined; everything except markup is escaped.

    >>> fragment("a < b", Markup("<br>"))
    'a &lt; b<br>'
    """
    return Markup("".join(_escaped(child) for child in children if child is not None))


def element(tag: str, *children: Content, **attributes: str | int | float | None) -> Markup:
    """Return an element with its attributes and children, all escaped.

    Args:
        tag: Name of the element.
        children: Its content.
        attributes: An underscore in a name becomes a dash, one at its end is dropped
            (``class_``, ``data_node``). An attribute that is ``None`` is left out.
            Floats are rounded to a tenth, which is finer than a pixel of a screen.

    >>> element("a", "1 < 2", class_="point", href="#one")
    '<a class="point" href="#one">1 &lt; 2</a>'
    """
    written = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{_escaped(_number(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    if tag in _VOID:
        return Markup(f"<{tag}{written}>")
    return Markup(f"<{tag}{written}>{fragment(*children)}</{tag}>")


def _number(value: str | int | float) -> str:
    return f"{round(value, 1):g}" if isinstance(value, float) else str(value)


def _escaped(child: str | int) -> str:
    return child if isinstance(child, Markup) else escape(visible(str(child), keep="\n"))
