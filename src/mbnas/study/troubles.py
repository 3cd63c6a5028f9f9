"""What went wrong in a study: trainings without a score, and runs that came to nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from mbnas.training.record import FailureRecord, TrainingRecord

Sequel = Literal["scored", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FutileRun:
    """A run of a training that came to nothing, and what came after it.

    Attributes:
        record: As the ledger keeps it.
        sequel: Whether the training was run again and got a score, or an error for good;
            ``None`` where it was not run again, or is under way.
    """

    record: FailureRecord
    sequel: Sequel | None


def failed_trainings(trainings: Iterable[TrainingRecord]) -> tuple[TrainingRecord, ...]:
    """Return the trainings that ended with an error."""
    return tuple(each for each in trainings if each.error is not None)


def futile_runs(
    failures: Iterable[FailureRecord], trainings: Iterable[TrainingRecord]
) -> tuple[FutileRun, ...]:
    """Return every run that came to nothing, with what became of its training."""
    errors = {each.key: each.error for each in trainings}

    def sequel(record: FailureRecord) -> Sequel | None:
        if record.key not in errors:
            return None
        return "scored" if errors[record.key] is None else "failed"

    return tuple(FutileRun(record=each, sequel=sequel(each)) for each in failures)
