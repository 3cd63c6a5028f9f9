"""A chart of networks, with a place beside it where the page's script shows the one clicked."""

from __future__ import annotations

from mbnas.report.markup import Markup, element


def explorer(broad: Markup, narrow: Markup, key: Markup) -> Markup:
    """Return a figure whose points show their networks beside it, or below on a narrow screen.

    Args:
        broad: The chart for a desktop screen and paper.
        narrow: The chart for a phone.
        key: Of their marks.
    """
    hint = (
        "Point at a network to see what was tried. Click it, or choose it by the arrow keys and "
        "Enter, to see it here: its drawing, its cost and its scores."
    )
    return element(
        "figure",
        element(
            "div",
            broad,
            narrow,
            key,
            element("div", class_="tip", hidden="", role="status"),
            class_="charts",
        ),
        element(
            "div",
            element("p", hint, class_="quiet small hint"),
            class_="pinned empty",
            role="region",
            aria_label="Network shown",
            tabindex=0,
        ),
        class_="explorer",
    )
