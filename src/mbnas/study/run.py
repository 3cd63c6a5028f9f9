"""A search from a dataset's files to a finished study, and the ways in and out of a run."""

from __future__ import annotations

import json
import os
import platform
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from torch import nn

from mbnas.data.check import patient_findings
from mbnas.data.dataset import Dataset, read_dataset
from mbnas.data.examine import Finding
from mbnas.data.folds import draw_held_out, make_folds
from mbnas.data.patient_table import read_patient_table
from mbnas.data.patients import group_by_patient
from mbnas.data.preparation import prepare_slices
from mbnas.data.presence import classes_by_patient
from mbnas.data.rarity import rarity_findings
from mbnas.data.slices import PreparationSettings, PreparedSlices
from mbnas.errors import DatasetError, StudyError
from mbnas.network.architecture import Architecture
from mbnas.network.build import build_network, check_logits
from mbnas.network.complexity import complexity, latency_ms
from mbnas.search.searcher import Searcher
from mbnas.search.settings import make_searcher
from mbnas.seeds import generator
from mbnas.study.configuration import Configuration
from mbnas.study.dispatcher import Elsewhere, nowhere
from mbnas.study.driver import Moment, drive
from mbnas.study.driver import ignore as ignore_moment
from mbnas.study.evaluator import Evaluator
from mbnas.study.facts import CONFIGURATION, FOLDS, INITIALISATIONS
from mbnas.study.ledger import Ledger
from mbnas.study.retry import finish_retry
from mbnas.study.study import Study, claimed_directory, say_nothing
from mbnas.study.warmup import Question, by_rule, choose, with_way
from mbnas.study.way import WAY_TO_TRAIN, Choice, workers_of
from mbnas.study.workplace import Workplace, workplace_of
from mbnas.training.device import (
    prepare_process,
    resolve_device,
)
from mbnas.training.loading import check_precision
from mbnas.training.memory import predicted_bytes
from mbnas.training.processor import num_cores
from mbnas.training.protocol import Protocol

Progress = Callable[[int, int], None]

