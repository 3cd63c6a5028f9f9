"""The noise of a search's scores, and what is said of its networks."""

import math

import numpy as np
import pytest

from mbnas.search.racing.judge import Judgement
from mbnas.space.search_space import Space
from mbnas.study.ledger.snapshot import EvaluationRecord
from mbnas.study.progress.knowledge.known_networks import score_precision
from mbnas.study.progress.knowledge.search_noise import complete_initialisations, search_noise
from mbnas.study.progress.search_status import ScoredNetwork
from mbnas.training.training_record import TrainingKey, TrainingRecord

SPACE = Space(num_nodes=4, num_levels=2)


def network(number, scores):
    """Return a network with these scores, one row for each initialisation; None is missing."""
    genotype = SPACE.sample(np.random.default_rng(number))
    trainings = tuple(
        TrainingRecord(
            key=TrainingKey(
                network=genotype.digest, protocol="p", fold=fold, initialisation=initialisation
            ),
            score=score,
            error=None,
            wall_s=1.0,
            worker="w",
            started_at="now",
        )
        for initialisation, row in enumerate(scores)
        for fold, score in enumerate(row)
        if score is not None
    )
    return ScoredNetwork(
        record=EvaluationRecord(number=number, genotype=genotype, incumbent=None, why="any"),
        trainings=trainings,
        num_trainings=len(trainings),
        judgement=Judgement(score=0.8),
        parameters=None,
        macs=None,
    )


def drawn(sd, *, noise=0.01, initialisations=1, num_networks=20, seed=0):
    rng = np.random.default_rng(seed)
    return [
        network(
            number,
            (0.8 + sd * rng.normal() + noise * rng.normal(size=(initialisations, 3))).tolist(),
        )
        for number in range(num_networks)
    ]


def test_incomplete_initialisations_are_left_out():
    found = complete_initialisations(network(1, [[0.5, 0.6], [0.7, None]]), 2)
    assert found.tolist() == [[0.5, 0.6]]


def test_one_initialisation_has_a_standard_error_from_the_folds():
    evaluations = drawn(0.02)
    noise = search_noise(evaluations, 3)
    y = np.array([[each.score for each in one.trainings] for one in evaluations])
    rest = y - y.mean(axis=1, keepdims=True) - y.mean(axis=0) + y.mean()
    expected = math.sqrt((rest**2).sum() / (19 * 2) / 3)
    assert score_precision(evaluations[0], noise, 3) == (3, pytest.approx(expected, rel=1e-3))


def test_more_initialisations_have_a_smaller_standard_error():
    evaluations = drawn(0.02, initialisations=4)
    noise = search_noise(evaluations, 3)
    num_trainings, standard_error = score_precision(evaluations[0], noise, 3)
    assert num_trainings == 12
    assert standard_error == pytest.approx(noise.spread.noise_sd / 2)


def test_a_collapsed_training_does_not_decide_the_noise():
    evaluations = drawn(0.02, initialisations=2)
    evaluations[3] = network(3, [[0.81, 0.8, 0.79], [0.4, 0.8, 0.8]])
    assert search_noise(evaluations, 3).spread.noise_sd < 0.01


def test_equal_networks_are_said_to_be_so_with_what_would_help():
    noise = search_noise(drawn(0.0, initialisations=2), 3)
    assert "cannot be told from 0" in noise.sentence
    assert "more patients or longer training" in noise.sentence


def test_different_networks_have_an_interval():
    sentence = search_noise(drawn(0.03), 3).sentence
    assert "differ by a standard deviation of 0.0" in sentence
    assert "90 % interval" in sentence


def test_nothing_tells_the_noise_of_single_trainings():
    noise = search_noise([network(each, [[0.8 + each / 100]]) for each in range(5)], 1)
    assert noise.standard_error(1) is None
    assert "nothing tells the noise" in noise.sentence


def test_a_search_without_scores_knows_nothing():
    assert "two networks" in search_noise([], 3).sentence
