import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from mbnas.report.drawings.svg_drawing import draw_network
from mbnas.space.genotype import Genotype, unet_genotype

SVG = "{http://www.w3.org/2000/svg}"
PICTURE_IN_README = Path(__file__).parents[3] / "docs" / "unet.svg"


def elements_of(drawing: str, css_class: str) -> list[ET.Element]:
    root = ET.fromstring(drawing)
    return [element for element in root.iter() if element.get("class") == css_class]


def circle_of(node: ET.Element) -> ET.Element:
    circle = node.find(f"{SVG}circle")
    assert circle is not None
    return circle


def test_unet_has_ten_nodes_eleven_arrows_and_four_arcs():
    drawing = draw_network(unet_genotype())

    assert len(elements_of(drawing, "net-node")) == 10
    assert len(elements_of(drawing, "net-edge")) == 11
    assert len(elements_of(drawing, "net-skip")) == 4


def test_every_node_and_skip_of_any_genotype_is_drawn(any_genotype):
    drawing = draw_network(any_genotype)

    num_skips = sum(node.skip is not None for node in any_genotype.nodes)
    assert len(elements_of(drawing, "net-node")) == len(any_genotype.nodes)
    assert len(elements_of(drawing, "net-edge")) == len(any_genotype.nodes) + 1
    assert len(elements_of(drawing, "net-skip")) == num_skips
    assert "nan" not in drawing


def test_everything_is_inside_the_drawing(any_genotype):
    drawing = draw_network(any_genotype)

    root = ET.fromstring(drawing)
    width, height = float(root.get("width", "")), float(root.get("height", ""))
    for circle in elements_of(drawing, "net-node"):
        x, y, radius = (float(circle_of(circle).get(key, "")) for key in ("cx", "cy", "r"))
        assert radius <= x <= width - radius
        assert radius <= y <= height - radius
    for path in [*elements_of(drawing, "net-skip"), *elements_of(drawing, "net-edge")]:
        numbers = [float(number) for number in re.findall(r"-?[\d.]+", path.get("d", ""))]
        assert min(numbers) >= 0
        assert max(numbers) <= max(width, height)


def test_depth_runs_rightwards_and_resolution_falls_downwards():
    drawing = draw_network(unet_genotype())

    circles = [circle_of(node) for node in elements_of(drawing, "net-node")]
    xs = [float(circle.get("cx", "")) for circle in circles]
    ys = [float(circle.get("cy", "")) for circle in circles]
    assert xs == sorted(set(xs))
    assert ys[:5] == sorted(set(ys[:5]))
    assert ys[4:9] == sorted(set(ys[:5]), reverse=True)


def test_a_larger_kernel_is_a_larger_node():
    drawing = draw_network(Genotype.parse("0vgg1-0vgg3-0vgg5-0vgg7-0vgg21"))

    radii = [float(circle_of(node).get("r", "")) for node in elements_of(drawing, "net-node")]
    assert radii == sorted(set(radii))


def test_blocks_differ_in_colour_and_letters():
    names = ["vgg", "residual", "dense", "inception", *("a" * n for n in range(1, 9)), "v", "vit"]
    genotype = Genotype.parse("-".join(f"0{name}3" for name in names))

    nodes = elements_of(draw_network(genotype), "net-node")
    assert len({circle_of(node).get("fill") for node in nodes}) == len(names)
    assert len({node.findtext(f"{SVG}text") for node in nodes}) == len(names)


def test_a_block_keeps_its_colour_across_drawings():
    alone = draw_network(Genotype.parse("0vit3"), blocks=("swin", "vit"))
    together = draw_network(Genotype.parse("0vit3-0swin3"), blocks=("vit",))

    fills = [circle_of(elements_of(text, "net-node")[0]).get("fill") for text in (alone, together)]
    assert fills[0] == fills[1]


def test_arcs_from_one_level_do_not_overlap():
    drawing = draw_network(Genotype.parse("0vgg3-0vgg3-0vgg3@1-0vgg3@1-0vgg3@2-0vgg3@3"))

    heights = [
        path.get("d", "").split("H")[0].split()[-1] for path in elements_of(drawing, "net-skip")
    ]
    spans = [(1, 3), (1, 4), (2, 5), (3, 6)]
    for one, first in enumerate(spans):
        for other, second in enumerate(spans[:one]):
            if first[0] < second[1] and second[0] < first[1]:
                assert heights[one] != heights[other]


def test_a_separate_file_has_a_title_and_an_inline_drawing_no_namespace():
    genotype = unet_genotype()

    root = ET.fromstring(draw_network(genotype))
    assert root.findtext(f"{SVG}title") == f"Network {genotype}"
    assert root.get("role") == "img"
    assert "http" not in draw_network(genotype, inline=True)


def test_marked_nodes_have_a_ring():
    drawing = draw_network(unet_genotype(), marked=(3, 7))

    ringed = [
        node for node in elements_of(drawing, "net-node") if len(node.findall(f"{SVG}circle")) > 1
    ]
    assert [node.get("data-node") for node in ringed] == ["3", "7"]


@pytest.mark.skipif(not PICTURE_IN_README.exists(), reason="needs the project's own docs/")
def test_the_picture_in_the_readme_is_what_this_version_draws():
    assert PICTURE_IN_README.read_text(encoding="utf-8") == draw_network(unet_genotype()) + "\n"
