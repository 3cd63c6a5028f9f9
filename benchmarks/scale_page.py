"""The results of scale.py as a page and a plot."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

GAIN_PERCENT = 10
"""A doubling of workers that speeds a search up by less than this is not worth it."""

INTRODUCTION = """\
{about}. Made by `python benchmarks/scale.py`.

Searches of {budget} networks, 5 folds × 3 initialisations, through the product's searchers, driver,
evaluator, dispatcher and ledger, at simulated workers on a virtual clock. A training takes what a
recorded network took (drawn by the genotype; 32 networks under `quick` at 48 × 48, of
`docs/results/archive/hippocampus.csv` and `collapse-2026-11-23.json`) times a recorded training's
ratio to its network's mean. One run in a hundred takes 10 times as long, one in a hundred loses
its worker halfway and is run again. Racing is at its threshold of 0.05. Every search
evaluated the same networks at every number of workers; that is checked. One search an arm (seed 0):
the order of the arms is no result, and their hours are not to be compared between searches.

**Speed-up** is over the same search at 1 worker. **Busy** is the share of worker time that was
spent on trainings until the search ended, **needed** the share of that spent on trainings that the
search at 1 worker runs too; the rest was ahead of time and in vain, or lost with a worker.

![Speed-up against workers]({picture})
"""

DRIVER = """\
## What the driver costs

Real time between two recorded trainings while a local search goes on by {further} networks with 16
workers, from a ledger that holds a finished one; every training carries 100 epochs. The simulated
training itself, about 0.1 ms, is in it. The processor time is the driver's; the wall time is longer
by waiting for the disk and by other work on this machine: a commit to a ledger on a disk ends once
the disk has it, and takes as long with an empty ledger.

**To go on** is what passes from opening the ledger to the first further training recorded: opening
and checking the file, reading it, and running the search again up to where it was.
"""

Rows = list[dict[str, Any]]


def markdown(measured: dict[str, Any], picture: str) -> str:
    """Return the results as a page."""
    about = ", ".join(
        f"{key.replace('_', ' ')} {value}" for key, value in measured["machine"].items()
    )
    lines = [
        "# Scale: workers, and the driver",
        "",
        INTRODUCTION.format(about=about, budget=measured["budget"], picture=picture),
        "## Where the search becomes the limit",
        "",
        *(f"- {limit(rows)}" for rows in by_arm(measured["scale"]).values()),
        "",
    ]
    for (arm, speculate), rows in by_arm(measured["scale"]).items():
        lines += [f"### {title(arm, speculate)}", "", *table(rows), ""]
    lines += [DRIVER.format(further=measured["further"]), *driver_table(measured["driver"])]
    return "\n".join(lines) + "\n"


def title(arm: str, speculate: bool) -> str:
    """Return what to call an arm."""
    return f"{arm}, {'working ahead' if speculate else 'waiting for every decision'}"


def by_arm(rows: Rows) -> dict[tuple[str, bool], Rows]:
    """Return the rows of each arm, by workers, each the mean over seeds."""
    arms: dict[tuple[str, bool], Rows] = {}
    for arm, speculate in dict.fromkeys((row["arm"], row["speculate"]) for row in rows):
        theirs = [row for row in rows if (row["arm"], row["speculate"]) == (arm, speculate)]
        arms[arm, speculate] = [
            mean_of([row for row in theirs if row["workers"] == workers])
            for workers in dict.fromkeys(row["workers"] for row in theirs)
        ]
    return arms


def mean_of(rows: Rows) -> dict[str, Any]:
    """Return one row of the means of several."""
    numbers = {key for key, value in rows[0].items() if isinstance(value, float)}
    numbers |= {"trainings", "needed_trainings"}
    return rows[0] | {key: fmean(row[key] for row in rows) for key in numbers}


def limit(rows: Rows) -> str:
    """Return in a sentence beyond how many workers a search gains little."""
    for row, doubled in pairwise(rows):
        if doubled["speed_up"] < (1 + GAIN_PERCENT / 100) * row["speed_up"]:
            break
    else:
        row = rows[-1]
    most = rows[-1]
    return (
        f"{title(row['arm'], row['speculate'])}: beyond {row['workers']} workers "
        f"({row['speed_up']:.1f} times as fast as one, {100 * row['utilisation']:.0f} % busy) "
        f"a doubling gains less than {GAIN_PERCENT} %; {most['workers']} workers are "
        f"{most['speed_up']:.1f} times as fast."
    )


def table(rows: Rows) -> list[str]:
    """Return an arm's rows."""
    lines = [
        "| workers | hours | speed-up | busy | needed | runs | of them needed |",
        "|" + " ---: |" * 7,
    ]
    return lines + [
        f"| {row['workers']} | {row['makespan_h']:.2f} | {row['speed_up']:.1f} "
        f"| {100 * row['utilisation']:.0f} % | {100 * row['needed_share']:.0f} % "
        f"| {row['trainings']:.0f} | {row['needed_trainings']:.0f} |"
        for row in rows
    ]


def driver_table(rows: Rows) -> list[str]:
    """Return what the driver costs by trainings in the ledger."""
    names = (
        "ledger in", "trainings in it", "MB", "measured over",
        "processor, mean (ms)", "median", "95 %",
        "wall, mean (ms)", "median", "95 %", "to go on (s)",
    )  # fmt: skip
    lines = [f"| {' | '.join(names)} |", "| --- |" + " ---: |" * (len(names) - 1)]
    for row in rows:
        cells = [row["where"], f"{row['trainings_before']}", f"{row['ledger_mb']:.0f}"]
        cells.append(f"{row['trainings']}")
        for kind in ("cpu_ms", "wall_ms"):
            cells += [f"{row[kind][key]:.2f}" for key in ("mean", "median", "percentile_95")]
        cells.append(f"{row['open_s'] + row['read_s'] + row['replay_s']:.1f}")
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def plot(measured: dict[str, Any], path: Path) -> None:
    """Draw speed-up against workers, a line for each arm."""
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.add_subplot()
    colours: dict[str, str] = {}
    for (arm, speculate), rows in by_arm(measured["scale"]).items():
        colour = colours.setdefault(arm, f"C{len(colours)}")
        axes.plot(
            [row["workers"] for row in rows],
            [row["speed_up"] for row in rows],
            color=colour,
            linestyle="-" if speculate else "--",
            marker="o",
            markersize=3,
            label=title(arm, speculate),
        )
    ends = [min(row["workers"] for row in measured["scale"]), 256]
    axes.plot(ends, ends, color="0.6", linewidth=0.8, label="as many times as workers")
    axes.set(xscale="log", yscale="log", xlabel="workers", ylabel="speed-up")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:g}")
    axes.legend(frameon=False, fontsize=7)
    with mpl.rc_context({"svg.hashsalt": "mbnas"}):
        figure.savefig(path, metadata={"Date": None})
