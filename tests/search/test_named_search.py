"""Searches by name: those of mbnas, those of other packages, and what may be passed to them."""

from importlib.metadata import EntryPoint

import numpy as np
import pytest

from mbnas.errors import ConfigurationError
from mbnas.search import named_search as module
from mbnas.search.local import local_search
from mbnas.search.named_search import SEARCHES, check_searcher, named_search
from mbnas.search.random_search import random_search
from mbnas.search.searcher import Proposal, begin_search, takes
from mbnas.search.settings import SearchSettings, make_searcher
from mbnas.space.four_spaces import SpaceSettings
from mbnas.space.search_space import Space

SPACE = Space(num_nodes=3, num_levels=2)


def model_based(space, rng, start=None, *, recorded=()):
    """A searcher that repeats what it is given, and then ends."""
    for proposal in recorded:  # noqa: UP028
        yield proposal


@pytest.fixture
def offered(monkeypatch):
    points = [
        EntryPoint("mine", "mbnas.search.random_search:random_search", "mbnas.searchers"),
        EntryPoint("broken", "no_such_module:search", "mbnas.searchers"),
    ]
    monkeypatch.setattr(
        module, "entry_points", lambda *, group: [each for each in points if each.group == group]
    )


@pytest.mark.usefixtures("offered")
def test_another_package_can_offer_a_searcher():
    assert named_search("mine") is random_search
    settings = SearchSettings(searcher="mine", proposal_size=3)
    searcher = make_searcher(settings, SpaceSettings(), np.random.default_rng(0))
    assert len(next(searcher).genotypes) == 3


@pytest.mark.usefixtures("offered")
def test_an_unknown_name_is_refused_with_all_known_ones():
    with pytest.raises(
        ConfigurationError, match=r"\(='climb'\) must be one of local, .*mine, or a"
    ):
        SearchSettings(searcher="climb")


@pytest.mark.usefixtures("offered")
def test_a_searcher_is_imported_only_to_search():
    check_searcher("broken")
    settings = SearchSettings(searcher="broken", proposal_size=3)
    with pytest.raises(ConfigurationError, match=r"^broken, .* cannot be imported: ModuleNotFound"):
        make_searcher(settings, SpaceSettings(), np.random.default_rng(0))


@pytest.mark.parametrize("name", SEARCHES)
def test_the_searchers_of_mbnas_have_names(name):
    assert named_search(name) is SEARCHES[name]


def test_a_size_that_has_no_effect_is_refused():
    with pytest.raises(ConfigurationError, match=r"\(=4\) has no effect on the searcher local"):
        named_search("local", proposal_size=4)


def test_a_model_based_search_is_given_what_it_proposed():
    recorded = [Proposal(genotypes=(SPACE.genotype_at(5),), incumbent=None, why="model")]
    rng = np.random.default_rng(0)
    assert takes(model_based, "recorded")
    assert next(begin_search(model_based, SPACE, rng, recorded=recorded)) == recorded[0]


def test_other_searches_derive_their_proposals_again():
    recorded = [Proposal(genotypes=(SPACE.genotype_at(5),), incumbent=None, why="model")]
    rngs = [np.random.default_rng(0) for _ in range(2)]
    assert not takes(local_search, "recorded")
    assert next(begin_search(local_search, SPACE, rngs[0], recorded=recorded)) == next(
        local_search(SPACE, rngs[1])
    )
