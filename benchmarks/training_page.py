"""The results of training.py as a page and a plot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from measuring import described, spread
from transforms_matched import DIFFERENCES

INTRODUCTION = """\
# The training step: mbnas against others

{about} Made by `python benchmarks/training.py`.

Every arm trains the same network on the same slices with the same batch size and augmentation, in
one process and in turn; median (quartiles) over rounds. **Bare** is forward, loss, backward and
Adam on one held batch, at the precision and in the memory layout of mbnas. **nnU-Net** is version
2.8's own trainer and loader: its optimiser, loss and gradient clipping, float32 on a processor and
float16 on a GPU, deep supervision off. **MONAI** and **DataLoader** are loops as they are written
by hand, in float32 by default. mbnas and bare are held to deterministic algorithms, the
others are not. That freed memory is kept and subnormal numbers are flushed helps all alike. On a
GPU mbnas replays a recorded step, as studies do there; bare does not.

Augmentation: scaling by up to 15 %, shifting by up to 10 %, rotation by up to 15° and brightness,
each with probability 0.5, and half of the slices flipped.

{differences}

![Slices per second]({picture})
"""

COLOURS = ("black", "0.6", "C0", "C9", "C1", "C3", "C2", "C8")
"""Of the arms, in their order: what belongs together looks alike."""

Rows = list[dict[str, Any]]


def markdown(measured: dict[str, Any], picture: str) -> str:
    """Return the results as a page: two tables, speeds and ratios."""
    rows = measured["rows"]
    arms = list(dict.fromkeys(name for row in rows for name in row["slices_per_s"]))
    lines = [
        INTRODUCTION.format(
            about=described(measured["machine"]),
            differences="\n".join(f"- {each}" for each in DIFFERENCES),
            picture=picture,
        ),
        "## Slices per second",
        "",
        *table(rows, arms, "slices_per_s", 1),
        "",
        "## How many times as fast mbnas is",
        "",
        "Within a round: above 1, mbnas is faster.",
        "",
        *table(rows, [name for name in arms if name != "mbnas"], "speed_of_mbnas_over", 2),
    ]
    return "\n".join(lines) + "\n"


def table(rows: Rows, arms: list[str], key: str, digits: int) -> list[str]:
    """Return a row for each setting and network, a column for each arm."""
    lines = [
        f"| setting | network | base, batch, side | precision | {' | '.join(arms)} |",
        "| --- | --- | --- | --- |" + " ---: |" * len(arms),
    ]
    for row in rows:
        cells = [spread(row[key][arm], digits) if arm in row[key] else "" for arm in arms]
        size = f"{row['base_channels']}, {row['batch_size']}, {row['side']}"
        lines.append(
            f"| {row['setting']} | {row['network']} | {size} | {row['precision']} "
            f"| {' | '.join(cells)} |"
        )
    return lines


def plot(measured: dict[str, Any], path: Path) -> None:
    """Draw slices per second: a panel for each setting, a group of bars for each network."""
    settings = list(dict.fromkeys(row["setting"] for row in measured["rows"]))
    arms = list(dict.fromkeys(name for row in measured["rows"] for name in row["slices_per_s"]))
    figure = Figure(figsize=(8, 2.6 * len(settings) + 0.6), layout="constrained")
    for panel, setting in zip(
        figure.subplots(len(settings), squeeze=False)[:, 0], settings, strict=True
    ):
        rows = [row for row in measured["rows"] if row["setting"] == setting]
        for number, arm in enumerate(arms):
            bars(panel, rows, arm, number, len(arms))
        panel.set_xticks(range(len(rows)), [row["network"] for row in rows])
        first = rows[0]
        panel.set(ylabel="slices / s", xlim=(-0.5, max(len(rows), 2) - 0.5))
        panel.set_title(
            f"{setting}: {first['side']} × {first['side']} pixels, "
            f"{first['base_channels']} channels, batches of {first['batch_size']}",
            fontsize=9,
        )
        panel.spines[["top", "right"]].set_visible(False)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False, fontsize=8)
    with mpl.rc_context({"svg.hashsalt": "mbnas"}):
        figure.savefig(path, metadata={"Date": None})


def bars(panel: Any, rows: Rows, arm: str, number: int, num_arms: int) -> None:
    """Draw one arm's bars, with quartiles; none where it was not measured."""
    width = 0.8 / num_arms
    median, low, high = (
        np.array([row["slices_per_s"].get(arm, {}).get(key, np.nan) for row in rows])
        for key in ("median", "lower_quartile", "upper_quartile")
    )
    panel.bar(
        np.arange(len(rows)) + (number - (num_arms - 1) / 2) * width,
        median,
        width,
        yerr=(median - low, high - median),
        error_kw={"linewidth": 0.7},
        color=COLOURS[number],
        label=arm,
    )
