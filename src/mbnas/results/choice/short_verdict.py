"""The answer of a search or comparison in three sentences: the network, how sure, at what cost."""

from __future__ import annotations

from dataclasses import dataclass

from mbnas.results.choice.chosen_network import ChosenNetwork
from mbnas.results.choice.cost_words import share_text
from mbnas.results.compared_network import ComparedNetwork
from mbnas.results.comparison import Comparison
from mbnas.scoring.claims import claim_pair
from mbnas.wording import NOTHING, count_text, counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a user wants to know first.

    Attributes:
        found: Which network.
        certainty: How sure it is that it is better than the reference.
        cost: What it costs beside the reference.
    """

    found: str
    certainty: str
    cost: str

    @property
    def sentences(self) -> tuple[str, str, str]:
        """The three sentences, in order."""
        return (self.found, self.certainty, self.cost)


def search_verdict(chosen: ChosenNetwork, *, score: str, per: str) -> Verdict:
    """Return the verdict of a search.

    Args:
        chosen: The network that the search stands for.
        score: Its search score as text, with what it rests on.
        per: What multiply-accumulates are for, such as ``slice``.
    """
    title = "Chosen" if chosen.is_confirmed else "Best so far"
    known = "" if chosen.number is None else f"network {chosen.number}"
    unet = chosen.reference_name
    name = (known or "a network") if not chosen.is_reference else f"{_the(unet)} ({known})"
    beside = ""
    if not chosen.is_reference and chosen.reference_score is not None:
        beside = f"; {_the(unet)} has {chosen.reference_score:.4f}"
    return Verdict(
        found=f"{title}: {name}, search score {score}{beside}.",
        certainty=chosen.sentence,
        cost=_cost(
            (chosen.parameters, chosen.macs),
            None if chosen.is_reference else chosen.reference_costs,
            per=per,
            other=_the(unet),
        ),
    )


def study_verdict(
    chosen: ChosenNetwork, comparison: Comparison | None, *, score: str, per: str
) -> Verdict:
    """Return the verdict of a study, on the best evidence that there is.

    A confirmation decides. Without one, a comparison does that has the chosen network first: it
    was trained again, so its score is not the highest of many.

    Args:
        chosen: The network that the study stands for.
        comparison: The last one, if any.
        score: Its search score as text, with what it rests on.
        per: What multiply-accumulates are for, such as ``slice``.
    """
    if not chosen.is_confirmed and comparison is not None and comparison.tested:
        first = comparison.networks[comparison.tested[0]]
        if first.architecture == str(chosen.genotype):
            found = comparison_verdict(comparison, str(chosen.reference))
            assert found is not None  # a network was tested
            return found
    return search_verdict(chosen, score=score, per=per)


def precise_score(
    score: float | None, standard_error: float | None, num_trainings: int | None
) -> str:
    """Return a score with its standard error and its number of trainings, as text.

    >>> precise_score(0.81234, 0.0041, 6)
    '0.8123 ± 0.0041 (6 trainings)'
    >>> precise_score(None, None, None)
    '–'
    """
    if score is None:
        return NOTHING
    text = f"{score:.4f}"
    if num_trainings is None:
        return text
    if standard_error is not None:
        text += f" ± {standard_error:.4f}"
    return f"{text} ({counted(num_trainings, 'training')})"


def comparison_verdict(comparison: Comparison, reference: str) -> Verdict | None:
    """Return the verdict of a comparison on its first network, ``None`` if nothing was compared.

    Args:
        comparison: The comparison.
        reference: Text of the architecture that the first network is compared with, if it is
            among the networks; otherwise the second network is.
    """
    networks = [comparison.networks[number] for number in comparison.tested]
    if not networks:
        return None
    first = networks[0]
    others = [each for each in networks[1:] if each.architecture == reference] or networks[1:]
    return Verdict(
        found=_dice(comparison, first),
        certainty=_claim(comparison, networks, first, others[0]) if others else comparison.basis,
        cost=_cost(
            (first.parameters, first.macs),
            (others[0].parameters, others[0].macs) if others else None,
            per="slice",
            other=others[0].name if others else "",
        ),
    )


def _dice(comparison: Comparison, network: ComparedNetwork) -> str:
    """Return the Dice of a network on the patients who decide."""
    found = comparison.deciding(network)
    assert found is not None  # it was tested
    dice = found.metrics["dice"].overall
    interval = dice.interval
    within = (
        f", 95 % interval {interval.low:.3f} to {interval.high:.3f}" if interval is not None else ""
    )
    patients = (
        counted(comparison.num_held_out, "held-out patient")
        if comparison.is_held_out
        else f"{counted(comparison.num_patients, 'patient')}, none of them held out"
    )
    mean = "no Dice" if dice.mean is None else f"Dice {dice.mean:.3f}"
    return f"{network.name} has {mean}{within} ({patients})."


def _claim(
    comparison: Comparison,
    networks: list[ComparedNetwork],
    first: ComparedNetwork,
    other: ComparedNetwork,
) -> str:
    """Return what the difference of two networks shows."""
    pair = {networks.index(first), networks.index(other)}
    for each in comparison.differences:
        if {each.first, each.second} == pair:
            return claim_pair(each, networks[each.first].name, networks[each.second].name)
    return f"{first.name} and {other.name} share no values to compare."


def _cost(
    own: tuple[int | None, int | None],
    other_costs: tuple[int | None, int | None] | None,
    *,
    per: str,
    other: str,
) -> str:
    """Return parameters and multiply-accumulates in words, with their share of another's."""
    nouns = ("parameters", f"multiply-accumulates for one {per}")
    parts = []
    for noun, cost, reference in zip(nouns, own, other_costs or (None, None), strict=True):
        if cost is None:
            continue
        share = ""
        if reference:
            ratio = cost / reference
            share = " (as many)" if cost == reference else f" ({share_text(ratio)} of {other}'s)"
        parts.append(f"{count_text(cost)} {noun}{share}")
    return f"It has {' and '.join(parts)}." if parts else "Its cost is not known yet."


def _the(name: str) -> str:
    return name if name.startswith("the ") else f"the {name}"
