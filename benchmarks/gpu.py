"""Training modes of a GPU side by side: single, packed, recorded as a graph, compiled, fused.

For the U-Net and a random network of the mixed space under the paper's protocol: training slices
per second in each mode, and, extrapolated from that, one whole evaluation (5 folds ×
3 initialisations of 100 epochs of 480 slices) and the paper's search of 150 networks. Modes run in
turn, over rounds; the time for compiling or recording is listed separately. A run on a CPU only
shows that the script works.

    python benchmarks/gpu.py --output benchmarks/results/gpu.json
"""

from __future__ import annotations

import argparse
import math
import threading
import time
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
SLICES_PER_EVALUATION = FOLDS * INITIALISATIONS * EPOCHS * SLICES
"""Training slices of one evaluation; validation is left out."""

TARGET_S = 120.0
"""Target for one evaluation of a network of the U-Net's cost, on an H200."""

NETWORKS: dict[str, Genotype] = {"U-Net": unet_genotype(), "mixed": MIXED}


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredMode:
    """How trainings share the device.

    Attributes:
        step: How a step is run.
        trainings: How many are fused in one program.
        processes: How many programs run at once, each in a process.
        streams: How many programs run at once, each in a CUDA stream of one process.
    """

    step: StepMode = "graph"
    trainings: int = 1
    processes: int = 1
    streams: int = 1


MODES = {
    "single": MeasuredMode(step="eager"),
    "packed": MeasuredMode(step="eager", processes=4),
    "graph": MeasuredMode(),
    "fused": MeasuredMode(trainings=FOLDS),
    "fused, all": MeasuredMode(trainings=FOLDS * INITIALISATIONS),
    "packed, graph": MeasuredMode(processes=4),
    "streams, graph": MeasuredMode(streams=4),
    "compiled": MeasuredMode(step="compiled"),
    "fused, compiled": MeasuredMode(step="compiled", trainings=FOLDS),
}
"""By name: ``fused`` is the folds of an initialisation, ``fused, all`` all trainings of a network;
both are recorded as a graph."""

CPU_MODES = {
    "single": MeasuredMode(step="eager"),
    "packed": MeasuredMode(step="eager", processes=2),
    "fused": MeasuredMode(step="eager", trainings=FOLDS),
}


