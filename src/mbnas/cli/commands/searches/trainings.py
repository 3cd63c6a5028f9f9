"""``mbnas trainings``: list failed or all trainings, or rerun the failed ones."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from mbnas.cli.show.printing import console, print_csv, print_json, score_text
from mbnas.cli.terminal import headed, table, words
from mbnas.cli.typed_command import command_line
from mbnas.errors import UsageError
from mbnas.results.standing.evaluation_rows import Training, training_row
from mbnas.study.directory import Study
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.progress.search_status import LostRunOutcome, failed_trainings, lost_run_outcomes
from mbnas.training.training_record import LostRunRecord, TrainingRecord
from mbnas.wording import counted, duration_text

_SEQUEL = {"scored": "rerun, scored", "failed": "rerun, failed again", None: "not rerun yet"}
_PLACE = ("network", "fold", "initialisation")
CSV_COLUMNS = tuple(each.name for each in fields(Training))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listed:
    """What to list of a study.

    Attributes:
        trainings: The failed ones, or all.
        runs: Lost runs.
        numbers: Number of each evaluation, by the network's digest.
        architectures: Text of each network, by digest.
        num_trainings: Number of all trainings.
    """

    trainings: Sequence[TrainingRecord]
    runs: Sequence[LostRunOutcome]
    numbers: Mapping[str, int]
    architectures: Mapping[str, str]
    num_trainings: int


def trainings(arguments: argparse.Namespace) -> int:
    """List a study's failed trainings, or all; or rerun the failed ones."""
    study = Study.open(arguments.study)
    if arguments.retry_failed:
        for option in ("csv", "all"):
            if getattr(arguments, option):
                raise UsageError(
                    f"--{option} lists trainings, and --retry-failed lists none: leave one out."
                )
        return retry(study.with_dataset(arguments.dataset), as_json=arguments.json)
    if arguments.dataset is not None:
        raise UsageError("--dataset has no effect without --retry-failed: leave it out.")
    listed = _read(study, every=arguments.all)
    if arguments.json:
        print_json(_as_json(study, listed))
    elif arguments.csv:
        print_csv(CSV_COLUMNS, (_training_as_row(each, listed) for each in listed.trainings))
    else:
        _print(study, listed, every=arguments.all)
    return 0


def retry(study: Study, *, as_json: bool) -> int:
    """Rerun the failed trainings, and print how many have a score now."""
    # Imported here because listing trainings needs no torch.
    from mbnas.actions.compare_networks import watching_trainings
    from mbnas.actions.hold_study import holding
    from mbnas.cli.show.event_display import EventDisplay
    from mbnas.report.page.study_page import write_report
    from mbnas.results.read_search import read_search
    from mbnas.study.drive.retry_failed import retry_failed

    with EventDisplay() as display, holding(study, command=command_line(), watch=display) as held:
        try:
            retried = retry_failed(held, watching_trainings(display))
        finally:
            write_report(read_search(study, held.ledger), study.report)
    if as_json:
        print_json(asdict(retried))
        return 0
    out = console()
    if not retried.num_repeated:
        out.print(headed(study.path, ": no training failed, so none was rerun."))
        return 0
    out.print(
        f"{counted(retried.num_repeated, 'failed training')} rerun: "
        f"{retried.num_mended} now with a score."
    )
    if retried.forgotten_from is not None:
        out.print(
            f"The new scores change the search from evaluation {retried.forgotten_from} on: its "
            "later proposals are discarded, and the trainings are kept. The same mbnas search "
            "continues from there."
        )
    if retried.confirms_again:
        out.print("The confirmation is not finished now. The same mbnas search continues it.")
    return 0


def _read(study: Study, *, every: bool) -> _Listed:
    with Ledger.open(study.ledger, read_only=True) as ledger:
        snapshot = ledger.read()
    found = snapshot.trainings
    return _Listed(
        trainings=found if every else failed_trainings(found),
        runs=lost_run_outcomes(snapshot.lost_runs, found),
        numbers={each.network: each.number for each in snapshot.evaluations},
        architectures={
            digest: str(each.architecture) for digest, each in snapshot.networks.items()
        },
        num_trainings=len(found),
    )


def _print(study: Study, listed: _Listed, *, every: bool) -> None:
    out = console()
    if not listed.num_trainings and not listed.runs:
        out.print(headed(study.path, ": no training has ended yet."))
        return
    if every:
        _print_trainings(listed)
    elif not listed.trainings and not listed.runs:
        num = counted(listed.num_trainings, "training")
        out.print(headed(study.path, f": none of {num} failed, and no run was lost."))
        return
    else:
        _print_failed(study, listed)
    _print_runs(listed)


