"""From tasks to records: trainings run in a worker pool, and each is recorded once it ends.

Fused trainings are always run as a whole group, whichever of them is asked for: the result of
one must not depend on which others are missing.

Nothing is run twice: not what the ledger holds, not what is running, not what another study
has run. Lost runs are rerun by a :class:`~mbnas.study.drive.rerun_policy.RerunPolicy`. The ledger
keeps each of them, so they count after a restart too.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from dataclasses import replace
from datetime import UTC, datetime

from mbnas.errors import LostRun, WorkerDied
from mbnas.search.racing.outcome import Outcome
from mbnas.study.drive.rerun_policy import RerunPolicy, kind_of
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.pool.worker_pool import TrainingFuture, WorkerPool
from mbnas.training.task import TrainingTask
from mbnas.training.training_record import LostRunKind, LostRunRecord, TrainingKey, TrainingRecord

Group = Callable[[TrainingTask], tuple[TrainingTask, ...]]
"""Returns the tasks that are fused with one, itself included."""

FindTraining = Callable[[TrainingKey], TrainingRecord | None]
"""Finds a training in other ledgers."""


class Dispatcher:
    """Runs trainings in a worker pool and records them.

    Args:
        ledger: Where trainings are recorded; nothing else writes to it.
        worker_pool: Where trainings run.
        find_training: Finds a training in the ledgers of other studies. It is copied into the
            ledger and not run again.
        retries: How often a training whose worker died is rerun, 0 or more.
        group: Returns which tasks are fused; ``None`` fuses none.
    """

    def __init__(
        self,
        ledger: Ledger,
        worker_pool: WorkerPool,
        *,
        find_training: FindTraining | None = None,
        retries: int = 2,
        group: Group | None = None,
    ) -> None:
        self._ledger = ledger
        self._worker_pool = worker_pool
        self._find_training = find_training
        self._policy = RerunPolicy(retries=retries)
        self._group = group
        self._outcomes = ledger.outcomes()
        self._networks = set(ledger.networks())
        self._lost: defaultdict[TrainingKey, list[LostRunKind]] = defaultdict(list)
        for lost_run in ledger.lost_runs():
            if not lost_run.withdrawn:
                self._lost[lost_run.key].append(lost_run.kind)
        self._running: set[TrainingKey] = set()
        self._submitted: dict[TrainingFuture, tuple[TrainingTask, ...]] = {}
        self._recorded: deque[TrainingRecord] = deque()

    def outcome(self, key: TrainingKey) -> Outcome | None:
        """Return the outcome of a training, ``None`` if it has not ended."""
        return self._outcomes.get(key)

    @property
    def num_free(self) -> int:
        """How many more trainings, or groups of them, could run now."""
        return self._worker_pool.slots - len(self._submitted)

    def start(self, task: TrainingTask) -> None:
        """Run a task with its group, unless its training has ended or is running."""
        key = task.key
        if key in self._outcomes or key in self._running:
            return
        if key.network not in self._networks:
            self._ledger.record_network(task.architecture)
            self._networks.add(key.network)
        if self._find_training is not None and (found := self._find_training(key)) is not None:
            self._record(replace(found, borrowed=True))
            return
        tasks = (task,) if self._group is None else self._group(task)
        self._running.update(each.key for each in tasks)
        self._submit(tasks)

    def recorded(self) -> Iterator[TrainingRecord]:
        """Yield the trainings recorded since the last call, without waiting."""
        while self._recorded:
            yield self._recorded.popleft()

    def wait(self) -> None:
        """Return once a training is recorded or a run is lost."""
        if not self._recorded:
            self._take(self._worker_pool.next_done())

    def cancel(self) -> None:
        """Cancel every task that does not run yet."""
        for future, tasks in tuple(self._submitted.items()):
            if future.cancel():
                del self._submitted[future]
                self._running.difference_update(each.key for each in tasks)

    def _submit(self, tasks: tuple[TrainingTask, ...]) -> None:
        if any(self._policy.alone(self._lost.get(each.key, ())) for each in tasks):
            tasks = tuple(replace(each, alone=True) for each in tasks)
        pool = self._worker_pool
        future: TrainingFuture
        if len(tasks) == 1:
            future = pool.executor.submit(pool.train, tasks[0])
        else:
            future = pool.executor.submit(pool.train_together, tasks)
        self._submitted[future] = tasks
        future.add_done_callback(pool.completions.put)
        if future.done():  # an executor may run calls at once
            self._take(pool.next_done())

    def _take(self, future: TrainingFuture) -> None:
        tasks = self._submitted.pop(future, None)
        if tasks is None:  # cancelled, or of another dispatcher that used this worker pool
            return
        try:
            result = future.result()
        except CancelledError:
            self._lose(tasks, WorkerDied("The executor cancelled the training before its end."))
        except LostRun as error:
            self._lose(tasks, error)
        else:
            for record in [result] if isinstance(result, TrainingRecord) else result:
                self._end(record)

    def _lose(self, tasks: tuple[TrainingTask, ...], error: LostRun) -> None:
        """Record a lost run, and rerun its tasks or let their trainings fail."""
        started_at = datetime.now(UTC).isoformat(timespec="seconds")
        lost_runs = [
            LostRunRecord(
                key=task.key,
                kind=kind_of(error),
                reason=str(error),
                wall_s=error.wall_s / len(tasks),
                worker=error.worker,
                started_at=started_at,
            )
            for task in tasks
            if task.key not in self._outcomes  # the others were run again as part of the group
        ]
        for lost_run in lost_runs:
            self._ledger.record_lost_run(lost_run)
            self._lost[lost_run.key].append(lost_run.kind)
        if all(self._policy.reruns(self._lost[lost_run.key]) for lost_run in lost_runs):
            self._submit(tasks)
            return
        self._running.difference_update(each.key for each in tasks)
        times = max(self._lost[each.key].count(each.kind) for each in lost_runs)
        for lost_run in lost_runs:
            self._end(_failed(lost_run, times=times))

    def _end(self, record: TrainingRecord) -> None:
        """Record a training that was run, unless it is known and was run for its group."""
        self._running.discard(record.key)
        if record.key not in self._outcomes:
            self._record(record)

    def _record(self, record: TrainingRecord) -> None:
        self._ledger.record_training(record)
        self._outcomes[record.key] = Outcome(score=record.score, wall_s=record.wall_s)
        self._recorded.append(record)


def _failed(lost_run: LostRunRecord, *, times: int) -> TrainingRecord:
    last = ", the last alone on its device" if lost_run.kind == "out of memory" else ""
    tried = f"Tried {times} times{last}. " if times > 1 else ""
    return TrainingRecord(
        key=lost_run.key,
        score=None,
        error=f"{tried}{lost_run.reason}",
        wall_s=0.0,
        worker=lost_run.worker,
        started_at=lost_run.started_at,
    )
