"""Runs of a study for Weights & Biases.

Names of runs follow from the study, so that a run which is written again continues the one that is
there. ``WANDB_MODE`` and the other variables of W&B apply. Without an API key, runs are kept in
the study's folder of logs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from mbnas.escaping import visible
from mbnas.machine.files import writing
from mbnas.report.live.background_log import Tell
from mbnas.report.live.run_sink import (
    EvaluationPoint,
    LoggedStudy,
    Point,
    RunSink,
    TrainingRun,
    needed_module,
    run_key,
)
from mbnas.training.training_record import TrainingRecord

FINISH_S = 60.0
"""How long W&B may take to upload the end of a run."""
_FORBIDDEN = re.compile(r"[/\\#?%:]")  # in the name of a project
_LONGEST_NAME = 128


class WandbSink(RunSink):
    """Writes runs by W&B, into one project per study.

    Args:
        folder: The study's folder of logs.
        study: Whose runs they are.
        tell: Told where the runs are if they are not sent.

    Raises:
        WriteError: if the folder cannot be written.
    """

    def __init__(self, folder: Path, study: LoggedStudy, tell: Tell) -> None:
        self._wandb = needed_module("wandb", log="wandb")
        self._folder = folder
        self._study = study
        self._written = _WrittenRuns(folder / "wandb" / "written.txt")
        self._search: Any = None
        self._num_points = 0
        self._mode = self._wandb.setup(settings=self._wandb.Settings(silent=True)).settings.mode
        if self._mode == "online" and not self._wandb.login(prompt=False, verify=False):
            self._mode = "offline"
            tell(
                "Weights & Biases has no API key here: the runs are kept in "
                f"{visible(str(folder / 'wandb'))}, and wandb sync sends them after wandb login."
            )

    def has_training(self, record: TrainingRecord) -> bool:
        """Whether the run of a training was written from this directory."""
        return self._key(run_key(record)) in self._written

    def add_training(self, run: TrainingRun) -> None:
        """Write the run of a training, and wait until it is sent.

        Raises:
            wandb.Error: if W&B cannot begin it.
            TimeoutError: if it is not sent in time.
        """
        key = self._key(run_key(run.record))
        begun = self._begin(key, run.name, run.parameters, job_type="training")
        try:
            for point in run.points:
                _add(begun, point)
            begun.summary.update(dict(run.results))
        finally:
            begun.finish(exit_code=0 if run.record.error is None else 1)
        self._note(key)

    def add_evaluations(self, points: Sequence[EvaluationPoint]) -> None:
        """Log new points of the search.

        Every run that is kept here has all points from the first: W&B replaces what it has by the
        run that is sent last.

        Raises:
            wandb.Error: if W&B cannot begin the run.
        """
        if len(points) == self._num_points or self._key(f"search-{len(points)}") in self._written:
            return
        if self._search is None:
            self._search = self._begin(self._key("search"), "search", {}, job_type="search")
        for point in points[self._num_points :]:
            _add(self._search, point)
        self._num_points = len(points)

    def close(self) -> None:
        """Finish the run of the search, and wait until it is sent.

        Raises:
            TimeoutError: if it is not sent in time.
        """
        if self._search is not None:
            self._search.finish()
            self._note(self._key(f"search-{self._num_points}"))

    def _begin(self, key: str, name: str, parameters: Mapping[str, Any], *, job_type: str) -> Any:
        with writing(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)  # or W&B takes another
        return self._wandb.init(
            project=_FORBIDDEN.sub("-", visible(self._study.name))[:_LONGEST_NAME],
            group=visible(self._study.name)[:_LONGEST_NAME],
            id=key,
            name=name,
            job_type=job_type,
            config=dict(parameters),
            dir=str(self._folder),
            mode=self._mode,
            resume="allow",
            reinit="create_new",  # leaves other runs of the process alone
            settings=self._wandb.Settings(
                silent=True,
                console="off",  # what is printed is not W&B's
                disable_code=True,
                disable_git=True,
                x_disable_stats=True,
                finish_timeout=FINISH_S,
                finish_timeout_raises=True,
            ),
        )

    def _key(self, key: str) -> str:
        return f"{self._study.key}-{key}"

    def _note(self, key: str) -> None:
        if self._mode != "disabled":
            self._written.add(key)


class _WrittenRuns:
    """The keys of runs that were written as a whole, kept in a file with one a line.

    Without it, the runs would be written again, and W&B would take from them what it lacks.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._keys: set[str] = set()
        with suppress(FileNotFoundError):
            self._keys.update(path.read_text(encoding="utf-8").split("\n"))

    def __contains__(self, key: str) -> bool:
        return key in self._keys

    def add(self, key: str) -> None:
        with writing(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(f"{key}\n")
        self._keys.add(key)


def _add(run: Any, point: Point) -> None:
    """Log a point, unless a resumed run has it."""
    if point.values and point.step >= run.step:
        run.log(dict(point.values), step=point.step)
