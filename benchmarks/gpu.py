"""How a GPU is filled best: one training at a time, several in processes or streams, or together.

For the U-Net and a random network of the mixed space under the paper's protocol: training slices
per second of every way, one whole evaluation (5 folds × 3 initialisations of 100 epochs of 480
slices) extrapolated from that, and the paper's search of 150 networks. Ways run in turn, over
rounds; what compiling or recording costs is told beside. On a CPU it shows that it works, and
little else.

    python benchmarks/gpu.py --output benchmarks/results/gpu.json
"""

from __future__ import annotations

import argparse
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from measuring import described, machine, spread, summary, write
from workload import MIXED, protocol, unet_genotype

from mbnas.network.interface import Interface
from mbnas.space.genotype import Genotype
from mbnas.training.device.device_setup import resolve_device, resolve_precision, take_device
from mbnas.training.device.processor import num_cores
from mbnas.training.device.step_speed import Rate, Workload, joined, measure_rate
from mbnas.training.protocol import Protocol, StepMode
from mbnas.workers.executors import ProcessExecutor

FOLDS, INITIALISATIONS, EPOCHS, SLICES, NETWORKS_SEARCHED = 5, 3, 100, 480, 150
SEEN = FOLDS * INITIALISATIONS * EPOCHS * SLICES
"""Slices that the trainings of one evaluation see; validation is left out."""

AIM_S = 120.0
"""One evaluation of a network of the U-Net's cost, on an H200."""

NETWORKS: dict[str, Genotype] = {"U-Net": unet_genotype(), "mixed": MIXED}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingMode:
    """A way to fill the device: a step, trainings that advance together, and what runs at once."""

    step: StepMode = "graph"
    trainings: int = 1
    processes: int = 1
    streams: int = 1


WAYS = {
    "one, eager": TrainingMode(step="eager"),
    "one, recorded": TrainingMode(),
    "one, compiled": TrainingMode(step="compiled"),
    "folds together, recorded": TrainingMode(trainings=FOLDS),
    "folds together, compiled": TrainingMode(step="compiled", trainings=FOLDS),
    "all together, recorded": TrainingMode(trainings=FOLDS * INITIALISATIONS),
    "two processes, recorded": TrainingMode(processes=2),
    "four processes, recorded": TrainingMode(processes=4),
    "four streams, recorded": TrainingMode(streams=4),
}
WAYS_ON_A_CPU = {
    "one, eager": TrainingMode(step="eager"),
    "folds together, eager": TrainingMode(step="eager", trainings=FOLDS),
    "two processes, eager": TrainingMode(step="eager", processes=2),
}


def main() -> None:
    """Measure every way for every network, write JSON and a page beside it, print the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto", help="default: a GPU if there is one")
    parser.add_argument("--rounds", type=int, default=3, help="of each way (default 3)")
    parser.add_argument("--seconds", type=float, default=5.0, help="of steps a round (default 5)")
    parser.add_argument("--base-channels", type=int, default=32, help="default 32")
    parser.add_argument("--slice-size", type=int, default=128, help="default 128")
    parser.add_argument("--batch-size", type=int, default=32, help="default 32")
    parser.add_argument("--network", choices=NETWORKS, action="append", help="default all")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE.json")
    arguments = parser.parse_args()
    device = resolve_device(arguments.device)
    rows = [measure(name, device, arguments) for name in arguments.network or NETWORKS]
    measured = {"machine": machine(device), "rows": rows, "headlines": headlines(rows, device)}
    write(measured, page(measured), arguments.output)


def measure(network: str, device: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the rates of a network in every way, round by round."""
    ways = WAYS if device.startswith("cuda") else WAYS_ON_A_CPU
    of = protocol(
        slice_size=arguments.slice_size,
        base_channels=arguments.base_channels,
        batch_size=arguments.batch_size,
        epochs=EPOCHS,
        steps_per_epoch=None,
        precision=resolve_precision("auto", device),
    )
    rounds: dict[str, list[Rate]] = {name: [] for name in ways}
    troubles: dict[str, str] = {}
    with ExitStack() as stack:
        runs = {
            name: stack.enter_context(running(way, NETWORKS[network], of, device, arguments))
            for name, way in ways.items()
        }
        for _ in range(arguments.rounds):
            for name, run in runs.items():
                if name not in troubles:
                    try:
                        rounds[name].append(run())
                    except Exception as error:
                        troubles[name] = f"{type(error).__name__}: {str(error).splitlines()[0]}"
    return {
        "network": network,
        "genotype": str(NETWORKS[network]),
        "base_channels": arguments.base_channels,
        "batch_size": arguments.batch_size,
        "slice_size": arguments.slice_size,
        "precision": of.training.precision,
        "ways": {
            name: {
                "slices_per_s": summary([rate.slices_per_s for rate in rates]),
                "begun_s": summary([rate.begun_s for rate in rates]),
                "evaluation_s": summary([rate.seconds_for(SEEN) for rate in rates]),
            }
            for name, rates in rounds.items()
            if rates
        },
        "troubles": troubles,
    }


