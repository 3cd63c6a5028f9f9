"""What the differences between networks are worth, in words."""

from __future__ import annotations

from mbnas.report.comparison import Comparison
from mbnas.report.comparison_notes import sentences
from mbnas.report.markup import Markup, element


def statistics_section(comparison: Comparison) -> Markup | None:
    """Return what a comparison shows, a sentence a claim, or ``None`` where it claims nothing."""
    words = sentences(comparison)
    if not words:
        return None
    return element(
        "section",
        element("h2", "What the differences are worth"),
        element("ul", *(element("li", each) for each in words)),
        id="statistics",
    )
