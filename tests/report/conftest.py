import random

import pytest

from mbnas.space.genotype import Genotype, Node

from ..results.conftest import (  # noqa: F401  (what is reported is a result)
    compare,
    comparison,
    contender,
    drawn,
    evaluation,
    screen,
    segmentations,
    shown_case,
    study,
)

BLOCKS = ("vgg", "residual", "dense", "inception", "swin", "x")


def draw_genotype(rng: random.Random) -> Genotype:
    """Return any genotype: one to thirty nodes, up to six levels, foreign blocks too."""
    nodes: list[Node] = []
    num_levels, num_nodes = rng.randint(1, 6), rng.randint(1, 30)
    for number in range(1, num_nodes + 1):
        before = nodes[-1].level if nodes else 0
        sources = [j for j in range(1, number - 1) if nodes[j - 1].level == before]
        nodes.append(
            Node(
                level=min(max(before + rng.choice((-1, 0, 1)), 0), num_levels - 1),
                block=rng.choice(BLOCKS),
                kernel=rng.choice((1, 3, 5, 7, 11)),
                skip=rng.choice([None, *sources]),
            )
        )
    return Genotype(nodes=tuple(nodes))


@pytest.fixture(params=range(40))
def any_genotype(request) -> Genotype:
    return draw_genotype(random.Random(request.param))
