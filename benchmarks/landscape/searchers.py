"""What searches find on a recorded landscape, without training: the searches of noise.py on it.

``python benchmarks/landscape/searchers.py TABLE.csv --output PAGE.json``; the page is beside it.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from recorded_world import NUM_ALIKE, Recorded, RecordedWorld
from table import FOLDS, read_rows

sys.path.insert(0, str(Path(__file__).parents[1]))
from noise import ARMS, AS_MBNAS, SHARE, Case, ends, rows_of
from noise_arms import Arm
from noise_page import gain_cell, optimism_cell, other_cell, table, worse_cell
from noise_world import UNET

BUDGETS = (30, 75, 150, 300, 600)
"""Trainings, confirmation included."""

PAGE = """\
# Searches on a recorded landscape

Made by `python benchmarks/landscape/searchers.py` from `{table}`: {trainings} trainings of
{networks} networks with two or more initialisations ([the landscape](../landscape/README.md)).

The searchers of mbnas search these networks. The mean over all recorded trainings of a network is
taken as its true Dice; a training is that mean and the noise of a recorded initialisation of one of
the {alike} networks nearest in Dice, drawn anew for each of {seeds} seeds. A neighbour of a network
in a gene is the nearest recorded one with another value of it. The paper's search has three folds
here, as the landscape has, so 9 trainings a network.

The U-Net has a true Dice of {unet:.4f}. {better} of the {others} others are better, the best has
{best:.4f}; the median of uniform draws is {median:.4f}.

All in thousandths of Dice, mean ± standard error over seeds. All seeds share the networks and their
true Dice, so the errors say how much a search varies on these networks, not on others.
"""


def main() -> None:
    """Search, and write JSON and a page; both are renewed after each kind of search."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--output", type=Path, required=True, metavar="FILE.json")
    arguments = parser.parse_args()
    read = read_rows(arguments.table)
    recorded = Recorded.of(read)
    cases: list[Case] = [
        (budget, *how) for budget in BUDGETS for how in ((0.0, 0), (SHARE, AS_MBNAS))
    ]
    measured: dict[str, Any] = {"table": arguments.table.name, "seeds": arguments.seeds, "rows": []}
    for name, arm in arms().items():
        began = time.perf_counter()
        ended = (
            ends(RecordedWorld(recorded=recorded, seed=seed), arm, cases)
            for seed in range(arguments.seeds)
        )
        measured["rows"] += rows_of("main", name, ended)
        print(f"{name}, {time.perf_counter() - began:.0f} s", flush=True)
        arguments.output.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
        drawn = {row.network: row.drawn for row in read}
        text = page(measured, recorded, drawn, len(read))
        arguments.output.with_suffix(".md").write_text(text, encoding="utf-8")


def arms() -> dict[str, Arm]:
    """Return the searches of noise.py with the folds of the landscape."""
    return {
        name.replace("15 trainings", "9 trainings"): replace(arm, num_folds=FOLDS)
        for name, arm in ARMS.items()
    }


def page(
    measured: dict[str, Any], recorded: Recorded, drawn: dict[Any, str], num_trainings: int
) -> str:
    """Return the results as a page."""
    means = recorded.means
    others = [each for network, each in means.items() if network != UNET]
    uniform = [each for network, each in means.items() if drawn[network] == "uniform"]
    lines = [
        PAGE.format(
            table=measured["table"],
            trainings=num_trainings,
            networks=len(means),
            alike=NUM_ALIKE,
            seeds=measured["seeds"],
            unet=means[UNET],
            better=sum(each > means[UNET] for each in others),
            others=len(others),
            best=max(others),
            median=np.median(uniform),
        )
    ]
    for title, cell in (
        ("Gain", gain_cell),
        ("Truly worse than the U-Net, per cent", worse_cell),
        ("Another network than the U-Net is returned, per cent", other_cell),
        ("Optimism of the Dice shown", optimism_cell("optimism")),
    ):
        lines += [f"## {title}", "", *table(measured["rows"], cell), ""]
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    main()
