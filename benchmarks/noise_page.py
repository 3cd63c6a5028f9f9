"""The results of noise.py as a page and a plot."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from scipy import stats

AIM_WORSE, AIM_OPTIMISM = 5.0, 0.001
PAPER, PAPER_BUDGET, AIM_BUDGET = "local, the paper's", 1500, 300

INTRODUCTION = """\
# What a search returns, and whether it is better than the U-Net

{about}. Made by `python benchmarks/noise.py`.

The real searchers of mbnas search its mixed space in simulated worlds, in which the true Dice of
every network is known. **Gain** is the true Dice of what is returned minus that of the U-Net
genotype, in new patients and new trainings, times 1000, mean ± standard error over worlds.
**Without** confirmation, the network with the highest score is returned, or with the highest
estimate of the model where leaders are chosen by it, as in Bayesian search. **With** confirmation,
it is the one chosen by [the decision](../../docs/method/confirmation.md): {share:.0%} of the
trainings are kept, and the U-Net is returned unless a leader is better with probability 0.95.
Budgets are trainings, confirmation included. The searches start from the U-Net, but the paper's,
which starts from a random network and has no reference.
Where what is kept confirms no network, as with 15 trainings a network at 30, the U-Net counts as
returned; mbnas then returns the best of the search and says that it is unconfirmed.

![Gain against trainings]({picture})

## Aims

{aims}
"""

COMPONENTS = """\
## The worlds

The noise is that of 7 networks on 20 patients in 3 folds, from 2 fresh initialisations each
([patients.csv](../../docs/results/archive/hippocampus_experiment/patients.csv)), as standard
deviations of Dice, from the differences of all pairs over √2: what a network is worth for a patient
{patient:.4f}, a training {training:.4f}, a patient in a training {residual:.4f}. Together the score
of a training, the mean over a fold, varies by {training_score:.4f} between initialisations. The
networks' means spread by {network_means:.4f}.

