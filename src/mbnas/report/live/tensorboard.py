"""The curves of a study for TensorBoard.

Each training is one run, in a folder that appears complete once the training is recorded; the
search is another run. Earlier records of the study are written when the log is opened, so that
nothing is missing and nothing is written twice.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

from mbnas.escaping import visible
from mbnas.machine.files import writing
from mbnas.report.live.event_file import EventFile
from mbnas.study.directory import UNFINISHED_LOG
from mbnas.study.drive.evaluation_request import Progress
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.progress.search_status import SearchStatus
from mbnas.training.training_record import TrainingRecord


class TensorBoardLog:
    """Writes what a study records as runs of TensorBoard. Use it in a ``with``.

    Args:
        folder: The study's folder of logs.
        ledger: Of the study; it is only read.
        class_names: Of the foreground classes.
        read_status: Returns the search status.
    """

    def __init__(
        self,
        folder: Path,
        ledger: Ledger,
        *,
        class_names: Sequence[str],
        read_status: Callable[[], SearchStatus],
    ) -> None:
        self._runs = folder / "tensorboard"
        self._unfinished = folder / UNFINISHED_LOG  # TensorBoard does not read it
        self._ledger = ledger
        self._class_names = tuple(class_names)
        self._read_status = read_status
        self._numbers: dict[str, int] = {}
        self._folders = {
            each.name.rpartition("-")[2]: each
            for each in (self._runs / "trainings").glob("network-*")
        }
        self._num_written = 0
        self._search: EventFile | None = None

    def __enter__(self) -> TensorBoardLog:
        for brief in self._ledger.trainings(with_epochs=False):
            if not self._folder_of(brief).exists():
                record = self._ledger.training(brief.key)
                assert record is not None
                self._write(record)
        shutil.rmtree(self._runs / "search", ignore_errors=True)  # it is written again
        self._write_evaluations()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._write_evaluations()
        finally:
            if self._search is not None:
                self._search.abandon()  # every point was flushed

    def watch(self, progress: Progress) -> None:
        """Write what was just recorded."""
        if progress.finished is not None:
            self._write(progress.finished)
        if progress.complete is not None:
            self._write_evaluations()

    def _write_evaluations(self) -> None:
        """Write the scores of complete evaluations, and the best so far."""
        best: float | None = None
        for evaluation in self._read_status().evaluations:
            if not evaluation.complete:
                break  # it may change what is the best so far
            if evaluation.score is not None:
                best = evaluation.score if best is None else max(best, evaluation.score)
            if evaluation.record.number > self._num_written:
                self._network_folder(evaluation.record.network)
                self._write_evaluation(evaluation.record.number, evaluation.score, best)

    def _write_evaluation(self, number: int, score: float | None, best: float | None) -> None:
        if self._search is None:
            self._search = EventFile(self._runs / "search")
        for tag, value in (("score", score), ("best so far", best)):
            if value is not None:
                self._search.add(tag, value, number)
        self._search.flush()
        self._num_written = number

    def _write(self, record: TrainingRecord) -> None:
        """Write the run of a training to a temporary folder, then rename it."""
        folder = self._folder_of(record)
        shutil.rmtree(self._unfinished, ignore_errors=True)
        try:
            self._write_curves(record)
            with writing(folder):
                shutil.rmtree(folder, ignore_errors=True)
                folder.parent.mkdir(parents=True, exist_ok=True)
                self._unfinished.rename(folder)
        finally:
            shutil.rmtree(self._unfinished, ignore_errors=True)

    def _write_curves(self, record: TrainingRecord) -> None:
        curves = EventFile(self._unfinished)
        try:
            for epoch in record.epochs:
                curves.add("loss", epoch.loss, epoch.epoch)
                curves.add("learning rate", epoch.learning_rate, epoch.epoch)
                for name, dice in zip(self._class_names, epoch.class_dice or (), strict=False):
                    if dice is not None:
                        curves.add(f"validation Dice/{visible(name)}", dice, epoch.epoch)
            curves.close()
        finally:
            curves.abandon()

    def _folder_of(self, record: TrainingRecord) -> Path:
        key = record.key
        failed = "" if record.error is None else "-failed"
        name = f"fold-{key.fold}-initialisation-{key.initialisation}{failed}"
        return self._network_folder(key.network) / name

    def _network_folder(self, digest: str) -> Path:
        """Return the folder of a network's runs; it is renamed once the search asked for it."""
        if digest not in self._numbers:
            self._numbers = {each.network: each.number for each in self._ledger.evaluations()}
        number = self._numbers.get(digest)
        name = f"network-{digest}" if number is None else f"network-{number:04d}-{digest}"
        folder = self._runs / "trainings" / name
        old = self._folders.get(digest, folder)
        if old != folder and old.exists():
            with writing(folder):
                old.rename(folder)
        self._folders[digest] = folder
        return folder
