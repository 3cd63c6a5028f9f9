"""What mattered in a search as charts: effects of choices, and the path from the U-Net."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from mbnas.report.charts.effect_rows import Group, Row, Shape, draw_rows, draw_rows_key
from mbnas.report.markup import Markup
from mbnas.results.explanation.choices import KINDS, Kind
from mbnas.results.explanation.findings import AblationPath, ChoiceEffect
from mbnas.results.explanation.verdict import choice_text, path_title, reference_name, target_name

_HEADINGS: dict[Kind, str] = {
    "block": "Block in a node",
    "kernel": "Kernel in a node",
    "skip": "Skip in a node",
    "depth": "Depth",
}


def draw_choices(choices: Sequence[ChoiceEffect], shape: Shape) -> Markup:
    """Return an SVG element with the effect of each choice as a dot on its interval.

    Args:
        choices: One or more.
        shape: For a desktop screen and paper, or for a phone.
    """
    found = Counter(each.effect.finding for each in choices)
    return draw_rows(
        choice_groups(choices),
        shape,
        title="Effects of blocks, kernels, skips and depths with their intervals",
        details=f"Of {len(choices)} effects, {found['pays']} shown to pay, {found['costs']} shown "
        f"to cost, and {found['open']} that cannot be told from 0. The table has their numbers.",
        axis="effect in Dice",
    )


def draw_choices_key(choices: Sequence[ChoiceEffect]) -> Markup:
    """Return the key of the marks that occur among the choices."""
    return draw_rows_key([row for _, rows in choice_groups(choices) for row in rows])


def choice_groups(choices: Sequence[ChoiceEffect]) -> list[Group]:
    """Return the rows of choices by kind: numbers ascending, others by falling estimate."""
    return [
        (_HEADINGS[kind], [_choice(each) for each in sorted(of_kind, key=_rank)])
        for kind in KINDS
        if (of_kind := [each for each in choices if each.choice.kind == kind])
    ]


def draw_path(path: AblationPath, shape: Shape) -> Markup:
    """Return an SVG element with each step of a path as a bar that begins where the last ended.

    Args:
        path: One or more steps.
        shape: For a desktop screen and paper, or for a phone.
    """
    return draw_rows(
        [("", path_rows(path))],
        shape,
        title=f"{path_title(path)}, step by step",
        details="; ".join(row.words for row in path_rows(path)),
        axis=f"gain over {reference_name(path)} in Dice, by the model",
    )


def draw_path_key(path: AblationPath) -> Markup:
    """Return the key of the marks that occur along a path."""
    return draw_rows_key(path_rows(path))


def path_rows(path: AblationPath) -> list[Row]:
    """Return the reference, each step from where the one before ended, and all steps together."""
    rows = [Row(name=reference_name(path), effect=None)]
    for step in path.steps:
        rows.append(Row(name=step.change, effect=step.gain, start=rows[-1].end, is_bar=True))
    end = Row(name=f"{target_name(path)}, all steps", effect=path.total, is_bar=True)
    return [*rows, end]


def _choice(found: ChoiceEffect) -> Row:
    choice, words = found.choice, choice_text(found.choice)
    name = {"block": str(choice.value), "skip": words}.get(choice.kind, str(choice))
    return Row(name=name, effect=found.effect, spoken=words)


def _rank(found: ChoiceEffect) -> float:
    value = found.choice.value
    return value if isinstance(value, int) else -found.effect.mean
