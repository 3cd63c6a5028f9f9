"""A lookahead predicts what a search asks for next."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mbnas.search.bilevel import bilevel_search
from mbnas.search.limit import limited
from mbnas.search.local import local_search
from mbnas.search.lookahead import Lookahead
from mbnas.search.random_search import random_search
from mbnas.search.searcher import Proposal
from mbnas.space.search_space import Space

SPACE = Space(num_nodes=4, num_levels=3)
BUDGET = 30


def bilevel(space, rng):
    return bilevel_search(space, rng, num_topologies=10)


def begin(searcher, seed=0):
    return lambda: limited(searcher(SPACE, np.random.default_rng(seed)), BUDGET)


def walk(searcher, scores, seed=0):
    """Yield each proposal of a search, its scores, and the prediction of the next one."""
    start = begin(searcher, seed)
    foresight, proposals = Lookahead(start), start()
    batch = next(proposals)
    while batch is not None:
        told = [scores(genotype) for genotype in batch.genotypes]
        yield batch, told, foresight
        foresight.learn(told)
        try:
            batch = proposals.send(told)
        except StopIteration:
            return


def by_digest(genotype):
    return int(genotype.digest, 16) / 2**64


@pytest.mark.parametrize("searcher", [local_search, random_search, bilevel])
def test_with_all_scores_the_next_proposal_is_certain(searcher):
    expected = None
    for batch, told, foresight in walk(searcher, by_digest):
        if expected is not None:
            assert batch.genotypes == expected
        certain = foresight.certain(told)
        expected = () if certain is None else certain.genotypes
    assert expected == ()  # the budget is spent


def test_random_search_is_certain_for_any_scores():
    for batch, told, foresight in walk(random_search, by_digest):
        nothing = [None] * len(batch.genotypes)
        open_, known = foresight.certain(nothing), foresight.certain(told)
        assert (open_ and open_.genotypes) == (known and known.genotypes)


@pytest.mark.parametrize("searcher", [local_search, random_search, bilevel])
@settings(max_examples=10)
@given(seed=st.integers(0, 2**32), open_places=st.sets(st.integers(0, 7)))
def test_the_next_proposal_is_among_the_possible_ones(searcher, seed, open_places):
    possible = None
    for batch, told, foresight in walk(searcher, by_digest, seed):
        if possible is not None:
            assert set(batch.genotypes) <= possible
        known = [None if place in open_places else score for place, score in enumerate(told)]
        possible = {each for ahead in foresight.possible(known) for each in ahead.genotypes}


def test_the_most_likely_proposal_comes_first():
    for _, told, foresight in walk(local_search, lambda genotype: 0.5):
        nothing = [None] * len(told)
        assert next(foresight.possible(nothing), None) == foresight.certain(told)


@pytest.mark.parametrize("searcher", [local_search, random_search, bilevel])
def test_nothing_is_predicted_beyond_the_budget(searcher):
    seen = set()
    for batch, told, foresight in walk(searcher, by_digest):
        seen |= set(batch.genotypes)
        certain = foresight.certain(told)
        further = set() if certain is None else set(certain.genotypes) - seen
        assert len(seen) + len(further) <= BUDGET


def test_guesses_can_be_left_out():
    """A search that continues the same way for any scores, and then depends on them."""

    def search():
        first, second, third = (Space().sample(np.random.default_rng(each)) for each in range(3))
        scores = yield Proposal(genotypes=(first,), incumbent=None, why="first")
        yield Proposal(genotypes=(second,), incumbent=None, why="second", initialisations=2)
        if scores[0] > 0:
            yield Proposal(genotypes=(third,), incumbent=None, why="third")

    every, certain = Lookahead(search), Lookahead(search, certain_only=True)
    assert certain.certain([None]) == every.certain([None])
    assert certain.certain([None]).initialisations == 2
    assert [each.why for each in every.possible([None])][:1] == ["second"]
    assert list(certain.possible([None])) == []


@pytest.mark.parametrize("certain_only", [True, False])
def test_a_searcher_that_cannot_use_a_guess_is_looked_at_no_further(certain_only):
    """A guess may be infinite, and a searcher of another package may fit a model to scores."""

    def search(space, rng):
        while True:
            scores = yield Proposal(
                genotypes=tuple(space.sample(rng) for _ in range(2)), incumbent=None, why="fit"
            )
            if max(scores) in (np.inf, -np.inf):
                raise ValueError("Input contains infinity.")

    foresight = Lookahead(begin(search), certain_only=certain_only)
    for scores in ([0.5, 0.25], [0.75, 0.5]):
        assert foresight.certain([None, scores[1]]) is None
        assert list(foresight.possible([None, None])) == []
        foresight.learn(scores)
