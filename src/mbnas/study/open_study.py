"""A study that this process holds: its ledger, its prepared slices, and what they are used for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mbnas.data.slices.fingerprint import Fingerprint
from mbnas.data.slices.prepared_slices import PreparationSettings, PreparedSlices
from mbnas.errors import StudyError
from mbnas.machine.processes import ProgressCallback
from mbnas.network.interface import Interface
from mbnas.search.limit import Budget
from mbnas.search.searcher import Proposal, Searcher
from mbnas.search.settings import make_searcher
from mbnas.seeds import generator
from mbnas.study.configuration import Configuration
from mbnas.study.cost.network_costs import NetworkCosts, interface_of
from mbnas.study.dataset_source import DatasetSource
from mbnas.study.directory import Study
from mbnas.study.drive.dispatcher import FindTraining
from mbnas.study.drive.evaluator import Evaluator
from mbnas.study.drive.training_tasks import memory_prediction
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.pool.worker_pool import WorkerPool
from mbnas.training.protocol import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenStudy:
    """A study held by this process, with its slices prepared and its ledger open for writing.

    Attributes:
        study: Its directory and configuration, with everything automatic resolved.
        source: The cases that take part; ``None`` if the dataset is gone.
        slices: Directory of the prepared slices.
        prepared: The prepared slices.
        ledger: The open ledger.
        protocol: What all trainings follow.
        costs: What networks cost.
    """

    study: Study
    source: DatasetSource | None
    slices: Path
    prepared: PreparedSlices
    ledger: Ledger
    protocol: Protocol
    costs: NetworkCosts

    @property
    def configuration(self) -> Configuration:
        """Every setting of the study."""
        return self.study.configuration

    @property
    def interface(self) -> Interface:
        """What the study's networks must fit."""
        return interface_of(self.configuration, self.prepared.index)

    @property
    def dataset_name(self) -> str:
        """Name of the dataset when the study began."""
        return self.ledger.facts()["dataset name"]

    # Trainings

    def searcher(self, recorded: Sequence[Proposal] = ()) -> Searcher:
        """Return a new searcher, at its beginning and seeded by the study.

        Args:
            recorded: What it proposed before, if the search is resumed.
        """
        configuration = self.configuration
        rng = generator(configuration.seed, "search")
        return make_searcher(
            configuration.search,
            configuration.space,
            rng,
            recorded,
            per_network=configuration.protocol.initialisations,
            cost_of=self.costs,
        )

    def budget(self, evaluations: int | None = None) -> Budget:
        """Return how much the search may train, its confirmation left out.

        Args:
            evaluations: In place of those of the configuration.
        """
        search = self.configuration.search
        if evaluations is not None:
            search = replace(search, evaluations=evaluations)
        return search.budget(self.configuration.protocol.initialisations)

    def evaluator(
        self,
        worker_pool: WorkerPool,
        initialisations: range,
        *,
        measured: bool = False,
        find_training: FindTraining | None = None,
        racing: float | None = None,
        one_by_one: bool = False,
    ) -> Evaluator:
        """Return an evaluator that scores networks over some initialisations.

        Args:
            worker_pool: Where trainings run.
            initialisations: The initialisations.
            measured: Whether trained networks are measured on whole volumes.
            find_training: Finds trainings in the ledgers of other studies.
            racing: As for :class:`Evaluator`.
            one_by_one: As for :class:`Evaluator`.
        """
        device = self.configuration.run.device
        return Evaluator(
            self.ledger,
            worker_pool,
            protocol=self.protocol,
            slices=self.slices,
            device=device,
            initialisations=initialisations,
            measured=measured,
            find_training=find_training,
            racing=racing,
            one_by_one=one_by_one,
            retries=self.configuration.run.retries,
            predict_memory=memory_prediction(self.protocol, self.prepared, device),
        )

    def search_evaluator(
        self, worker_pool: WorkerPool, *, find_training: FindTraining | None = None
    ) -> Evaluator:
        """Return the evaluator of the study's search."""
        return self.evaluator(
            worker_pool,
            range(self.configuration.protocol.initialisations),
            find_training=find_training,
            racing=self.configuration.search.dropped_below,
            one_by_one=self.configuration.search.is_stepwise,
        )

    # Slices of another size

    def prepare(self, settings: PreparationSettings, progress: ProgressCallback | None) -> Path:
        """Return the folder of slices prepared by other settings; prepare them if missing.

        Args:
            settings: How volumes become slices.
            progress: Called with the number of volumes prepared and of all volumes.

        Raises:
            StudyError: if they are missing and the dataset is gone.
            DatasetError: if the dataset cannot be used.
        """
        index = self.prepared.index
        directory = self.study.slices.resolve()
        allow_empty_cases = self.configuration.data.allow_empty_cases
        fingerprint = replace(
            Fingerprint.of_index(index, allow_empty_cases=allow_empty_cases), settings=settings
        )
        if (folder := directory / fingerprint.digest).exists():
            return folder
        if self.source is None:
            raise StudyError(
                f"{_described(settings)} are not prepared yet, and the dataset of "
                f"{self.study.path} is not at {self.configuration.dataset}. Say where it is "
                "with --dataset PLACE."
            )
        return self.source.prepare(settings, directory, progress, fingerprint)

    # Costs of networks

    def record_missing_costs(self) -> None:
        """Write the costs of all networks of the ledger that have none yet."""
        for network in self.ledger.networks().values():
            if network.parameters is None:
                self.costs.record(network.architecture)


def _described(settings: PreparationSettings) -> str:
    if settings.patch_size is None:
        return f"Slices of {settings.slice_size} pixels"
    return f"Slices for patches of {settings.patch_size} pixels"
