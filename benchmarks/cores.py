"""How fast is training on all cores of a machine? Each program runs as it is usually run.

mbnas runs one training per core, in workers of one thread; nnU-Net and MONAI train one at a time,
with as many threads as there are cores. The trainings and arms are those of ``training.py``.
nnU-Net and MONAI run with their defaults, and again with freed memory kept and subnormal numbers
flushed, as in mbnas. All processes start before the first round, and work in turn.

    python benchmarks/cores.py --output benchmarks/results/cores.json
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
from arms_loader import monai_float32
from arms_mbnas import mbnas
from arms_nnunet import nnunet
from measuring import described, machine, spread, summary, write
from turns import process
from workload import NETWORKS, Arm, Case

from mbnas.training.device.device_setup import (
    flushing_subnormals,
    prepare_process,
    resolve_precision,
)
from mbnas.training.device.processor import num_cores
from training import SETTINGS, Setting

ARMS: dict[str, Callable[[Case], AbstractContextManager[Arm]]] = {
    "mbnas": mbnas,
    "nnU-Net": nnunet,
    "MONAI": monai_float32,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An arm and its processes and threads.

    Attributes:
        arm: A key of :data:`ARMS`.
        processes: How many train at the same time.
        threads: CPU threads of each process.
        helped: Whether freed memory is kept and subnormal numbers are flushed.
    """

    arm: str
    processes: int = 1
    threads: int = 1
    helped: bool = True


def places(cores: int) -> dict[str, Place]:
    """Return what is measured on a number of cores, by name."""
    return {
        "mbnas, a worker a core": Place(arm="mbnas", processes=cores),
        "mbnas, one process": Place(arm="mbnas", threads=cores),
        "nnU-Net": Place(arm="nnU-Net", threads=cores, helped=False),
        "nnU-Net, helped": Place(arm="nnU-Net", threads=cores),
        "MONAI": Place(arm="MONAI", threads=cores, helped=False),
        "MONAI, helped": Place(arm="MONAI", threads=cores),
    }


FIRST = "mbnas, a worker a core"
AIMS = dict.fromkeys(("nnU-Net", "nnU-Net, helped", "MONAI", "MONAI, helped"), "≥ 2.2")


def main() -> None:
    """Measure every place, write JSON and a page next to it, print the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=4, help="of every place (default 4)")
    parser.add_argument("--steps", type=int, help="in a round (default by setting)")
    parser.add_argument(
        "--setting", choices=SETTINGS, action="append", help="default small, 128 and paper"
    )
    parser.add_argument("--network", choices=NETWORKS, action="append", help="default the U-Net")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE.json")
    arguments = parser.parse_args()
    rows = [
        measure(setting, network, arguments)
        for setting in arguments.setting or ("small, 128", "paper")
        for network in arguments.network or ["U-Net"]
    ]
    measured = {
        "machine": machine("cpu", num_cores()),
        "rows": rows,
        "headlines": [
            {
                "what": f"{row['setting']}, {row['network']}: speed of mbnas over {name}",
                "value": ratio,
            }
            | ({"aim": AIMS[name]} if name in AIMS else {})
            for row in rows
            for name, ratio in row["speed_of_mbnas_over"].items()
        ],
    }
    write(measured, page(measured), arguments.output)


def measure(setting: str, network: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Return slices per second of every place, round by round."""
    size = SETTINGS[setting]
    steps = arguments.steps or 2 * size.steps
    rates: dict[str, list[float]] = {}
    with ExitStack() as stack:
        laid_out = places(num_cores())
        started = {
            name: [
                stack.enter_context(process(work, place, size, network, steps))
                for _ in range(place.processes)
            ]
            for name, place in laid_out.items()
        }
        for number in range(1 + arguments.rounds):
            for name in list(laid_out)[:: -1 if number % 2 else 1]:
                wall_s = round_of(started[name])
                if number > 0:  # the first call warms up
                    slices = laid_out[name].processes * steps * size.batch_size
                    rates.setdefault(name, []).append(slices / wall_s)
    return {
        "setting": setting,
        "network": network,
        "steps_per_round": steps,
        "rounds": rates,
        "slices_per_s": {name: summary(each) for name, each in rates.items()},
        "speed_of_mbnas_over": {
            name: summary([ours / theirs for ours, theirs in zip(rates[FIRST], each, strict=True)])
            for name, each in rates.items()
            if name != FIRST
        },
    }


def round_of(processes: list[Connection]) -> float:
    """Have processes make their steps at the same time; return how long that took."""
    start = time.perf_counter()
    for each in processes:
        each.send("round")
    for each in processes:
        each.recv()
    return time.perf_counter() - start


def work(connection: Connection, place: Place, size: Setting, network: str, steps: int) -> None:
    """Make steps in each round."""
    if place.helped:
        prepare_process(place.threads)
    torch.set_num_threads(place.threads)
    torch.use_deterministic_algorithms(place.arm == "mbnas")
    case = size.case(
        network,
        epochs=1000,
        steps=steps,
        precision=resolve_precision("auto", "cpu"),
        threads=place.threads,
    )
    with flushing_subnormals() if place.helped else nullcontext(), ARMS[place.arm](case) as arm:
        while connection.recv() == "round":
            arm()
            connection.send("done")


def page(measured: dict[str, Any]) -> str:
    """Return the results as a page: the machine, then a table for each setting and network."""
    lines = ["# All cores of a machine", "", described(measured["machine"]), ""]
    for row in measured["rows"]:
        lines += [
            f"## {row['setting']}: {row['network']}",
            "",
            "Slices per second, median (quartiles), and within a round mbnas over each.",
            "",
            "| | slices/s | mbnas, a worker a core, over it |",
            "| --- | --- | --- |",
        ]
        for name, rate in row["slices_per_s"].items():
            ratio = row["speed_of_mbnas_over"].get(name)
            lines.append(f"| {name} | {spread(rate, 1)} | {spread(ratio, 2) if ratio else ''} |")
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
