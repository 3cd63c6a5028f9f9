import math

import numpy as np
import pytest

from mbnas.errors import ConfigurationError
from mbnas.search.costs import latency_limit
from mbnas.search.costs.latency_limit import within_latency
from mbnas.search.local import local_search
from mbnas.search.random_search import random_search
from mbnas.search.searcher import Proposal, takes
from mbnas.space.search_space import Space

SPACE = Space(num_nodes=4, num_levels=2)
NETWORKS = [SPACE.genotype_at(index) for index in range(6)]


def latency_ms(genotype, name):
    assert name == "latency"
    return float(sum(node.kernel for node in genotype.nodes))


def score(genotype):
    return int(genotype.digest, 16) / 2**64


def proposed(searcher, num_proposals):
    found, scores = [], None
    while len(found) < num_proposals:
        try:
            found.append(searcher.send(scores))
        except StopIteration:
            break
        scores = [score(genotype) for genotype in found[-1].genotypes]
    return found


@pytest.mark.parametrize("search", [local_search, random_search])
def test_only_networks_within_the_limit_are_proposed(search):
    rng = np.random.default_rng(0)
    limited = within_latency(search, 16.0, latency_ms)
    for proposal in proposed(limited(SPACE, rng), 60):
        assert all(latency_ms(each, "latency") <= 16 for each in proposal.genotypes)
        assert proposal.incumbent is None or latency_ms(proposal.incumbent, "latency") <= 16


def test_the_searcher_is_told_which_could_not_be_scored():
    received = []

    def fixed(space, rng, start=None):
        received.append((yield Proposal(genotypes=tuple(NETWORKS), incumbent=None, why="all")))
        received.append((yield Proposal(genotypes=(NETWORKS[1],), incumbent=None, why="slow")))
        received.append((yield Proposal(genotypes=(NETWORKS[0],), incumbent=NETWORKS[1], why="0")))

    def measured(genotype, name):
        return 1.0 if NETWORKS.index(genotype) % 2 == 0 else 3.0

    searcher = within_latency(fixed, 2.0, measured)(SPACE, None)
    first, last = proposed(searcher, 10)
    assert first == Proposal(genotypes=tuple(NETWORKS[::2]), incumbent=None, why="all")
    assert last == Proposal(genotypes=(NETWORKS[0],), incumbent=None, why="0")
    expected = [score(each) if n % 2 == 0 else -math.inf for n, each in enumerate(NETWORKS)]
    assert received == [expected, [-math.inf], [expected[0]]]


def test_a_wide_limit_changes_nothing():
    limited = within_latency(local_search, 1e9, latency_ms)
    found = proposed(limited(SPACE, np.random.default_rng(3)), 50)
    assert found == proposed(local_search(SPACE, np.random.default_rng(3)), 50)


def test_it_declares_the_arguments_of_the_search():
    assert takes(within_latency(random_search, 1.0, latency_ms), "proposal_size")
    assert not takes(within_latency(random_search, 1.0, latency_ms), "recorded")


def test_a_limit_out_of_reach_is_refused(monkeypatch):
    monkeypatch.setattr(latency_limit, "MOST_REFUSED", 40)
    searcher = within_latency(random_search, 4.0, latency_ms)(SPACE, np.random.default_rng(0))
    with pytest.raises(ConfigurationError, match=r"\(=4\), the fastest of them 1\d ms. Raise"):
        next(searcher)
