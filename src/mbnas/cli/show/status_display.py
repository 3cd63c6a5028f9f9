"""The status of a search: text for people, JSON and CSV for programs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mbnas.cli.show.printing import console, print_csv, print_drawing, print_json, score_text
from mbnas.cli.terminal import headed
from mbnas.data.augmentation.parameters import LEFT_RIGHT, AugmentationSettings
from mbnas.escaping import visible
from mbnas.study.directory import Study
from mbnas.study.progress.search_status import ScoredNetwork, SearchStatus
from mbnas.study.progress.status_summary import StatusSummary, status_summary_of
from mbnas.wording import count_text


def print_status(study: Study, status: SearchStatus, *, as_json: bool) -> None:
    """Print the status of a search and its best network."""
    if as_json:
        print_json(status_as_json(study.path, status))
    else:
        print_status_summary(study, status_summary_of(status))


def print_status_summary(study: Study, summary: StatusSummary) -> None:
    """Print a summary of a search's status and its best network."""
    out, tally = console(), summary.counts
    done, asked = tally.complete, tally.asked
    out.print(
        headed(
            study.path,
            f": {summary.state}, {done} of {summary.budget} networks evaluated"
            + (f", {asked - done} under way" if asked > done else ""),
        )
    )
    for number, what in (
        (tally.failed, "failed"),
        (
            tally.collapsed,
            "collapsed: a class is never predicted on the training slices that contain it",
        ),
        (tally.repeated, "were repeated from another initialisation after a collapse"),
        (tally.unpredicted, "never predicted a class that their validation patients have"),
        (tally.absent, "lack a class: none of their training patients has it"),
    ):
        if number:
            out.print(f"{number} of {tally.trainings} trainings {what}")
    if summary.num_dropped:
        out.print(f"{summary.num_dropped} of {done} networks dropped early by racing")
    if sentence := _flips(study.configuration.augmentation):
        out.print(visible(sentence))
    best = summary.best
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


EVALUATION_COLUMNS = (
    *("number", "genotype", "digest", "why", "score", "dropped_after", "parameters"),
    *("multiply_accumulates", "trainings"),
)


def print_evaluations(status: SearchStatus) -> None:
    """Print every network that a search proposed, as CSV."""
    rows = map(_evaluation_as_json, status.evaluations)
    print_csv(EVALUATION_COLUMNS, (row | {"trainings": len(row["trainings"])} for row in rows))


def _flips(augmentation: AugmentationSettings) -> str | None:
    """Return how class names changed the flips, or ``None`` if they did not."""
    if augmentation.mirror_pairs:
        pairs = "; ".join(" and ".join(pair) for pair in augmentation.mirror_pairs)
        return f"Left-right flips swap the labels of {pairs}."
    if LEFT_RIGHT not in augmentation.flip_axes:
        return "Training slices are not flipped left to right."
    return None


def status_as_json(path: Path, status: SearchStatus) -> dict[str, Any]:
    """Return the status of a search with stable keys."""
    return {
        "study": str(path),
        "state": status.state,
        "budget": status.budget,
        "evaluated": len(status.complete),
        "under_way": len(status.evaluations) - len(status.complete),
        "trainings": len(status.trainings),
        "trainings_failed": status.num_failed,
        "trainings_collapsed": status.num_collapsed,
        "trainings_repeated": status.num_repeated,
        "trainings_unpredicted": status.num_unpredicted,
        "trainings_absent": status.num_absent,
        "networks_dropped": status.num_dropped,
        "best": None if status.best is None else _evaluation_as_json(status.best),
        "evaluations": [_evaluation_as_json(each) for each in status.evaluations],
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
