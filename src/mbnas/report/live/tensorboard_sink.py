"""Runs of a study for TensorBoard.

Each training is a folder that appears complete once the training is recorded; the search is
another folder, which is written again when a study is resumed.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from mbnas.machine.files import writing
from mbnas.report.live.event_file import EventFile
from mbnas.report.live.run_sink import (
    EvaluationPoint,
    RunSink,
    TrainingRun,
    numbered_name,
    run_name,
)
from mbnas.study.directory import UNFINISHED_LOG
from mbnas.training.training_record import TrainingRecord


class TensorBoardSink(RunSink):
    """Writes event files below a folder.

    Args:
        folder: The study's folder of logs.
    """

    def __init__(self, folder: Path) -> None:
        self._runs = folder / "tensorboard"
        self._unfinished = folder / UNFINISHED_LOG  # TensorBoard does not read it
        self._folders = {
            each.name.rpartition("-")[2]: each
            for each in (self._runs / "trainings").glob("network-*")
        }
        self._num_written = 0
        self._search: EventFile | None = None
        shutil.rmtree(self._runs / "search", ignore_errors=True)  # it is written again

    def has_training(self, record: TrainingRecord) -> bool:
        """Whether a training has its folder."""
        folder = self._folders.get(record.key.network)
        return folder is not None and (folder / run_name(record)).exists()

    def add_training(self, run: TrainingRun) -> None:
        """Write the run of a training to a temporary folder, then rename it.

        Raises:
            WriteError: if it cannot be written.
        """
        folder = self._network_folder(run.record.key.network, run.network_name)
        folder /= run_name(run.record)
        shutil.rmtree(self._unfinished, ignore_errors=True)
        try:
            self._write_curves(run)
            with writing(folder):
                shutil.rmtree(folder, ignore_errors=True)
                folder.parent.mkdir(parents=True, exist_ok=True)
                self._unfinished.rename(folder)
        finally:
            shutil.rmtree(self._unfinished, ignore_errors=True)

    def add_evaluations(self, points: Sequence[EvaluationPoint]) -> None:
        """Write new points of the search, and name its networks by their numbers.

        Raises:
            WriteError: if they cannot be written.
        """
        for point in points[self._num_written :]:
            self._network_folder(point.network, numbered_name(point.network, point.step))
            if self._search is None:
                self._search = EventFile(self._runs / "search")
            for tag, value in point.values.items():
                self._search.add(tag, value, point.step)
            self._search.flush()
            self._num_written += 1

    def close(self) -> None:
        """Close the file of the search; every point was flushed."""
        if self._search is not None:
            self._search.abandon()

    def _write_curves(self, run: TrainingRun) -> None:
        curves = EventFile(self._unfinished)
        try:
            for point in run.points:
                for tag, value in point.values.items():
                    curves.add(tag, value, point.step)
            curves.close()
        finally:
            curves.abandon()

    def _network_folder(self, digest: str, name: str) -> Path:
        """Return the folder of a network's runs; it is renamed once the search asked for it."""
        folder = self._runs / "trainings" / name
        old = self._folders.get(digest, folder)
        if old != folder and old.exists():
            with writing(folder):
                old.rename(folder)
        self._folders[digest] = folder
        return folder
