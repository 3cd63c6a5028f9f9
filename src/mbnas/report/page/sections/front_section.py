"""Score against cost: every network of a search, and those that no other beats in both."""

from __future__ import annotations

from mbnas.report.charts.front_chart import CostChart
from mbnas.report.markup import Content, Markup, element
from mbnas.report.page.explorer import explorer
from mbnas.report.tables.html_table import html_table
from mbnas.results.fronts.search_front import FrontNetwork, SearchFront
from mbnas.wording import NOTHING, count_text, score_text

_EXPLANATION = (
    "Each mark is one network. Those on the front are beaten by no other in both score and cost. "
    "The scores are noisy, and the front has the highest of many, so it looks better than it is. "
    "mbnas choose picks from the front within limits on cost."
)
_HEADS = ("network", "search score ± standard error", "trainings", "parameters", "MACs", "latency")


def front_section(
    front: SearchFront | None,
    *,
    linked: frozenset[int] = frozenset(),
    input_name: str = "slice",
) -> Markup | None:
    """Return a chart for each cost, and a table of the front with the U-Net.

    Args:
        front: Of the search; ``None`` gives no section.
        linked: Numbers of the evaluations whose networks the page can show.
        input_name: What networks see at once.
    """
    if front is None or not front.members:
        return None
    shown = list(front.members)
    if front.reference is not None and front.reference not in shown:
        shown.append(front.reference)
    shown.sort(key=lambda each: [each.cost(name) or 0.0 for name in front.costs])
    return element(
        "section",
        element("h2", "Score against cost"),
        element("p", _EXPLANATION, class_="quiet"),
        *(
            explorer(chart.draw("broad"), chart.draw("narrow"), chart.draw_key())
            for chart in (
                CostChart(front=front, cost=cost, linked=linked, input_name=input_name)
                for cost in front.costs
            )
        ),
        html_table(_HEADS, [_row(each, front, linked) for each in shown], words=(0,)),
        id="front",
    )


def _row(network: FrontNetwork, front: SearchFront, linked: frozenset[int]) -> Markup:
    is_reference = front.reference is not None and network.genotype == front.reference.genotype
    number: Content = network.number
    if network.number in linked:
        number = element("a", number, href=f"#evaluation-{network.number}")
    name = ", U-Net" if is_reference else ""
    if network not in front.members:
        name += " (not on the front)"
    latency = NOTHING if network.latency_ms is None else f"{network.latency_ms:.1f} ms"
    return element(
        "tr",
        element("td", number, name, class_="words"),
        element("td", score_text(network.score, network.standard_error)),
        element("td", str(network.num_trainings)),
        element("td", count_text(network.parameters)),
        element("td", count_text(network.macs)),
        element("td", latency),
    )
