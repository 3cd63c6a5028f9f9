"""The results of limit.py as a page and a plot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from measuring import described

CLOCKS = {"wall_s": "those of the clock", "cpu_s": "those of the process, since others ran too"}
"""What each clock is called on the page."""

BINDS = 0.5
"""The share from which a limit is said to bind."""

INTRODUCTION = """\
# The limit of the machine, and how near each block is to it

{about} Made by `python benchmarks/limit.py`. Times are {clock}.

| rate | measured |
| --- | ---: |
| matrix products, float32 | {float32:.3g} GFLOP/s |
| matrix products, bfloat16 | {bfloat16:.3g} GFLOP/s |
| memory, read and written | {memory:.3g} GB/s |

Blocks run forward and backward in {precision}, channels last, {batch} slices at a time, where they
stand in a network of 32 base channels and 128 × 128 pixels: at level 0 with 32 channels and as many
pixels, at level 2 with 128 channels and 32 × 32 pixels. **Arithmetic** is their rate of operations
(multiplications and additions of convolutions and matrix products) over that of large products;
**memory** is what their operators would move if each read its inputs and wrote its outputs once,
over the memory's rate: caches can lift it above 100 %. What reaches half of its limit **binds**;
where neither does, the time goes elsewhere: into small operators, and kernels that are not the
best.

![Shares of the limit]({picture})

| block | kernel | place | time (ms) | GFLOP/s | arithmetic | memory | binds |
| --- | ---: | --- | ---: | ---: | ---: | ---: | --- |
"""


def markdown(measured: dict[str, Any], picture: str) -> str:
    """Return the results as a page."""
    rates = {name: rate / 1e9 for name, rate in measured["flop_per_s"].items()}
    introduction = INTRODUCTION.format(
        about=described(measured["machine"]),
        **rates,
        memory=measured["bytes_per_s"] / 1e9,
        clock=CLOCKS[measured["clock"]],
        precision=measured["precision"],
        batch=measured["batch_size"],
        picture=picture,
    )
    return introduction + "\n".join(line(row) for row in measured["rows"]) + "\n"


def line(row: dict[str, Any]) -> str:
    """Return one block's row."""
    arithmetic, memory = row["share_of_products"], row["share_of_bandwidth"]
    return (
        f"| {row['block']} | {row['kernel']} | {row['place']} | {1e3 * row['seconds']:.1f} "
        f"| {row['flop'] / row['seconds'] / 1e9:.1f} | {100 * arithmetic:.0f} % "
        f"| {100 * memory:.0f} % | {binding(arithmetic, memory)} |"
    )


def binding(arithmetic: float, memory: float) -> str:
    """Return which limit binds.

    >>> binding(0.7, 0.2), binding(0.1, 0.6), binding(0.3, 0.4)
    ('arithmetic', 'memory', 'neither')
    """
    if max(arithmetic, memory) < BINDS:
        return "neither"
    return "arithmetic" if arithmetic > memory else "memory"


def plot(measured: dict[str, Any], path: Path) -> None:
    """Draw both shares of every block."""
    rows = measured["rows"]
    figure = Figure(figsize=(6.4, 0.8 + 0.3 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    places = np.arange(len(rows))
    for offset, key, label, colour in (
        (-0.2, "share_of_products", "of the matrix products' rate", "C0"),
        (0.2, "share_of_bandwidth", "of the memory's rate", "C1"),
    ):
        percent = [100 * row[key] for row in rows]
        drawn = axes.barh(places + offset, percent, 0.4, label=label, color=colour)
        axes.bar_label(drawn, fmt=" %.0f", fontsize=7)
    names = [f"{row['block']} {row['kernel']} × {row['kernel']}, {row['place']}" for row in rows]
    axes.set_yticks(places, names, fontsize=8)
    axes.axvline(100, color="0.6", linewidth=0.8, linestyle="--")
    axes.invert_yaxis()
    axes.margins(y=0.01)
    axes.set_xlabel("share (%)")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    with mpl.rc_context({"svg.hashsalt": "mbnas"}):
        figure.savefig(path, metadata={"Date": None})