def _print_trainings(listed: _Listed) -> None:
    rows = table(
        *_PLACE, "search score", "took", "worker", "started (UTC)",
        title=counted(listed.num_trainings, "training"),
        words_in=(0, 5, 6),
    )  # fmt: skip
    for each in listed.trainings:
        rows.add_row(
            *_place(each, listed),
            "failed" if each.error else score_text(each.score) + _marks(each),
            duration_text(each.wall_s),
            words(each.worker),
            _moment(each.started_at),
        )
    out = console()
    out.print_table(rows)
    if any(each.collapsed for each in listed.trainings):
        out.print("* collapsed: a class is never predicted on the training slices that contain it")
    if any(each.unpredicted for each in listed.trainings):
        out.print("° never predicted a class that validation patients have")
    if any(each.absent for each in listed.trainings):
        out.print("‡ one of the classes is in no training patient")
    if any(each.borrowed for each in listed.trainings):
        out.print("† run by another study of the experiment, and taken from it")


def _print_failed(study: Study, listed: _Listed) -> None:
    out, num = console(), counted(listed.num_trainings, "training")
    if not listed.trainings:
        out.print(headed(study.path, f": none of {num} failed."))
        return
    rows = table(
        *_PLACE, "took", "worker", "reason",
        title=f"{len(listed.trainings)} of {num} failed",
        words_in=(0, 4, 5),
    )  # fmt: skip
    for each in listed.trainings:
        rows.add_row(
            *_place(each, listed),
            duration_text(each.wall_s),
            words(each.worker),
            words(each.error or ""),
        )
    out.print_table(rows)
    out.print("Rerun them: mbnas trainings STUDY --retry-failed", style="dim")


def _print_runs(listed: _Listed) -> None:
    if not listed.runs:
        return
    rows = table(
        *_PLACE, "what happened", "then", "after", "worker",
        title=f"{counted(len(listed.runs), 'run')} lost",
        words_in=(0, 3, 4, 6),
    )  # fmt: skip
    for each in listed.runs:
        record = each.record
        rows.add_row(
            *_place(record, listed),
            record.kind,
            _SEQUEL[each.sequel],
            duration_text(record.wall_s) if record.wall_s else "–",
            words(record.worker),
        )
    out = console()
    out.print_table(rows)
    for reason in dict.fromkeys(each.record.reason for each in listed.runs):
        out.print(words(reason))


def _place(record: TrainingRecord | LostRunRecord, listed: _Listed) -> tuple[str, str, str]:
    """Return the first cells of a row, which identify a training: those of :data:`_PLACE`.

    A network without an evaluation, such as a baseline, is identified by its digest.
    """
    key = record.key
    number = listed.numbers.get(key.network)
    return key.network if number is None else str(number), str(key.fold), str(key.initialisation)


def _marks(record: TrainingRecord) -> str:
    marks = {
        "*": record.collapsed,
        "°": record.unpredicted,
        "‡": record.absent,
        "†": record.borrowed,
    }
    return "".join(mark for mark, applies in marks.items() if applies)


def _moment(started_at: str) -> str:
    return started_at[:19].replace("T", " ")


def _as_json(study: Study, listed: _Listed) -> dict[str, Any]:
    """Return the lists with stable keys."""
    return {
        "study": str(study.path),
        "trainings": [_training_as_json(each, listed) for each in listed.trainings],
        "runs": [
            {
                **_place_as_json(each.record, listed),
                "kind": each.record.kind,
                "reason": each.record.reason,
                "wall_s": each.record.wall_s,
                "worker": each.record.worker,
                "started_at": each.record.started_at,
                "withdrawn": each.record.withdrawn,
                "sequel": each.sequel,
            }
            for each in listed.runs
        ],
    }


def _training_as_json(each: TrainingRecord, listed: _Listed) -> dict[str, Any]:
    return asdict(training_row(each, listed.numbers, listed.architectures))


def _training_as_row(each: TrainingRecord, listed: _Listed) -> dict[str, Any]:
    return {
        name: " ".join(map(str, value)) if isinstance(value, tuple) else value
        for name, value in _training_as_json(each, listed).items()
    }


def _place_as_json(record: TrainingRecord | LostRunRecord, listed: _Listed) -> dict[str, Any]:
    key = record.key
    return {
        "evaluation": listed.numbers.get(key.network),
        "digest": key.network,
        "network": listed.architectures.get(key.network),
        "fold": key.fold,
        "initialisation": key.initialisation,
    }
