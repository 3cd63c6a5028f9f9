"""Results on standard output: text, JSON, CSV, paths and drawings."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mbnas.cli.terminal import Terminal
from mbnas.escaping import csv_text, visible
from mbnas.report.drawings.terminal_drawing import draw_in_terminal
from mbnas.space.genotype import Genotype


def console() -> Terminal:
    """Return the console on standard output."""
    return Terminal()


def print_json(value: object) -> None:
    """Print a value as JSON."""
    print(json.dumps(value, indent=2))


def print_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Print rows as CSV with a header."""
    print(csv_text(columns, rows), end="")


def print_path(path: Path) -> None:
    """Print the path of a written file, escaped at a terminal and raw elsewhere."""
    print(visible(str(path)) if sys.stdout.isatty() else path)


def print_drawing(out: Terminal, genotype: Genotype) -> None:
    """Draw a network, unless the terminal is too narrow."""
    drawing = draw_in_terminal(genotype)
    if max(map(len, drawing.splitlines())) <= out.width:
        out.print(f"\n{drawing}")


def score_text(score: float | None) -> str:
    """Return a score with four digits, or a dash."""
    return "–" if score is None else f"{score:.4f}"
