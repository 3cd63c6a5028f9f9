"""How long do commands take to start? Whole processes in turn, and what ``mbnas --help`` imports.

python benchmarks/startup.py --output benchmarks/results/startup.json
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from commands import arm, script
from measuring import described, interleaved, machine, ratios, spread, summary, write
from studies import TINY, held_study, patients

from mbnas.study.drive.run_search import run_search

AIM_S = 0.3
"""Target for ``mbnas --help`` on an idle machine."""

HEAVY = ("torch", "monai", "matplotlib", "scipy", "nibabel", "ray", "numpy")
"""Modules that help does not need."""

NUM_SLOWEST = 8

TORCH = 'python -c "import torch"'
WORKER = 'python -c "import mbnas.training.run_training"'
"""What every worker of a search does before its first training."""


def main() -> None:
    """Measure every command, write JSON and a page next to it, print the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=4, help="of each command (default 4)")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE.json")
    arguments = parser.parse_args()
    with TemporaryDirectory() as temporary:
        typed = commands(searched_study(Path(temporary)))
        rounds = interleaved(
            {name: arm(command) for name, command in typed.items()}, rounds=arguments.rounds
        )
    walls = {name: summary([each["wall_s"] for each in of]) for name, of in rounds.items()}
    imported = imports([script("mbnas"), "--help"])
    loaded = [name for name in HEAVY if name in imported]
    results = {
        "machine": machine(),
        "headlines": [
            {"what": "`mbnas --help`, s", "value": walls["mbnas --help"], "aim": f"< {AIM_S}"},
            {"what": "heavy packages that it imports", "value": len(loaded), "aim": "≤ 0"},
            {"what": "`mbnas status STUDY`, s", "value": walls["mbnas status STUDY"]},
            {"what": "a worker's imports / torch's", "value": ratios(rounds, WORKER, TORCH)},
            {"what": "`nnUNetv2_train -h`, s", "value": walls["nnUNetv2_train -h"]},
        ],
        "rounds": rounds,
        "wall_s": walls,
        "imports_ms": imported,
        "heavy": loaded,
    }
    write(results, markdown(results), arguments.output)


def searched_study(directory: Path) -> Path:
    """Return a study whose search of two networks has ended."""
    settings = TINY | {"search": {"evaluations": 2}, "run": {"device": "cpu", "executor": "inline"}}
    with held_study(directory / "study", patients(directory, 3), settings) as held:
        run_search(held)
    return directory / "study"


def commands(study: Path) -> dict[str, list[str]]:
    """Return the command lines, by name."""
    mbnas = script("mbnas")
    return {
        "python -c pass": [sys.executable, "-c", "pass"],
        "mbnas --help": [mbnas, "--help"],
        "mbnas --version": [mbnas, "--version"],
        "mbnas search --help": [mbnas, "search", "--help"],
        "mbnas space": [mbnas, "space"],
        "mbnas status STUDY": [mbnas, "status", str(study)],
        TORCH: [sys.executable, "-c", "import torch"],
        WORKER: [sys.executable, "-c", "import mbnas.training.run_training"],
        "nnUNetv2_train -h": [script("nnUNetv2_train"), "-h"],
    }


def imports(command: list[str]) -> dict[str, float]:
    """Return the modules that a Python script imports, and the time of each in ms."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *command], capture_output=True, text=True, check=True
    )
    rows = [line.removeprefix("import time:").split("|") for line in done.stderr.splitlines()]
    return {
        name.strip(): int(own) / 1000
        for own, _, name in (row for row in rows if len(row) == 3)
        if own.strip().isdecimal()
    }


def markdown(results: Mapping[str, Any]) -> str:
    """Return the results as a page: each command's time, and what help imports."""
    walls, imported = results["wall_s"], results["imports_ms"]
    slowest = sorted(imported, key=imported.__getitem__, reverse=True)[:NUM_SLOWEST]
    lines = [
        "# Starting: commands as whole processes",
        "",
        described(results["machine"]),
        "",
        "From the start of a process to its end, commands in turn; median (quartiles). The study",
        "has a finished search of two networks; what a worker of a search imports is",
        "`mbnas.training.run_training`.",
        "",
        "| command | seconds |",
        "| --- | --- |",
        *(f"| `{name}` | {spread(wall)} |" for name, wall in walls.items()),
        "",
        f"`mbnas --help` imports {len(imported)} modules; of {', '.join(HEAVY)} it imports",
        f"{', '.join(results['heavy']) or 'none'}. The slowest to import, by their own time:",
        "",
        "| module | ms |",
        "| --- | --- |",
        *(f"| `{name}` | {imported[name]:.1f} |" for name in slowest),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