The true Dice is a sum of effects of genes (a node's step in levels 2.5 times as large as others)
and of pairs of genes in a node or adjacent nodes. With z as its standard deviations above the mean
of uniform draws, the Dice is spread · (1 − exp(−bend · z)) / bend above the mean network's, so the
best networks differ less than the worst. The U-Net has a fixed z; a common effect of all its genes
gives it. Spread, bend and z are those of uniform draws that were trained on hippocampus
([landscape](../landscape/README.md)). What a network is worth for a patient is half of its genes
(similar networks suit similar patients) and half its own. The share of pairs is an assumption.

{worlds}
"""

OPTIMISM = """\
The Dice shown is the mean over the trainings that it rests on: without confirmation those of the
search, with confirmation the fresh ones. It is compared with the true Dice on the patients of the
folds, in new trainings, and with that in new patients. Confirmation on the same patients cannot
remove that a search finds what suits these patients; held-out patients can. All in thousandths of
Dice.
"""

GRID = """\
## How much to keep, and how many leaders

{arm}: gain / per cent truly worse, by share of the budget and number of leaders. *By budget* is
one leader for every ten initialisations of the confirmation, at most 8 (`num_worthwhile`).
"""

OTHERS = """\
## Other worlds

With confirmation as by default: gain / per cent truly worse, at each budget. In brackets what is
returned without it.
"""

Row = dict[str, Any]
Rows = list[Row]


def markdown(measured: dict[str, Any], picture: str) -> str:
    """Return the results as a page."""
    rows = measured["rows"]
    main = [row for row in rows if row["world"] == "main"]
    default = [row for row in main if is_default(row, measured) or row["share"] == 0]
    about = ", ".join(
        f"{key.replace('_', ' ')} {each}" for key, each in measured["machine"].items()
    )
    lines = [
        INTRODUCTION.format(
            about=about,
            picture=picture,
            share=measured["share"],
            aims="\n".join(aims(measured)),
        )
    ]
    for title, cell in (
        ("Gain", gain_cell),
        ("Truly worse than the U-Net, per cent", worse_cell),
        ("Another network than the U-Net is returned, per cent", other_cell),
        ("Optimism of the Dice shown, on these patients", optimism_cell("optimism")),
        (
            "Optimism of the Dice shown, for new patients",
            optimism_cell("optimism_new_patients"),
        ),
        ("Number of worlds", lambda row: str(row["num_worlds"])),
    ):
        lines += [f"## {title}", "", *table(default, cell), ""]
    lines += [
        OPTIMISM,
    ]
    grids = [row for row in main if row["share"] and not is_default(row, measured)]
    for arm in dict.fromkeys(row["arm"] for row in grids):
        of_arm = [row for row in main if row["arm"] == arm and row["share"]]
        lines += [GRID.format(arm=arm), *grid(of_arm), ""]
    others = [row for row in rows if row["world"] != "main"]
    lines += [OTHERS, *others_table(others, measured), ""]
    searched = {row["world"] for row in rows}
    worlds = [
        f"- **{name}**: {described(each)}"
        for name, each in measured["worlds"].items()
        if name in searched
    ]
    lines.append(COMPONENTS.format(**measured["components"], worlds="\n".join(worlds)))
    return "\n".join(lines).rstrip() + "\n"


def is_default(row: Row, measured: dict[str, Any]) -> bool:
    """Return whether a row is with confirmation as mbnas does it."""
    return row["share"] == measured["share"] and row["leaders"] == 0


def described(world: dict[str, Any]) -> str:
    """Return the numbers of a world as text."""
    return ", ".join(f"{key.replace('_', ' ')} {each}" for key, each in world.items())


def aims(measured: dict[str, Any]) -> list[str]:
    """Return each aim, what was found, and whether it is reached."""
    rows = measured["rows"]
    chosen = [row for row in rows if is_default(row, measured)]
    worst = max(chosen, key=lambda row: row["worse_percent"])
    shown = [row for row in chosen if not math.isnan(row["optimism"]["mean"])]
    optimistic = max(shown, key=lambda row: row["optimism"]["mean"])
    elsewhere = max(shown, key=lambda row: row["optimism_new_patients"]["mean"])
    above = [row for row in chosen if row["worse_percent"] > AIM_WORSE]
    sure = [row for row in above if is_beyond_chance(row)]
    pooled = sum(row["worse_percent"] * row["num_worlds"] for row in chosen)
    pooled /= sum(row["num_worlds"] for row in chosen)
    lines = [
        "| aim | found | reached |",
        "| --- | --- | --- |",
        (
            f"| truly worse in at most {AIM_WORSE:g} % at every budget | at most "
            f"{worst['worse_percent']:.1f} % ({named(worst)}, of {worst['num_worlds']} worlds); "
            f"above {AIM_WORSE:g} % in {len(above)} of {len(chosen)} cells, in {len(sure)} of them "
            f"beyond chance (binomial, p < 0.05); {pooled:.1f} % over all "
            f"| {reached(not sure)} |"
        ),
        (
            f"| mean optimism of at most {AIM_OPTIMISM:g}, on these patients | at most "
            f"{optimistic['optimism']['mean']:+.4f} ({named(optimistic)}) "
            f"| {reached(optimistic['optimism']['mean'] <= AIM_OPTIMISM)} |"
        ),
        (
            f"| the same for new patients | at most "
            f"{elsewhere['optimism_new_patients']['mean']:+.4f} ({named(elsewhere)}) "
            f"| {reached(elsewhere['optimism_new_patients']['mean'] <= AIM_OPTIMISM)} |"
        ),
    ]
    paper = [
        row
        for row in rows
        if row["world"] == "main" and row["arm"].startswith(PAPER) and row["share"] == 0
    ]
    theirs = next((row for row in paper if row["budget"] == PAPER_BUDGET), None)
    for row in chosen:
        if row["world"] == "main" and row["budget"] == AIM_BUDGET and theirs is not None:
            enough = row["gain"]["mean"] >= theirs["gain"]["mean"]
            both = f"{gain_cell(row)} against {gain_cell(theirs)}"
            lines.append(
                f"| {row['arm']}, confirmed, at {AIM_BUDGET} as good as the paper's local search "
                f"at {PAPER_BUDGET} | {both} | {reached(enough)} |"
            )
    return lines


def is_beyond_chance(row: Row) -> bool:
    """Return whether so many worlds would be worse with probability below 0.05 if the aim held."""
    num_worse = round(row["worse_percent"] / 100 * row["num_worlds"])
    return float(stats.binom.sf(num_worse - 1, row["num_worlds"], AIM_WORSE / 100)) < 0.05


def named(row: Row) -> str:
    """Return where a row was measured."""
    return f"{row['arm']}, {row['budget']} trainings, world: {row['world']}"


def reached(is_reached: bool) -> str:
    """Return yes or no."""
    return "yes" if is_reached else "no"


def gain_cell(row: Row) -> str:
    """Return the gain and its standard error in thousandths."""
    return f"{1000 * row['gain']['mean']:+z.1f} ± {1000 * row['gain']['se']:.1f}"


def worse_cell(row: Row) -> str:
    """Return how often the result is truly worse."""
    return f"{row['worse_percent']:.0f}"


def other_cell(row: Row) -> str:
    """Return how often another network is returned."""
    return f"{row['other_percent']:.0f}"


def optimism_cell(key: str) -> Callable[[Row], str]:
    """Return what shows an optimism in thousandths."""

    def cell(row: Row) -> str:
        if math.isnan(row[key]["mean"]):
            return ""
        return f"{1000 * row[key]['mean']:+z.1f} ± {1000 * row[key]['se']:.1f}"

    return cell


def budgets_of(rows: Rows) -> list[int]:
    """Return all budgets."""
    return sorted({row["budget"] for row in rows})


def table(rows: Rows, cell: Callable[[Row], str]) -> list[str]:
    """Return a row for each search, with and without confirmation, and a column a budget."""
    budgets = budgets_of(rows)
    lines = [
        f"| search | confirmation | {' | '.join(map(str, budgets))} |",
        "| --- | --- |" + " ---: |" * len(budgets),
    ]
    for arm in dict.fromkeys(row["arm"] for row in rows):
        for is_confirmed in (False, True):
            cells = cells_of(
                [row for row in rows if row["arm"] == arm and bool(row["share"]) == is_confirmed],
                budgets,
                cell,
            )
            lines.append(f"| {arm} | {'with' if is_confirmed else 'without'} | {cells} |")
    return lines


def cells_of(rows: Rows, budgets: Sequence[int], cell: Callable[[Row], str]) -> str:
    """Return one cell for each budget, empty where nothing was measured."""
    by_budget = {row["budget"]: row for row in rows}
    return " | ".join(cell(by_budget[each]) if each in by_budget else "" for each in budgets)


def pair_cell(row: Row) -> str:
    """Return gain and per cent worse."""
    return f"{1000 * row['gain']['mean']:+z.1f} / {row['worse_percent']:.0f}"


def grid(rows: Rows) -> list[str]:
    """Return rows by share and number of leaders, and a column a budget."""
    budgets = budgets_of(rows)
    lines = [
        f"| share | leaders | {' | '.join(map(str, budgets))} |",
        "| --- | --- |" + " ---: |" * len(budgets),
    ]
    cases = sorted({(row["share"], row["leaders"]) for row in rows})
    for share, number in cases:
        of_case = [row for row in rows if (row["share"], row["leaders"]) == (share, number)]
        cells = cells_of(of_case, budgets, pair_cell)
        lines.append(f"| {share:.0%} | {number or 'by budget'} | {cells} |")
    return lines


def others_table(rows: Rows, measured: dict[str, Any]) -> list[str]:
    """Return rows by world and search, and a column a budget."""
    if not rows:
        return ["None was simulated."]
    budgets = budgets_of(rows)
    lines = [
        f"| world | search | {' | '.join(map(str, budgets))} |",
        "| --- | --- |" + " ---: |" * len(budgets),
    ]
    for world, arm in dict.fromkeys((row["world"], row["arm"]) for row in rows):
        of_both = [row for row in rows if (row["world"], row["arm"]) == (world, arm)]
        without = {row["budget"]: pair_cell(row) for row in of_both if not row["share"]}
        cells = cells_of(
            [row for row in of_both if is_default(row, measured)],
            budgets,
            lambda row, without=without: f"{pair_cell(row)} ({without[row['budget']]})",
        )
        lines.append(f"| {world} | {arm} | {cells} |")
    return lines


def plot(measured: dict[str, Any], path: Path) -> None:
    """Draw the gain against trainings, with confirmation as lines and without as dashes."""
    figure = Figure(figsize=(7.2, 4.4), layout="constrained")
    axes = figure.add_subplot()
    main = [row for row in measured["rows"] if row["world"] == "main"]
    for number, arm in enumerate(dict.fromkeys(row["arm"] for row in main)):
        for is_confirmed in (True, False):
            rows = [
                row
                for row in main
                if row["arm"] == arm
                and (is_default(row, measured) if is_confirmed else row["share"] == 0)
            ]
            axes.errorbar(
                [row["budget"] for row in rows],
                [1000 * row["gain"]["mean"] for row in rows],
                [1000 * row["gain"]["se"] for row in rows],
                color=f"C{number}",
                linestyle="-" if is_confirmed else ":",
                marker="o" if is_confirmed else None,
                markersize=4,
                label=arm if is_confirmed else None,
            )
    axes.axhline(0, color="0.6", linewidth=0.8)
    axes.set_xscale("log")
    budgets = budgets_of(main)
    axes.set_xticks(budgets, [str(each) for each in budgets])
    axes.minorticks_off()
    axes.set(
        xlabel="trainings; dotted: without confirmation",
        ylabel="true Dice minus the U-Net's, × 1000",
    )
    axes.legend(frameon=False, fontsize=7, loc="upper left")
    with mpl.rc_context({"svg.hashsalt": "mbnas"}):
        figure.savefig(path, metadata={"Date": None})
