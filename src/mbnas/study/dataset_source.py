"""Where the cases of a study come from: its dataset's files, wherever they are now.

What was prepared is enough to train on. The files are needed to begin, and for slices of another
size. A dataset that was moved is known by its fingerprint.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from mbnas.data.datasets.class_presence import classes_by_patient
from mbnas.data.datasets.dataset import Dataset, read_dataset
from mbnas.data.datasets.dataset_check import patient_findings
from mbnas.data.datasets.folds import draw_held_out
from mbnas.data.datasets.patient_table import read_patient_table
from mbnas.data.datasets.patients import group_by_patient
from mbnas.data.slices.fingerprint import Fingerprint, differences, take_fingerprint
from mbnas.data.slices.prepare_slices import prepare_slices
from mbnas.data.slices.prepared_slices import Index, PreparationSettings
from mbnas.errors import DatasetError, StudyError
from mbnas.machine.processes import ProgressCallback
from mbnas.seeds import generator
from mbnas.study.configuration import Configuration
from mbnas.study.directory import Study
from mbnas.study.ledger.facts import HELD_OUT
from mbnas.study.ledger.ledger import Ledger

Warn = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetSource:
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

    def fingerprint(self, settings: PreparationSettings) -> Fingerprint:
        """Return what slices of these cases depend on; reads all files.

        Raises:
            DatasetError: if a file cannot be read.
        """
        return take_fingerprint(
            self.dataset,
            settings,
            self.patients,
            held_out=self.held_out,
            allow_empty_cases=self.allow_empty_cases,
        )

    def prepare(
        self,
        settings: PreparationSettings,
        directory: Path,
        progress: ProgressCallback | None,
        fingerprint: Fingerprint | None = None,
    ) -> Path:
        """Return the folder of its slices under ``directory``, made now unless it is there."""
        return prepare_slices(
            self.dataset,
            settings,
            directory,
            patients=self.patients,
            held_out=self.held_out,
            allow_empty_cases=self.allow_empty_cases,
            fingerprint=fingerprint,
            workers=os.cpu_count() or 1,
            progress=progress,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """What a study was begun with.

    Attributes:
        configuration: As its ``study.toml`` has it.
        data: Digest of the prepared slices.
        held_out: Patients in no fold.
        index: Of the prepared slices; ``None`` if these are gone or cannot be used.
    """

    configuration: Configuration
    data: str
    held_out: frozenset[str]
    index: Index | None

    @classmethod
    def of(cls, study: Study) -> Beginning | None:
        """Return what a study was begun with, ``None`` if it is not begun."""
        if not study.is_begun:
            return None
        with Ledger.open(study.ledger, read_only=True) as ledger:
            facts = ledger.facts()
        index = None
        with suppress(StudyError):
            index = Index.read(study.slices / facts["data"])
        return cls(
            configuration=Study.open(study.path).configuration,
            data=facts["data"],
            held_out=frozenset(json.loads(facts[HELD_OUT])),
            index=index,
        )

    @property
    def patients(self) -> dict[str, str] | None:
        """Patient of each case that takes part, if that is known without the dataset."""
        if self.index is None:
            return None
        return {volume.case: volume.patient for volume in self.index.volumes}

    def check(self, study: Study, now: Fingerprint) -> None:
        """Return if what there is now is what the study was begun with.

        Raises:
            StudyError: if it is not; the message says what differs.
        """
        if now.digest == self.data:
            return
        found: tuple[str, ...] = ()
        if self.index is not None:
            before = Fingerprint.of_index(self.index, allow_empty_cases=now.allow_empty_cases)
            found = differences(before, now)
        what = (
            f"it {'; it '.join(found)}"
            if found
            else "its files or what it declares have changed, or another version of mbnas "
            "prepared it"
        )
        raise StudyError(
            f"The dataset {study.configuration.dataset} is not the one that {study.path} was "
            f"begun with: {what}. Restore it, name the right place with --dataset, or search into "
            "a new directory."
        )


def find_source(study: Study, beginning: Beginning | None, warn: Warn) -> DatasetSource | None:
    """Return the cases that take part in a study, as far as they are needed.

    Args:
        study: Its configuration says where the dataset is.
        beginning: What the study was begun with; ``None`` if it is new.
        warn: Told what a user should know and that does not stop a search.

    Returns:
        ``None`` if the dataset is gone from the place where the study had it, and the prepared
        slices are there.

    Raises:
        DatasetError: if the dataset cannot be used.
        StudyError: if the dataset is gone and the prepared slices are too.
    """
    configuration = study.configuration
    place = configuration.dataset
    is_old_place = beginning is not None and beginning.configuration.dataset == place
    if is_old_place and not os.path.lexists(Path(place) / "dataset.json"):
        assert beginning is not None
        if beginning.index is None:
            raise StudyError(
                f"The dataset of {study.path} is not at {place}, and its prepared slices are gone "
                "too. Say where the dataset is: --dataset PLACE, or DATASET of mbnas search."
            )
        warn(
            f"The dataset of {study.path} is not at {place}: its prepared slices are used. Say "
            "where it is with --dataset PLACE."
        )
        return None
    known = None if beginning is None else beginning.patients
    whole = read_dataset(Path(place))
    for sentence in whole.remarks:
        warn(sentence)
    dataset, patients = _taking_part(whole, configuration, known)
    evaluation = configuration.protocol
    folds, test_fraction = evaluation.folds, evaluation.test_fraction
    for finding in patient_findings(dataset, folds, None, patients, test_fraction=test_fraction):
        if finding.severity == "error":
            raise DatasetError(finding.message)
        if finding.severity == "warning" or beginning is None:  # a begun study takes no advice
            warn(finding.message)
    return DatasetSource(
        dataset=dataset,
        patients=patients,
        held_out=_held_out(configuration, beginning, dataset, patients),
        allow_empty_cases=configuration.data.allow_empty_cases,
    )


def _held_out(
    configuration: Configuration,
    beginning: Beginning | None,
    dataset: Dataset,
    patients: Mapping[str, str],
) -> frozenset[str]:
    """Return who is in no fold: drawn when a study begins, and the same from then on.

    Raises:
        DatasetError: if a label file cannot be read.
    """
    if beginning is not None:
        return beginning.held_out.intersection(patients.values())
    protocol = configuration.protocol
    if not protocol.test_fraction:
        return frozenset()
    return draw_held_out(
        classes_by_patient(dataset, patients, workers=os.cpu_count() or 1),
        protocol.test_fraction,
        num_folds=protocol.folds,
        seed=configuration.seed,
    )


def _taking_part(
    dataset: Dataset, configuration: Configuration, known: Mapping[str, str] | None
) -> tuple[Dataset, dict[str, str]]:
    """Return the dataset's cases of the patients that take part, and whose each is.

    Args:
        dataset: All of it.
        configuration: Of the study.
        known: Patient of each case when the study was begun, for where the table of patients is
            gone.
    """
    data = configuration.data
    if known is not None and data.patient_table and not os.path.lexists(data.patient_table):
        cases = tuple(case for case in dataset.cases if case.name in known)
        return replace(dataset, cases=cases), {case.name: known[case.name] for case in cases}
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