@contextmanager
def running(
    way: TrainingMode, genotype: Genotype, of: Protocol, device: str, arguments: argparse.Namespace
) -> Iterator[Callable[[], Rate]]:
    """Yield a call that measures a way once."""
    workload = Workload(
        architecture=genotype,
        protocol=replace(of, training=replace(of.training, step=way.step)),
        interface=Interface(in_channels=1, num_classes=2, size=arguments.slice_size),
        trainings=way.trainings,
        device=device,
    )
    if way.processes == 1:
        yield lambda: in_streams(way.streams, workload, arguments.seconds)
        return
    executor = ProcessExecutor(
        way.processes,
        initializer=take_device,
        slot_arguments=[(device, slot) for slot in range(way.processes)],
    )
    for started in [executor.submit(num_cores) for _ in range(way.processes)]:
        started.result()
    try:
        yield lambda: in_processes(executor, way.processes, workload, arguments.seconds)
    finally:
        executor.terminate()


def in_processes(
    executor: ProcessExecutor, processes: int, workload: Workload, seconds: float
) -> Rate:
    """Measure a workload in several processes at once."""
    calls = [executor.submit(measure_rate, workload, seconds) for _ in range(processes)]
    return joined([call.result() for call in calls])


def in_streams(streams: int, workload: Workload, seconds: float) -> Rate:
    """Measure a workload in several streams of this process at once, each in its thread."""
    if streams == 1:
        return measure_rate(workload, seconds)
    rates: list[Rate] = []

    def one() -> None:
        with torch.cuda.stream(torch.cuda.Stream()):
            rates.append(measure_rate(workload, seconds))

    threads = [threading.Thread(target=one) for _ in range(streams)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(rates) < streams:
        raise RuntimeError("a thread came to nothing; standard error has why")
    return joined(rates)


def headlines(rows: list[dict[str, Any]], device: str) -> list[dict[str, Any]]:
    """Return what is told first: how long one evaluation takes in each network's fastest way."""
    told = []
    for row in rows:
        name = min(row["ways"], key=lambda way: row["ways"][way]["evaluation_s"]["median"])
        what = f"{row['network']}: seconds of one evaluation of the paper, {name}"
        headline = {"what": what, "value": row["ways"][name]["evaluation_s"]}
        if row["network"] == "U-Net" and device.startswith("cuda"):
            headline["aim"] = f"≤ {AIM_S:g}"
        told.append(headline)
    return told


def page(measured: dict[str, Any]) -> str:
    """Return the results as a page: the machine, then a table for each network."""
    lines = ["# Filling a GPU", "", described(measured["machine"]), ""]
    for row in measured["rows"]:
        lines += [
            f"## {row['network']}",
            "",
            (
                f"{row['base_channels']} base channels, batches of {row['batch_size']} slices of "
                f"{row['slice_size']}×{row['slice_size']}, {row['precision']}. Median (quartiles)."
            ),
            "",
            "| way | slices/s | first step, s | one evaluation, s | 150 evaluations, h |",
            "| --- | --- | --- | --- | --- |",
        ]
        for name, way in row["ways"].items():
            hours = NETWORKS_SEARCHED * way["evaluation_s"]["median"] / 3600
            lines.append(
                f"| {name} | {spread(way['slices_per_s'], 0)} | {spread(way['begun_s'], 1)} "
                f"| {spread(way['evaluation_s'], 0)} | {hours:.1f} |"
            )
        lines += [f"| {name} | {trouble} | | | |" for name, trouble in row["troubles"].items()]
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
