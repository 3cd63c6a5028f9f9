"""The trainings whose mean is a network's score."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

from mbnas.network.architecture import Architecture
from mbnas.space.genotype import Genotype
from mbnas.study.drive.training_tasks import TrainingTasks
from mbnas.training.protocol import num_together
from mbnas.training.task import TrainingTask
from mbnas.training.training_record import TrainingKey


class ScoreTasks:
    """The tasks of a network's score: all folds of all initialisations.

    Args:
        make: Makes the tasks.
        initialisations: Those whose trainings make a score.
        racing: Whether racing may drop a network after any initialisation.
        one_by_one: Whether more initialisations may be asked for later. Then at most the trainings
            of one initialisation are fused, so that none depends on when it was asked for.
    """

    def __init__(
        self,
        make: TrainingTasks,
        initialisations: Sequence[int],
        *,
        racing: bool,
        one_by_one: bool = False,
    ) -> None:
        self._make = make
        self._num_folds = make.protocol.evaluation.folds
        self._trainings = tuple(product(initialisations, range(self._num_folds)))
        self._num_first = self._num_folds if racing else len(self._trainings)
        self._num_initialisations = len(initialisations)
        fused = make.protocol.training.fused
        self._fused = "folds" if one_by_one and fused == "all" else fused
        self._protocol_digest = make.protocol.digest

    def __len__(self) -> int:
        return len(self._trainings)

    def keys(self, architecture: Architecture) -> Iterator[TrainingKey]:
        """Yield which trainings make a network's score, in the order of :meth:`all`."""
        digest = architecture.digest
        for initialisation, fold in self._trainings:
            yield TrainingKey(
                network=digest,
                protocol=self._protocol_digest,
                fold=fold,
                initialisation=initialisation,
            )

    def all(self, architecture: Architecture) -> tuple[TrainingTask, ...]:
        """Return all tasks of a network: by initialisation, then fold."""
        return self._make.of(architecture, self._trainings, fused=self._num_fused(architecture))

    def first(self, architecture: Architecture) -> tuple[TrainingTask, ...]:
        """Return the tasks that a network needs as soon as it is asked for."""
        return self.all(architecture)[: self._num_first]

    def later(self, architecture: Architecture) -> tuple[TrainingTask, ...]:
        """Return the tasks that a network needs unless racing drops it."""
        return self.all(architecture)[self._num_first :]

    def one(self, architecture: Architecture, key: TrainingKey) -> TrainingTask:
        """Return the task of one training of a network."""
        trainings = [(key.initialisation, key.fold)]
        (task,) = self._make.of(architecture, trainings, fused=self._num_fused(architecture))
        return task

    def group(self, task: TrainingTask) -> tuple[TrainingTask, ...]:
        """Return the tasks that are fused with one, itself included.

        Only genotypes are fused.
        """
        fused = self._fused
        if fused not in ("folds", "all") or not isinstance(task.architecture, Genotype):
            return (task,)
        if fused == "all":
            return self.all(task.architecture)
        trainings = [(task.initialisation, fold) for fold in range(self._num_folds)]
        return self._make.of(task.architecture, trainings, fused=self._num_fused(task.architecture))

    def _num_fused(self, architecture: Architecture) -> int:
        if not isinstance(architecture, Genotype):
            return 1
        return num_together(
            self._fused,
            folds=self._num_folds,
            initialisations=self._num_initialisations,
        )
