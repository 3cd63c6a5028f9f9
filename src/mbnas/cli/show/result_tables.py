"""Results on standard output: tables for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mbnas.cli.terminal import Terminal, headed
from mbnas.data.augmentation.parameters import LEFT_RIGHT, AugmentationSettings
from mbnas.escaping import csv_text, visible
from mbnas.report.drawings.terminal_drawing import draw_in_terminal
from mbnas.space.genotype import Genotype
from mbnas.study.directory import Study
from mbnas.study.progress.search_status import ScoredNetwork, SearchStatus
from mbnas.study.progress.status_summary import StatusSummary, status_summary_of
from mbnas.wording import count_text


def console() -> Terminal:
    """Return the console on standard output."""
    return Terminal()


def print_json(value: object) -> None:
    """Print a value as JSON."""
    print(json.dumps(value, indent=2))


def print_path(path: Path) -> None:
    """Print the path of a file that was made: for people at a terminal, as it is elsewhere."""
    print(visible(str(path)) if sys.stdout.isatty() else path)


def print_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Print rows as CSV with a head."""
    print(csv_text(columns, rows), end="")


def score_text(score: float | None) -> str:
    """Return a score with the digits that mean something, or a dash."""
    return "–" if score is None else f"{score:.4f}"


def print_status(study: Study, standing: SearchStatus, *, as_json: bool) -> None:
    """Print where a search stands, and its best network."""
    if as_json:
        print_json(status_as_json(study.path, standing))
    else:
        print_status_summary(study, status_summary_of(standing))


def print_status_summary(study: Study, brief: StatusSummary) -> None:
    """Print where a search stands in figures, and its best network."""
    out, tally = console(), brief.tally
    done, asked = tally.complete, tally.asked
    out.print(
        headed(
            study.path,
            f": {brief.state}, {done} of {brief.budget} networks evaluated"
            + (f", {asked - done} under way" if asked > done else ""),
        )
    )
    for number, what in (
        (tally.failed, "failed"),
        (
            tally.collapsed,
            "collapsed: a class is predicted on no training slice that has it",
        ),
        (tally.repeated, "were repeated from another initialisation after a collapse"),
        (tally.unpredicted, "never predicted a class that their validation patients have"),
        (tally.absent, "lack a class: none of their training patients has it"),
    ):
        if number:
            out.print(f"{number} of {tally.trainings} trainings {what}")
    if brief.num_dropped:
        out.print(f"{brief.num_dropped} of {done} networks dropped early by racing")
    if sentence := _flips(study.configuration.augmentation):
        out.print(visible(sentence))
    best = brief.best
    if best is None:
        out.print("No network has a score yet.")
        return
    out.print(f"\nBest: network {best.number}, search score {score_text(best.score)}")
    out.print(str(best.genotype))
    out.print(
        f"{count_text(best.parameters)} parameters, {count_text(best.macs)} multiply-accumulates "
        "for one slice"
    )
    print_drawing(out, best.genotype)
    out.print(f"\nReport: {visible(str(study.report))}")


def print_drawing(out: Terminal, genotype: Genotype) -> None:
    """Print a network, drawn; nothing where the terminal is too narrow for it."""
    drawing = draw_in_terminal(genotype)
    if max(map(len, drawing.splitlines())) <= out.width:
        out.print(f"\n{drawing}")


EVALUATION_COLUMNS = (
    *("number", "genotype", "digest", "why", "score", "dropped_after", "parameters"),
    *("multiply_accumulates", "trainings"),
)


def print_evaluations(standing: SearchStatus) -> None:
    """Print every network that a search asked for, as CSV."""
    rows = map(_evaluation_as_json, standing.evaluations)
    print_csv(EVALUATION_COLUMNS, (row | {"trainings": len(row["trainings"])} for row in rows))


def _flips(augmentation: AugmentationSettings) -> str | None:
    """Return what the names of the classes made of flips; ``None`` where that is nothing."""
    if augmentation.mirror_pairs:
        pairs = "; ".join(" and ".join(pair) for pair in augmentation.mirror_pairs)
        return f"Left-right flips swap the labels of {pairs}."
    if LEFT_RIGHT not in augmentation.flip_axes:
        return "Training slices are not flipped left to right."
    return None


def status_as_json(path: Path, standing: SearchStatus) -> dict[str, Any]:
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


def _evaluation_as_json(evaluation: ScoredNetwork) -> dict[str, Any]:
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
