import random
import re

import pytest

from mbnas.report.drawings.terminal_drawing import draw_in_terminal
from mbnas.space.genotype import Genotype, unet_genotype


def test_the_unet_is_a_u():
    assert draw_in_terminal(unet_genotype()).splitlines()[:6] == [
        "             1    2    3    4    5    6    7    8    9    10",
        "1/1     in───V3─╮                                  ╭─V3───V3───head",
        "1/2             ╰─V3─╮                        ╭─V3─╯",
        "1/4                  ╰─V3─╮              ╭─V3─╯",
        "1/8                       ╰─V3─╮    ╭─V3─╯",
        "1/16                           ╰─V3─╯",
    ]


def test_every_node_and_skip_is_in_the_text(any_genotype):
    drawing = draw_in_terminal(any_genotype)

    picture = drawing.split("\n\n")[0]
    num_skips = sum(node.skip is not None for node in any_genotype.nodes)
    assert len(re.findall(r"[A-Z][a-z]*\d+", picture)) == len(any_genotype.nodes)
    assert len(re.findall(r"\d+→\d+", picture)) == num_skips
    assert len(re.findall("╰─*╯", picture.partition("skips")[2])) == num_skips


@pytest.mark.parametrize("seed", range(30))
def test_ten_nodes_fit_into_eighty_columns(seed):
    rng = random.Random(seed)
    nodes = [
        f"{level}{rng.choice(('vgg', 'residual', 'dense', 'inception'))}{rng.choice((3, 5, 7))}"
        + (f"@{skip}" if skip else "")
        for level, skip in zip((0,) * 10, (0, 0, 1, 1, 2, 3, 1, 5, 4, 1), strict=True)
    ]
    drawing = draw_in_terminal(Genotype.parse("-".join(nodes)))

    assert max(len(line) for line in drawing.splitlines()) <= 80
