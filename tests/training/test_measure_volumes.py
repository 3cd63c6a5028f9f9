"""Final metrics: of the right volumes, on the grids of their files, from the trained weights."""

from dataclasses import replace

import numpy as np
import pytest

from mbnas.data.datasets.folds import make_folds
from mbnas.data.slices.prepared_slices import PreparedSlices
from mbnas.scoring.overlap import mean_defined
from mbnas.training.loop.fit import train_once
from mbnas.training.measure_volumes import predict_slices
from mbnas.training.packed_predictions import unpack_prediction
from mbnas.training.run_training import run_training


@pytest.fixture
def measured(task):
    return run_training(replace(task, measure="volumes and predictions"))


def test_every_validation_volume_is_measured_and_no_other(measured, task, data):
    fold = make_folds(data.patient_classes, task.protocol.evaluation.folds, seed=0)[task.fold]
    assert {each.patient for each in measured.volumes} == set(fold.validation)
    assert not any(each.held_out for each in measured.volumes)


def test_metrics_are_those_of_the_kept_prediction_on_the_grid_of_the_file(measured, slices):
    prepared = PreparedSlices.open(slices)
    by_case = {volume.case: number for number, volume in enumerate(prepared.volumes)}
    for record in measured.volumes:
        number = by_case[record.case]
        volume, reference = prepared.volumes[number], prepared.reference(number)
        predicted = volume.on_voxels(unpack_prediction(record.prediction, volume, num_labels=2))
        assert predicted.shape == volume.plane.shape_xyz
        for index, measures in enumerate(record.measures, start=1):
            sizes = np.sum(predicted == index), np.sum(reference == index)
            assert (measures.predicted_voxels, measures.reference_voxels) == sizes
            overlap = np.sum((predicted == index) & (reference == index))
            assert measures.dice == pytest.approx(2 * overlap / sum(sizes))


def test_the_prediction_is_that_of_the_best_attempt(measured, task, data, slices):
    attempt = train_once(task, data)
    prepared = PreparedSlices.open(slices)
    for record in measured.volumes:
        (volume,) = (each for each in prepared.volumes if each.case == record.case)
        predicted = predict_slices(attempt.network, data, volume, "float32")
        assert np.array_equal(unpack_prediction(record.prediction, volume, num_labels=2), predicted)


def test_measuring_does_not_change_the_score(measured, task):
    bare = run_training(task)
    assert bare.volumes == ()
    assert (bare.score, bare.epochs) == (measured.score, measured.epochs)
    assert mean_defined(measured.epochs[-1].class_dice) is not None


def test_predictions_are_kept_only_if_requested(task):
    record = run_training(replace(task, measure="volumes"))
    assert record.volumes
    assert all(each.prediction is None for each in record.volumes)
