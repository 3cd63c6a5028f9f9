"""A search from a dataset's files to a finished study, and the ways in and out of a run."""

from __future__ import annotations

import json
import platform
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from torch import nn

from mbnas.data.datasets.case_rules import Finding
from mbnas.data.datasets.folds import make_folds
from mbnas.data.datasets.laterality import resolve_flips
from mbnas.data.datasets.rare_classes import rarity_findings
from mbnas.data.slices.fingerprint import Fingerprint
from mbnas.data.slices.prepared_slices import PreparationSettings, PreparedSlices
from mbnas.errors import ConfigurationError, StudyError
from mbnas.machine.files import real_path
from mbnas.network.architecture import Architecture
from mbnas.network.blocks import block_class
from mbnas.network.build import build_network, check_logits
from mbnas.network.cost.complexity import complexity, latency_ms
from mbnas.search.searcher import Searcher
from mbnas.search.settings import make_searcher
from mbnas.seeds import generator
from mbnas.study.configuration import Configuration
from mbnas.study.dataset_source import HELD_OUT, Beginning, DatasetSource, find_source
from mbnas.study.directory import Study, claimed_directory, say_nothing
from mbnas.study.drive.dispatcher import Elsewhere, nowhere
from mbnas.study.drive.driver import Moment, drive
from mbnas.study.drive.driver import ignore as ignore_moment
from mbnas.study.drive.evaluator import Evaluator
from mbnas.study.drive.mode_selection import ModeQuestion, by_rule, choose, with_mode
from mbnas.study.drive.retry import finish_retry
from mbnas.study.drive.training_mode import WAY_TO_TRAIN, ModeChoice, workers_of
from mbnas.study.drive.worker_pool import WorkerPool, worker_pool_of
from mbnas.study.ledger.facts import CONFIGURATION, FOLDS, INITIALISATIONS
from mbnas.study.ledger.ledger import Ledger
from mbnas.training.device.device_setup import (
    prepare_process,
    resolve_device,
)
from mbnas.training.device.predicted_memory import predicted_bytes
from mbnas.training.device.processor import num_cores
from mbnas.training.loading.load_slices import check_precision
from mbnas.training.protocol import Protocol

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenStudy:
    """A study held by this process, its slices prepared, its ledger open for writing.

    Attributes:
        study: Its directory and configuration, everything automatic resolved.
        source: The cases that take part; ``None`` if the dataset is gone.
        slices: Directory of the prepared slices.
        prepared: What the slices are.
        ledger: The open ledger.
        protocol: What its trainings follow.
    """

    study: Study
    source: DatasetSource | None
    slices: Path
    prepared: PreparedSlices
    ledger: Ledger
    protocol: Protocol

    def evaluator(
        self,
        worker_pool: WorkerPool,
        initialisations: range,
        *,
        measured: bool = False,
        elsewhere: Elsewhere = nowhere,
        racing: float | None = None,
    ) -> Evaluator:
        """Return what scores networks in this study over some initialisations.

        Args:
            worker_pool: Where trainings run.
            initialisations: Which ones.
            measured: Whether the networks are measured on whole volumes, as final ones are.
            elsewhere: Finds trainings that other studies hold.
            racing: As for :class:`Evaluator`.
        """
        return Evaluator(
            self.ledger,
            worker_pool,
            protocol=self.protocol,
            slices=self.slices,
            device=self.study.configuration.run.device,
            initialisations=initialisations,
            measured=measured,
            elsewhere=elsewhere,
            racing=racing,
            retries=self.study.configuration.run.retries,
            memory_of=self.memory_of,
        )

    @property
    def dataset_name(self) -> str:
        """What the dataset was called when the study was begun."""
        return self.ledger.facts()["dataset name"]

    def prepare(self, settings: PreparationSettings, progress: Progress | None) -> Path:
        """Return the folder of slices of any size, made now unless they are there.

        Args:
            settings: How volumes become slices.
            progress: Told how many volumes are prepared, of how many.

        Raises:
            StudyError: if they are not there, and the dataset is gone.
            DatasetError: if the dataset cannot be used.
        """
        index = self.prepared.index
        directory = self.study.slices.resolve()
        allow_empty_cases = self.study.configuration.data.allow_empty_cases
        fingerprint = replace(
            Fingerprint.of_index(index, allow_empty_cases=allow_empty_cases), settings=settings
        )
        if (there := directory / fingerprint.digest).exists():
            return there
        if self.source is None:
            raise StudyError(
                f"Slices of {settings.slice_size} pixels are not prepared yet, and the dataset of "
                f"{self.study.path} is not at {self.study.configuration.dataset}. Say where it is "
                "with --dataset PLACE."
            )
        return self.source.prepare(settings, directory, progress, fingerprint)

    def memory_of(self, architecture: Architecture, trainings: int = 1) -> int | None:
        """Return how many bytes of a GPU some trainings of a network need together.

        ``None`` on other devices.
        """
        device = self.study.configuration.run.device
        if not device.startswith("cuda"):
            return None
        return predicted_bytes(
            architecture,
            self.protocol,
            in_channels=len(self.prepared.channels),
            num_classes=1 + len(self.prepared.classes),
            num_slices=len(self.prepared.labels),
            device=device,
            trainings=trainings,
        )

    def search_evaluator(
        self, worker_pool: WorkerPool, *, elsewhere: Elsewhere = nowhere
    ) -> Evaluator:
        """Return what scores networks as the study's search has them scored."""
        configuration = self.study.configuration
        return self.evaluator(
            worker_pool,
            range(configuration.protocol.initialisations),
            elsewhere=elsewhere,
            racing=configuration.search.dropped_below,
        )

    def begin_search(self) -> Searcher:
        """Return the study's searcher, fresh from its seed."""
        configuration = self.study.configuration
        rng = generator(configuration.seed, "search")
        return make_searcher(configuration.search, configuration.space, rng)

    def record_cost(self, architecture: Architecture) -> None:
        """Write a network's parameters and multiply-accumulates into the ledger."""
        size = self.study.configuration.preparation.slice_size
        cost, at_32 = (
            complexity(
                lambda: self._build(architecture),
                in_channels=len(self.prepared.channels),
                size=side,
            )
            for side in (size, 32)
        )
        self.ledger.record_network(
            architecture,
            parameters=cost.parameters,
            macs=cost.multiply_accumulates,
            macs_32=at_32.multiply_accumulates,
        )

    def record_latency(self, architecture: Architecture) -> None:
        """Write how long a network takes for a slice into the ledger, once.

        Raises:
            ConfigurationError: if the network cannot be built or gives no logits.
        """
        if (known := self.ledger.networks().get(architecture.digest)) and known.latency_ms:
            return
        configuration, in_channels = self.study.configuration, len(self.prepared.channels)
        size = configuration.preparation.slice_size
        network = self._build(architecture)
        check_logits(
            network,
            in_channels=in_channels,
            num_classes=1 + len(self.prepared.classes),
            size=size,
            name=str(architecture),
        )
        prepare_process(configuration.training.threads)
        milliseconds = latency_ms(
            network, in_channels=in_channels, size=size, device=configuration.run.device
        )
        self.ledger.record_network(architecture, latency_ms=milliseconds)

    def _build(self, architecture: Architecture) -> nn.Module:
        return build_network(
            architecture,
            in_channels=len(self.prepared.channels),
            num_classes=1 + len(self.prepared.classes),
            base_channels=self.study.configuration.training.base_channels,
        )


