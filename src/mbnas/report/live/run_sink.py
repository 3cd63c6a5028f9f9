"""Where the runs of a study are shown: the seam between what is logged and who shows it.

A training is one run, written as a whole once it is recorded. The search is another run, which
grows by a point per evaluation. :mod:`mbnas.report.live.run_writer` says what is in them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from mbnas.errors import UsageError
from mbnas.training.training_record import TrainingRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """The values of several curves at one step.

    Attributes:
        step: Number of the epoch or of the evaluation, from 1.
        values: By the name of the curve; some may be infinite or nan.
    """

    step: int
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationPoint(Point):
    """The values of the search at one evaluation.

    Attributes:
        network: Digest of the evaluated network.
    """

    network: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRun:
    """One training, as it is shown.

    Attributes:
        record: Of the training.
        number: Of the network's evaluation; ``None`` if the search has not asked for it.
        parameters: What was trained, by name.
        results: Numbers found at the end, by name.
        points: One per epoch.
    """

    record: TrainingRecord
    number: int | None
    parameters: Mapping[str, str | int]
    results: Mapping[str, float]
    points: tuple[Point, ...]

    @property
    def network_name(self) -> str:
        """Name of the network, with its number if it has one."""
        digest = self.record.key.network
        return f"network-{digest}" if self.number is None else numbered_name(digest, self.number)

    @property
    def name(self) -> str:
        """Name of the run, with that of its network."""
        return f"{self.network_name}/{run_name(self.record)}"


def numbered_name(digest: str, number: int) -> str:
    """Return the name of a network that the search asked for."""
    return f"network-{number:04d}-{digest}"


def run_name(record: TrainingRecord) -> str:
    """Return the name of a training among those of its network."""
    failed = "" if record.error is None else "-failed"
    return f"fold-{record.key.fold}-initialisation-{record.key.initialisation}{failed}"


def run_key(record: TrainingRecord) -> str:
    """Return what names a training among all of its study, before and after it is asked for."""
    return f"{record.key.network}-{run_name(record)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedStudy:
    """How a study is named where its runs are shown.

    Attributes:
        name: Of its directory.
        key: Differs between searches, also between those of directories with one name.
    """

    name: str
    key: str


class RunSink(ABC):
    """Shows the runs of one study. What it has from earlier is neither lost nor repeated."""

    @abstractmethod
    def has_training(self, record: TrainingRecord) -> bool:
        """Whether the run of a training is there as a whole."""

    @abstractmethod
    def add_training(self, run: TrainingRun) -> None:
        """Add the run of a training that is not there as a whole."""

    @abstractmethod
    def add_evaluations(self, points: Sequence[EvaluationPoint]) -> None:
        """Add to the run of the search what is not there yet.

        Args:
            points: All of the search so far, in order.
        """

    @abstractmethod
    def close(self) -> None:
        """Complete the run of the search for now."""


def needed_module(name: str, *, log: str) -> Any:
    """Return a module of a package that one kind of log needs.

    Args:
        name: Of the module.
        log: As in ``--log``; the package and the extra have the same name.

    Raises:
        UsageError: if the package is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise UsageError(
            f"--log {log} needs the package {log}, which is not installed: "
            f"pip install 'mbnas[{log}]'."
        ) from error