HELD_OUT = "held out"
"""The ledger's fact that names the held-out patients."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The cases that take part in a study, from which slices of any size are prepared.

    Attributes:
        dataset: With the chosen patients' cases alone.
        patients: Patient of each case.
        held_out: Patients in no fold.
        allow_empty_cases: Whether cases may be without foreground.
    """

    dataset: Dataset
    patients: Mapping[str, str]
    held_out: frozenset[str]
    allow_empty_cases: bool

    def prepare(
        self, settings: PreparationSettings, directory: Path, progress: Progress | None
    ) -> Path:
        """Return the folder of its slices under ``directory``, made now unless it is there."""
        return prepare_slices(
            self.dataset,
            settings,
            directory,
            patients=self.patients,
            held_out=self.held_out,
            allow_empty_cases=self.allow_empty_cases,
            workers=os.cpu_count() or 1,
            progress=progress,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenStudy:
    """A study held by this process, its slices prepared, its ledger open for writing.

    Attributes:
        study: Its directory and configuration, everything automatic resolved.
        source: The cases that take part.
        slices: Directory of the prepared slices.
        prepared: What the slices are.
        ledger: The open ledger.
        protocol: What its trainings follow.
    """

    study: Study
    source: Source
    slices: Path
    prepared: PreparedSlices
    ledger: Ledger
    protocol: Protocol

    def evaluator(
        self,
        workplace: Workplace,
        initialisations: range,
        *,
        measured: bool = False,
        elsewhere: Elsewhere = nowhere,
        racing: float | None = None,
    ) -> Evaluator:
        """Return what scores networks in this study over some initialisations.

        Args:
            workplace: Where trainings run.
            initialisations: Which ones.
            measured: Whether the networks are measured on whole volumes, as final ones are.
            elsewhere: Finds trainings that other studies hold.
            racing: As for :class:`Evaluator`.
        """
        return Evaluator(
            self.ledger,
            workplace,
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
        self, workplace: Workplace, *, elsewhere: Elsewhere = nowhere
    ) -> Evaluator:
        """Return what scores networks as the study's search has them scored."""
        configuration = self.study.configuration
        return self.evaluator(
            workplace,
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
    dataset, patients = _chosen_patients(read_dataset(Path(configuration.dataset)), configuration)
    folds, test_fraction = configuration.protocol.folds, configuration.protocol.test_fraction
    for finding in patient_findings(dataset, folds, None, patients, test_fraction=test_fraction):
        if finding.severity == "error":
            raise DatasetError(finding.message)
        warn(finding.message)
    held_out = _held_out(study, configuration, dataset, patients)
    source = Source(
        dataset=dataset,
        patients=patients,
        held_out=held_out,
        allow_empty_cases=configuration.data.allow_empty_cases,
    )
    with claimed_directory(study.path, command, shared_slices=study.shared_slices, warn=warn):
        slices = source.prepare(configuration.preparation, study.slices.resolve(), progress)
        prepared = PreparedSlices.open(slices)
        for sentence in prepared.index.warnings:
            warn(sentence)
        for finding in _rarity_findings(configuration, prepared):
            warn(finding.message)
        is_new = not study.is_begun
        choice = _choice(configuration, prepared, tell, is_new=is_new)
        configuration = replace(
            configuration, training=with_way(configuration.training, choice.way)
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
                _write_facts(ledger, study, dataset.name, prepared, protocol)
                ledger.set_fact(WAY_TO_TRAIN, json.dumps(choice.to_json()))
                study.write_configuration()
            _check_unchanged(ledger, study, protocol)
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
    workplace: Workplace | None = None,
) -> None:
    """Run or resume a study's search until its budget is spent.

    However it ends, running trainings are ended with it and the ledger says how it stands.

    Args:
        study: Held by this process.
        watch: Told at every batch and after every training.
        elsewhere: Finds trainings that other studies hold.
        workplace: Where trainings run; as the study's configuration says if ``None``.
    """
    configuration, ledger = study.study.configuration, study.ledger
    ledger.set_fact("budget", str(configuration.search.evaluations))
    ledger.set_fact("state", "running")

    def record_and_pass_on(moment: Moment) -> None:
        if moment.progress.complete is not None:
            study.record_cost(moment.progress.complete)
        watch(moment)

    try:
        _record_missing_costs(study)  # of one that was killed before it could say so
        with workplace_of(configuration) if workplace is None else nullcontext(workplace) as place:
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
) -> Choice:
    """Return how a study trains; one that was begun before there was a choice, as it did then."""
    if not is_new:
        run = configuration.run
        return Choice(way=by_rule(configuration), device=run.device, cores=num_cores())
    question = Question(
        configuration=configuration,
        in_channels=len(prepared.channels),
        num_classes=1 + len(prepared.classes),
        num_slices=sum(each.num_slices for each in prepared.volumes if not each.held_out),
    )
    return choose(question, tell)


def _chosen_patients(
    dataset: Dataset, configuration: Configuration
) -> tuple[Dataset, dict[str, str]]:
    """Return the dataset's cases of the patients that take part, and whose each is."""
    data = configuration.data
    table = read_patient_table(Path(data.patient_table)) if data.patient_table else None
    names = [case.name for case in dataset.cases]
    patient_of_case = group_by_patient(names, data.patient_pattern, table)
    patients = sorted(set(patient_of_case.values()))
    wanted = data.max_patients
    if wanted is not None and wanted > len(patients):
        raise DatasetError(
            f"data.max_patients (={wanted}) asks for more patients than the dataset's "
            f"{len(patients)}: lower it or leave it out."
        )
    rng = generator(configuration.seed, "patients")
    chosen = {patients[index] for index in rng.permutation(len(patients))[:wanted]}
    cases = tuple(case for case in dataset.cases if patient_of_case[case.name] in chosen)
    return replace(dataset, cases=cases), {case.name: patient_of_case[case.name] for case in cases}


def _held_out(
    study: Study, configuration: Configuration, dataset: Dataset, patients: Mapping[str, str]
) -> frozenset[str]:
    """Return who is in no fold: drawn when a study begins, and as its ledger has it from then on.

    Raises:
        DatasetError: if a label file cannot be read.
    """
    protocol = configuration.protocol
    if not protocol.test_fraction:
        return frozenset()
    if study.is_begun:
        with Ledger.open(study.ledger, read_only=True) as ledger:
            drawn = json.loads(ledger.facts()[HELD_OUT])
        return frozenset(drawn).intersection(patients.values())
    return draw_held_out(
        classes_by_patient(dataset, patients, workers=os.cpu_count() or 1),
        protocol.test_fraction,
        num_folds=protocol.folds,
        seed=configuration.seed,
    )


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
    if facts["data"] != protocol.data:
        if not study.slices.is_symlink():  # where they are shared, another study may need them
            shutil.rmtree(study.slices / protocol.data, ignore_errors=True)
        raise StudyError(
            f"The dataset {study.configuration.dataset} is not the one that {study.path} was "
            "begun with: files were added, removed or changed, or another version of mbnas "
            "prepared it. Restore it, or search into a new directory."
        )
    if facts["protocol"] != protocol.digest:
        raise StudyError(
            f"{study.path} was begun under protocol {facts['protocol']}, and its study.toml now "
            f"describes {protocol.digest}: it was edited, or written by another version of mbnas. "
            "Restore it, or search into a new directory."
        )
