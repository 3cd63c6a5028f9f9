"""Results on standard output: tables for people, JSON for programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mbnas.report.terminal import draw_in_terminal
from mbnas.study.standing import Evaluation, Standing
from mbnas.study.study import Study


def console() -> Console:
    """Return the console on standard output."""
    return Console(highlight=False, soft_wrap=True)


def print_json(value: object) -> None:
    """Print a value as JSON."""
    print(json.dumps(value, indent=2))


def table(*columns: str, title: str | None = None) -> Table:
    """Return an empty table; columns after the first are aligned to the right."""
    made = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False)
    for index, column in enumerate(columns):
        made.add_column(column, justify="right" if index else "left")
    return made


def score_text(score: float | None) -> str:
    """Return a score with the digits that mean something, or a dash."""
    return "–" if score is None else f"{score:.4f}"


def count_text(count: int | None) -> str:
    """Return a large count in thousands or millions, or a dash.

    >>> count_text(1_871_747)
    '1.87 M'
    """
    if count is None:
        return "–"
    for unit, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return str(count)


def print_standing(study: Study, standing: Standing, *, as_json: bool) -> None:
    """Print where a search stands, and its best network."""
    if as_json:
        print_json(standing_as_json(study.path, standing))
        return
    out = console()
    done, asked = len(standing.complete), len(standing.evaluations)
    out.print(
        f"[bold]{escape(str(study.path))}[/]: {standing.state}, "
        f"{done} of {standing.budget} networks evaluated"
        + (f", {asked - done} under way" if asked > done else "")
    )
    for number, what in (
        (standing.num_failed, "failed"),
        (
            standing.num_collapsed,
            "collapsed: a class is predicted on no training slice that has it",
        ),
        (standing.num_repeated, "were repeated from another initialisation after a collapse"),
        (standing.num_unpredicted, "never predicted a class that their validation patients have"),
        (standing.num_absent, "lack a class: none of their training patients has it"),
    ):
        if number:
            out.print(f"{number} of {len(standing.trainings)} trainings {what}")
    if standing.num_dropped:
        out.print(f"{standing.num_dropped} of {done} networks dropped early by racing")
    best = standing.best
    if best is None:
        out.print("No network has a score yet.")
        return
    out.print(
        f"\nBest: network {best.record.number}, search score [bold]{score_text(best.score)}[/]"
    )
    out.print(str(best.genotype), markup=False)
    out.print(
        f"{count_text(best.parameters)} parameters, {count_text(best.macs)} multiply-accumulates "
        "for one slice\n"
    )
    out.print(draw_in_terminal(best.genotype), markup=False)
    out.print(f"\nReport: {study.report}", markup=False)


def standing_as_json(path: Path, standing: Standing) -> dict[str, Any]:
    """Return where a search stands, with stable keys."""
    return {
        "study": str(path),
        "state": standing.state,
        "budget": standing.budget,
        "evaluated": len(standing.complete),
        "under_way": len(standing.evaluations) - len(standing.complete),
        "trainings": len(standing.trainings),
        "trainings_failed": standing.num_failed,
        "trainings_collapsed": standing.num_collapsed,
        "trainings_repeated": standing.num_repeated,
        "trainings_unpredicted": standing.num_unpredicted,
        "trainings_absent": standing.num_absent,
        "networks_dropped": standing.num_dropped,
        "best": None if standing.best is None else _evaluation_as_json(standing.best),
        "evaluations": [_evaluation_as_json(each) for each in standing.evaluations],
    }


def _evaluation_as_json(evaluation: Evaluation) -> dict[str, Any]:
    return {
        "number": evaluation.record.number,
        "genotype": str(evaluation.genotype),
        "digest": evaluation.record.network,
        "why": evaluation.record.why,
        "score": evaluation.score,
        "dropped_after": evaluation.dropped_after,
        "parameters": evaluation.parameters,
        "multiply_accumulates": evaluation.macs,
        "trainings": [
            {
                "fold": record.key.fold,
                "initialisation": record.key.initialisation,
                "score": record.score,
                "collapsed": list(record.collapsed),
                "absent": list(record.absent),
                "unpredicted": list(record.unpredicted),
                "attempts": record.attempts,
                "error": record.error,
            }
            for record in evaluation.trainings
        ],
    }
