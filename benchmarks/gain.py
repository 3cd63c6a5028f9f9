"""What makes mbnas's training step fast? Each of its four factors, added and removed.

**Allocator**: glibc keeps freed memory. **Layout**: networks and batches are channels last.
**Precision**: bfloat16 where the machine is fast at it. **Pipeline**: slices lie on the device
and a batch is augmented at once, not slice by slice in a DataLoader. The same loop runs with every
combination of them, in turn. The allocator's setting holds for a whole process and cannot be
undone, so two processes take turns.

    python benchmarks/gain.py --output benchmarks/results/gain.json
"""

from __future__ import annotations

import argparse
from itertools import product
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
from gain_page import markdown, plot
from gain_steps import FACTORS, Factors, steps_with
from measuring import interleaved, machine, ratios, summary, write
from turns import process
from workload import NETWORKS, Case

from mbnas.training.device.device_setup import flushing_subnormals, keep_large_blocks
from training import SETTINGS

ALLOCATOR = FACTORS[0]
ROUNDS = {"small, 64": 6, "paper": 2}
"""Rounds of every combination, in the default settings."""
OTHER_ROUNDS = 2


def main() -> None:
    """Measure every combination of factors, write JSON, a page and a plot."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--rounds", type=int, help="of each combination (default 6, or 2 in large settings)"
    )
    parser.add_argument("--steps", type=int, help="in a round (default by setting)")
    parser.add_argument(
        "--setting", choices=SETTINGS, action="append", help="default small, 64 and paper"
    )
    parser.add_argument("--network", choices=NETWORKS, action="append", help="default the U-Net")
    parser.add_argument("--threads", type=int, default=1, help="of torch (default 1)")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE.json")
    arguments = parser.parse_args()
    rows = [
        {"setting": setting, "network": network} | measure(setting, network, arguments)
        for setting in arguments.setting or ROUNDS
        for network in arguments.network or ["U-Net"]
    ]
    measured = {
        "machine": machine("cpu", arguments.threads),
        "rows": rows,
        "headlines": [
            {"what": f"{row['setting']}, {row['network']}: speed with {what}", "value": value}
            for row in rows
            for what, value in (
                ("all factors over none", row["together"]),
                *((f"{factor} over all but it", row["last"][factor]) for factor in FACTORS),
            )
        ],
    }
    picture = arguments.output.with_suffix(".svg")
    write(measured, markdown(measured, picture.name), arguments.output)
    plot(measured, picture)


def measure(setting: str, network: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Return every combination's rounds and the gain of each factor."""
    rounds: dict[Factors, list[dict[str, float]]] = {}
    with (
        process(run_rounds, setting, network, arguments, False) as without,
        process(run_rounds, setting, network, arguments, True) as keeping,
    ):
        for number in range(1 + (arguments.rounds or ROUNDS.get(setting, OTHER_ROUNDS))):
            for connection in (without, keeping)[:: -1 if number % 2 else 1]:
                connection.send("round")
                for factors, times in connection.recv().items():
                    if number > 0:  # the first call warms up
                        rounds.setdefault(factors, []).extend(times)
    steps = arguments.steps or SETTINGS[setting].steps
    slices = SETTINGS[setting].batch_size * steps
    everything, nothing = frozenset(FACTORS), frozenset[str]()
    ladder = [frozenset(FACTORS[:count]) for count in range(len(FACTORS) + 1)]
    named = {named_as(factors): each for factors, each in rounds.items()}
    return {
        "steps_per_round": steps,
        "rounds": named,
        "slices_per_s": {
            name: summary([slices / each["wall_s"] for each in times])
            for name, times in named.items()
        },
        "ladder": [named_as(factors) for factors in ladder],
        "together": ratios(named, named_as(nothing), named_as(everything)),
        "alone": {
            factor: ratios(named, named_as(nothing), named_as(frozenset({factor})))
            for factor in FACTORS
        },
        "last": {
            factor: ratios(named, named_as(everything - {factor}), named_as(everything))
            for factor in FACTORS
        },
    }


def named_as(factors: Factors) -> str:
    """Return a combination's name.

    >>> named_as(frozenset({"precision", "layout"}))
    'layout + precision'
    """
    return " + ".join(factor for factor in FACTORS if factor in factors) or "none"


def run_rounds(
    connection: Connection,
    setting: str,
    network: str,
    arguments: argparse.Namespace,
    keeps_memory: bool,
) -> None:
    """Run rounds of all combinations with or without kept memory, until the end message."""
    torch.set_num_threads(arguments.threads)
    if keeps_memory:
        keep_large_blocks()
    case = case_of(setting, network, arguments)
    own = {ALLOCATOR} if keeps_memory else set()
    arms = {
        frozenset(chosen) | own: steps_with(case, frozenset(chosen))
        for chosen in combinations(FACTORS[1:])
    }
    with flushing_subnormals():
        while connection.recv() == "round":
            connection.send(interleaved(arms, rounds=1, warm=True))


def combinations(factors: tuple[str, ...]) -> list[set[str]]:
    """Return every set of factors."""
    return [
        {factor for factor, chosen in zip(factors, choice, strict=True) if chosen}
        for choice in product((False, True), repeat=len(factors))
    ]


def case_of(setting: str, network: str, arguments: argparse.Namespace) -> Case:
    """Return what is trained."""
    size = SETTINGS[setting]
    return size.case(
        network,
        epochs=1,
        steps=arguments.steps or size.steps,
        precision="bfloat16",
        threads=arguments.threads,
    )


if __name__ == "__main__":
    main()
