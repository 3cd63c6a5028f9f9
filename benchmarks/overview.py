"""One page of all benchmarks: the headlines of each, compared with their targets.

A script's results carry ``headlines``: a list of ``what``, its ``value`` (a number, or median and
quartiles) and, where there is one, its ``aim``, such as ``"≥ 0.95"``.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measuring import described, spread

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "≥": operator.ge,
    ">": operator.gt,
    "≤": operator.le,
    "<": operator.lt,
}

QUICK = """\
**At their smallest sizes (`--quick`)**: this only shows that the benchmarks run.

"""

HEAD = """\
# Benchmarks

{machine}

{quick}The headlines of each benchmark; the median over the rounds meets the target or
not. Each has its own page with the method and all results.

"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a benchmark ended.

    Attributes:
        name: Name of its script.
        wall_s: Duration in seconds; ``None`` if it did not run.
        failure: Why it failed; ``None`` if it did not.
    """

    name: str
    wall_s: float | None = None
    failure: str | None = None


def page(
    directory: Path, outcomes: Sequence[Outcome], *, machine_of: Mapping[str, object], quick: bool
) -> str:
    """Return the page of all results in a folder, and of what failed.

    Args:
        directory: Holds ``NAME.json``, ``NAME.md`` and plots.
        outcomes: All benchmarks, in the page's order.
        machine_of: The machine.
        quick: Whether they ran at their smallest sizes.
    """
    sections = [section(directory, outcome) for outcome in outcomes]
    head = HEAD.format(machine=described(machine_of), quick=QUICK if quick else "")
    return head + "\n".join(each for each in sections if each)


def section(directory: Path, outcome: Outcome) -> str:
    """Return a benchmark's part of the page; empty without results and failure."""
    results = directory / f"{outcome.name}.json"
    took = "" if outcome.wall_s is None else f" ({outcome.wall_s:.0f} s)"
    if outcome.failure is not None:
        return f"## {outcome.name}\n\n**Failed**{took}: {outcome.failure}\n"
    if not results.is_file():
        return ""
    headlines = json.loads(results.read_text(encoding="utf-8")).get("headlines", [])
    lines = [f"## [{outcome.name}]({outcome.name}.md){took}", ""]
    if headlines:
        lines += ["| | median (quartiles) | aim | met |", "| --- | --- | --- | --- |"]
        lines += [*map(row, headlines), ""]
    lines += [f"![{path.stem}]({path.name})\n" for path in plots(directory, outcome.name)]
    return "\n".join(lines)


def plots(directory: Path, name: str) -> list[Path]:
    """Return a benchmark's plots: ``NAME.svg`` and ``NAME-….svg``."""
    return sorted((*directory.glob(f"{name}.svg"), *directory.glob(f"{name}-*.svg")))


def row(headline: Mapping[str, Any]) -> str:
    """Return a headline as a row of a table.

    >>> row({"what": "mbnas / bare", "value": 0.97, "aim": "≥ 0.95"})
    '| mbnas / bare | 0.97 | ≥ 0.95 | yes |'
    """
    value, aim = headline["value"], headline.get("aim", "")
    shown = spread(value, 2) if isinstance(value, Mapping) else f"{value:.3g}"
    met = ""
    if aim:
        sign, _, bound = aim.partition(" ")
        number = value["median"] if isinstance(value, Mapping) else value
        met = "yes" if COMPARISONS[sign](number, float(bound)) else "**no**"
    return f"| {headline['what']} | {shown} | {aim} | {met} |"
