"""Segmentations from a ledger and slices like those after trainings, without a training."""

import os
import shutil
import zlib
from dataclasses import replace

import numpy as np
import pytest

from mbnas.data.datasets.dataset import read_dataset
from mbnas.data.phantom import write_phantom
from mbnas.data.slices.prepare_slices import prepare_slices
from mbnas.data.slices.prepared_slices import PreparationSettings, PreparedSlices
from mbnas.results.comparison import Comparison, compare_contenders
from mbnas.results.segmentations.kept_predictions import read_predictions
from mbnas.results.segmentations.read_segmentations import read_segmentations
from mbnas.scoring.class_metrics import ClassMetrics
from mbnas.space.genotype import Genotype
from mbnas.study.configuration import Configuration
from mbnas.study.directory import Study
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.progress.contenders import Contender
from mbnas.training.training_record import TrainingKey, TrainingRecord, VolumeRecord

NETWORKS = (Genotype.parse("0vgg3"), Genotype.parse("0vgg5"))
DICE = {"prostate_000": 0.8, "prostate_001": 0.6, "prostate_002": 0.9, "prostate_003": 0.7}


@pytest.fixture(scope="module")
def slices(tmp_path_factory):
    """Prepared slices of four patients, one of them held out."""
    folder = tmp_path_factory.mktemp("segmentations")
    dataset = read_dataset(write_phantom("prostate", folder / "prostate", num_patients=4))
    return prepare_slices(
        dataset,
        PreparationSettings(slice_size=16),
        folder / "slices",
        patients={case.name: case.name for case in dataset.cases},
        held_out=frozenset({"prostate_003"}),
        workers=os.cpu_count() or 1,
    )


@pytest.fixture
def study(slices, tmp_path):
    """A study's directory with the slices and an empty ledger that knows both networks."""
    shutil.copytree(slices, tmp_path / "slices" / slices.name)
    with Ledger.create(tmp_path / "ledger.sqlite") as ledger:
        ledger.set_fact("data", slices.name)
        for network in NETWORKS:
            ledger.record_network(network)
    return Study(path=tmp_path, configuration=Configuration(dataset="nowhere"))


def record_of(prepared, network, fold, *, kept=True, initialisation=1000) -> TrainingRecord:
    """Return a training whose network finds all of its volumes, but for the last slice row."""
    validated = (("prostate_000", "prostate_001"), ("prostate_002",))[fold]
    volumes = []
    for volume in prepared.volumes:
        if volume.case in validated or volume.held_out:
            predicted = np.array(prepared.labels[volume.slices])
            predicted[:, : 8 if volume.held_out and fold else 0] = 0
            measures = ClassMetrics(
                dice=DICE[volume.case],
                hd95_mm=1.0,
                surface_dice=0.5,
                predicted_voxels=1,
                reference_voxels=1,
            )
            volumes.append(
                VolumeRecord(
                    case=volume.case,
                    patient=volume.patient,
                    held_out=volume.held_out,
                    measures=(measures, replace(measures, dice=None)),
                    prediction=zlib.compress(predicted.tobytes()) if kept else None,
                )
            )
    return TrainingRecord(
        key=TrainingKey(
            network=network.digest, protocol="p", fold=fold, initialisation=initialisation
        ),
        score=0.7,
        wall_s=1.0,
        worker="here",
        started_at="2026-03-01T00:00:00Z",
        volumes=tuple(volumes),
    )


def compared(ledger: Ledger) -> Comparison:
    """Return the comparison of what a ledger holds."""
    contenders = [
        Contender(
            name=str(network),
            architecture=network,
            trainings=ledger.trainings(network.digest),
            parameters=1,
            macs=1,
        )
        for network in NETWORKS
    ]
    return compare_contenders(
        contenders,
        class_names=("peripheral zone", "central zone"),
        num_folds=2,
        slice_size=16,
        seed=0,
    )


def segmentations_of(study, slices, **fields):
    """Return what is shown once every network was trained on both folds."""
    prepared = PreparedSlices.open(slices)
    with Ledger.open(study.ledger) as ledger:
        for network in NETWORKS:
            for fold in (0, 1):
                ledger.record_training(record_of(prepared, network, fold, **fields))
        comparison = compared(ledger)
        predictions = read_predictions(ledger, ledger.trainings())
    return read_segmentations(study.slices / slices.name, comparison, predictions)


def test_cases_come_worst_first_each_with_what_the_network_predicted(study, slices):
    shown = segmentations_of(study, slices)

    assert [case.case for case in shown.cases] == sorted(DICE, key=lambda case: DICE[case])
    assert [case.dice for case in shown.cases] == [(dice, dice) for dice in sorted(DICE.values())]
    assert shown.network_names == ("0vgg3", "0vgg5")
    assert shown.num_cases == 4
    assert shown.missing is None
    for case in shown.cases:
        assert any(any(each.reference) for each in case.slices)
        assert all(each.predicted == (each.reference,) * 2 for each in case.slices)


def test_a_held_out_case_is_that_of_the_first_fold(study, slices):
    shown = segmentations_of(study, slices)

    (held_out,) = (case for case in shown.cases if case.held_out)
    assert held_out.case == "prostate_003"
    assert all(each.predicted[0] == each.reference for each in held_out.slices)


def test_the_value_says_that_slices_were_removed(study, slices):
    shutil.rmtree(study.slices)

    shown = segmentations_of(study, slices)

    assert shown.cases == ()
    assert slices.name in (shown.missing or "")


def test_a_ledger_without_predictions_says_so(study, slices):
    shown = segmentations_of(study, slices, kept=False)

    assert shown.cases == ()
    assert "holds no segmentations" in (shown.missing or "")
