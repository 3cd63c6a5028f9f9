"""What does a search return, and is it better than the U-Net? In simulated worlds with known truth.

In each world the real searchers of mbnas search its whole space. At budgets from 30 to 1 500
trainings, the page shows the true Dice of what is returned minus that of the U-Net: the highest
score, or with confirmation what is chosen by the decision. It also shows how often what is
returned is truly worse than the U-Net, and how optimistic the score shown is.

    python benchmarks/noise.py --output benchmarks/results/noise-DATE.json
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from noise_arms import (
    Arm,
    confirmed,
    known_after,
    ranked,
    ranked_by_model,
    run_search,
    unconfirmed,
)
from noise_arms import Landscape as AnyLandscape
from noise_page import markdown, plot
from noise_world import MAIN, UNET, WORLDS, Landscape, components

from mbnas.search.confirmation import num_kept, num_worthwhile
from mbnas.search.decision import DecisionRule
from mbnas.search.named_search import SEARCHES
from mbnas.space.genotype import Genotype

BUDGETS = (30, 75, 150, 300, 750, 1500)
"""Trainings, confirmation included."""

LONG = 300
"""Searches beyond so many trainings may be of fewer worlds: some think long."""

SHARE = 0.25
"""Of the budget for confirmation."""

AS_MBNAS = 0
"""Stands for the number of leaders that is worthwhile for the budget."""

SHARES = (0.15, 0.25, 0.4)
NUMBERS_OF_LEADERS = (1, 2, 4, 8, 16)

PAPER = Arm(searcher="local", num_folds=5, per_network=3, start="random")
ARMS: dict[str, Arm] = {
    "local, the paper's: 15 trainings, random start": PAPER,
    "local, 15 trainings": replace(PAPER, start="unet"),
    "local with racing, up to 9 trainings": Arm(searcher="local", per_network=3, threshold=0.1),
    **{
        f"{name}, {'from ' if name == 'bayesian' else ''}3 trainings": Arm(
            searcher=name, by_model=name == "bayesian"
        )
        for name in SEARCHES
    },
    "evolution, 3 trainings, leaders by the model": Arm(searcher="evolution", by_model=True),
}
"""All start from the U-Net but the first; 3 trainings are one initialisation on 3 folds."""

Row = dict[str, Any]
Case = tuple[int, float, int]
"""Budget, share and number of leaders (or 0); a share of 0 is without confirmation."""


def cases(grid: bool) -> list[Case]:
    """Return what is asked of each search: the default, and with ``grid`` all shares."""
    asked = [(SHARE, AS_MBNAS)]
    if grid:
        asked += [(share, number) for share in SHARES for number in (AS_MBNAS, *NUMBERS_OF_LEADERS)]
    both = [(0.0, 0), *dict.fromkeys(asked)]
    return [(budget, *each) for budget in BUDGETS for each in both]


def ends(landscape: AnyLandscape, arm: Arm, asked: Sequence[Case]) -> dict[Case, list[float]]:
    """Return how one search ends in each case.

    Returns:
        The true Dice minus the U-Net's; whether that is below 0; whether another network than
        the U-Net is returned; the Dice shown minus the true one on the patients of the folds, and
        minus the true one on new patients; trainings.
    """
    steps = run_search(landscape, arm, max(budget for budget, _, _ in asked))
    found = {}
    leaders_of: dict[int, list[Genotype]] = {}
    for budget, share, number in asked:
        kept = num_kept(budget // arm.num_folds, share)
        searched = max(budget - kept * arm.num_folds, arm.per_network * arm.num_folds)
        known = known_after(steps, searched)
        if searched not in leaders_of:
            leaders_of[searched] = (
                ranked_by_model(landscape.space, steps, searched) if arm.by_model else ranked(known)
            )
        leaders = leaders_of[searched]
        if share:
            wanted = num_worthwhile(kept) if number == AS_MBNAS else number
            others = [each for each in leaders if each != UNET][:wanted]
            end = confirmed(
                landscape,
                known,
                others,
                num_folds=arm.num_folds,
                budget=kept,
                rule=DecisionRule(),
            )
        else:
            end = unconfirmed(known, leaders)
        true = landscape.true(end.chosen)
        gain = true - landscape.true(UNET)
        found[budget, share, number] = [
            gain,
            100.0 * (gain < -1e-9),
            100.0 * (end.chosen != UNET),
            end.shown - landscape.on_these_patients(end.chosen),
            end.shown - true,
            end.trainings,
        ]
    return found


def rows_of(name: str, arm: str, ended: Iterable[dict[Case, list[float]]]) -> list[Row]:
    """Return means over the worlds of one setting, with their standard errors.

    Args:
        name: Of the setting.
        arm: Name of the search.
        ended: How a search ended in each world, as :func:`ends` returns it.
    """
    of_case: dict[Case, list[list[float]]] = defaultdict(list)
    for world in ended:
        for case, end in world.items():
            of_case[case].append(end)
    rows = []
    for (budget, share, number), values in of_case.items():
        columns = np.array(values).T
        rows.append(
            {
                "world": name,
                "arm": arm,
                "budget": budget,
                "share": share,
                "leaders": number,
                "num_worlds": len(values),
                "gain": summary(columns[0]),
                "worse_percent": float(columns[1].mean()),
                "other_percent": float(columns[2].mean()),
                "optimism": summary(columns[3]),
                "optimism_new_patients": summary(columns[4]),
                "trainings": float(columns[5].mean()),
            }
        )
    return rows


def summary(values: np.ndarray) -> dict[str, float]:
    """Return mean and standard error."""
    known = values[~np.isnan(values)]
    if known.size < 2:
        return {"mean": math.nan, "se": math.nan}
    return {"mean": float(known.mean()), "se": float(known.std(ddof=1) / math.sqrt(known.size))}


def merged(before: list[Row], new: list[Row]) -> list[Row]:
    """Return rows with those of the same setting and search replaced, in the order of searches."""
    made = {(row["world"], row["arm"]) for row in new}
    rows = [row for row in before if (row["world"], row["arm"]) not in made] + new
    worlds, arms = ["main", *WORLDS], list(ARMS)
    return sorted(
        (row for row in rows if row["world"] in worlds and row["arm"] in arms),
        key=lambda row: (worlds.index(row["world"]), arms.index(row["arm"])),
    )


def main() -> None:
    """Simulate all of it, write JSON, a page and a plot; the file is renewed after each search."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=100, help="of a setting (default 100)")
    parser.add_argument(
        "--long", type=int, help=f"of those, searched beyond {LONG} trainings (default: all)"
    )
    parser.add_argument(
        "--only", nargs="*", default=list(ARMS), metavar="SEARCH", help="first words of searches"
    )
    parser.add_argument(
        "--settings", nargs="*", default=["main", *WORLDS], metavar="SETTING", help="names"
    )
    parser.add_argument("--grid", action="store_true", help="also other shares and leaders")
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="FILE.json",
        help="rows of other searches that it has already are kept",
    )
    arguments = parser.parse_args()
    rows: list[Row] = []
    if arguments.output.exists():
        rows = json.loads(arguments.output.read_text(encoding="utf-8"))["rows"]
    num_long = arguments.worlds if arguments.long is None else arguments.long
    for name in arguments.settings:
        for arm in ARMS:
            if not arm.startswith(tuple(arguments.only)):
                continue
            began = time.perf_counter()
            world = {"main": MAIN, **WORLDS}[name]
            ended = (
                ends(
                    Landscape(world=world, seed=seed),
                    ARMS[arm],
                    [each for each in cases(arguments.grid) if seed < num_long or each[0] <= LONG],
                )
                for seed in range(arguments.worlds)
            )
            new = rows_of(name, arm, ended)
            print(f"{name}: {arm}, {time.perf_counter() - began:.0f} s", flush=True)
            rows = merged(rows, new)
            write(rows, arguments.output)


def write(rows: list[Row], output: Path) -> None:
    """Write the rows, the page and the plot."""
    measured = {
        "machine": {
            "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "python": platform.python_version(),
            "numpy": np.__version__,
            "cores": os.cpu_count(),
        },
        "share": SHARE,
        "components": components(),
        "worlds": {name: asdict(world) for name, world in {"main": MAIN, **WORLDS}.items()},
        "rows": rows,
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    plot(measured, output.with_suffix(".svg"))
    page = markdown(measured, output.with_suffix(".svg").name)
    output.with_suffix(".md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
