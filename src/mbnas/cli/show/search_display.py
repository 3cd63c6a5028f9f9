"""Progress bars of searches and trainings on standard error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import TaskID

from mbnas.cli.show.messages import counting, progress_bar
from mbnas.study.drive.driver import SearchProgress
from mbnas.study.drive.evaluation_request import Progress, Watch


class SearchDisplay:
    """A search's progress: evaluations, trainings in flight, the best network, time left.

    Use it as a context manager, with :meth:`watch` as the callback of the search.

    Args:
        budget: Trainings that the search may take; ``None`` if only its time is limited.
        folds: Of its protocol.
        workers: Trainings at a time.
    """

    def __init__(self, *, budget: int | None, folds: int, workers: int) -> None:
        self._folds = folds
        self._workers = workers
        self._progress = progress_bar()
        self._confirmation: TaskID | None = None
        self._task = self._progress.add_task("Trainings", total=budget, note="")

    def __enter__(self) -> SearchDisplay:
        self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()

    def watch(self, progress: SearchProgress) -> None:
        """Show the progress of the search."""
        trainings, best = progress.trainings, progress.best
        best_text = "" if best is None else f"best {best.score:.4f} (network {best.number})"
        missing = trainings.total - trainings.done
        self._progress.update(
            self._task,
            completed=progress.num_initialisations * self._folds - missing,
            note=f"{min(missing, self._workers)} in flight, {progress.proposal.why}; {best_text}",
        )

    def watch_confirmation(self, trainings: Progress) -> None:
        """Show the progress of a round of the confirmation."""
        if self._confirmation is None:
            self._confirmation = self._progress.add_task("Confirmation", total=None, note="")
        self._progress.update(
            self._confirmation,
            completed=trainings.done,
            total=trainings.total,
            note="leaders and the reference on fresh initialisations",
        )


@contextmanager
def training_bar(label: str, log: Watch | None = None) -> Iterator[Watch]:
    """Show a bar of trainings, and pass their progress on to a log.

    Yields the callback.
    """
    with counting(label) as show:

        def watch(trainings: Progress) -> None:
            show(trainings.done, trainings.total)
            if log is not None:
                log(trainings)

        yield watch
