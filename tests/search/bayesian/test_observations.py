"""What is known of networks: single scores, collapsed ones and failed ones."""

import math

import numpy as np
import pytest

from mbnas.search.bayesian.observations import CLIPPED_BELOW, observe
from mbnas.search.searcher import Proposal
from mbnas.space.search_space import Space

GENOTYPES = [Space().genotype_at(10**15 * number) for number in range(20)]


def answer(scores, initialisations=1, genotypes=GENOTYPES):
    proposal = Proposal(
        genotypes=tuple(genotypes[: len(scores)]),
        incumbent=None,
        why="",
        initialisations=initialisations,
    )
    return proposal, tuple(scores)


def test_a_single_score_follows_from_the_means_before_and_after_it():
    singles = np.random.default_rng(0).normal(0.8, 0.01, size=(5, 4))
    found = observe([answer(singles[:, :number].mean(axis=1), number) for number in (1, 2, 4)])
    scaled = (singles - found.centre) / found.scale
    assert found.means_N == pytest.approx(scaled.mean(axis=1))
    assert list(found.counts_N) == [4] * 5
    assert found.num_initialisations == 20
    assert found.within_df == 15
    # The last two came together, as their mean.
    scaled[:, 2:] = scaled[:, 2:].mean(axis=1, keepdims=True)
    assert found.within_ss == pytest.approx(((scaled - scaled.mean(axis=1)[:, None]) ** 2).sum())


def test_a_collapse_does_not_stretch_the_scale():
    scores = list(np.random.default_rng(0).normal(0.8, 0.01, size=19))
    without = observe([answer(scores)])
    with_collapse = observe([answer([*scores, 0.1])])
    assert with_collapse.scale == pytest.approx(without.scale, rel=0.3)
    assert with_collapse.means_N[-1] == -CLIPPED_BELOW


def test_a_failed_network_has_the_lowest_score_and_no_effect_on_the_others():
    scores = [0.80, 0.81, 0.82, 0.79]
    found = observe([answer([*scores, -math.inf])])
    assert found.failed == {GENOTYPES[4]}
    assert found.means_N[-1] == -CLIPPED_BELOW
    assert found.means_N[:4] == pytest.approx(observe([answer(scores)]).means_N)


def test_a_network_that_fails_later_has_failed():
    found = observe([answer([0.8, 0.9]), answer([-math.inf], 2)])
    assert found.failed == {GENOTYPES[0]}
    assert found.within_df == 0


def test_equal_scores_have_a_scale():
    found = observe([answer([0.8] * 5)])
    assert (found.means_N == 0).all()
    assert found.scale == 1


def test_nothing_is_known_at_first():
    assert observe([]).num_initialisations == 0
