"""What mattered in a search: text for people, JSON for programs."""

from __future__ import annotations

from typing import Any

from mbnas.cli.show.printing import console
from mbnas.cli.terminal import table, words
from mbnas.results.explanation.choices import ANY_DEPTH
from mbnas.results.explanation.findings import CONFIDENCE, AblationPath, Effect, Explanation
from mbnas.results.explanation.verdict import (
    HOLD_TOGETHER,
    SHARE_NAMES,
    SHARES_ARE,
    WORDS,
    advice,
    choice_text,
    compared_with,
    dice_text,
    interval_text,
    pair_text,
    path_title,
    percent_text,
    told_genes,
    told_pairs,
    untried_text,
    verdict,
)


def print_explanation(explanation: Explanation) -> None:
    """Print what mattered: the verdict, then what it rests on."""
    out = console()
    for sentence in verdict(explanation):
        out.print(words(sentence))
    if (help_text := advice(explanation)) is not None:
        out.print(words(help_text))
    out.print()
    _print_choices(explanation)
    _print_shares(explanation)
    if explanation.path is not None:
        _print_path(explanation.path)
    _print_pairs(explanation)
    _print_genes(explanation)


def _print_choices(explanation: Explanation) -> None:
    if not explanation.choices:
        return
    rows = table(
        *("choice", "networks", "effect", "95 % interval", "finding"),
        title="What each choice gives, in Dice",
        words_in=(0, 4),
    )
    for each in explanation.choices:
        rows.add_row(choice_text(each.choice), str(each.num_networks), *_cells(each.effect))
    out = console()
    out.print_table(rows)
    if (untried := untried_text(explanation)) is not None:
        out.print(words(untried))
    out.print(words(compared_with(explanation)))
    out.print(words(HOLD_TOGETHER))
    out.print()


def _print_shares(explanation: Explanation) -> None:
    if not explanation.shares:
        return
    rows = table("what", "share", "95 % interval", title="Share of the variance of true scores")
    for each in explanation.shares:
        rows.add_row(
            SHARE_NAMES[each.name],
            percent_text(each.mean),
            f"{percent_text(each.low)} to {percent_text(each.high)}",
        )
    out = console()
    out.print_table(rows)
    out.print(words(SHARES_ARE))
    out.print()


def _print_path(path: AblationPath) -> None:
    rows = table(
        *("step", "gain", "95 % interval", "finding"),
        title=f"{path_title(path)}, in Dice",
        words_in=(0, 3),
    )
    for each in path.steps:
        rows.add_row(each.change, *_cells(each.gain))
    rows.add_row("all steps", *_cells(path.total))
    console().print_table(rows)


def _print_pairs(explanation: Explanation) -> None:
    out, (told, rest) = console(), told_pairs(explanation)
    if told:
        rows = table(
            *("pair", "effect", "95 % interval", "finding"),
            title="What pairs of choices give beyond each alone, in Dice",
            words_in=(0, 3),
        )
        for each in told:
            rows.add_row(pair_text(each.pair), *_cells(each.effect))
        out.print_table(rows)
    if rest is not None:
        out.print(words(rest))


def _print_genes(explanation: Explanation) -> None:
    out, (told, rest) = console(), told_genes(explanation)
    if told:
        rows = table(
            *("gene", "value", "effect", "95 % interval", "finding"),
            title="What genes of single nodes give, in Dice",
            words_in=(0, 1, 4),
        )
        for each in told:
            name = f"node {each.gene.node} {each.gene.gene}"
            rows.add_row(name, str(each.gene.value), *_cells(each.effect))
        out.print_table(rows)
    if rest is not None:
        out.print(words(rest))


def _cells(effect: Effect) -> tuple[str, str, str]:
    return dice_text(effect.mean), interval_text(effect), WORDS[effect.finding]


def explanation_as_json(explanation: Explanation) -> dict[str, Any]:
    """Return what mattered with stable keys."""
    path = explanation.path
    return {
        "networks": explanation.num_networks,
        "initialisations": explanation.num_initialisations,
        "confidence": CONFIDENCE,
        "limited": explanation.is_limited,
        "verdict": list(verdict(explanation)),
        "advice": advice(explanation),
        "choices": [
            {
                "kind": each.choice.kind,
                "value": each.choice.value,
                "networks": each.num_networks,
                **_effect_as_json(each.effect),
            }
            for each in explanation.choices
        ],
        "untried": [{"kind": each.kind, "value": each.value} for each in explanation.untried],
        "interactions": [
            {
                "first": {"kind": each.pair[0].kind, "value": each.pair[0].value},
                "second": {
                    "kind": each.pair[1].kind,
                    "value": None if each.pair[1] == ANY_DEPTH else each.pair[1].value,
                },
                **_effect_as_json(each.effect),
            }
            for each in explanation.pairs
        ],
        "genes": [
            {
                "node": each.gene.node,
                "gene": each.gene.gene,
                "value": each.gene.value,
                **_effect_as_json(each.effect),
            }
            for each in explanation.genes
        ],
        "shares": [
            {"of": each.name, "share": each.mean, "interval": [each.low, each.high]}
            for each in explanation.shares
        ],
        "path": None if path is None else _path_as_json(path),
    }


def _path_as_json(path: AblationPath) -> dict[str, Any]:
    return {
        "reference": str(path.reference),
        "target": str(path.target),
        "is_chosen": path.is_chosen,
        "steps": [
            {
                "change": each.change,
                "genotype": str(each.network),
                "scored": each.is_scored,
                **_effect_as_json(each.gain),
            }
            for each in path.steps
        ],
        "total": _effect_as_json(path.total),
    }


def _effect_as_json(effect: Effect) -> dict[str, Any]:
    return {
        "effect": effect.mean,
        "sd": effect.sd,
        "interval": [effect.low, effect.high],
        "finding": WORDS[effect.finding],
    }
