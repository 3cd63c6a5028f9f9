"""From tasks to records: trainings run at a workplace, and each is in the ledger once it ends.

Nothing is run twice: not what the ledger holds, not what is running, not what another study
has run. A training whose worker dies is run again, a number of times; one that runs out of
memory is run again alone on its device; only then has it failed. The ledger keeps each of
these runs, so the count goes on after a restart.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from dataclasses import replace
from datetime import UTC, datetime

from mbnas.errors import OutOfMemory, WorkerDied
from mbnas.study.ledger import Ledger
from mbnas.study.workplace import Workplace
from mbnas.training.record import FailureKind, FailureRecord, Outcome, TrainingKey, TrainingRecord
from mbnas.training.train import TrainingTask

Elsewhere = Callable[[TrainingKey], TrainingRecord | None]
"""Finds a training that another ledger holds."""


def nowhere(key: TrainingKey) -> None:
    """Find nothing: there is no other ledger."""


class Dispatcher:
    """Runs trainings at a workplace and keeps what comes back.

    Args:
        ledger: Where trainings are kept; this is its one writer.
        workplace: Where trainings run.
        elsewhere: Finds a training that was run for another study. It is entered into the
            ledger in place of being run again.
        retries: How often a training is run again whose worker died, 0 or more.
    """

    def __init__(
        self,
        ledger: Ledger,
        workplace: Workplace,
        *,
        elsewhere: Elsewhere = nowhere,
        retries: int = 2,
    ) -> None:
        self._ledger = ledger
        self._workplace = workplace
        self._elsewhere = elsewhere
        self._retries = retries
        self._outcomes = ledger.outcomes()
        self._networks = set(ledger.networks())
        self._failures: defaultdict[TrainingKey, list[FailureKind]] = defaultdict(list)
        for failure in ledger.failures():
            if not failure.withdrawn:
                self._failures[failure.key].append(failure.kind)
        self._running: dict[TrainingKey, TrainingTask] = {}
        self._keys: dict[Future[TrainingRecord], TrainingKey] = {}
        self._recorded: deque[TrainingRecord] = deque()

    def outcome(self, key: TrainingKey) -> Outcome | None:
        """Return what became of a training, ``None`` if it has not ended."""
        return self._outcomes.get(key)

    @property
    def num_free(self) -> int:
        """How many trainings more could run at this moment."""
        return self._workplace.slots - len(self._running)

    def start(self, task: TrainingTask) -> None:
        """Have a task run, unless its training has ended or is running."""
        key = task.key
        if key in self._outcomes or key in self._running:
            return
        if key.network not in self._networks:
            self._ledger.record_network(task.architecture)
            self._networks.add(key.network)
        if (found := self._elsewhere(key)) is not None:
            self._record(replace(found, borrowed=True))
            return
        self._running[key] = task
        self._submit(task)

    def recorded(self) -> Iterator[TrainingRecord]:
        """Yield the trainings recorded since this was asked last; it waits for none."""
        while self._recorded:
            yield self._recorded.popleft()

    def wait(self) -> None:
        """Return once a training is recorded, or a run of one came to an end in any other way."""
        if not self._recorded:
            self._take(self._workplace.completions.get())

    def cancel(self) -> None:
        """Take back every task that does not run yet."""
        for future, key in tuple(self._keys.items()):
            if future.cancel():
                del self._keys[future], self._running[key]

    def _submit(self, task: TrainingTask) -> None:
        if "out of memory" in self._failures.get(task.key, ()):
            task = replace(task, alone=True)
        future = self._workplace.executor.submit(self._workplace.train, task)
        self._keys[future] = task.key
        future.add_done_callback(self._workplace.completions.put)
        if future.done():  # as with an executor that runs calls at once
            self._take(self._workplace.completions.get())

    def _take(self, future: Future[TrainingRecord]) -> None:
        key = self._keys.pop(future, None)
        if key is None:  # taken back, or of another dispatcher that had this workplace
            return
        task = self._running[key]
        try:
            record = future.result()
        except CancelledError:
            taken_back = WorkerDied("The executor took the training back before it had ended.")
            self._fail(task, "worker died", taken_back)
        except WorkerDied as error:
            self._fail(task, "worker died", error)
        except OutOfMemory as error:
            self._fail(task, "out of memory", error)
        else:
            del self._running[key]
            self._record(record)

    def _fail(self, task: TrainingTask, kind: FailureKind, error: WorkerDied | OutOfMemory) -> None:
        """Keep a run that came to nothing, and run the task again or have it failed."""
        failure = FailureRecord(
            key=task.key,
            kind=kind,
            reason=str(error),
            wall_s=error.wall_s,
            worker=error.worker,
            started_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        self._ledger.record_failure(failure)
        kinds = self._failures[task.key]
        kinds.append(kind)
        allowed = self._retries if kind == "worker died" else 1
        if kinds.count(kind) <= allowed:
            self._submit(task)
            return
        del self._running[task.key]
        self._record(_failed(failure, times=kinds.count(kind)))

    def _record(self, record: TrainingRecord) -> None:
        self._ledger.record_training(record)
        self._outcomes[record.key] = Outcome(score=record.score, wall_s=record.wall_s)
        self._recorded.append(record)


def _failed(failure: FailureRecord, *, times: int) -> TrainingRecord:
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
