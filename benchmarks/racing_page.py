"""The results of racing.py as a page and a plot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from noise_page import described

GOAL_SAVED, GOAL_CHANGED = 40, 2  # per cent
RECOMMENDED = 0.1
"""The default of ``search.racing_threshold``, chosen on this page."""

INTRODUCTION = """\
{about}. Seeds {seeds}. Made by `python benchmarks/racing.py`.

Local search of {num_networks} networks on landscapes whose true scores are known. **Saved** is the
share of all trainings, median (quartiles) over searches. **Changed** is the share of accepted steps
whose network would have been dropped, over all searches, ± standard error. **Wrong** is the share
of raced candidates that were dropped although their full score is above the incumbent's.

{verdict}

![Saved against changed; thresholds next to the points]({picture})

## How large the effects are

The landscapes are those of the [simulated searches](noise-2026-11-30.md): {world}. The score of a
training, the mean over the patients of its fold, varies by {training_score:.4f} between
initialisations.

## The rule of mbnas

The ends are the true Dice of the best network minus that of the search without racing, times 1000:
mean ± standard error, median (quartiles). Equal networks is after {num_networks} of them, equal
trainings after as many trainings as these take without racing.
"""

RULES = """\
## Other rules

Saved / changed, per cent. A candidate's differences are taken to the incumbent's mean on the fold,
or to its score of the same fold and initialisation, which adds the incumbent's noise to the
candidate's.
"""

WORLDS = """\
## Other worlds

The rule of mbnas where an assumption is another. Saved / changed, per cent.
"""

Rows = list[dict[str, Any]]


def markdown(measured: dict[str, Any], picture: str) -> str:
    """Return the results as a page."""
    machine = measured["machine"].items()
    introduction = INTRODUCTION.format(
        about=", ".join(f"{key.replace('_', ' ')} {value}" for key, value in machine),
        seeds=measured["seeds"],
        num_networks=measured["num_networks"],
        picture=picture,
        verdict="\n".join(verdict(measured)),
        world=described(measured["world"]),
        training_score=measured["components"]["training_score"],
    )
    lines = ["# Racing: trainings saved against steps changed", "", introduction]
    for design in designs(measured["shadow"]):
        title = f"### {design[0]} folds × {design[1]} initialisations"
        lines += [title, "", *table(measured, design), ""]
    lines += [RULES, *grid(measured["shadow"], "rule"), ""]
    lines += [WORLDS, *grid(measured["worlds"], "world")]
    return "\n".join(lines) + "\n"


def verdict(measured: dict[str, Any]) -> list[str]:
    """Return, for every design, what the recommended threshold does and what would be allowed."""
    lines = [
        (
            f"**Recommended: {RECOMMENDED}.** The goal is {GOAL_SAVED} % saved with at most "
            f"{GOAL_CHANGED} % changed."
        ),
        "",
        (
            f"| folds × initialisations | saved / changed at {RECOMMENDED} "
            f"| largest threshold of at most {GOAL_CHANGED} % changed | goal |"
        ),
        "| --- | --- | --- | --- |",
    ]
    for design in designs(measured["shadow"]):
        rows = ours(measured, design)
        chosen = next(row for row in rows if row["threshold"] == RECOMMENDED)
        allowed = [row for row in rows if row["changed_percent"] <= GOAL_CHANGED]
        largest = max(allowed, key=lambda row: row["threshold"])
        reached = largest["saved_percent"][1] >= GOAL_SAVED
        lines.append(
            f"| {design[0]} × {design[1]} | {both(chosen)} "
            f"| {largest['threshold']}: {both(largest)} "
            f"| {'reached' if reached else 'not reached'} |"
        )
    lines += [
        "",
        "With two initialisations no more than half of the trainings can be saved. Rule and",
        "threshold were chosen on this simulation itself: searches of real data are their test.",
    ]
    return lines


def both(row: dict[str, Any]) -> str:
    """Return what is saved and what is changed, in per cent."""
    return f"{row['saved_percent'][1]:.1f} / {row['changed_percent']:.1f} %"


def designs(rows: Rows) -> list[tuple[int, int]]:
    """Return folds and initialisations, in the order measured."""
    return list(dict.fromkeys((row["folds"], row["initialisations"]) for row in rows))


def of_design(rows: Rows, design: tuple[int, int]) -> Rows:
    """Return the rows of a design."""
    return [row for row in rows if (row["folds"], row["initialisations"]) == design]


def ours(measured: dict[str, Any], design: tuple[int, int]) -> Rows:
    """Return the rows of the rule of mbnas, the first, for a design."""
    rows = of_design(measured["shadow"], design)
    return [row for row in rows if row["rule"] == rows[0]["rule"]]


def table(measured: dict[str, Any], design: tuple[int, int]) -> list[str]:
    """Return one design's rows: shadow, then what the end of the search loses or gains."""
    names = (
        "threshold", "saved", "changed", "searches with a change", "wrong",
        "end, equal networks", "end, equal trainings",
    )  # fmt: skip
    lines = [f"| {' | '.join(names)} |", "|" + " --- |" * len(names)]
    ends = {row["threshold"]: row for row in of_design(measured["races"], design)}
    for row in ours(measured, design):
        low, median, high = row["saved_percent"]
        counts, end = row["counts"], ends[row["threshold"]]
        lines.append(
            f"| {row['threshold']} | {median:.0f} % ({low:.0f}–{high:.0f}) "
            f"| {row['changed_percent']:.1f} ± {row['changed_percent_se']:.1f} % "
            f"({counts['changed']} of {counts['accepted']}) "
            f"| {row['searches_changed_percent']:.0f} % | {row['wrong_percent']:.2f} % "
            f"| {shown(end['equal_networks'])} | {shown(end['equal_trainings'])} |"
        )
    return lines


