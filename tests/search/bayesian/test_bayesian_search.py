"""Bayesian search: what it trains, on what it decides, and what it finds."""

import numpy as np
import pytest

from mbnas.search.bayesian.bayesian_search import bayesian_search
from mbnas.search.random_search import random_search
from mbnas.space.genotype import unet_genotype
from mbnas.space.search_space import Space

SPACE = Space(num_nodes=6, num_levels=3)


class World:
    """Additive true scores with noise, the same for each initialisation of a network."""

    def __init__(self, seed=0, noise=0.5):
        self.seed, self.noise = seed, noise

    def true(self, genotype):
        total = 0.0
        for number, node in enumerate(genotype.nodes):
            for gene in (node.level, node.block, node.kernel):
                code = sum(map(ord, f"{number}{gene}"))
                total += np.random.default_rng([self.seed, number, code]).normal()
        return total / 4

    def score(self, genotype, initialisations):
        code = int(genotype.digest, 16)
        noise = np.random.default_rng([self.seed, code]).normal(size=initialisations or 3)
        return self.true(genotype) + self.noise * noise.mean()


def drive(searcher, num_proposals, world):
    """The first proposals with their scores."""
    found, scores = [], None
    while len(found) < num_proposals:
        try:
            proposal = searcher.send(scores)
        except StopIteration:
            break
        scores = [world.score(each, proposal.initialisations) for each in proposal.genotypes]
        found.append((proposal, scores))
    return found


def make(seed=0, start=None, **settings):
    return bayesian_search(SPACE, np.random.default_rng(seed), start, **settings)


def test_it_finds_better_networks_than_random_search():
    gained = []
    for seed in range(2):
        world = World(seed)
        found = drive(make(seed), 18, world)
        num_trained = sum(len(proposal.genotypes) for proposal, _ in found)
        drawn = drive(random_search(SPACE, np.random.default_rng(seed)), 9, world)
        of_random = [world.true(each) for proposal, _ in drawn for each in proposal.genotypes]
        assert num_trained <= len(of_random)  # and random search has three initialisations of each
        gained.append(world.true(found[-1][0].incumbent) - max(of_random))
    assert np.mean(gained) > 0.2


def test_a_known_network_gets_one_more_initialisation_and_a_new_one_the_first():
    asked = {}
    revisited = 0
    for proposal, _ in drive(make(), 30, World(noise=1.0)):
        for genotype in proposal.genotypes:
            assert proposal.initialisations == asked.get(genotype, 0) + 1
            asked[genotype] = proposal.initialisations
            revisited += proposal.initialisations > 1
    assert revisited >= 5


def test_without_noise_hardly_anything_is_trained_again():
    found = drive(make(), 25, World(noise=0.0))
    revisited = sum(len(each.genotypes) for each, _ in found if each.initialisations > 1)
    assert revisited <= 10


def test_a_proposal_does_not_wait_for_the_scores_of_the_one_before():
    for length in (2, 6):
        nexts = set()
        for value in (-np.inf, 0.3, 99.0):
            searcher = make()
            found = drive(searcher, length, World())
            nexts.add(searcher.send([value] * len(found[-1][0].genotypes)))
        assert len(nexts) == 1


def test_the_scores_before_those_matter():
    searchers = [make(), make()]
    for searcher, world in zip(searchers, (World(0), World(1)), strict=True):
        drive(searcher, 8, world)
    ends = [searcher.send([0.0] * 4) for searcher in searchers]
    assert ends[0] != ends[1]


@pytest.mark.parametrize("cut", [1, 3, 9])
def test_what_is_recorded_is_not_derived(cut):
    world = World()
    whole = [proposal for proposal, _ in drive(make(), 14, world)]
    resumed = [proposal for proposal, _ in drive(make(recorded=whole[:cut]), 14, world)]
    assert resumed == whole


def test_recorded_proposals_are_yielded_whatever_they_are():
    others = [proposal for proposal, _ in drive(make(seed=5), 6, World())]
    found = [proposal for proposal, _ in drive(make(seed=0, recorded=others), 8, World())]
    assert found[:6] == others


def test_half_of_the_first_networks_are_near_the_start():
    start = unet_genotype(3)
    found = [proposal for proposal, _ in drive(make(start=start), 3, World())]
    assert found[0].genotypes == (start,)
    assert {each.why for each in found[1:]} == {"first networks"}


@pytest.mark.parametrize("size", [1, 3, 9])
def test_a_proposal_of_new_networks_is_full(size):
    for proposal, _ in drive(make(proposal_size=size), 8, World()):
        assert len(proposal.genotypes) <= size
        if proposal.initialisations == 1:
            assert len(proposal.genotypes) == size


def test_collapsed_and_failed_networks_are_left_alone():
    world = World()

    def score(genotype, initialisations):
        code = int(genotype.digest, 16) % 5
        return {0: -np.inf, 1: -50.0}.get(code, World.score(world, genotype, initialisations))

    world.score = score
    found = drive(make(), 22, world)
    bad = {
        each
        for proposal, _ in found
        for each in proposal.genotypes
        if int(each.digest, 16) % 5 in (0, 1)
    }
    assert bad
    for proposal, _ in found:
        assert proposal.initialisations == 1 or bad.isdisjoint(proposal.genotypes)
        assert proposal.incumbent not in bad
