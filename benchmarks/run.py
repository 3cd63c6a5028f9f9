"""Run every benchmark in turn and write one page of their headlines.

Each runs in a separate process, so a failing one does not stop the others; the page and the exit
status show it. ``--quick`` runs them at their smallest sizes, which only shows that they work.
``--only`` runs one again; the page covers all results in the folder.

    python benchmarks/run.py
    python benchmarks/run.py --only training --only startup
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import torch
from measuring import machine
from overview import Outcome, page

HERE = Path(__file__).parent
LIMIT_S = 1800
"""No benchmark takes half as long, so one that reaches this hangs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """A script of this folder.

    Attributes:
        name: Name of the script and its results.
        arguments: In addition to ``--output``.
        quick: Instead of them, for the smallest size.
        on_device: Whether it takes ``--device``.
        needs_gpu: Whether it only runs on a GPU.
    """

    name: str
    arguments: tuple[str, ...] = ()
    quick: tuple[str, ...]
    on_device: bool = False
    needs_gpu: bool = False

    def command(self, output: Path, *, device: str, quick: bool) -> list[str]:
        """Return the command line that writes its results to ``output``."""
        arguments = self.quick if quick else self.arguments
        if self.on_device:
            arguments += ("--device", device)
        script = str(HERE / f"{self.name}.py")
        return [sys.executable, script, *arguments, "--output", str(output)]


SMALL_UNET = ("--setting", "small, 64", "--rounds", "1", "--steps", "1", "--network", "U-Net")
BENCHMARKS = (
    Benchmark(name="training", quick=SMALL_UNET, on_device=True),
    Benchmark(name="cores", quick=SMALL_UNET),
    Benchmark(name="gain", arguments=("--rounds", "4"), quick=SMALL_UNET),
    Benchmark(name="limit", quick=("--rounds", "1", "--batch", "1"), on_device=True),
    Benchmark(
        name="gpu",
        quick=("--rounds", "1", "--seconds", "1", "--network", "U-Net"),
        on_device=True,
        needs_gpu=True,
    ),
    Benchmark(
        name="evaluation",
        quick=("--rounds", "1", "--networks", "2", "--epochs", "2", "--steps", "4", "--size", "32"),
    ),
    Benchmark(name="preparation", quick=("--rounds", "1", "--volumes", "2")),
    Benchmark(name="prediction", quick=("--rounds", "1", "--patients", "3")),
    Benchmark(
        name="patches",
        quick=("--rounds", "1", "--steps", "1", "--pictures", "2"),
        on_device=True,
    ),
    Benchmark(name="metrics", quick=("--rounds", "1", "--grids", "hippocampus")),
    Benchmark(name="startup", quick=("--rounds", "1")),
    Benchmark(name="growth", quick=("--ends", "--epochs", "1", "--ledger", "100", "1000")),
    Benchmark(
        name="workers",
        arguments=("--rounds", "2", "--epochs", "2"),
        quick=("--rounds", "1", "--trainings", "2", "--epochs", "1"),
    ),
)
"""In the order of the page. Racing, scale and collapse are about search, not speed."""


def main() -> int:
    """Run the benchmarks, write the page, and return 1 if one failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = [benchmark.name for benchmark in BENCHMARKS]
    parser.add_argument("--only", choices=names, action="append", help="this one (default all)")
    parser.add_argument("--quick", action="store_true", help="at their smallest sizes")
    parser.add_argument(
        "--device",
        default="cuda" if torch.cuda.is_available() else "cpu",
        help="device of trainings (default: a GPU if there is one)",
    )
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="default benchmarks/results/DATE, or DATE-quick"
    )
    arguments = parser.parse_args()
    today = datetime.now().astimezone().date().isoformat()
    directory = arguments.output or HERE / "results" / (today + "-quick" * arguments.quick)
    directory.mkdir(parents=True, exist_ok=True)
    before = machine(arguments.device)
    outcomes = [
        run(benchmark, directory, device=arguments.device, quick=arguments.quick)
        if benchmark.name in (arguments.only or names)
        and (not benchmark.needs_gpu or arguments.device.startswith("cuda"))
        else Outcome(name=benchmark.name)
        for benchmark in BENCHMARKS
    ]
    text = page(directory, outcomes, machine_of=before, quick=arguments.quick)
    (directory / "README.md").write_text(text, encoding="utf-8")
    print(f"{directory / 'README.md'}\n\n{text}")
    return int(any(outcome.failure for outcome in outcomes))


def run(benchmark: Benchmark, directory: Path, *, device: str, quick: bool) -> Outcome:
    """Run a benchmark after deleting its old results; keep its output if it fails.

    Args:
        benchmark: The benchmark.
        directory: Where its results go.
        device: Device of trainings.
        quick: Whether at its smallest size.
    """
    for old in (*directory.glob(f"{benchmark.name}.*"), *directory.glob(f"{benchmark.name}-*.svg")):
        old.unlink()
    print(f"{benchmark.name} …", file=sys.stderr, flush=True)
    start, failure = time.perf_counter(), None
    log = directory / f"{benchmark.name}.log"
    try:
        subprocess.run(
            benchmark.command(directory / f"{benchmark.name}.json", device=device, quick=quick),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=LIMIT_S,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        failure = f"ended with status {error.returncode}: {last_line(error.output, log)}"
    except subprocess.TimeoutExpired as error:
        failure = f"did not end in {LIMIT_S} s: {last_line(error.output, log)}"
    wall_s = time.perf_counter() - start
    print(f"{benchmark.name}: {failure or 'done'}, {wall_s:.0f} s", file=sys.stderr, flush=True)
    return Outcome(name=benchmark.name, wall_s=wall_s, failure=failure)


def last_line(output: bytes | None, log: Path) -> str:
    """Return the last line that a failed benchmark printed, and keep all of it in a file."""
    printed = (output or b"").decode(errors="replace")
    log.write_text(printed, encoding="utf-8")
    return next((line.strip() for line in reversed(printed.splitlines()) if line.strip()), "")


if __name__ == "__main__":
    sys.exit(main())
