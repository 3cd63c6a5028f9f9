"""The results of growth.py as a page and plots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter
from measuring import described, spread

AXES = {
    "slices": "slices held",
    "side": "side of a slice, pixels",
    "channels": "channels at level 0",
}
COSTS = {
    "opening": "opening it",
    "recording": "recording a training",
    "status": "the status in figures",
    "standing": "reading the standing",
    "resuming": "resuming the search",
    "page": "writing the page",
}

WHICH = ("of all", "of the largest two")
"""Of the exponents."""

INTRODUCTION = """\
The U-Net genotype, batches of 8, protocol `paper` but for sizes, one thread, a process for each
training. What does not grow is 128 slices, 64×64 and 8 channels. Step time is of the product's
loop; memory is the most that the process held beyond what it held before it had slices and network.
An **exponent** is that of the power that fits best: 1 means twice as much for twice the size. What
is a fixed cost pulls it down, less so for larger sizes.

![Step time and memory]({picture})
"""

LEDGER = """\
## The ledger

Of finished searches, each training with 24 epochs, in a file on a disk: opening checks the whole
file, recording waits until the disk has it, the status is what `mbnas status` prints, the standing
what the report is made of, resuming runs the search again from its seed until all that is recorded
is known, and the page is the report.

![Seconds by trainings in the ledger]({picture})
"""


def markdown(results: Mapping[str, Any], pictures: Mapping[str, str]) -> str:
    """Return the results as a page.

    Args:
        results: As ``growth.py`` keeps them.
        pictures: Names of the files of both plots.
    """
    lines = ["# How costs grow", "", described(results["machine"]), ""]
    lines += INTRODUCTION.format(picture=pictures["training"]).splitlines()
    for what, rows in results["training"].items():
        fit = results["exponents"][what]
        lines += [
            "",
            f"## By {AXES[what]}",
            "",
            f"| {AXES[what]} | step, ms | memory, MiB |",
            "| ---: | --- | ---: |",
            *(
                f"| {row[what]} | {in_ms(row['step_s'])} | {row['memory_mib']:.0f} |"
                for row in rows
            ),
            *(
                f"| exponent {which} | {fit['step time'][which]:.2f} | {fit['memory'][which]:.2f} |"
                for which in WHICH
            ),
        ]
    lines += ["", *LEDGER.format(picture=pictures["ledger"]).splitlines(), ""]
    lines += [
        f"| trainings | MB | page, MB | {', ms | '.join(COSTS.values())}, ms |",
        "| ---: | ---: | ---: |" + " --- |" * len(COSTS),
    ]
    for row in results["ledger"]:
        cells = [f"{row['trainings']}", f"{row['size_mb']:.1f}", f"{row['page_mb']:.2f}"]
        cells += [in_ms(row[f"{name}_s"]) for name in COSTS]
        lines.append(f"| {' | '.join(cells)} |")
    fit = results["exponents"]["trainings in the ledger"]
    for which in WHICH:
        exponents = " | ".join(f"{fit[name][which]:.2f}" for name in COSTS)
        lines.append(f"| exponent {which} | | | {exponents} |")
    return "\n".join(lines) + "\n"


def in_ms(of: Mapping[str, float]) -> str:
    """Return seconds as milliseconds, median and quartiles."""
    return spread({key: 1000 * value for key, value in of.items()}, 1)


def plot(results: Mapping[str, Any], pictures: Mapping[str, Path]) -> None:
    """Draw step time and memory by what grows, and the ledger's costs by its trainings."""
    training, fits = results["training"], results["exponents"]
    figure = Figure(figsize=(8.0, 4.8), layout="constrained")
    grid = figure.subplots(2, len(training), sharex="col", sharey="row")
    for column, (what, rows) in enumerate(training.items()):
        sizes = [row[what] for row in rows]
        step_ms = [1000 * row["step_s"]["median"] for row in rows]
        draw(grid[0, column], sizes, step_ms, fits[what]["step time"]["of all"])
        memory_mib = [row["memory_mib"] for row in rows]
        draw(grid[1, column], sizes, memory_mib, fits[what]["memory"]["of all"])
        grid[1, column].set_xlabel(AXES[what])
    grid[0, 0].set_ylabel("step, ms")
    grid[1, 0].set_ylabel("memory, MiB")
    save(figure, pictures["training"])

    figure = Figure(figsize=(5.6, 3.6), layout="constrained")
    axes = figure.add_subplot()
    ledger, fit = results["ledger"], fits["trainings in the ledger"]
    for colour, (name, title) in enumerate(COSTS.items()):
        draw(
            axes,
            [row["trainings"] for row in ledger],
            [1000 * row[f"{name}_s"]["median"] for row in ledger],
            fit[name]["of all"],
            colour=f"C{colour}",
            title=title,
        )
    axes.set(xlabel="trainings in the ledger", ylabel="ms")
    save(figure, pictures["ledger"])


def draw(
    axes: Axes,
    sizes: Sequence[float],
    costs: Sequence[float],
    exponent: float,
    *,
    colour: str = "C0",
    title: str = "",
) -> None:
    """Draw costs by sizes as points, and the power that fits them as a line."""
    offset = np.mean(np.log(costs)) - exponent * np.mean(np.log(sizes))
    fit = np.exp(offset) * np.array(sizes, dtype=float) ** exponent
    axes.plot(sizes, costs, "o", color=colour, markersize=4, label=f"{title} {exponent:.2f}")
    axes.plot(sizes, fit, color=colour, linewidth=0.9)
    axes.set(xscale="log", yscale="log")
    axes.set_xticks(sizes, [f"{size:g}" for size in sizes], minor=False)
    axes.set_xticks([], minor=True)
    axes.tick_params(labelsize=8)
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.legend(frameon=False, fontsize=7, title="exponent", title_fontsize=7)


def save(figure: Figure, path: Path) -> None:
    """Write a figure as SVG, the same bytes for the same figure."""
    with mpl.rc_context({"svg.hashsalt": "mbnas"}):
        figure.savefig(path, metadata={"Date": None})
