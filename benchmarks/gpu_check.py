"""What has to be run on a GPU, in under eight minutes: tests, a training, modes, an evaluation.

Four stages, each in its own process with its own time budget:

1. the tests marked ``gpu``;
2. one training under the paper's protocol;
3. the training modes single, packed, graph and fused side by side;
4. one evaluation under the paper's protocol, in the fastest of these modes.

A stage that fails or exceeds its budget is recorded and does not stop the next; the exit status is
then 1. The page is written after each stage.

    python benchmarks/gpu_check.py --output benchmarks/results/gpu-DATE.json
    python benchmarks/gpu_check.py --device cpu --quick --output gpu.json    # a dry run
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gpu
from measuring import described, machine

from mbnas.training.device.device_setup import resolve_device

HERE = Path(__file__).parent
PROJECT = HERE.parent
MODES = ("single", "packed", "graph", "fused")
BUDGET_S = {"tests": 140.0, "training": 60.0, "modes": 120.0, "evaluation": 120.0}
"""Seconds after which a stage is stopped; with set-up, the sum is below 480."""

EARLIER_S = 15.0
"""A benchmark is given this much less than its stage, to start and to write its results."""

TITLES = {
    "tests": "Tests marked `gpu`",
    "training": "One training under the paper's protocol",
    "modes": "Training modes side by side",
    "evaluation": "One evaluation under the paper's protocol",
}

HEAD = """\
# A check on a GPU

{machine}

{note}| stage | outcome | seconds | budget, s |
| --- | --- | --- | --- |
"""

DRY_RUN = """\
**A dry run (`--quick`)** with a toy protocol: it only shows that the stages run.

"""

NOT_A_GPU = """\
**Nothing here ran on a GPU**: the device was the processor, where tests marked `gpu` are skipped.

"""

Stage = dict[str, Any]


def main() -> int:
    """Run all stages, write JSON and a page next to it, and return 1 if a stage failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto", help="default: a GPU if there is one")
    parser.add_argument("--quick", action="store_true", help="a toy protocol, for dry runs")
    parser.add_argument(
        "--patience", type=float, default=1.0, help="multiplies all time budgets (default 1)"
    )
    parser.add_argument(
        "--output", type=Path, metavar="FILE.json", help="default benchmarks/results/gpu-DATE.json"
    )
    arguments = parser.parse_args()
    today = datetime.now().astimezone().date().isoformat()
    output: Path = arguments.output or HERE / "results" / f"gpu-{today}.json"
    device = resolve_device(arguments.device)
    results: dict[str, Any] = {"machine": machine(device), "quick": arguments.quick, "stages": {}}
    with TemporaryDirectory() as temporary:
        check = Check(device, Path(temporary), arguments.patience, quick=arguments.quick)
        stages: dict[str, Callable[[], Stage]] = {
            "tests": check.tests,
            "training": check.training,
            "modes": check.modes,
            "evaluation": lambda: check.evaluation(fastest_mode(results["stages"]["modes"])),
        }
        for name, stage in stages.items():
            print(f"{name} …", file=sys.stderr, flush=True)
            results["stages"][name] = stage()
            save(results, output)
    print(page(results))
    return int(any(stage["failure"] for stage in results["stages"].values()))


class Check:
    """Runs the stages.

    Args:
        device: A torch device.
        directory: For files of the stages.
        patience: Multiplies all time budgets.
        quick: Whether to use a toy protocol.
    """

    def __init__(self, device: str, directory: Path, patience: float, *, quick: bool) -> None:
        self._device = device
        self._directory = directory
        self._patience = patience
        self._quick = quick

    def tests(self) -> Stage:
        """Run the tests marked ``gpu``."""
        options = ("-m", "gpu", "-v", "--tb=short", "-p", "no:cacheprovider")
        options += ("--continue-on-collection-errors",)
        command = [sys.executable, "-m", "pytest", *options, *gpu_test_files()]
        stage = self._run("tests", command)
        # Every outcome is printed as it is known, so a run that is stopped still counts.
        outcomes = re.findall(
            r"^(\S+::.*) (PASSED|FAILED|ERROR|SKIPPED)", stage["log"], re.MULTILINE
        )
        counts = {
            outcome.lower(): sum(each == outcome for _, each in outcomes)
            for outcome in ("PASSED", "FAILED", "ERROR", "SKIPPED")
        }
        failed = [name for name, outcome in outcomes if outcome in ("FAILED", "ERROR")]
        if self._device.startswith("cuda") and not counts["passed"]:
            stage["failure"] = stage["failure"] or "no test ran on the GPU"
        return stage | {"results": {"counts": counts, "failed": failed}}

    def training(self) -> Stage:
        """Run one training under the paper's protocol."""
        return self._protocol("training", "single")

    def modes(self) -> Stage:
        """Measure the training modes side by side."""
        output = self._directory / "modes.json"
        sizes = ["--base-channels", "4", "--slice-size", "32", "--batch-size", "4", "--rounds", "1"]
        command = [
            *(sys.executable, str(HERE / "gpu.py"), "--device", self._device),
            *(argument for mode in MODES for argument in ("--mode", mode)),
            *("--seconds", "1" if self._quick else "2.5", "--budget", str(self._inner_s("modes"))),
            *(sizes if self._quick else ["--rounds", "3"]),
            *("--output", str(output)),
        ]
        stage = self._run("modes", command, output)
        rows = stage["results"]["rows"] if stage["results"] else []
        errors = [f"{name}: {error}" for row in rows for name, error in row["errors"].items()]
        return stage | {"failure": stage["failure"] or "; ".join(errors) or None}

    def evaluation(self, mode: str) -> Stage:
        """Run one evaluation under the paper's protocol in a training mode."""
        return self._protocol("evaluation", mode)

    def _protocol(self, what: str, mode: str) -> Stage:
        output = self._directory / f"{what}.json"
        command = [
            *(sys.executable, str(HERE / "gpu_protocol.py"), what, "--device", self._device),
            *("--mode", mode, "--budget", str(self._inner_s(what)), "--output", str(output)),
            *(["--quick", "--epochs", "3"] if self._quick else []),
        ]
        return self._run(what, command, output)

    def _inner_s(self, name: str) -> float:
        return BUDGET_S[name] * self._patience - EARLIER_S

    def _run(self, name: str, command: Sequence[str], output: Path | None = None) -> Stage:
        """Return what a command wrote, how long it ran, and why it failed if it did."""
        budget_s = BUDGET_S[name] * self._patience
        log = self._directory / f"{name}.log"
        start, failure = time.perf_counter(), None
        with log.open("wb") as file:
            process = subprocess.Popen(
                command,
                cwd=PROJECT,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                status = process.wait(timeout=budget_s)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)  # with its worker processes
                process.wait()
                failure = f"stopped after {budget_s:.0f} s"
            else:
                failure = None if status == 0 else f"exit status {status}"
        has_results = output is not None and output.is_file()
        return {
            "failure": failure,
            "wall_s": round(time.perf_counter() - start, 1),
            "budget_s": budget_s,
            "results": json.loads(output.read_text("utf-8")) if output and has_results else None,
            "log": log.read_text("utf-8", errors="replace")[-100_000:],
        }


