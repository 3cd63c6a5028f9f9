"""The results of gain.py as a page and a plot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
from gain_steps import FACTORS
from matplotlib.figure import Figure
from measuring import described, spread

INTRODUCTION = """\
# What makes the training step fast

{about} Made by `python benchmarks/gain.py`.

**Allocator**: glibc keeps freed memory. **Layout**: networks and batches are channels last.
**Precision**: bfloat16. **Pipeline**: slices lie on the device and a batch is augmented at once,
not slice by slice in a DataLoader. One loop runs with every combination of them, in turn; the
same network, loss, fused Adam, batch size and augmentation in all. **Alone** is the speed with the
factor alone over that with none, **last** the speed with all over that with all others; median
(quartiles) within a round.

![Slices per second as factors are added]({picture})
"""


def markdown(measured: dict[str, Any], picture: str) -> str:
    """Return the results as a page."""
    lines = [INTRODUCTION.format(about=described(measured["machine"]), picture=picture)]
    for row in measured["rows"]:
        lines += [f"## {titled(row)}", "", *factors_table(row), "", *ladder_table(row), ""]
    return "\n".join(lines)


def titled(row: dict[str, Any]) -> str:
    """Return what was trained."""
    return f"{row['network']}, {row['setting']}"


def factors_table(row: dict[str, Any]) -> list[str]:
    """Return the gain of each factor."""
    return [
        "| factor | alone | last |",
        "| --- | ---: | ---: |",
        *(
            f"| {factor} | {spread(row['alone'][factor], 2)} | {spread(row['last'][factor], 2)} |"
            for factor in FACTORS
        ),
        f"| all | {spread(row['together'], 2)} | |",
    ]


def ladder_table(row: dict[str, Any]) -> list[str]:
    """Return every combination's speed, those of the ladder in bold."""
    lines = ["| factors | slices per second |", "| --- | ---: |"]
    ordered = sorted(row["slices_per_s"].items(), key=lambda each: each[1]["median"])
    for name, speed in ordered:
        shown = f"**{name}**" if name in row["ladder"] else name
        lines.append(f"| {shown} | {spread(speed, 1)} |")
    return lines


def plot(measured: dict[str, Any], path: Path) -> None:
    """Draw the ladder of each row: speed as factor after factor is added."""
    rows = measured["rows"]
    figure = Figure(figsize=(6.4, 1.5 + 1.6 * len(rows)), layout="constrained")
    labels = ["none", *(f"+ {factor}" for factor in FACTORS)]
    for panel, row in zip(figure.subplots(len(rows), squeeze=False)[:, 0], rows, strict=True):
        speeds = [row["slices_per_s"][name] for name in row["ladder"]]
        medians = [speed["median"] for speed in speeds]
        below = [speed["median"] - speed["lower_quartile"] for speed in speeds]
        above = [speed["upper_quartile"] - speed["median"] for speed in speeds]
        drawn = panel.barh(
            labels, medians, xerr=(below, above), color="C0", error_kw={"linewidth": 0.8}
        )
        panel.bar_label(
            drawn,
            [f" {median:.3g} ({median / medians[0]:.2f} ×)" for median in medians],
            fontsize=8,
        )
        panel.invert_yaxis()
        panel.set(xlabel="slices / s", xlim=(0, 1.3 * max(medians)))
        panel.set_title(titled(row), fontsize=9)
        panel.spines[["top", "right"]].set_visible(False)
    with mpl.rc_context({"svg.hashsalt": "mbnas"}):
        figure.savefig(path, metadata={"Date": None})
