"""The section on the chosen network: how sure it is, and every network that was confirmed."""

from __future__ import annotations

from mbnas.report.markup import Markup, element
from mbnas.report.tables.html_table import html_table
from mbnas.results.choice.chosen_network import ChosenNetwork, ConfirmedNetwork
from mbnas.wording import count_text, score_text


def confirmation_section(chosen: ChosenNetwork | None) -> Markup | None:
    """Return the section, ``None`` for a study in which nothing was confirmed."""
    if chosen is None or not chosen.confirmed:
        return None
    where = "held-out patients" if chosen.num_held_out else "patients of the folds"
    return element(
        "section",
        element("h2", "The chosen network" if chosen.is_confirmed else "Not confirmed yet"),
        None if chosen.is_confirmed else element("p", chosen.sentence),  # else it is the verdict
        html_table(
            (
                *("Network", "Dice", "Difference", "95 % interval", "P(better)"),
                *("Trainings", "Parameters", "MACs"),
            ),
            (_row(each, chosen) for each in chosen.confirmed),
            words=(0,),
        ),
        element(
            "p",
            f"Trained again on fresh initialisations. Dice is the mean over {where}, on the grid "
            "of the files. The difference is from the reference; its interval covers other "
            "patients and other trainings. P(better) is the probability that the network is "
            "better than the reference, corrected for the number of leaders. Networks with fewer "
            "trainings were dropped on the way.",
            class_="quiet small",
        ),
        id="chosen",
    )


def _row(network: ConfirmedNetwork, chosen: ChosenNetwork) -> Markup:
    found = network.superiority
    interval = None if found is None else found.interval()
    is_chosen = network.architecture == chosen.genotype
    return element(
        "tr",
        element("th", network.name_in(chosen), scope="row", class_="words"),
        element("td", score_text(network.dice)),
        element("td", "–" if found is None else _signed(found.difference)),
        element(
            "td",
            "–" if interval is None else f"{_signed(interval.low)} to {_signed(interval.high)}",
        ),
        element("td", "–" if network.better is None else f"{network.better:.2f}"),
        element("td", str(network.num_trainings)),
        element("td", count_text(network.record.parameters)),
        element("td", count_text(network.record.macs)),
        class_="chosen" if is_chosen else None,
    )


def _signed(value: float) -> str:
    """Return a difference with its sign.

    >>> _signed(0.01), _signed(-0.2)
    ('+0.0100', '−0.2000')
    """
    return f"{value:+z.4f}".replace("-", "−")