@contextmanager
def opened(
    study: Study,
    *,
    command: str,
    progress: Progress | None = None,
    warn: Callable[[str], None] = warnings.warn,
    tell: Callable[[str], object] = say_nothing,
) -> Iterator[OpenStudy]:
    """Hold a study, new or old, with everything ready for trainings.

    What a new study needs is made in an order that leaves nothing behind on failure:
    slices, ledger, and last ``study.toml``.

    Args:
        study: As resolved from options.
        command: What the user started, for whoever finds the study taken.
        progress: Told how many volumes are prepared, of how many.
        warn: Told what a user should know and that does not stop a search.
        tell: Told what takes a while.

    Raises:
        DatasetError: if the dataset cannot be used.
        StudyError: if the study cannot be held, read or written, or its data changed.
    """
    configuration = _automatic_resolved(study.configuration)
    check_possible(configuration)
    _check_outside(study.path, Path(configuration.dataset))
    study = replace(study, configuration=configuration)
    beginning = Beginning.of(study)
    source = find_source(study, beginning, warn)
    with claimed_directory(study.path, command, shared_slices=study.shared_slices, warn=warn):
        slices = _slices(study, source, beginning, progress)
        prepared = PreparedSlices.open(slices)
        for sentence in prepared.index.warnings:
            warn(sentence)
        for finding in _rarity_findings(configuration, prepared):
            warn(finding.message)
        names = [label.name for label in prepared.classes]
        augmentation, notices = resolve_flips(configuration.augmentation, names)
        for notice in notices:
            warn(notice)
        configuration = replace(configuration, augmentation=augmentation)
        is_new = beginning is None
        choice = _choice(configuration, prepared, tell, is_new=is_new)
        configuration = replace(
            configuration, training=with_mode(configuration.training, choice.way)
        )
        study = replace(study, configuration=configuration)
        check_precision(prepared, configuration.training.slice_precision)
        protocol = Protocol(
            evaluation=configuration.protocol,
            training=configuration.training,
            augmentation=configuration.augmentation,
            preparation=configuration.preparation,
            seed=configuration.seed,
            data=prepared.digest,
        )
        with _ledger(study, is_new=is_new) as ledger:
            if is_new:
                assert source is not None  # a new study has its dataset
                _write_facts(ledger, study, source.dataset.name, prepared, protocol)
                ledger.set_fact(WAY_TO_TRAIN, json.dumps(choice.to_json()))
                study.write_configuration()
            _check_unchanged(ledger, study, protocol)
            if beginning is not None:
                _record_place(ledger, study, beginning.configuration)
            if ledger.facts()["state"] == "running":  # says one that was killed
                ledger.set_fact("state", "stopped")
            run_here = configuration.run
            workers = run_here.workers or workers_of(
                ledger.facts(), device=run_here.device, cores=num_cores()
            )
            run_here = replace(run_here, workers=workers)
            yield OpenStudy(
                study=replace(study, configuration=replace(configuration, run=run_here)),
                source=source,
                slices=slices,
                prepared=prepared,
                ledger=ledger,
                protocol=protocol,
            )


