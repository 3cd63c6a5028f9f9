import re

from mbnas.report.figures.network_figure import TitledNetwork, draw_networks
from mbnas.report.figures.style import COLUMN_IN, PAGE_IN
from mbnas.space.genotype import Genotype, unet_genotype


def counted(names, kind, network=1):
    return sum(bool(re.fullmatch(rf"network-{network}-{kind}-\d+", each)) for each in names)


def titled(genotype, title="Best found"):
    return TitledNetwork(title=title, genotype=genotype)


def test_every_node_and_skip_of_any_genotype_is_drawn(any_genotype, ids):
    names = ids(draw_networks([titled(any_genotype)]))
    assert counted(names, "node") == len(any_genotype.nodes)
    assert counted(names, "edge") == len(any_genotype.nodes) + 1
    assert counted(names, "skip") == sum(node.skip is not None for node in any_genotype.nodes)


def test_networks_share_a_legend(words, ids):
    figure = draw_networks(
        [titled(Genotype.parse("0dense7-1dense3-0vgg3")), titled(unet_genotype(), "U-Net")]
    )
    found = words(figure)
    assert {"Best found", "U-Net", "1/16", "head", "input", "resolution", "node"} <= set(found)
    for word in ("VGG", "Dense", "3×3", "7×7", "skip"):
        assert found.count(word) == 1
    assert "Residual" not in found
    assert counted(ids(figure), "node", 1) == 3
    assert counted(ids(figure), "node", 2) == 10


def test_a_head_below_full_resolution_shows_its_factor(words):
    assert "×2" in words(draw_networks([titled(Genotype.parse("0vgg3-1vgg3"))]))


def test_texts_do_not_overlap(assert_legible):
    for text in (str(unet_genotype()), "1vgg7-1residual3-1vgg5@1-0vgg5-0dense5-1inception3-2vgg7"):
        assert_legible(draw_networks([titled(Genotype.parse(text)), titled(unet_genotype())]))


def test_a_long_network_takes_the_width_of_a_page():
    for num_nodes, width in ((14, COLUMN_IN), (15, PAGE_IN)):
        genotype = Genotype.parse("-".join(["0vgg3"] * num_nodes))
        assert draw_networks([titled(genotype)]).get_figwidth() == width
