"""The front of a search: networks that no other beats in both score and cost."""

from __future__ import annotations

from mbnas.report.charts.front_chart import draw_front
from mbnas.report.markup import Markup, element
from mbnas.report.tables.html_table import html_table
from mbnas.results.fronts.search_front import FrontNetwork, SearchFront
from mbnas.wording import NOTHING, count_text, score_text

_EXPLANATION = (
    "No other network of the search is better and costs less. The scores are noisy, and the front "
    "has the highest of many, so it looks better than it is. The ring is the U-Net, the dashed "
    "line its score. mbnas choose picks from the front within limits on cost."
)
_HEADS = ("network", "search score ± standard error", "trainings", "parameters", "MACs", "latency")


def front_section(front: SearchFront | None) -> Markup | None:
    """Return a chart for each cost, and a table of the front with the U-Net."""
    if front is None or not front.members:
        return None
    shown = list(front.members)
    if front.reference is not None and front.reference not in shown:
        shown.append(front.reference)
    shown.sort(key=lambda each: [each.cost(name) or 0.0 for name in front.costs])
    return element(
        "section",
        element("h2", "Front"),
        element("p", _EXPLANATION, class_="quiet"),
        *(draw_front(front, cost, shape) for cost in front.costs for shape in ("broad", "narrow")),
        html_table(_HEADS, [_row(each, front) for each in shown], words=(0,)),
        id="front",
    )


def _row(network: FrontNetwork, front: SearchFront) -> Markup:
    is_reference = front.reference is not None and network.genotype == front.reference.genotype
    name = f"{network.number}" + (", U-Net" if is_reference else "")
    if network not in front.members:
        name += " (not on the front)"
    latency = NOTHING if network.latency_ms is None else f"{network.latency_ms:.1f} ms"
    return element(
        "tr",
        element("td", name, class_="words"),
        element("td", score_text(network.score, network.standard_error)),
        element("td", str(network.num_trainings)),
        element("td", count_text(network.parameters)),
        element("td", count_text(network.macs)),
        element("td", latency),
    )
