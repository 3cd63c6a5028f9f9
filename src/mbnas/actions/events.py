"""What is said while something long runs: typed events, given to one callable.

The command line draws bars from them, a script may print or log them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from mbnas.machine.processes import ProgressCallback
from mbnas.study.ledger.snapshot import NumberedScore
from mbnas.training.training_record import EpochNews

Stage = Literal["preparing", "searching", "confirming", "comparing", "training", "predicting"]
"""What runs, and so what is counted: volumes are prepared, trainings searched, confirmed and
compared, epochs trained, and cases predicted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A sentence or two for the user.

    >>> Message(text="Trains on one core.")
    Message(text='Trains on one core.', is_warning=False)

    Attributes:
        text: The sentences.
        is_warning: Whether they should be read even by those who read nothing else.
    """

    text: str
    is_warning: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StageProgress:
    """How far a stage is.

    >>> StageProgress(stage="preparing", done=3, total=20).done
    3

    Attributes:
        stage: What runs.
        done: How much of it is done, in its own units.
        total: How much there is; ``None`` for a search that only its time limits.
        in_flight: Trainings that a search waits for now, as far as workers take them.
        why: What a search is doing, such as ``node 3 level``.
        best: The best network of a search so far.
        scored: The networks of a search that have just got a score.
        left_s: Seconds until the time of a search is over, where that limits it; otherwise an
            estimate for the rest of a search, once a training has ended.
    """

    stage: Stage
    done: int
    total: int | None
    in_flight: int = 0
    why: str = ""
    best: NumberedScore | None = None
    scored: tuple[NumberedScore, ...] = ()
    left_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochProgress:
    """An epoch of a training that is running in a process of this machine.

    >>> from mbnas import EpochProgress
    >>> EpochProgress(fold=2, epoch=5, num_epochs=24, loss=0.31).epoch
    5

    Attributes:
        fold: Number of the training's fold, from 0.
        epoch: Number of the epoch that has ended, from 1.
        num_epochs: Epochs of the training.
        loss: Mean over the epoch's steps.
    """

    fold: int
    epoch: int
    num_epochs: int
    loss: float


Event = Message | StageProgress | EpochProgress
Watch = Callable[[Event], object]
"""Called with each event, in the thread that runs."""


def silent(event: Event) -> None:
    """Do nothing: the watch that says nothing, warnings included.

    >>> import mbnas
    >>> mbnas.search("data", "study", watch=mbnas.silent)  # doctest: +SKIP
    """


def warning(watch: Watch) -> Callable[[str], None]:
    """Return a function that tells a watch of warnings."""

    def warn(text: str) -> None:
        watch(Message(text=text, is_warning=True))

    return warn


def telling_epochs(watch: Watch) -> Callable[[EpochNews], None]:
    """Return a function that tells a watch of the epochs of running trainings."""

    def tell(news: EpochNews) -> None:
        watch(
            EpochProgress(
                fold=news.key.fold,
                epoch=news.epoch.epoch,
                num_epochs=news.num_epochs,
                loss=news.epoch.loss,
            )
        )

    return tell


def counted_by(watch: Watch, stage: Stage) -> ProgressCallback:
    """Return a function of (done, total) that tells a watch how far a stage is."""

    def count(done: int, total: int) -> None:
        watch(StageProgress(stage=stage, done=done, total=total))

    return count
