"""Runs of a study for MLflow.

The study is one run of its experiment, and its search and trainings are runs below it. Tags say
which is which, and are looked up first. Without an address, from the environment or from
``mlflow.set_tracking_uri``, runs are in a database in the study's folder of logs.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from mbnas.escaping import visible
from mbnas.machine.files import writing
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

STUDY_TAG, RUN_TAG, PARENT_TAG = "mbnas.study", "mbnas.run", "mlflow.parentRunId"
"""Which study a run is of, which of its runs it is, and below which run it is shown."""
_MOST = 1000  # metrics of one call, and runs of one page
_LONGEST_VALUE = 6000  # of a parameter
_REFUSED = re.compile(r"[^\w -]")  # in a part of a metric's name, or understood as of a path


class MlflowSink(RunSink):
    """Writes runs by MLflow, into one experiment per study.

    Args:
        folder: The study's folder of logs.
        study: Whose runs they are.

    Raises:
        WriteError: if the folder is needed and cannot be written.
        mlflow.MlflowException: if MLflow cannot be used, here or in any method.
    """

    def __init__(self, folder: Path, study: LoggedStudy) -> None:
        mlflow = needed_module("mlflow", log="mlflow")
        self._entities = needed_module("mlflow.entities", log="mlflow")
        logging.getLogger("mlflow").setLevel(logging.WARNING)  # it tells of each table it creates
        logging.getLogger("alembic").setLevel(logging.WARNING)
        self._study = study
        if mlflow.is_tracking_uri_set():
            self._client = mlflow.MlflowClient()
            artifacts = None
        else:
            own = folder.absolute() / "mlflow"
            with writing(own):
                own.mkdir(parents=True, exist_ok=True)
            self._client = mlflow.MlflowClient(
                tracking_uri=f"sqlite:///{_in_address(own / 'mlflow.db')}"
            )
            artifacts = (own / "artifacts").as_uri()
        self._experiment = self._find_experiment(artifacts)
        runs = self._runs()
        self._search: str | None = runs.pop("search", (None, ""))[0]
        self._parent = self._continue(runs.pop("study", (None, ""))[0])
        for run, status in runs.values():
            if status == "RUNNING":  # of a process that was killed while it wrote
                self._client.delete_run(run)
        self._written = {key for key, (_, status) in runs.items() if status != "RUNNING"}
        self._num_points = 0

    def has_training(self, record: TrainingRecord) -> bool:
        """Whether the run of a training has ended."""
        return run_key(record) in self._written

    def add_training(self, run: TrainingRun) -> None:
        """Write the run of a training."""
        record = run.record
        begun_ms = round(datetime.fromisoformat(record.started_at).timestamp() * 1000)
        ended_ms = begun_ms + round(record.wall_s * 1000)
        begun = self._begin(run_key(record), run.name, begun_ms)
        parameters = [
            self._entities.Param(name, str(value)[:_LONGEST_VALUE])
            for name, value in run.parameters.items()
        ]
        self._client.log_batch(begun, params=parameters)
        last = run.points[-1].step if run.points else 0
        self._log(begun, (*run.points, Point(step=last, values=run.results)), ended_ms)
        status = "FINISHED" if record.error is None else "FAILED"
        self._client.set_terminated(begun, status=status, end_time=ended_ms)
        self._written.add(run_key(record))

    def add_evaluations(self, points: Sequence[EvaluationPoint]) -> None:
        """Log new points of the search."""
        if len(points) == self._num_points:
            return
        first = self._num_points or self._continue_search(points)
        assert self._search is not None
        self._log(self._search, points[first:], _now_ms())
        self._num_points = len(points)

    def close(self) -> None:
        """Mark the runs of the search and of the study as finished, until they are continued."""
        for run in (self._search, self._parent):
            if run is not None:
                self._client.set_terminated(run, status="FINISHED")

    # Runs that are there

    def _find_experiment(self, artifacts: str | None) -> str:
        name = visible(self._study.name)
        found = self._client.get_experiment_by_name(name)
        if found is not None:
            return str(found.experiment_id)
        return str(self._client.create_experiment(name, artifact_location=artifacts))

    def _runs(self) -> dict[str, tuple[str, str]]:
        """Return the identifier and status of each run of the study by its key."""
        found: dict[str, tuple[str, str]] = {}
        token = None
        while True:
            page = self._client.search_runs(
                [self._experiment],
                filter_string=f"tags.`{STUDY_TAG}` = '{self._study.key}'",
                max_results=_MOST,
                page_token=token,
            )
            found |= {
                each.data.tags[RUN_TAG]: (each.info.run_id, each.info.status) for each in page
            }
            token = page.token
            if not token:
                return found

    def _continue(self, run: str | None) -> str:
        """Return the run of the study, which is begun unless it is given."""
        if run is None:
            return self._begin("study", visible(self._study.name), _now_ms(), parent=None)
        self._client.update_run(run, status="RUNNING")
        return run

    def _continue_search(self, points: Sequence[EvaluationPoint]) -> int:
        """Have a run of the search; return how many points it has.

        A run that has others, as after a retry of failed trainings, is replaced.
        """
        if self._search is not None:
            logged = {
                (tag, each.step, each.value)
                for tag in {tag for point in points for tag in point.values}
                for each in self._client.get_metric_history(self._search, tag)
            }
            last = max((step for _, step, _ in logged), default=0)
            before = [point for point in points if point.step <= last]
            if logged == set(_values(before)):
                self._client.update_run(self._search, status="RUNNING")
                return len(before)
            self._client.delete_run(self._search)
        self._search = self._begin("search", "search", _now_ms())
        return 0

    # Writing

    def _begin(self, key: str, name: str, begun_ms: int, *, parent: str | None = "") -> str:
        tags = {STUDY_TAG: self._study.key, RUN_TAG: key}
        if parent is not None:
            tags[PARENT_TAG] = self._parent
        run = self._client.create_run(
            self._experiment, start_time=begun_ms, tags=tags, run_name=name
        )
        return str(run.info.run_id)

    def _log(self, run: str, points: Iterable[Point], at_ms: int) -> None:
        metrics = [
            self._entities.Metric(_metric_name(tag), value, at_ms, step)
            for tag, step, value in _values(points)
        ]
        for first in range(0, len(metrics), _MOST):
            self._client.log_batch(run, metrics=metrics[first : first + _MOST])


def _values(points: Iterable[Point]) -> Iterator[tuple[str, int, float]]:
    """Yield the curve, step and value of each value."""
    for point in points:
        for tag, value in point.values.items():
            yield tag, point.step, value


def _metric_name(tag: str) -> str:
    """Return the name of a curve as MLflow allows it; different names stay different.

    >>> _metric_name("validation Dice/left/right (upper)")
    'validation Dice/left.2f.right .28.upper.29.'
    """
    group, slash, name = tag.partition("/")
    return group + slash + _REFUSED.sub(lambda found: f".{ord(found[0]):x}.", name)


def _in_address(path: Path) -> str:
    """Return a path with what would end or change it in an address written as ``%…``."""
    return re.sub("[%?#]", lambda found: f"%{ord(found[0]):02x}", str(path))


def _now_ms() -> int:
    return round(datetime.now(UTC).timestamp() * 1000)
