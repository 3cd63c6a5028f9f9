"""The progress of trainings, on standard error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mbnas.cli.show.messages import counting, progress_bar
from mbnas.study.drive.driver import Moment
from mbnas.study.drive.evaluator import Progress, ignore


class SearchDisplay:
    """A search's progress: evaluations, trainings in flight, the best network, time left.

    Use it in a ``with``; give :meth:`watch` to the search.

    Args:
        budget: Distinct networks that the search may evaluate.
        per_evaluation: Trainings that make one score.
        workers: Trainings that may run at a time.
    """

    def __init__(self, *, budget: int, per_evaluation: int, workers: int) -> None:
        self._per_evaluation = per_evaluation
        self._workers = workers
        self._progress = progress_bar()
        self._task = self._progress.add_task(
            "Evaluations", total=budget * per_evaluation, note="", per=per_evaluation
        )

    def __enter__(self) -> SearchDisplay:
        self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()

    def watch(self, moment: Moment) -> None:
        """Show a moment of the search."""
        trainings = moment.progress
        best = moment.best
        best_text = "" if best is None else f"best {best.score:.4f} (network {best.number})"
        missing = trainings.total - trainings.done
        self._progress.update(
            self._task,
            completed=moment.asked * self._per_evaluation - missing,
            note=f"{min(missing, self._workers)} in flight, {moment.batch.why}; {best_text}",
        )


@contextmanager
def training_bar(
    label: str, log: Callable[[Progress], None] = ignore
) -> Iterator[Callable[[Progress], None]]:
    """Show a bar for the trainings of one request, and tell a log of them as well.

    Yields what to give as ``watch``.
    """
    with counting(label) as show:

        def watch(trainings: Progress) -> None:
            show(trainings.done, trainings.total)
            log(trainings)

        yield watch