def main() -> None:
    """Measure every mode for every network, write JSON and a page next to it, print the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto", help="default: a GPU if there is one")
    parser.add_argument("--rounds", type=int, default=3, help="rounds over all modes (default 3)")
    parser.add_argument(
        "--seconds", type=float, default=5.0, help="measured per mode and round (default 5)"
    )
    parser.add_argument(
        "--budget", type=float, default=math.inf, help="start no measurement after these seconds"
    )
    parser.add_argument("--base-channels", type=int, default=32, help="default 32")
    parser.add_argument("--slice-size", type=int, default=128, help="default 128")
    parser.add_argument("--batch-size", type=int, default=32, help="default 32")
    parser.add_argument("--network", choices=NETWORKS, action="append", help="default all")
    parser.add_argument("--mode", choices=MODES, action="append", help="default all")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE.json")
    arguments = parser.parse_args()
    device, rows = resolve_device(arguments.device), []
    networks, start = arguments.network or list(NETWORKS), time.perf_counter()
    for number, name in enumerate(networks, 1):
        deadline = start + arguments.budget * number / len(networks)
        rows.append(measure(name, device, arguments, deadline))
        results = {"machine": machine(device), "rows": rows, "headlines": headlines(rows, device)}
        write(results, page(results), arguments.output)


def measure(
    network: str, device: str, arguments: argparse.Namespace, deadline: float
) -> dict[str, Any]:
    """Return the rates of a network in every mode, over all rounds.

    Args:
        network: A name of :data:`NETWORKS`.
        device: A torch device.
        arguments: The command line's.
        deadline: No measurement starts after it, by :func:`time.perf_counter`.
    """
    of_device = MODES if device.startswith("cuda") else CPU_MODES
    modes = {
        name: mode for name, mode in of_device.items() if name in (arguments.mode or of_device)
    }
    of = protocol(
        slice_size=arguments.slice_size,
        base_channels=arguments.base_channels,
        batch_size=arguments.batch_size,
        epochs=EPOCHS,
        steps_per_epoch=None,
        precision=resolve_precision("auto", device),
    )
    rounds: dict[str, list[Rate]] = {name: [] for name in modes}
    errors: dict[str, str] = {}
    with ExitStack() as stack:
        runs: dict[str, Callable[[], Rate]] = {}
        for number in range(arguments.rounds):
            for name, mode in modes.items():
                if name in errors or time.perf_counter() > deadline:
                    continue
                try:
                    if number == 0:
                        run = running(mode, NETWORKS[network], of, device, arguments)
                        runs[name] = stack.enter_context(run)
                    rounds[name].append(runs[name]())
                except Exception as error:
                    first_line = next(iter(str(error).splitlines()), "")
                    errors[name] = f"{type(error).__name__}: {first_line}"
    return {
        "network": network,
        "genotype": str(NETWORKS[network]),
        "base_channels": arguments.base_channels,
        "batch_size": arguments.batch_size,
        "slice_size": arguments.slice_size,
        "precision": of.training.precision,
        "modes": {
            name: {
                "slices_per_s": summary([rate.slices_per_s for rate in rates]),
                "begun_s": summary([rate.begun_s for rate in rates]),
                "evaluation_s": summary(
                    [rate.seconds_for(SLICES_PER_EVALUATION) for rate in rates]
                ),
            }
            for name, rates in rounds.items()
            if rates
        },
        "errors": errors,
        "not_measured": [name for name in modes if not rounds[name] and name not in errors],
    }


@contextmanager
def running(
    mode: MeasuredMode,
    genotype: Genotype,
    of: Protocol,
    device: str,
    arguments: argparse.Namespace,
) -> Iterator[Callable[[], Rate]]:
    """Yield a call that measures a mode once."""
    workload = Workload(
        architecture=genotype,
        protocol=replace(of, training=replace(of.training, step=mode.step)),
        interface=Interface(in_channels=1, num_classes=2, size=arguments.slice_size),
        trainings=mode.trainings,
        device=device,
    )
    if mode.processes == 1:
        yield lambda: in_streams(mode.streams, workload, arguments.seconds)
        return
    executor = ProcessExecutor(
        mode.processes,
        initializer=take_device,
        slot_arguments=[(device, slot) for slot in range(mode.processes)],
    )
    for started in [executor.submit(num_cores) for _ in range(mode.processes)]:
        started.result()
    try:
        yield lambda: in_processes(executor, mode.processes, workload, arguments.seconds)
    finally:
        executor.terminate()


def in_processes(
    executor: ProcessExecutor, processes: int, workload: Workload, seconds: float
) -> Rate:
    """Measure a workload in several processes at once."""
    calls = [executor.submit(measure_rate, workload, seconds) for _ in range(processes)]
    return joined([call.result() for call in calls])


def in_streams(streams: int, workload: Workload, seconds: float) -> Rate:
    """Measure a workload in several streams of this process at once, each in a thread."""
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
        raise RuntimeError("a thread failed; standard error has the cause")
    return joined(rates)


def headlines(rows: list[dict[str, Any]], device: str) -> list[dict[str, Any]]:
    """Return the time of one evaluation in each network's fastest mode."""
    lines = []
    for row in rows:
        if not row["modes"]:
            continue
        name = min(row["modes"], key=lambda mode: row["modes"][mode]["evaluation_s"]["median"])
        what = f"{row['network']}: seconds of one evaluation of the paper, {name}"
        headline = {"what": what, "value": row["modes"][name]["evaluation_s"]}
        if row["network"] == "U-Net" and device.startswith("cuda"):
            headline["aim"] = f"≤ {TARGET_S:g}"
        lines.append(headline)
    return lines


def page(results: dict[str, Any]) -> str:
    """Return the results as a page: the machine, then a table for each network."""
    lines = ["# Training modes of a GPU", "", described(results["machine"]), ""]
    return "\n".join(lines + [line for row in results["rows"] for line in table(row)])


def table(row: dict[str, Any]) -> list[str]:
    """Return the lines of a network's section."""
    lines = [
        f"## {row['network']}",
        "",
        (
            f"{row['base_channels']} base channels, batches of {row['batch_size']} slices of "
            f"{row['slice_size']}×{row['slice_size']}, {row['precision']}. Median (quartiles)."
        ),
        "",
        "| mode | slices/s | first step, s | one evaluation, s | 150 evaluations, h |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, mode in row["modes"].items():
        hours = NETWORKS_SEARCHED * mode["evaluation_s"]["median"] / 3600
        lines.append(
            f"| {name} | {spread(mode['slices_per_s'], 0)} | {spread(mode['begun_s'], 1)} "
            f"| {spread(mode['evaluation_s'], 0)} | {hours:.1f} |"
        )
    lines += [f"| {name} | **failed**: {error} | | | |" for name, error in row["errors"].items()]
    lines += [f"| {name} | not measured: no time left | | | |" for name in row["not_measured"]]
    return [*lines, ""]


if __name__ == "__main__":
    main()
