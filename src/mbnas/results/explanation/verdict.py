"""What mattered in a search, in words: first what is shown, then what cannot be told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from mbnas.results.explanation.choices import ANY_DEPTH, Choice, Pair
from mbnas.results.explanation.findings import (
    FEWEST_NETWORKS,
    AblationPath,
    ChoiceEffect,
    Effect,
    Explanation,
    GeneEffect,
    PairEffect,
    Share,
)
from mbnas.space.genotype import unet_genotype
from mbnas.wording import counted

Found = TypeVar("Found", PairEffect, GeneEffect)

WORDS = {"pays": "pays", "costs": "costs", "open": "cannot be told"}
"""Of each finding."""

SHARE_NAMES = {
    "level": "levels",
    "block": "blocks",
    "kernel": "kernels",
    "skip": "skips",
    "pairs": "pairs of choices",
    "rest": "the rest",
}
"""Of each share."""

HOLD_TOGETHER = (
    "All intervals of the table together hold with a probability of 95 %. An effect pays or costs "
    "only if its interval excludes 0."
)
SHARES_ARE = (
    "What explains the variance of true scores over the space: single genes by kind, pairs of "
    "choices beyond them, and the rest, which takes more genes at once or the network as a whole."
)


def verdict(explanation: Explanation) -> tuple[str, ...]:
    """Return what mattered as a few sentences, what is shown first."""
    if not explanation.choices and not explanation.path:
        return (_nothing(explanation),)
    return tuple(_sentences(explanation))


def compared_with(explanation: Explanation) -> str:
    """Return what an effect is the effect of."""
    where = "the networks within the limits on cost" if explanation.is_limited else "the space"
    return (
        "A block or kernel in one node is compared with the average one in its place, a skip with "
        f"no skip, a depth with the average network; each on average over {where}, the other "
        "choices being equal."
    )


def advice(explanation: Explanation) -> str | None:
    """Return what would help to tell more; ``None`` if every effect is told."""
    if 0 < explanation.num_networks < FEWEST_NETWORKS:
        return "Give the search a larger budget, or let it go on."
    nodes = [each for each in explanation.choices if each.choice.kind != "depth"]
    is_open = any(each.effect.finding == "open" for each in explanation.choices)
    if not is_open:
        return None
    sentence = ""
    if nodes:
        widths = sorted(each.effect.half_width for each in nodes)
        sentence = (
            "With these scores, an effect of a block, kernel or skip in one node must exceed about "
            f"{widths[len(widths) // 2]:.4f} Dice to be told. "
        )
    sentence += "Four times as many networks would halve the intervals"
    if explanation.searcher == "random":
        return f"{sentence}."
    return (
        f"{sentence}; networks drawn at random (--searcher random) tell most about the "
        "whole space, because a search for the best network stays near it."
    )


def choice_text(choice: Choice) -> str:
    """Return a choice in words.

    >>> choice_text(Choice("block", "dense")), choice_text(Choice("skip", "over deeper levels"))
    ('block dense in a node', 'a skip over deeper levels')
    """
    match choice.kind:
        case "skip":
            return "another skip" if choice.value == "other" else f"a skip {choice.value}"
        case "depth":
            return str(choice)
    return f"{choice} in a node"


def pair_text(pair: Pair) -> str:
    """Return a pair of choices in words.

    >>> pair_text((Choice("block", "dense"), Choice("kernel", 5)))
    'block dense with kernel 5 in a node'
    """
    first, second = pair
    if second == ANY_DEPTH:
        return f"{choice_text(first)}, for each further level"
    if second.kind == "skip":
        words = "no skip" if second.value == "none" else choice_text(second)
        return f"{first} with {words} in a node"
    return f"{first} with {second} in a node"


def untried_text(explanation: Explanation) -> str | None:
    """Return a sentence on choices that no network makes; ``None`` if there are none."""
    if not explanation.untried:
        return None
    listed = ", ".join(map(choice_text, explanation.untried))
    return f"No network with a score has: {listed}."


def dice_text(difference: float) -> str:
    """Return a difference of Dice with its sign and four digits.

    >>> dice_text(-0.0012)
    '−0.0012'
    """
    return f"{difference:+.4f}".replace("-", "−")


def interval_text(effect: Effect) -> str:
    """Return the interval of an effect as text."""
    return f"{dice_text(effect.low)} to {dice_text(effect.high)}"


def percent_text(share: float) -> str:
    """Return a share in percent.

    >>> percent_text(0.534)
    '53 %'
    """
    return f"{100 * share:.0f} %"


def reference_name(path: AblationPath) -> str:
    """Return the U-Net, or the reference of a space without it."""
    is_unet = path.reference == unet_genotype(path.reference.num_levels)
    return "the U-Net" if is_unet else "the reference"


def target_name(path: AblationPath) -> str:
    """Return what the network at the end of a path is."""
    return "the chosen network" if path.is_chosen else "the network of the highest estimate"


def path_title(path: AblationPath) -> str:
    """Return where a path begins and ends."""
    return f"From {reference_name(path)} to {target_name(path)}"


def told_pairs(explanation: Explanation) -> tuple[list[PairEffect], str | None]:
    """Return the interactions that can be told, the largest first, and a sentence on the others."""
    told = _told(explanation.pairs)
    what = "pairs of choices", "to give more or less together than each alone"
    return told, _on_others(len(told), len(explanation.pairs), *what)


def told_genes(explanation: Explanation) -> tuple[list[GeneEffect], str | None]:
    """Return the effects of genes that can be told, the largest first, and a sentence on others."""
    told = _told(explanation.genes)
    what = "effects of one gene in one node", "from 0"
    return told, _on_others(len(told), len(explanation.genes), *what)


def _on_others(num_told: int, num_all: int, nouns: str, how: str) -> str | None:
    """Return a sentence on effects that cannot be told; ``None`` if there are none."""
    if num_told == num_all:
        return None
    if not num_told:
        return f"None of {num_all} {nouns} can be told {how}."
    return f"The other {num_all - num_told} of {num_all} {nouns} cannot be told {how}."


def _told(effects: Iterable[Found]) -> list[Found]:
    told = [each for each in effects if each.effect.finding != "open"]
    return sorted(told, key=lambda each: -abs(each.effect.mean))


def _nothing(explanation: Explanation) -> str:
    num = counted(explanation.num_networks, "network")
    if explanation.num_networks < FEWEST_NETWORKS:
        has = "has a score" if explanation.num_networks == 1 else "have scores"
        return (
            f"What mattered cannot be told: only {num} {has}, and effects are estimated from "
            f"{FEWEST_NETWORKS} on."
        )
    return "What mattered cannot be told: the space leaves nothing to choose."


def _sentences(explanation: Explanation) -> Iterator[str]:
    yield from _of_choices(explanation)
    if explanation.shares and (sentence := _of_shares(explanation.shares)):
        yield sentence
    if explanation.path is not None:
        yield _of_path(explanation.path)


def _of_choices(explanation: Explanation) -> Iterator[str]:
    effects = explanation.choices
    if not effects:
        return
    scores = f"the scores of {counted(explanation.num_networks, 'network')}"
    told = [each for each in effects if each.effect.finding != "open"]
    if not told:
        yield f"No effect of a block, kernel, skip or depth can be told from 0 with {scores}."
        return
    for finding, words in (("pays", "Shown to pay"), ("costs", "Shown to cost")):
        found = [each for each in told if each.effect.finding == finding]
        if found:
            yield f"{words}: {_listed(found)}."
    if num_open := len(effects) - len(told):
        yield f"The other {num_open} of {len(effects)} effects cannot be told from 0 with {scores}."


def _listed(effects: Iterable[ChoiceEffect]) -> str:
    ordered = sorted(effects, key=lambda each: -abs(each.effect.mean))
    return ", ".join(
        f"{choice_text(each.choice)} ({dice_text(each.effect.mean)})" for each in ordered
    )


def _of_shares(shares: Iterable[Share]) -> str | None:
    kinds = [each for each in shares if each.name not in ("pairs", "rest")]
    if len(kinds) < 2:
        return None
    first, *others = sorted(kinds, key=lambda each: -each.mean)
    name = SHARE_NAMES[first.name].capitalize()
    if first.low <= max(each.high for each in others):
        return None
    return (
        f"{name} matter most: they explain {percent_text(first.mean)} "
        f"({percent_text(first.low)} to {percent_text(first.high)}) of the variance of true scores "
        "in the space."
    )


def _of_path(path: AblationPath) -> str:
    total = path.total
    title = path_title(path)
    if not path.is_chosen:
        name = reference_name(path)
        title = f"{name[0].upper()}{name[1:]} is the chosen network. {title}"
    sentence = (
        f"{title}: {dice_text(total.mean)} Dice by the model (95 % interval {interval_text(total)})"
    )
    told = [each for each in path.steps if each.gain.finding != "open"]
    if told:
        best = max(told, key=lambda each: abs(each.gain.mean))
        return f"{sentence}; {best.change} gave {dice_text(best.gain.mean)}."
    if len(path.steps) == 1:
        return f"{sentence}, in one step."
    return f"{sentence}; no single step of it can be told from 0."
