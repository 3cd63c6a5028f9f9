"""Regularised evolution: its population, its parents and its children."""

import numpy as np
import pytest

from mbnas.search.evolution import evolution_search, mutant
from mbnas.space.genotype import distance
from mbnas.space.search_space import Space

SPACE = Space(num_nodes=6, num_levels=3)
KERNELS = Space(
    num_nodes=10,
    topology=Space().genotype_at(10**17).topology,
    blocks=("vgg",),
    kernels=tuple(range(1, 32, 2)),
)
"""With so many neighbours that a mutant is almost never known."""


def score(genotype):
    return int(genotype.digest, 16) / 2**64


def drive(searcher, num_proposals, score=score):
    proposals, scores = [], None
    for _ in range(num_proposals):
        proposals.append(searcher.send(scores))
        scores = [score(genotype) for genotype in proposals[-1].genotypes]
    return proposals


def test_the_first_population_is_drawn_and_the_rest_are_mutants():
    searcher = evolution_search(
        SPACE, np.random.default_rng(0), proposal_size=4, population_size=10, sample_size=3
    )
    proposals = drive(searcher, 20)
    assert [len(each.genotypes) for each in proposals[:4]] == [4, 4, 2, 4]
    assert [each.why for each in proposals] == ["first population"] * 3 + ["mutation"] * 17
    proposed = [genotype for each in proposals for genotype in each.genotypes]
    assert len(set(proposed)) == len(proposed)


def test_all_initialisations_are_asked_for():
    proposals = drive(evolution_search(SPACE, np.random.default_rng(0)), 20)
    assert {each.initialisations for each in proposals} == {None}


def test_a_mutant_differs_from_a_member_of_the_population_in_one_gene():
    searcher = evolution_search(
        KERNELS, np.random.default_rng(0), proposal_size=3, population_size=6, sample_size=2
    )
    proposals = drive(searcher, 30)
    for number, proposal in enumerate(proposals):
        if proposal.why == "mutation":
            before = [genotype for each in proposals[:number] for genotype in each.genotypes]
            for child in proposal.genotypes:
                assert min(distance(child, parent) for parent in before[-6:]) == 1


def test_the_oldest_network_has_no_more_mutants_however_good_it_is():
    order = {}

    def older_is_better(genotype):
        return -float(order.setdefault(genotype, len(order)))

    searcher = evolution_search(
        KERNELS, np.random.default_rng(0), proposal_size=1, population_size=5, sample_size=200
    )
    found = [each.genotypes[0] for each in drive(searcher, 40, older_is_better)]
    for number in range(5, 40):
        assert distance(found[number - 5], found[number]) == 1


def test_a_sample_of_the_whole_population_finds_the_best_parent():
    searcher = evolution_search(
        KERNELS, np.random.default_rng(1), proposal_size=1, population_size=4, sample_size=200
    )
    found = [each.genotypes[0] for each in drive(searcher, 40)]
    for number in range(4, 40):
        best = max(found[number - 4 : number], key=score)
        assert distance(best, found[number]) == 1


@pytest.mark.parametrize("seed", range(5))
def test_every_variable_may_change(seed):
    parent = SPACE.sample(np.random.default_rng(seed))
    rng = np.random.default_rng(0)
    mutants = {mutant(SPACE, rng, parent) for _ in range(2000)}
    options = {
        option for variable in SPACE.variables for option in SPACE.neighbours(parent, variable)
    }
    assert mutants == options


def test_a_space_of_one_network_has_no_other_mutant():
    space = Space(num_nodes=2, num_levels=1, blocks=("vgg",), kernels=(3,))
    assert mutant(space, np.random.default_rng(0), space.genotype_at(0)) == space.genotype_at(0)
