"""The front of a search, and a network chosen from it: text for people, JSON for programs."""

from __future__ import annotations

from typing import Any

from mbnas.cli.show.printing import console, print_drawing
from mbnas.cli.terminal import table, words
from mbnas.results.fronts.network_choice import NetworkChoice, choice_sentence
from mbnas.results.fronts.search_front import FrontNetwork, SearchFront
from mbnas.wording import NOTHING, count_text, counted, score_text


def print_front(front: SearchFront) -> None:
    """Print the members of a front with the reference among them, by rising cost."""
    out = console()
    shown = list(front.members)
    if front.reference is not None and front.reference not in shown:
        shown.append(front.reference)
    if not shown:
        return
    shown.sort(key=lambda each: [each.cost(name) or 0.0 for name in front.costs])
    rows = table(
        *("network", "search score ± se", "trainings", "parameters", "MACs", "latency"),
        title="The front: no network is better and costs less",
    )
    for each in shown:
        rows.add_row(
            _name(each, front),
            score_text(each.score, each.standard_error),
            str(each.num_trainings),
            count_text(each.parameters),
            count_text(each.macs),
            NOTHING if each.latency_ms is None else f"{each.latency_ms:.1f} ms",
        )
    out.print_table(rows)


def _name(network: FrontNetwork, front: SearchFront) -> str:
    if front.reference is None or network.genotype != front.reference.genotype:
        return str(network.number)
    return f"{network.number}, U-Net" + ("" if network in front.members else " (not on it)")


def print_choice(choice: NetworkChoice, hint: str | None) -> None:
    """Print a chosen network, what it costs and what is shown of it.

    Args:
        choice: It.
        hint: How to find out more, if anything can be done.
    """
    out, network = console(), choice.network
    out.print(
        f"Network {network.number}: search score "
        f"{score_text(network.score, network.standard_error)} from "
        f"{counted(network.num_trainings, 'training')}, the best of many such scores"
    )
    out.print(str(network.genotype))
    latency = "" if network.latency_ms is None else f", {network.latency_ms:.1f} ms"
    out.print(
        f"{count_text(network.parameters)} parameters, {count_text(network.macs)} "
        f"multiply-accumulates for one slice{latency}"
    )
    print_drawing(out, network.genotype)
    out.print(words(choice_sentence(choice)))
    if hint is not None:
        out.print(words(hint))


def choice_as_json(choice: NetworkChoice, front: SearchFront) -> dict[str, Any]:
    """Return a chosen network and the front that it is from, with stable keys."""
    found = choice.comparison
    interval = None if found is None else found.interval()
    return {
        "network": _network_as_json(choice.network),
        "reference": None if choice.reference is None else _network_as_json(choice.reference),
        "share_of_parameters": choice.share("parameters"),
        "share_of_multiply_accumulates": choice.share("macs"),
        "share_of_latency": choice.share("latency"),
        "comparison": None
        if found is None
        else {
            "difference": found.difference,
            "standard_error": found.standard_error,
            "interval": None if interval is None else [interval.low, interval.high],
            "patients": found.num_patients,
            "trainings": found.num_trainings,
            "margin": choice.rule.margin,
            "probability_not_worse": choice.probability,
        },
        "shown_not_worse": choice.is_shown,
        "finding": choice_sentence(choice),
        "costs": list(front.costs),
        "front": [_network_as_json(each) for each in front.members],
    }


def _network_as_json(network: FrontNetwork) -> dict[str, Any]:
    return {
        "number": network.number,
        "genotype": str(network.genotype),
        "digest": network.genotype.digest,
        "score": network.score,
        "standard_error": network.standard_error,
        "trainings": network.num_trainings,
        "parameters": network.parameters,
        "multiply_accumulates": network.macs,
        "latency_ms": network.latency_ms,
    }
