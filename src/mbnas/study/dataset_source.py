"""Where the cases of a study come from: the files of its dataset, which may have moved.

Prepared slices are enough to train on. The files are needed to begin a study, and for slices of
another size. A moved dataset is recognised by its fingerprint.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from mbnas.data.checks.dataset_check import patient_findings
from mbnas.data.datasets.class_presence import classes_by_patient
from mbnas.data.datasets.dataset import Dataset, read_dataset
from mbnas.data.datasets.folds import draw_held_out
from mbnas.data.datasets.patient_table import read_patient_table
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
        dataset: The dataset, with only the cases of the chosen patients.
        patients: Patient of each case.
        held_out: Patients in no fold.
        allow_empty_cases: Whether cases may have no foreground.
    """

    dataset: Dataset
    patients: Mapping[str, str]
    held_out: frozenset[str]
    allow_empty_cases: bool

    def fingerprint(self, settings: PreparationSettings) -> Fingerprint:
        """Return the fingerprint of slices of these cases. Reads all files.

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
        """Return the folder of the cases' slices in ``directory``; prepare it if missing."""
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
class StudyOrigin:
    """The configuration and the data with which a study began.

    Attributes:
        configuration: That of its ``study.toml``.
        data: Digest of the prepared slices.
        held_out: Patients in no fold.
        index: Of the prepared slices; ``None`` if they are gone or damaged.
    """

    configuration: Configuration
    data: str
    held_out: frozenset[str]
    index: Index | None

    @classmethod
    def of(cls, study: Study) -> StudyOrigin | None:
        """Return the origin of a study, ``None`` if it has not begun."""
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
        """Patient of each case that takes part; ``None`` if only the dataset knows."""
        if self.index is None:
            return None
        return {volume.case: volume.patient for volume in self.index.volumes}

    def check(self, study: Study, now: Fingerprint) -> None:
        """Raise if the data are not those with which the study began.

        Args:
            study: The study.
            now: Fingerprint of the present data.

        Raises:
            StudyError: if they differ; the message says how.
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


def find_source(
    study: Study, origin: StudyOrigin | None, warn: Warn | None = None
) -> DatasetSource | None:
    """Return the cases that take part in a study.

    Args:
        study: Its configuration says where the dataset is.
        origin: That of the study; ``None`` if it is new.
        warn: Called with each sentence that a user should read and that does not stop a search.

    Returns:
        ``None`` if the dataset is gone and the prepared slices exist.

    Raises:
        DatasetError: if the dataset cannot be used.
        StudyError: if the dataset is gone and the prepared slices are too.
    """
    warn = warn or (lambda _: None)
    configuration = study.configuration
    place = configuration.dataset
    is_unmoved = origin is not None and origin.configuration.dataset == place
    if is_unmoved and not os.path.lexists(Path(place) / "dataset.json"):
        assert origin is not None
        if origin.index is None:
            raise StudyError(
                f"The dataset of {study.path} is not at {place}, and its prepared slices are gone "
                "too. Say where the dataset is: --dataset PLACE, or DATASET of mbnas search."
            )
        warn(
            f"The dataset of {study.path} is not at {place}: its prepared slices are used. Say "
            "where it is with --dataset PLACE."
        )
        return None
    known = None if origin is None else origin.patients
    whole = read_dataset(Path(place))
    for sentence in whole.remarks:
        warn(sentence)
    dataset, patients = _taking_part(whole, configuration, known)
    evaluation = configuration.protocol
    folds, test_fraction = evaluation.folds, evaluation.test_fraction
    for finding in patient_findings(dataset, folds, None, patients, test_fraction=test_fraction):
        if finding.severity == "error":
            raise DatasetError(finding.message)
        if finding.severity == "warning" or origin is None:  # advice is for new studies only
            warn(finding.message)
    return DatasetSource(
        dataset=dataset,
        patients=patients,
        held_out=_held_out(configuration, origin, dataset, patients),
        allow_empty_cases=configuration.data.allow_empty_cases,
    )


def _held_out(
    configuration: Configuration,
    origin: StudyOrigin | None,
    dataset: Dataset,
    patients: Mapping[str, str],
) -> frozenset[str]:
    """Return the held-out patients: drawn when a study begins, and kept from then on.

    Raises:
        DatasetError: if a label file cannot be read.
    """
    if origin is not None:
        return origin.held_out.intersection(patients.values())
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
    """Return the dataset with the cases that take part, and the patient of each.

    Args:
        dataset: The whole dataset.
        configuration: Of the study.
        known: Patient of each case when the study began, used if the table of patients is gone.
    """
    data = configuration.data
    if known is not None and data.patient_table and not os.path.lexists(data.patient_table):
        cases = tuple(case for case in dataset.cases if case.name in known)
        return replace(dataset, cases=cases), {case.name: known[case.name] for case in cases}
    table = read_patient_table(Path(data.patient_table)) if data.patient_table else None
    patient_of_case = dataset.patient_of_case(data.patient_pattern, table)
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
