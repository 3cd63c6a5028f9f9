"""The contract finds what breaks it."""

import numpy as np
import pytest

from mbnas.search.random_search import random_search
from mbnas.search.searcher import Proposal
from mbnas.search.testing import searcher_contract as contract
from mbnas.space.search_space import Space

SPACE = Space(num_nodes=4, num_levels=2)
SMALL = Space(num_nodes=2, num_levels=2, blocks=("vgg",), kernels=(3,))


def endless(space, rng, start=None, *, unseeded=False, **changes):
    """A searcher that proposes a draw, or what a test changes of it."""
    if unseeded:
        rng = np.random.default_rng()
    if start is not None:
        space.check(start)
    genotype = start
    while True:
        genotype = genotype or space.sample(rng)
        proposal = {"genotypes": (genotype,), "incumbent": None, "why": "drawn"} | changes
        received = yield Proposal(**proposal)
        assert len(received) == len(proposal["genotypes"])
        genotype = None


def changed(**changes):
    return lambda space, rng, start=None: endless(space, rng, start, **changes)


def derives_what_is_recorded(space, rng, start=None, *, recorded=()):
    """Looks model-based, and ignores what it is given if scores differ."""
    total = 0.0
    while True:
        drawn = np.random.default_rng(int(abs(total) * 1e6) + int(rng.integers(9)))
        genotypes = (space.sample(drawn),)
        received = yield Proposal(genotypes=genotypes, incumbent=None, why="model")
        total += sum(each for each in received if np.isfinite(each))


def decreasing(space, rng, start=None):
    for number in (3, 2, 1):
        yield Proposal(
            genotypes=(space.genotype_at(0),), incumbent=None, why="", initialisations=number
        )


def careless(space, rng, start=None):
    while True:
        yield Proposal(genotypes=(space.sample(rng),), incumbent=None, why="drawn")


def gives_up(space, rng, start=None):
    for _ in range(3):
        yield Proposal(genotypes=(space.sample(rng),), incumbent=None, why="drawn")


ELSEWHERE = Space(num_nodes=5, num_levels=2)


@pytest.mark.parametrize("check", contract.CHECKS, ids=lambda check: check.__name__)
def test_a_good_searcher_passes(check):
    check(random_search, SPACE, 10)


@pytest.mark.parametrize(
    ("check", "search", "message"),
    [
        (contract.check_it_is_deterministic, changed(unseeded=True), "must give the same"),
        (
            contract.check_it_is_deterministic,
            changed(genotypes=(SPACE.genotype_at(0),)),
            "Another seed",
        ),
        (
            contract.check_proposals_are_valid,
            changed(genotypes=(SPACE.genotype_at(0),) * 2),
            "repeat",
        ),
        (contract.check_proposals_are_valid, changed(why=""), "why"),
        (
            contract.check_proposals_are_valid,
            changed(genotypes=(SPACE.genotype_at(0),), incumbent=SPACE.genotype_at(1)),
            "proposed before",
        ),
        (contract.check_initialisations_never_decrease, decreasing, "asked for 3, then for 2"),
        (contract.check_it_resumes, derives_what_is_recorded, "must not be derived"),
        (contract.check_it_survives_failures, gives_up, "ended after 3"),
        (contract.check_its_start, careless, "the start alone"),
        (contract.check_it_refuses_other_scores, careless, "must be refused"),
    ],
)
def test_a_breach_is_found(check, search, message):
    with pytest.raises(AssertionError, match=message):
        check(search, SPACE, 10)


def test_a_network_of_another_space_is_found():
    search = changed(genotypes=(ELSEWHERE.genotype_at(0),))
    with pytest.raises(AssertionError, match="not in the space"):
        contract.check_proposals_are_valid(search, SPACE, 10)


def test_a_searcher_that_ends_too_early_is_found():
    with pytest.raises(AssertionError, match="It proposed"):
        contract.check_it_ends(gives_up, SPACE)


def test_a_searcher_that_uses_up_a_space_passes():
    contract.check_it_ends(random_search, SMALL)