def gpu_test_files() -> list[str]:
    """Return the test files that have tests marked ``gpu``: others may need more packages."""
    files = sorted((PROJECT / "tests").rglob("test_*.py"))
    return [str(file) for file in files if "pytest.mark.gpu" in file.read_text("utf-8")]


def fastest_mode(stage: Mapping[str, Any]) -> str:
    """Return the mode in which the U-Net trains fastest; ``single`` if none was measured."""
    rows = stage["results"]["rows"] if stage["results"] else []
    modes = rows[0]["modes"] if rows else {}
    return max(modes, key=lambda mode: modes[mode]["slices_per_s"]["median"], default="single")


def save(results: Mapping[str, Any], output: Path) -> None:
    """Write results as JSON and their page next to it."""
    output.parent.mkdir(parents=True, exist_ok=True)
    stages = {
        name: {key: value for key, value in stage.items() if key != "log"}
        for name, stage in results["stages"].items()
    }
    text = json.dumps({**results, "stages": stages}, indent=1)
    output.write_text(text + "\n", encoding="utf-8")
    output.with_suffix(".md").write_text(page(results), encoding="utf-8")


def page(results: Mapping[str, Any]) -> str:
    """Return the results as a page: an overview, then a section for each stage."""
    is_gpu = str(results["machine"]["device"]).startswith("cuda")
    note = (DRY_RUN if results["quick"] else "") + ("" if is_gpu else NOT_A_GPU)
    lines = [HEAD.format(machine=described(results["machine"]), note=note).rstrip("\n")]
    for name, stage in results["stages"].items():
        outcome = f"**failed**: {stage['failure']}" if stage["failure"] else "completed"
        lines.append(
            f"| {TITLES[name]} | {outcome} | {stage['wall_s']:.0f} | {stage['budget_s']:.0f} |"
        )
    for name, stage in results["stages"].items():
        lines += ["", f"## {TITLES[name]}", "", *section(name, stage)]
    return "\n".join(lines) + "\n"


def section(name: str, stage: Mapping[str, Any]) -> list[str]:
    """Return the lines of a stage's section, ending with its log if it failed."""
    lines: list[str] = []
    if stage["results"]:
        writers = {"tests": tests_section, "modes": modes_section}
        lines = writers.get(name, protocol_section)(stage["results"])
    if stage["failure"]:
        lines += ["", "```", *stage["log"].rstrip().splitlines()[-60:], "```"]
    return lines


def tests_section(results: Mapping[str, Any]) -> list[str]:
    """Return how many tests passed, and the names of those that failed."""
    counts = ", ".join(f"{number} {outcome}" for outcome, number in results["counts"].items())
    return [f"{counts}.", *(f"- {name}" for name in results["failed"])]


def modes_section(results: Mapping[str, Any]) -> list[str]:
    """Return a table of modes for each network."""
    lines = [line for row in results["rows"] for line in gpu.table(row)]
    return [f"#{line}" if line.startswith("## ") else line for line in lines]


def protocol_section(results: Mapping[str, Any]) -> list[str]:
    """Return the duration, speed and score of a training or an evaluation."""
    number, epochs = results["trainings"], results["epochs"]
    how = "extrapolated" if results["is_extrapolated"] else "measured"
    return [
        f"U-Net, mode `{results['mode']}`, on synthetic slices.",
        "",
        "| | |",
        "| --- | --- |",
        f"| trainings × epochs run | {number} × {epochs} |",
        f"| their duration, s | {results['wall_s']:.1f} |",
        f"| duration with 100 epochs, s, {how} | {results['wall_s_of_100_epochs']:.0f} |",
        f"| slices/s of a training | {results['slices_per_s']:.0f} |",
        f"| validation Dice after {epochs} epochs | {results['dice']:.3f} |",
    ]


if __name__ == "__main__":
    sys.exit(main())
