"""What is logged of a study: curves of every training, and the scores of its search.

Errors are left out: they may name cases, and runs are sent to services of others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import takewhile

from mbnas.escaping import visible
from mbnas.report.live.run_sink import EvaluationPoint, Point, RunSink, TrainingRun
from mbnas.study.drive.evaluation_request import Progress
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.progress.search_status import SearchStatus
from mbnas.training.training_record import EpochRecord, TrainingRecord


class RunWriter:
    """Writes what a study records as runs.

    Args:
        sink: Where they are shown.
        ledger: Of the study; it is only read.
        class_names: Of the foreground classes.
        read_status: Returns the search status.
    """

    def __init__(
        self,
        sink: RunSink,
        ledger: Ledger,
        *,
        class_names: Sequence[str],
        read_status: Callable[[], SearchStatus],
    ) -> None:
        self._sink = sink
        self._ledger = ledger
        self._class_names = tuple(map(visible, class_names))
        self._read_status = read_status
        self._networks: dict[str, str] = {}
        self._numbers: dict[str, int] = {}

    def unwritten(self) -> Iterator[TrainingRecord]:
        """Yield the recorded trainings that have no run yet."""
        for brief in self._ledger.trainings(with_epochs=False):
            if not self._sink.has_training(brief):
                record = self._ledger.training(brief.key)
                if record is not None:  # it may have been withdrawn meanwhile
                    yield record

    def write_all(self) -> None:
        """Write everything that was recorded and is not written."""
        for record in self.unwritten():
            self.write(record)
        self.write_evaluations()

    def watch(self, progress: Progress) -> None:
        """Write what was just recorded."""
        if progress.finished is not None:
            self.write(progress.finished)
        if progress.complete is not None:
            self.write_evaluations()

    def write(self, record: TrainingRecord) -> None:
        """Write the run of a training."""
        key = record.key
        number = self._number(key.network)
        parameters: dict[str, str | int] = {
            "network": self._network(key.network),
            "fold": key.fold,
            "initialisation": key.initialisation,
        }
        if number is not None:
            parameters["evaluation"] = number
        results = {"seconds": record.wall_s}
        if record.score is not None:
            results["score"] = record.score
        self._sink.add_training(
            TrainingRun(
                record=record,
                number=number,
                parameters=parameters,
                results=results,
                points=tuple(map(self._point, record.epochs)),
            )
        )

    def write_evaluations(self) -> None:
        """Write the scores of complete evaluations, and the best so far."""
        best: float | None = None
        points = []
        # One that is incomplete may change what is the best so far.
        for evaluation in takewhile(lambda each: each.complete, self._read_status().evaluations):
            score = evaluation.score
            if score is not None:
                best = score if best is None else max(best, score)
            values = {"score": score, "best so far": best}
            points.append(
                EvaluationPoint(
                    step=evaluation.record.number,
                    network=evaluation.record.network,
                    values={tag: value for tag, value in values.items() if value is not None},
                )
            )
        self._sink.add_evaluations(points)

    def _point(self, epoch: EpochRecord) -> Point:
        values = {"loss": epoch.loss, "learning rate": epoch.learning_rate}
        for name, dice in zip(self._class_names, epoch.class_dice or (), strict=False):
            if dice is not None:
                values[f"validation Dice/{name}"] = dice
        return Point(step=epoch.epoch, values=values)

    def _number(self, digest: str) -> int | None:
        if digest not in self._numbers:
            self._numbers = {each.network: each.number for each in self._ledger.evaluations()}
        return self._numbers.get(digest)

    def _network(self, digest: str) -> str:
        if digest not in self._networks:
            records = self._ledger.networks()
            self._networks = {each: str(record.architecture) for each, record in records.items()}
        return self._networks[digest]
