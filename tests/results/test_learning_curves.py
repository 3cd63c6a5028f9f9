"""How networks learned, as values of bounded size."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbnas.results.learning_curves import (
    MOST_CLASSES,
    MOST_CURVES,
    MOST_POINTS,
    learning_curves,
    read_learning_curves,
)
from mbnas.search.racing.judge import Judgement
from mbnas.space.genotype import Genotype
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.ledger.snapshot import EvaluationRecord
from mbnas.study.progress.search_status import ScoredNetwork
from mbnas.training.training_record import EpochRecord, TrainingKey, TrainingRecord


def epoch(number, loss, *dice):
    return EpochRecord(epoch=number, learning_rate=0.1, loss=loss, class_dice=dice or None)


def test_a_curve_is_the_mean_over_trainings_with_their_range():
    found = learning_curves(
        [
            [epoch(1, 1.0), epoch(2, 0.5, 0.4, None)],
            [epoch(1, 3.0), epoch(2, 0.7, 0.8, None), epoch(3, 0.2, 0.9, None)],
        ],
        2,
    )
    assert (found.num_trainings, found.num_epochs) == (2, 3)
    assert found.loss.epochs == (1, 2, 3)
    assert found.loss.mean == pytest.approx((2.0, 0.6, 0.2))
    assert (found.loss.low, found.loss.high) == ((1.0, 0.5, 0.2), (3.0, 0.7, 0.2))
    assert list(found.classes) == [0]  # the other is undefined for all patients
    assert found.classes[0].epochs == (2, 3)
    assert found.classes[0].mean == pytest.approx((0.6, 0.9))


def test_losses_that_are_not_finite_are_left_out():
    found = learning_curves([[epoch(1, math.inf), epoch(2, math.nan), epoch(3, 0.5)]], 1)
    assert found.loss.epochs == (3,)
    assert found.classes == {}


def test_nothing_recorded_gives_no_curves():
    assert learning_curves([], 1) is None
    assert learning_curves([[]], 1) is None


@given(st.integers(1, 500), st.integers(1, 20))
def test_the_size_is_bounded_and_the_ends_are_kept(num_epochs, num_classes):
    dice = [number / 20 for number in range(num_classes)]
    epochs = [epoch(number, 1.0 / number, *dice) for number in range(1, num_epochs + 1)]
    found = learning_curves([epochs], num_classes)
    assert len(found.loss.epochs) == min(num_epochs, MOST_POINTS)
    assert (found.loss.epochs[0], found.loss.epochs[-1]) == (1, num_epochs)
    assert list(found.classes) == list(range(min(num_classes, MOST_CLASSES)))  # the lowest


def test_the_networks_asked_for_come_first_then_the_best_and_the_latest(tmp_path):
    genotypes = [
        Genotype.parse(f"0vgg{2 * (n % 15) + 1}-0dense{2 * (n // 15) + 1}") for n in range(90)
    ]
    with Ledger.create(tmp_path / "ledger.sqlite") as ledger:
        ledger.set_fact("protocol", "p")
        evaluations = []
        for number, genotype in enumerate(genotypes, start=1):
            ledger.record_network(genotype)
            for initialisation in (0, 1000):  # the second is of a comparison
                key = TrainingKey(
                    network=genotype.digest, protocol="p", fold=0, initialisation=initialisation
                )
                ledger.record_training(
                    TrainingRecord(
                        key=key,
                        score=0.5,
                        wall_s=1.0,
                        worker="w",
                        started_at="2026-03-01T00:00:00+00:00",
                        epochs=(epoch(1, float(number), 0.5),),
                    )
                )
            evaluations.append(
                ScoredNetwork(
                    record=EvaluationRecord(number=number, genotype=genotype, why="x"),
                    trainings=(),
                    num_trainings=1,
                    judgement=Judgement(score=1.0 - number / 100),
                    parameters=None,
                    macs=None,
                )
            )
        middle = genotypes[45].digest
        found = read_learning_curves(ledger, evaluations, [middle], num_classes=1)
    assert len(found) == MOST_CURVES
    assert next(iter(found)) == middle
    assert {genotypes[0].digest, genotypes[1].digest, genotypes[-1].digest} <= found.keys()
    assert found[middle].num_trainings == 1
    assert found[middle].loss.mean == (46.0,)
