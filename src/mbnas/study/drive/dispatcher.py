"""From tasks to records: trainings run at a worker pool, and each is in the ledger once it ends.

Trainings that advance together are run as the protocol groups them, whichever of them is asked
for: what one of them ends as must not depend on which others are missing.

Nothing is run twice: not what the ledger holds, not what is running, not what another study
has run. A training whose worker dies is run again, a number of times; one that runs out of
memory is run again alone on its device; only then has it failed. The ledger keeps each of
these runs, so the count goes on after a restart.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from dataclasses import replace
from datetime import UTC, datetime

from mbnas.errors import OutOfMemory, WorkerDied
from mbnas.search.racing.outcome import Outcome
from mbnas.study.drive.worker_pool import Ended, WorkerPool
from mbnas.study.ledger.ledger import Ledger
from mbnas.training.task import TrainingTask
from mbnas.training.training_record import FailureKind, LostRunRecord, TrainingKey, TrainingRecord

Group = Callable[[TrainingTask], tuple[TrainingTask, ...]]
"""Returns the trainings that advance together with one, itself included."""

Elsewhere = Callable[[TrainingKey], TrainingRecord | None]
"""Finds a training that another ledger holds."""


def nowhere(key: TrainingKey) -> None:
    """Find nothing: there is no other ledger."""


def alone(task: TrainingTask) -> tuple[TrainingTask, ...]:
    """Have a training advance by itself."""
    return (task,)


class Dispatcher:
    """Runs trainings at a worker pool and keeps what comes back.

    Args:
        ledger: Where trainings are kept; this is its one writer.
        worker_pool: Where trainings run.
        elsewhere: Finds a training that was run for another study. It is entered into the
            ledger in place of being run again.
        retries: How often a training is run again whose worker died, 0 or more.
        group: Says which trainings advance together.
    """

    def __init__(
        self,
        ledger: Ledger,
        worker_pool: WorkerPool,
        *,
        elsewhere: Elsewhere = nowhere,
        retries: int = 2,
        group: Group = alone,
    ) -> None:
        self._ledger = ledger
        self._worker_pool = worker_pool
        self._elsewhere = elsewhere
        self._retries = retries
        self._group = group
        self._outcomes = ledger.outcomes()
        self._networks = set(ledger.networks())
        self._failures: defaultdict[TrainingKey, list[FailureKind]] = defaultdict(list)
        for failure in ledger.failures():
            if not failure.withdrawn:
                self._failures[failure.key].append(failure.kind)
        self._running: set[TrainingKey] = set()
        self._tasks: dict[Ended, tuple[TrainingTask, ...]] = {}
        self._recorded: deque[TrainingRecord] = deque()

    def outcome(self, key: TrainingKey) -> Outcome | None:
        """Return what became of a training, ``None`` if it has not ended."""
        return self._outcomes.get(key)

    @property
    def num_free(self) -> int:
        """How many trainings, or groups of them, more could run at this moment."""
        return self._worker_pool.slots - len(self._tasks)

    def start(self, task: TrainingTask) -> None:
        """Have a task run, with its group, unless its training has ended or is running."""
        key = task.key
        if key in self._outcomes or key in self._running:
            return
        if key.network not in self._networks:
            self._ledger.record_network(task.architecture)
            self._networks.add(key.network)
        if (found := self._elsewhere(key)) is not None:
            self._record(replace(found, borrowed=True))
            return
        tasks = self._group(task)
        self._running.update(each.key for each in tasks)
        self._submit(tasks)

    def recorded(self) -> Iterator[TrainingRecord]:
        """Yield the trainings recorded since this was asked last; it waits for none."""
        while self._recorded:
            yield self._recorded.popleft()

    def wait(self) -> None:
        """Return once a training is recorded, or a run of one came to an end in any other way."""
        if not self._recorded:
            self._take(self._worker_pool.completions.get())

    def cancel(self) -> None:
        """Take back every task that does not run yet."""
        for future, tasks in tuple(self._tasks.items()):
            if future.cancel():
                del self._tasks[future]
                self._running.difference_update(each.key for each in tasks)

    def _submit(self, tasks: tuple[TrainingTask, ...]) -> None:
        if any("out of memory" in self._failures.get(each.key, ()) for each in tasks):
            tasks = tuple(replace(each, alone=True) for each in tasks)
        place = self._worker_pool
        future: Ended
        if len(tasks) == 1:
            future = place.executor.submit(place.train, tasks[0])
        else:
            future = place.executor.submit(place.train_together, tasks)
        self._tasks[future] = tasks
        future.add_done_callback(place.completions.put)
        if future.done():  # as with an executor that runs calls at once
            self._take(place.completions.get())

    def _take(self, future: Ended) -> None:
        tasks = self._tasks.pop(future, None)
        if tasks is None:  # taken back, or of another dispatcher that had this worker pool
            return
        try:
            result = future.result()
        except CancelledError:
            taken_back = WorkerDied("The executor took the training back before it had ended.")
            self._fail(tasks, "worker died", taken_back)
        except WorkerDied as error:
            self._fail(tasks, "worker died", error)
        except OutOfMemory as error:
            self._fail(tasks, "out of memory", error)
        else:
            for record in [result] if isinstance(result, TrainingRecord) else result:
                self._end(record)

    def _fail(
        self, tasks: tuple[TrainingTask, ...], kind: FailureKind, error: WorkerDied | OutOfMemory
    ) -> None:
        """Keep a run that came to nothing, and run its tasks again or have them failed."""
        started_at = datetime.now(UTC).isoformat(timespec="seconds")
        times, failures = 0, []
        for task in tasks:
            if task.key in self._outcomes:  # it ran beside the others, for their sake
                continue
            failure = LostRunRecord(
                key=task.key,
                kind=kind,
                reason=str(error),
                wall_s=error.wall_s / len(tasks),
                worker=error.worker,
                started_at=started_at,
            )
            self._ledger.record_failure(failure)
            self._failures[task.key].append(kind)
            times = max(times, self._failures[task.key].count(kind))
            failures.append(failure)
        if times <= (self._retries if kind == "worker died" else 1):
            self._submit(tasks)
            return
        self._running.difference_update(each.key for each in tasks)
        for failure in failures:
            self._end(_failed(failure, times=times))

    def _end(self, record: TrainingRecord) -> None:
        """Keep what became of a training that ran, unless it is known: then it ran for others."""
        self._running.discard(record.key)
        if record.key not in self._outcomes:
            self._record(record)

    def _record(self, record: TrainingRecord) -> None:
        self._ledger.record_training(record)
        self._outcomes[record.key] = Outcome(score=record.score, wall_s=record.wall_s)
        self._recorded.append(record)


def _failed(failure: LostRunRecord, *, times: int) -> TrainingRecord:
    last = ", the last alone on its device" if failure.kind == "out of memory" else ""
    tried = f"Tried {times} times{last}. " if times > 1 else ""
    return TrainingRecord(
        key=failure.key,
        score=None,
        error=f"{tried}{failure.reason}",
        wall_s=0.0,
        worker=failure.worker,
        started_at=failure.started_at,
    )