def search(
    study: OpenStudy,
    *,
    watch: Callable[[Moment], None] = ignore_moment,
    elsewhere: Elsewhere = nowhere,
    worker_pool: WorkerPool | None = None,
    begun: Callable[[], None] = lambda: None,
) -> None:
    """Run or resume a study's search until its budget is spent.

    However it ends, running trainings are ended with it and the ledger says how it stands.

    Args:
        study: Held by this process.
        watch: Told at every batch and after every training.
        elsewhere: Finds trainings that other studies hold.
        worker_pool: Where trainings run; as the study's configuration says if ``None``.
        begun: Called once, when the ledger says that the search runs.
    """
    configuration, ledger = study.study.configuration, study.ledger
    ledger.set_fact("budget", str(configuration.search.evaluations))
    ledger.set_fact("state", "running")

    def record_and_pass_on(moment: Moment) -> None:
        if moment.progress.complete is not None:
            study.record_cost(moment.progress.complete)
        watch(moment)

    try:
        begun()
        _record_missing_costs(study)  # of one that was killed before it could say so
        with (
            worker_pool_of(configuration)
            if worker_pool is None
            else nullcontext(worker_pool) as place
        ):
            if ledger.is_retrying():
                finish_retry(study, place)
                ledger.set_fact("state", "running")
            drive(
                study.begin_search,
                study.search_evaluator(place, elsewhere=elsewhere),
                ledger,
                budget=configuration.search.evaluations,
                watch=record_and_pass_on,
                speculate=configuration.run.speculate,
            )
        _record_missing_costs(study)  # of networks that were trained before they were asked for
    except BaseException:
        ledger.set_fact("state", "stopped")
        raise
    ledger.set_fact("state", "finished")


def _record_missing_costs(study: OpenStudy) -> None:
    for network in study.ledger.networks().values():
        if network.parameters is None:
            study.record_cost(network.architecture)


def versions() -> dict[str, str]:
    """Return the versions on which a score may depend."""
    packages = ("mbnas", "torch", "numpy", "monai", "nibabel", "pillow")
    return {"python": platform.python_version()} | {name: version(name) for name in packages}