def shown(of: dict[str, Any]) -> str:
    """Return mean ± standard error and quartiles, in thousandths of Dice."""
    low, median, high = (signed(each) for each in of["quartiles"])
    return f"{signed(of['mean'])} ± {1000 * of['se']:.1f}, {median} ({low} to {high})"


def signed(dice: float) -> str:
    """Return thousandths with a sign, but none before what rounds to 0."""
    thousandths = round(1000 * dice, 1)
    return f"{thousandths:+.1f}" if thousandths else "0.0"


def grid(rows: Rows, key: str) -> list[str]:
    """Return rows by design and ``key``, with a column for each threshold."""
    thresholds = list(dict.fromkeys(row["threshold"] for row in rows))
    lines = [
        f"| folds × initialisations | {key} | {' | '.join(map(str, thresholds))} |",
        "| --- | --- |" + " --- |" * len(thresholds),
    ]
    for design in designs(rows):
        for name in dict.fromkeys(row[key] for row in rows):
            found = [row for row in of_design(rows, design) if row[key] == name]
            cells = " | ".join(
                f"{row['saved_percent'][1]:.0f} / {row['changed_percent']:.1f}" for row in found
            )
            lines.append(f"| {design[0]} × {design[1]} | {name} | {cells} |")
    return lines


def plot(measured: dict[str, Any], path: Path) -> None:
    """Draw what is saved against what is changed, a line for each design."""
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.add_subplot()
    for design in designs(measured["shadow"]):
        rows = ours(measured, design)
        points = [(row["saved_percent"][1], row["changed_percent"]) for row in rows]
        label = f"{design[0]} folds × {design[1]} initialisations"
        axes.plot(*zip(*points, strict=True), marker="o", markersize=4, label=label)
        for row, point in zip(rows, points, strict=True):
            if row["threshold"] in (0.05, 0.1, 0.2):
                axes.annotate(
                    str(row["threshold"]),
                    point,
                    (-4, 4),
                    textcoords="offset points",
                    ha="right",
                    fontsize=7,
                )
    axes.axhline(GOAL_CHANGED, color="0.6", linewidth=0.8, linestyle="--")
    axes.axvline(GOAL_SAVED, color="0.6", linewidth=0.8, linestyle="--")
    axes.set(xlabel="trainings saved (%)", ylabel="accepted steps changed (%)")
    axes.set(xlim=(0, 55), ylim=(0, 15))
    axes.legend(frameon=False, loc="upper left", fontsize=8)
    with mpl.rc_context({"svg.hashsalt": "mbnas"}):
        figure.savefig(path, metadata={"Date": None})
