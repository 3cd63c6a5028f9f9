"""Estimates of true scores: calibrated, shrunken, and in the unit of the scores."""

import math

import numpy as np
import pytest

from mbnas.search.bayesian.estimates import estimates
from mbnas.search.searcher import Proposal
from mbnas.space.search_space import Space

SPACE = Space(num_nodes=5, num_levels=3)


def true(genotype):
    blocks = {"vgg": 0.0, "residual": 0.01, "dense": -0.02, "inception": 0.015}
    return 0.8 + sum(blocks[node.block] - 0.003 * node.kernel for node in genotype.nodes)


def answers(num_networks, *, noise, initialisations=None, seed=0):
    rng = np.random.default_rng(seed)
    genotypes = list(dict.fromkeys(SPACE.sample(rng) for _ in range(num_networks)))
    return [
        (
            Proposal(
                genotypes=(each,), incumbent=None, why="drawn", initialisations=initialisations
            ),
            (true(each) + noise * rng.normal(),),
        )
        for each in genotypes
    ]


def test_they_are_nearer_to_the_truth_than_the_scores():
    given = answers(120, noise=0.03)
    score_of = {proposal.genotypes[0]: score for proposal, (score,) in given}
    found = estimates(SPACE, given)
    errors = np.array([each.mean - true(each.genotype) for each in found])
    noise = np.array([score_of[each.genotype] - true(each.genotype) for each in found])
    assert np.sqrt((errors**2).mean()) < 0.6 * np.sqrt((noise**2).mean())


def test_their_standard_deviations_are_those_of_their_errors():
    z = []
    for seed in range(4):
        found = estimates(SPACE, answers(80, noise=0.03, seed=seed))
        z += [(each.mean - true(each.genotype)) / each.sd for each in found]
    assert 0.6 < np.sqrt(np.mean(np.square(z))) < 1.4


def test_the_best_is_first_and_failed_networks_are_left_out():
    given = answers(30, noise=0.01)
    proposal, _ = given[3]
    given[3] = proposal, (-math.inf,)
    found = estimates(SPACE, given)
    means = [each.mean for each in found]
    assert means == sorted(means, reverse=True)
    assert proposal.genotypes[0] not in {each.genotype for each in found}
    assert len(found) == len(given) - 1


def test_initialisations_that_a_proposal_leaves_open_are_those_of_the_protocol():
    found = estimates(SPACE, answers(10, noise=0.01), per_network=3)
    assert {each.num_initialisations for each in found} == {3}
    assert found == estimates(SPACE, answers(10, noise=0.01, initialisations=3))


def test_their_unit_is_that_of_the_scores():
    given = answers(30, noise=0.01)
    scaled = [(proposal, (7 + 100 * score,)) for proposal, (score,) in given]
    for one, other in zip(estimates(SPACE, given), estimates(SPACE, scaled), strict=True):
        assert other.mean == pytest.approx(7 + 100 * one.mean, rel=1e-4)
        assert other.sd == pytest.approx(100 * one.sd, rel=1e-3)


def test_nothing_is_estimated_from_nothing():
    assert estimates(SPACE, []) == ()
