"""Begin a study or resume one: hold its directory, prepare its slices and open its ledger."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from mbnas.data.augmentation.laterality import resolve_flips
from mbnas.data.checks.rare_classes import rarity_findings
from mbnas.data.datasets.folds import make_folds
from mbnas.data.slices.prepared_slices import PreparedSlices
from mbnas.errors import StudyError
from mbnas.machine.files import real_path
from mbnas.machine.processes import ProgressCallback
from mbnas.network.architecture import Architecture
from mbnas.study.check_beginning import (
    check_beginning,
    check_networks,
    check_possible,
    resolve_automatic,
)
from mbnas.study.claim_directory import claimed_directory
from mbnas.study.configuration import Configuration
from mbnas.study.cost.network_costs import Declared, NetworkCosts, interface_of
from mbnas.study.dataset_source import DatasetSource, StudyOrigin, find_source
from mbnas.study.directory import Study
from mbnas.study.ledger.facts import (
    CONFIGURATION,
    FOLDS,
    HELD_OUT,
    INITIALISATIONS,
    LENGTH_UNIT,
    WAY_TO_TRAIN,
)
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.mode.mode_selection import ModeQuestion, choose_mode, default_mode, with_mode
from mbnas.study.mode.training_mode import ModeChoice, measured_workers
from mbnas.study.open_study import OpenStudy
from mbnas.training.device.processor import num_cores
from mbnas.training.loading.load_slices import check_precision
from mbnas.training.protocol import Protocol, check_warmup
from mbnas.version import versions


@contextmanager
def opened(
    study: Study,
    *,
    command: str,
    networks: Iterable[Architecture] = (),
    progress: ProgressCallback | None = None,
    warn: Callable[[str], None] = warnings.warn,
    tell: Callable[[str], object] | None = None,
) -> Iterator[OpenStudy]:
    """Hold a study, new or resumed, ready for trainings.

    A failure leaves nothing of a new study behind: its slices are made first, then its ledger,
    then ``study.toml``.

    Args:
        study: As resolved from options.
        command: What the user started, shown to users who find the study in use.
        networks: Those that will be trained besides networks of the space. They are checked first.
        progress: Called with the number of volumes prepared and of all volumes.
        warn: Called with each sentence that a user should read and that does not stop a search.
        tell: Called before work that takes long.

    Raises:
        ConfigurationError: if a setting or one of the networks cannot work.
        DatasetError: if the dataset cannot be used.
        StudyError: if the study cannot be held, read or written, or its data changed.
    """
    configuration = resolve_automatic(study.configuration)
    check_possible(configuration)
    _check_outside(study.path, Path(configuration.dataset))
    study = replace(study, configuration=configuration)
    origin = StudyOrigin.of(study)
    source = find_source(study, origin, warn)
    declared = _declared(source, origin)
    if origin is None:
        check_beginning(configuration, declared)
    check_networks(networks, configuration, declared)
    with claimed_directory(study.path, command, shared_slices=study.shared_slices, warn=warn):
        slices = _slices(study, source, origin, progress)
        prepared = PreparedSlices.open(slices)
        _warn_of_data(configuration, prepared, warn)
        configuration = _resolve_flips(configuration, prepared, warn)
        is_new = origin is None
        choice = _training_mode(configuration, prepared, tell, is_new=is_new)
        training = with_mode(configuration.training, choice.mode)
        configuration = replace(configuration, training=training)
        study = replace(study, configuration=configuration)
        check_precision(prepared, training.slice_precision)
        protocol = configuration.protocol_for(prepared.digest)
        with _ledger(study, is_new=is_new) as ledger:
            if is_new:
                assert source is not None  # a new study has its dataset
                _write_facts(ledger, study, source.dataset.name, prepared, protocol)
                ledger.set_fact(WAY_TO_TRAIN, json.dumps(choice.to_json()))
                study.write_configuration()
            _check_unchanged(ledger, study, protocol)
            if origin is not None:
                _record_moved_dataset(ledger, study, origin.configuration)
            if ledger.facts()["state"] == "running":  # its process was killed
                ledger.set_fact("state", "stopped")
            yield OpenStudy(
                study=replace(study, configuration=_resolve_workers(configuration, ledger)),
                source=source,
                slices=slices,
                prepared=prepared,
                ledger=ledger,
                protocol=protocol,
                costs=NetworkCosts(
                    ledger,
                    interface_of(configuration, prepared.index),
                    base_channels=training.base_channels,
                    device=configuration.run.device,
                    threads=training.threads,
                ),
            )


def _declared(source: DatasetSource | None, origin: StudyOrigin | None) -> Declared:
    if source is not None:
        return source.dataset
    assert origin is not None  # a new study has its dataset
    assert origin.index is not None  # and one without it has its slices
    return origin.index


def _check_outside(study: Path, dataset: Path) -> None:
    """Raise if a new study would be written among the files of its dataset."""
    place = real_path(study)
    if real_path(dataset) in (place, *place.parents):
        raise StudyError(
            f"STUDY (={study}) is inside the dataset {dataset}: name a directory elsewhere."
        )


# Settings that are left open


def _resolve_flips(
    configuration: Configuration, prepared: PreparedSlices, warn: Callable[[str], None]
) -> Configuration:
    augmentation, notices = resolve_flips(
        configuration.augmentation, prepared.class_names, has_regions=prepared.has_regions
    )
    for notice in notices:
        warn(notice)
    return replace(configuration, augmentation=augmentation)


def _resolve_workers(configuration: Configuration, ledger: Ledger) -> Configuration:
    run = configuration.run
    workers = run.workers or measured_workers(ledger.facts(), device=run.device, cores=num_cores())
    return replace(configuration, run=replace(run, workers=workers))


def _training_mode(
    configuration: Configuration,
    prepared: PreparedSlices,
    tell: Callable[[str], object] | None,
    *,
    is_new: bool,
) -> ModeChoice:
    """Return how a study trains; a resumed study has its mode in its configuration."""
    if not is_new:
        run = configuration.run
        return ModeChoice(mode=default_mode(configuration), device=run.device, cores=num_cores())
    question = ModeQuestion.of(configuration, interface_of(configuration, prepared.index), prepared)
    check_warmup(configuration.training, question.num_slices)
    return choose_mode(question, tell)


# Slices


def _slices(
    study: Study,
    source: DatasetSource | None,
    origin: StudyOrigin | None,
    progress: ProgressCallback | None,
) -> Path:
    """Return the folder of a study's slices; prepare them if missing.

    Raises:
        StudyError: if the data are not those with which the study began.
    """
    directory = study.slices.resolve()
    if source is None:
        assert origin is not None
        return directory / origin.data
    settings = study.configuration.preparation
    fingerprint = source.fingerprint(settings)
    if origin is not None:
        origin.check(study, fingerprint)
    return source.prepare(settings, directory, progress, fingerprint)


def _warn_of_data(
    configuration: Configuration, prepared: PreparedSlices, warn: Callable[[str], None]
) -> None:
    for sentence in prepared.index.warnings:
        warn(sentence)
    findings = rarity_findings(
        prepared.classes,
        prepared.patient_classes | prepared.held_out_classes,
        make_folds(prepared.patient_classes, configuration.protocol.folds, configuration.seed),
        held_out=prepared.held_out_patients,
    )
    for finding in findings:
        warn(finding.message)


# The ledger


def _ledger(study: Study, *, is_new: bool) -> Ledger:
    if not is_new:
        return Ledger.open(study.ledger)
    study.ledger.unlink(missing_ok=True)  # of a process that was killed before the study began
    return Ledger.create(study.ledger)


def _write_facts(
    ledger: Ledger, study: Study, dataset: str, prepared: PreparedSlices, protocol: Protocol
) -> None:
    evaluation = protocol.evaluation
    facts = {
        "protocol": protocol.digest,
        "data": protocol.data,
        "dataset name": dataset,
        "classes": json.dumps(prepared.class_names),
        LENGTH_UNIT: prepared.unit,
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


def _record_moved_dataset(ledger: Ledger, study: Study, recorded: Configuration) -> None:
    """Write where the dataset and the table of patients are now, if they were moved."""
    now = study.configuration
    moved = replace(
        recorded,
        dataset=now.dataset,
        data=replace(recorded.data, patient_table=now.data.patient_table),
    )
    if moved != recorded:
        ledger.set_fact(CONFIGURATION, moved.to_toml())
        replace(study, configuration=moved).write_configuration()
