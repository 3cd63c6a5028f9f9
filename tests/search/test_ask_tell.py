"""A search that is asked and told: the searcher's own course, and its replay."""

import math
import random

import numpy as np
import pytest

from mbnas.errors import UsageError
from mbnas.search.ask_tell import AskTell
from mbnas.search.bayesian.bayesian_search import bayesian_search
from mbnas.search.evolution import evolution_search
from mbnas.search.limit import limited
from mbnas.search.local import local_search
from mbnas.search.random_search import random_search
from mbnas.search.searcher import Proposal, begin_search
from mbnas.search.testing.searcher_contract import propose
from mbnas.space.genotype import Genotype
from mbnas.space.search_space import Space

SPACE = Space(num_nodes=4, num_levels=3)
A, B = Genotype.parse("0vgg3"), Genotype.parse("0vgg5")
SEARCHERS = {
    "local": local_search,
    "random": random_search,
    "evolution": evolution_search,
    "bayesian": bayesian_search,
}


def begun(search, *, recorded=(), budget=20):
    searcher = begin_search(search, SPACE, np.random.default_rng(0), recorded=recorded)
    return AskTell(limited(searcher, budget, per_network=2), per_network=2)


def score(genotype, number):
    """The score of a network's training of this number."""
    return np.random.default_rng([int(genotype.digest, 16), number]).normal()


def mean(genotype, initialisations):
    scores = [score(genotype, number) for number in range(initialisations or 2)]
    return math.fsum(scores) / len(scores)


def tell_all(search, stop_after=None, order=list):
    while asked := search.ask():
        for wanted in order(asked):
            for _ in range(wanted.missing):
                if stop_after is not None and len(search.told) == stop_after:
                    return
                search.tell(
                    wanted.genotype, score(wanted.genotype, len(search.scores(wanted.genotype)))
                )


@pytest.mark.parametrize("search", SEARCHERS.values(), ids=SEARCHERS)
def test_it_proposes_what_the_searcher_proposes(search):
    asked = begun(search)
    tell_all(asked)
    searcher = begin_search(search, SPACE, np.random.default_rng(0))
    assert asked.proposals == propose(limited(searcher, 20, per_network=2), 1000, mean)
    assert len(asked.told) == 20


@pytest.mark.parametrize("search", SEARCHERS.values(), ids=SEARCHERS)
def test_the_order_within_a_proposal_makes_no_difference(search):
    shuffle = random.Random(0)
    first, second = begun(search), begun(search)
    tell_all(first)
    tell_all(second, order=lambda asked: shuffle.sample(asked, len(asked)))
    assert first.proposals == second.proposals


@pytest.mark.parametrize("search", SEARCHERS.values(), ids=SEARCHERS)
@pytest.mark.parametrize("cut", [0, 1, 7, 20])
def test_a_search_that_is_told_the_same_again_is_at_the_same_place(search, cut):
    before = begun(search)
    tell_all(before, stop_after=cut)
    again = begun(search, recorded=before.proposals)
    for each in before.told:
        again.tell(each.genotype, each.score)
    assert again.ask() == before.ask()
    assert again.proposals == before.proposals
    tell_all(before)
    tell_all(again)
    assert again.proposals == before.proposals


def one_proposal(*genotypes, initialisations=None, received=None):
    scores = yield Proposal(
        genotypes=genotypes, incumbent=None, why="start 1", initialisations=initialisations
    )
    received.append(scores)


def test_scores_are_asked_for_until_all_are_there():
    received = []
    search = AskTell(one_proposal(A, B, initialisations=2, received=received), per_network=5)
    assert [(each.genotype, each.total, each.missing) for each in search.ask()] == [
        (A, 2, 2),
        (B, 2, 2),
    ]
    for told in (0.5, 0.7, 0.9):  # one more than wanted, which counts
        search.tell(A, told)
    assert [(each.genotype, each.missing) for each in search.ask()] == [(B, 2)]
    search.tell(B, -math.inf)
    search.tell(B, 0.4)
    assert search.ask() == ()
    assert received == [[pytest.approx(0.7), -math.inf]]
    assert search.best == A
    search.tell(B, 0.5)  # a late score is kept
    assert search.scores(B) == (-math.inf, 0.4, 0.5)


def test_what_cannot_be_told_changes_nothing():
    search = AskTell(one_proposal(A, received=[]))
    with pytest.raises(UsageError, match="0vgg5 was not asked for: tell the scores of what ask"):
        search.tell(B, 0.5)
    for wrong in (math.nan, math.inf):
        with pytest.raises(UsageError, match=f"The score {wrong} of 0vgg3 cannot be used"):
            search.tell(A, 0.5, wrong)
    assert (search.told, search.best, len(search.ask())) == ([], None, 1)


def test_a_network_needs_a_score():
    with pytest.raises(ValueError, match=r"per_network \(=0\) must be 1 or more"):
        AskTell(one_proposal(A, received=[]), per_network=0)
