"""The leaders of a search, by a model of its scores."""

import numpy as np
import pytest

from mbnas.search.bayesian.estimates import Estimate
from mbnas.search.searcher import Proposal
from mbnas.space.search_space import Space
from mbnas.study.configuration_layers import build
from mbnas.study.progress.leaders import front_of, leaders_of, network_estimates
from mbnas.training.training_record import TrainingKey, TrainingRecord

CONFIGURATION = build(
    {
        "dataset": "data",
        "protocol": {"folds": 2, "initialisations": 1},
        "space": {"num_nodes": 4, "num_levels": 2},
    }
)
SPACE = Space(num_nodes=4, num_levels=2)
NETWORKS = [SPACE.sample(np.random.default_rng(number)) for number in range(12)]


def training(network, fold, initialisation, score):
    return TrainingRecord(
        key=TrainingKey(
            network=network.digest, protocol="p", fold=fold, initialisation=initialisation
        ),
        score=score,
        error=None if score is not None else "failed",
        wall_s=1.0,
        worker="w",
        started_at="now",
    )


def trained(scores, initialisation=0):
    return [
        training(network, fold, initialisation, score)
        for network, score in zip(NETWORKS, scores, strict=False)
        for fold in range(2)
    ]


def proposal(*networks, initialisations=None):
    return Proposal(genotypes=networks, incumbent=None, why="any", initialisations=initialisations)


def test_a_clear_leader_leads():
    scores = [0.6 + 0.001 * number for number in range(12)]
    scores[5] = 0.9
    assert leaders_of([proposal(*NETWORKS)], trained(scores), CONFIGURATION)[0] == NETWORKS[5]


def test_a_failed_network_is_no_leader():
    scores = [0.7 + 0.01 * number for number in range(12)]
    scores[11] = None
    found = leaders_of([proposal(*NETWORKS)], trained(scores), CONFIGURATION)
    assert set(found) == set(NETWORKS[:11])


def test_networks_count_as_soon_as_an_initialisation_has_all_folds():
    """So do those that racing dropped, and all after them."""
    proposals = [proposal(*NETWORKS[:6]), proposal(*NETWORKS[6:])]
    trainings = trained([0.7 + 0.01 * number for number in range(9)])
    half = training(NETWORKS[10], 0, 0, 0.9)
    found = leaders_of(proposals, [*trainings, half], CONFIGURATION)
    assert set(found) == set(NETWORKS[:9])


def test_a_network_trained_twice_is_known_better():
    scores = [0.7 + 0.01 * number for number in range(12)]
    proposals = [
        proposal(*NETWORKS, initialisations=1),
        proposal(NETWORKS[3], initialisations=2),
    ]
    again = [training(NETWORKS[3], fold, 1, 0.73) for fold in range(2)]
    found = network_estimates(proposals, [*trained(scores), *again], CONFIGURATION)
    by_network = {each.genotype: each for each in found}
    assert by_network[NETWORKS[3]].num_initialisations == 2
    assert by_network[NETWORKS[3]].sd == min(each.sd for each in found)


@pytest.mark.parametrize(
    ("costs", "expected"), [([3, 2, 1], [0, 1, 2]), ([1, 2, 3], [0]), ([2, 3, 1], [0, 2])]
)
def test_the_front_has_what_no_other_beats(costs, expected):
    found = [
        Estimate(genotype=network, mean=0.9 - 0.1 * place, sd=0.1, num_initialisations=1)
        for place, network in enumerate(NETWORKS[:3])
    ]
    of = dict(zip(NETWORKS, map(float, costs), strict=False))
    assert front_of(found, of.__getitem__) == [found[place] for place in expected]