def check_possible(configuration: Configuration) -> None:
    """Raise if a setting cannot work here, before anything is written.

    Raises:
        ConfigurationError: if a block does not exist, or the device has no CUDA graphs.
    """
    for name in configuration.space.searched.blocks:
        block_class(name)
    device = configuration.run.device
    if configuration.training.step == "graph" and not device.startswith("cuda"):
        raise ConfigurationError(
            f"training.step (=graph) records a CUDA graph, and run.device is {device}: use eager, "
            "compiled or auto."
        )


def _check_outside(study: Path, dataset: Path) -> None:
    """Raise if a new study would lie among the files of its dataset."""
    place = real_path(study)
    if real_path(dataset) in (place, *place.parents):
        raise StudyError(
            f"STUDY (={study}) is inside the dataset {dataset}: name a directory elsewhere."
        )


def _automatic_resolved(configuration: Configuration) -> Configuration:
    device = resolve_device(configuration.run.device)
    return replace(
        configuration,
        run=replace(configuration.run, device=device),
        search=configuration.search.split_resolved(configuration.space),
    )


def _choice(
    configuration: Configuration,
    prepared: PreparedSlices,
    tell: Callable[[str], object],
    *,
    is_new: bool,
) -> ModeChoice:
    """Return how a study trains; one that was begun before there was a choice, as it did then."""
    if not is_new:
        run = configuration.run
        return ModeChoice(way=by_rule(configuration), device=run.device, cores=num_cores())
    question = ModeQuestion(
        configuration=configuration,
        in_channels=len(prepared.channels),
        num_classes=1 + len(prepared.classes),
        num_slices=sum(each.num_slices for each in prepared.volumes if not each.held_out),
    )
    return choose(question, tell)


def _slices(
    study: Study,
    source: DatasetSource | None,
    beginning: Beginning | None,
    progress: Progress | None,
) -> Path:
    """Return the folder of a study's slices, made now unless they are there.

    Raises:
        StudyError: if they would be of other data than those the study was begun with.
    """
    directory = study.slices.resolve()
    if source is None:
        assert beginning is not None
        return directory / beginning.data
    settings = study.configuration.preparation
    fingerprint = source.fingerprint(settings)
    if beginning is not None:
        beginning.check(study, fingerprint)
    return source.prepare(settings, directory, progress, fingerprint)


def _record_place(ledger: Ledger, study: Study, recorded: Configuration) -> None:
    """Write down where the dataset and the table of patients are now, if they were moved."""
    now = study.configuration
    moved = replace(
        recorded,
        dataset=now.dataset,
        data=replace(recorded.data, patient_table=now.data.patient_table),
    )
    if moved != recorded:
        ledger.set_fact(CONFIGURATION, moved.to_toml())
        replace(study, configuration=moved).write_configuration()


def _rarity_findings(configuration: Configuration, prepared: PreparedSlices) -> list[Finding]:
    return rarity_findings(
        prepared.classes,
        prepared.patient_classes | prepared.held_out_classes,
        make_folds(prepared.patient_classes, configuration.protocol.folds, configuration.seed),
        held_out=prepared.held_out_patients,
    )


def _ledger(study: Study, *, is_new: bool) -> Ledger:
    if not is_new:
        return Ledger.open(study.ledger)
    study.ledger.unlink(missing_ok=True)  # of a study that was killed before it began
    return Ledger.create(study.ledger)


def _write_facts(
    ledger: Ledger, study: Study, dataset: str, prepared: PreparedSlices, protocol: Protocol
) -> None:
    evaluation = protocol.evaluation
    facts = {
        "protocol": protocol.digest,
        "data": protocol.data,
        "dataset name": dataset,
        "classes": json.dumps([each.name for each in prepared.classes]),
        HELD_OUT: json.dumps(prepared.held_out_patients),
        "state": "stopped",
        "budget": str(study.configuration.search.evaluations),
        CONFIGURATION: study.configuration.to_toml(),
        FOLDS: str(evaluation.folds),
        INITIALISATIONS: str(evaluation.initialisations),
    }
    facts |= {f"version of {name}": number for name, number in versions().items()}
    ledger.set_facts(facts)


def _check_unchanged(ledger: Ledger, study: Study, protocol: Protocol) -> None:
    facts = ledger.facts()
    if facts["protocol"] != protocol.digest:
        raise StudyError(
            f"{study.path} was begun under protocol {facts['protocol']}, and its study.toml now "
            f"describes {protocol.digest}: it was edited, or written by another version of mbnas. "
            "Restore it, or search into a new directory."
        )
