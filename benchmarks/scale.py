"""How far does a search scale? The real search at simulated workers, and the driver's own cost.

Searcher, driver, evaluator, dispatcher and ledger are the product's. Workers run on a virtual
clock: a training takes what a recorded one took, some straggle, some lose their worker. Each search
runs at 1 to 1024 workers, with and without trainings ahead of a decision. What the driver itself
costs is real time, with up to 100 000 trainings in the ledger.

    python benchmarks/scale.py --output benchmarks/results/scale.json
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from scale_driver import begun, budget_of, driver_costs, evaluator_of
from scale_page import markdown, plot
from scale_simulated import VirtualExecutor, World

from mbnas.search.local import local_search
from mbnas.search.random_search import random_search
from mbnas.search.searcher import Search
from mbnas.study.drive.driver import drive
from mbnas.study.ledger.ledger import Ledger
from mbnas.training.training_record import TrainingKey

WORKERS = tuple(2**power for power in range(11))
IN_MEMORY = Path("/dev/shm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """A searcher, with or without racing.

    Attributes:
        name: Its name on the page.
        search: The searcher.
        racing: The chance below which a network is dropped; ``None`` drops none.
    """

    name: str
    search: Search
    racing: float | None = None


ARMS = (
    Arm(name="random search", search=random_search),
    Arm(name="local search", search=local_search),
    Arm(name="local search, racing", search=local_search, racing=0.05),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """A search that ended.

    Attributes:
        executor: Where its trainings ran.
        networks: Digests, in the order asked for.
        wall_s: Real time.
        cpu_s: Real processor time.
    """

    executor: VirtualExecutor
    networks: tuple[str, ...]
    wall_s: float
    cpu_s: float


def searched(arm: Arm, seed: int, *, budget: int, workers: int, speculate: bool) -> Searched:
    """Run a search in memory."""
    with TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None) as directory:
        executor, world = VirtualExecutor(workers), World(seed=seed)
        began = time.perf_counter(), time.process_time()
        with Ledger.create(Path(directory, "ledger.sqlite")) as ledger:
            drive(
                lambda recorded: begun(arm.search, seed),
                evaluator_of(ledger, executor, workers, world, arm.racing),
                ledger,
                budget=budget_of(budget),
                speculate="possible" if speculate else "nothing",
            )
            networks = tuple(each.network for each in ledger.evaluations())
        return Searched(
            executor=executor,
            networks=networks,
            wall_s=time.perf_counter() - began[0],
            cpu_s=time.process_time() - began[1],
        )


def scaled(arm: Arm, seed: int, budget: int) -> list[dict[str, Any]]:
    """Return how a search does at every number of workers.

    Raises:
        AssertionError: if the number of workers changed what was searched.
    """
    alone = searched(arm, seed, budget=budget, workers=1, speculate=False)
    needed = {key for key, _, _, is_well in alone.executor.runs if is_well}
    rows = []
    for speculate in (True, False):
        for workers in WORKERS:
            found = searched(arm, seed, budget=budget, workers=workers, speculate=speculate)
            assert found.networks == alone.networks
            row = row_of(found.executor, needed, workers)
            row |= {
                "arm": arm.name,
                "seed": seed,
                "speculate": speculate,
                "speed_up": alone.executor.now_s / found.executor.now_s,
                "driver_cpu_ms": 1000 * found.cpu_s / len(found.executor.runs),
            }
            rows.append(row)
            print(json.dumps(row), flush=True)
    return rows


def row_of(executor: VirtualExecutor, needed: set[TrainingKey], workers: int) -> dict[str, Any]:
    """Return how busy workers were until the search ended, and on what."""
    end_s = executor.now_s
    busy = {"needed": 0.0, "died": 0.0, "in vain": 0.0}
    for key, began_s, ended_s, is_well in executor.runs:
        kind = "in vain" if key not in needed else "needed" if is_well else "died"
        busy[kind] += min(ended_s, end_s) - began_s
    total_s = sum(busy.values())
    return {
        "workers": workers,
        "makespan_h": end_s / 3600,
        "utilisation": total_s / (workers * end_s),
        "needed_share": busy["needed"] / total_s,
        "in_vain_share": busy["in vain"] / total_s,
        "trainings": len(executor.runs),
        "needed_trainings": len(needed),
    }


def driver_rows(
    directory: Path, where: str, sizes: list[int], further: int
) -> list[dict[str, Any]]:
    """Return what the driver costs with ledgers of several sizes in a directory."""
    rows = []
    for num_networks in sizes:
        row = driver_costs(
            directory, local_search, num_networks=num_networks, further=further, workers=16
        )
        rows.append({"where": where, **row})
        print(json.dumps(rows[-1]), flush=True)
    return rows


def main() -> None:
    """Simulate, measure, write JSON, a page and a plot, and print the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--budget", type=int, default=150, help="networks (default 150)")
    parser.add_argument("--seeds", type=int, default=1, help="searches an arm (default 1)")
    parser.add_argument(
        "--networks",
        type=int,
        nargs="+",
        default=[0, 67, 667, 2000, 6667],
        help="in the ledgers at which the driver's cost is measured",
    )
    parser.add_argument("--further", type=int, default=100, help="networks to measure it over")
    parser.add_argument("--disk", type=Path, default=Path(), help="a directory that is on a disk")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE.json")
    arguments = parser.parse_args()
    began = time.perf_counter()
    measured: dict[str, Any] = {
        "machine": {
            "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "python": platform.python_version(),
            "cores": os.cpu_count(),
            "load_average": os.getloadavg()[0],
        },
        "budget": arguments.budget,
        "further": arguments.further,
        "scale": [
            row
            for arm in ARMS
            for seed in range(arguments.seeds)
            for row in scaled(arm, seed, arguments.budget)
        ],
        "driver": driver_rows(IN_MEMORY, "memory", arguments.networks, arguments.further)
        + driver_rows(
            arguments.disk,
            "disk",
            [arguments.networks[0], max(arguments.networks)],
            arguments.further,
        ),
    }
    measured["machine"]["wall_s"] = round(time.perf_counter() - began)
    measured["machine"]["cpu_s"] = round(time.process_time())
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    plot(measured, arguments.output.with_suffix(".svg"))
    page = markdown(measured, arguments.output.with_suffix(".svg").name)
    arguments.output.with_suffix(".md").write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
