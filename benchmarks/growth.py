"""How do costs grow? Step time and memory by slices, their size and the network; the ledger's.

One quantity grows at a time. Every training runs in a separate process; its cost is fitted by a
power: an exponent of 1 means twice as much for twice the size, 0 the same for any.

    python benchmarks/growth.py --output benchmarks/results/growth.json
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import numpy as np
from commands import run
from growth_ledger import ledger_costs
from growth_page import markdown, plot
from measuring import machine, write

STEP = Path(__file__).with_name("growth_step.py")
LEDGER_SIZES = (100, 1000, 10_000, 100_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Size of a training.

    Attributes:
        slices: Held in memory.
        side: Of a slice, in pixels.
        channels: At the network's level 0.
    """

    slices: int = 128
    side: int = 64
    channels: int = 8


GROWING: dict[str, tuple[Size, ...]] = {
    "slices": tuple(Size(slices=2**power) for power in range(7, 13)),
    "side": tuple(Size(side=side) for side in (32, 48, 64, 96, 128, 160)),
    "channels": tuple(Size(channels=2**power) for power in range(2, 6)),
}
"""What grows, and the trainings in which it grows."""


def main() -> None:
    """Measure, write JSON, a page and plots next to it, and print the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=5, help="of 4 steps (default 5)")
    parser.add_argument(
        "--ends", action="store_true", help="only the least, a middle and the most of what grows"
    )
    parser.add_argument(
        "--ledger",
        type=int,
        nargs="+",
        default=LEDGER_SIZES,
        metavar="N",
        help="trainings in the ledgers (default 100 1000 10000 100000)",
    )
    parser.add_argument(
        "--disk", type=Path, default=Path(gettempdir()), help="where ledgers lie (default TMPDIR)"
    )
    parser.add_argument("--output", type=Path, required=True, metavar="FILE.json")
    arguments = parser.parse_args()
    rows = {
        what: [measured(size, arguments.epochs) for size in chosen(sizes, arguments.ends)]
        for what, sizes in GROWING.items()
    }
    ledger = [ledger_costs(arguments.disk, number) for number in arguments.ledger]
    fits = fitted(rows, ledger)
    results = {
        "machine": machine(),
        "headlines": [
            {"what": f"exponent of {of} by {by}", "value": round(found["of all"], 2)}
            for by, of_costs in fits.items()
            for of, found in of_costs.items()
        ],
        "training": rows,
        "ledger": ledger,
        "exponents": fits,
    }
    pictures = {
        part: arguments.output.with_name(f"{arguments.output.stem}-{part}.svg")
        for part in ("training", "ledger")
    }
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    plot(results, pictures)
    names = {part: path.name for part, path in pictures.items()}
    write(results, markdown(results, names), arguments.output)


def chosen(sizes: Sequence[Size], ends: bool) -> list[Size]:
    """Return all sizes, or the first, a middle and the last."""
    if not ends:
        return list(sizes)
    return [sizes[0], sizes[len(sizes) // 2], sizes[-1]]


def measured(size: Size, epochs: int) -> dict[str, Any]:
    """Return a training's size, seconds a step and memory, measured in a separate process."""
    options = [part for name, value in asdict(size).items() for part in (f"--{name}", str(value))]
    printed = run([sys.executable, str(STEP), *options, "--epochs", str(epochs)])
    return asdict(size) | json.loads(printed.splitlines()[-1])


def fitted(
    training: dict[str, list[dict[str, Any]]], ledger: list[dict[str, Any]]
) -> dict[str, dict[str, dict[str, float]]]:
    """Return for everything that grows the exponents by which costs follow it."""
    fits = {
        what: {
            "step time": exponents(rows, what, "step_s"),
            "memory": exponents(rows, what, "memory_mib"),
        }
        for what, rows in training.items()
    }
    costs = ("opening", "recording", "status", "standing", "resuming", "page")
    by_trainings = {name: exponents(ledger, "trainings", f"{name}_s") for name in costs}
    return fits | {"trainings in the ledger": by_trainings}


def exponents(rows: Sequence[dict[str, Any]], by: str, of: str) -> dict[str, float]:
    """Return the exponents of powers that fit best: of all rows, and of the largest two.

    Fits are by least squares of the logarithms. If there is a fixed cost, the exponent
    of all rows is below that of the largest two.
    """
    sizes = np.log([row[by] for row in rows])
    costs = [row[of]["median"] if isinstance(row[of], dict) else row[of] for row in rows]
    return {
        name: float(np.polyfit(sizes[first:], np.log(costs)[first:], 1)[0])
        for name, first in (("of all", 0), ("of the largest two", -2))
    }


if __name__ == "__main__":
    main()
