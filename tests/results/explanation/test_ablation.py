import random

import pytest

from mbnas.results.explanation.ablation import Move, change_text, path_between
from mbnas.space.genotype import Genotype, distance, unet_genotype
from mbnas.space.search_space import Space

UNET = unet_genotype(5)


def dense(genotypes):
    return [sum(node.block == "dense" for node in each.nodes) for each in genotypes]


def random_pair(seed):
    space, rng = Space(), random.Random(seed)
    return [space.genotype_at(rng.randrange(space.count)) for _ in range(2)]


@pytest.mark.parametrize("seed", range(30))
def test_every_path_ends_at_its_target_over_networks_that_exist(seed):
    reference, target = random_pair(seed)
    steps = path_between(reference, target, dense)
    networks = [reference, *(network for _, network in steps)]
    assert networks[-1] == target
    assert len(set(networks)) == len(networks)
    for network in networks:
        assert Genotype.parse(str(network)) == network


def test_the_greatest_gain_comes_first():
    target = Genotype.parse("0vgg3-1vgg5-2vgg3-3dense3-4vgg3-3vgg3-2vgg3@4-1vgg3@3-0vgg3@2-0vgg3@1")
    (first, after), (second, end) = path_between(UNET, target, dense)
    assert (first, second) == (Move(gene="block", nodes=(4,)), Move(gene="kernel", nodes=(2,)))
    assert distance(UNET, after) == distance(after, end) == 1


def test_many_differences_change_together():
    target = Genotype.parse("-".join(f"{node.level}dense7" for node in UNET.nodes))
    steps = path_between(UNET, target, dense)
    assert [move.gene for move, _ in steps] == ["block", "kernel", "skip"]
    texts = [
        change_text(move, before, after)
        for (move, after), before in zip(steps, [UNET, *(each for _, each in steps)], strict=False)
    ]
    assert texts[0] == "block vgg → dense in nodes 1, 2, 3, 4, 5, 6, 7, 8, 9, 10"
    assert texts[2] == "skips in nodes 7, 8, 9, 10"


def test_a_skip_that_the_levels_no_longer_allow_is_no_step_of_its_own():
    reference = Genotype.parse("0vgg3-1vgg3-0vgg3-0vgg3@1")
    target = Genotype.parse("0vgg3-1vgg3-1vgg3-0vgg3")
    ((move, after),) = path_between(reference, target, dense)
    assert (move.gene, after) == ("level", target)
    assert change_text(move, reference, after) == "levels 0 1 0 0 → 0 1 1 0"


def test_texts_of_single_genes():
    reference = Genotype.parse("0vgg3-1vgg3-0vgg3-0vgg3@1")
    target = Genotype.parse("0vgg3-1vgg3-0vgg3-0vgg3")
    ((move, after),) = path_between(reference, target, dense)
    assert change_text(move, reference, after) == "skip from 1 → none in node 4"


def test_a_network_has_no_path_to_itself():
    assert path_between(UNET, UNET, dense) == []
