"""What the differences between networks are worth, in words and as a picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mbnas.report.comparison import Comparison
from mbnas.report.markup import Markup, element, fragment
from mbnas.report.rank_diagram import draw_ranks
from mbnas.report.wording import counted
from mbnas.scoring.claims import ALPHA


def statistics_section(comparison: Comparison | None) -> Markup | None:
    """Return what a comparison shows, a sentence a claim, or ``None`` where it claims nothing."""
    if comparison is None or not (comparison.claims or comparison.optimism):
        return None
    return element(
        "section",
        element("h2", "What the differences are worth"),
        _diagram(comparison),
        *_claims(comparison),
        element("p", comparison.optimism) if comparison.optimism else None,
        element("p", comparison.caution, class_="quiet small") if comparison.claims else None,
        id="statistics",
    )


def _claims(comparison: Comparison) -> Iterator[Markup]:
    """Yield the claims on all networks together and on the first; the other pairs folded away."""
    num_first = len(comparison.tested) if len(comparison.tested) > 2 else 1
    first, others = comparison.claims[:num_first], comparison.claims[num_first:]
    if first:
        yield _list(first)
    if others:
        words = f"The other {counted(len(others), 'pair')}"
        yield element("details", element("summary", words), _list(others), class_="printed")


def _list(claims: Sequence[str]) -> Markup:
    return element("ul", *(element("li", claim) for claim in claims), class_="claims")


def _diagram(comparison: Comparison) -> Markup | None:
    """Return the critical-difference diagram, where networks were ranked."""
    friedman, difference = comparison.friedman, comparison.critical_difference
    if friedman is None or difference is None:
        return None
    names = [comparison.networks[number].name for number in comparison.tested]
    ranks = friedman.average_ranks
    caption = (
        f"Average rank of every network over {friedman.num_blocks} blocks, each one initialisation "
        "on one fold; 1 is best. A bar joins networks whose ranks differ by less than the critical "
        f"difference (Nemenyi, α = {ALPHA:g}): these blocks do not tell them apart."
    )
    return element(
        "figure",
        fragment(*(draw_ranks(names, ranks, difference, shape) for shape in ("broad", "narrow"))),
        element("figcaption", caption, class_="quiet small"),
    )
