from itertools import pairwise

import numpy as np
import pytest

from mbnas.report.figures.rank_figure import draw_ranks
from mbnas.scoring.rank_tests import average_ranks, critical_difference, groups

NAMES = (
    "Best found",
    "U-Net genotype (the best found)",
    "U-Net (VGG-13)",
    "ResU-Net (ResNet-50)",
    "Network 1a2b3c4d",
    "DeepLabV3Plus (timm-mobilenetv3_large_100)",
    "AModuleOfMyOwnWithAVeryLongName",
    "FPN (efficientnet-b7)",
    "$a_1$ & <b>",
    "ß",
)


def ranks_of(num_networks, seed):
    """Average ranks with ties, some of them close, some all alike."""
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 1 + seed, size=(6, num_networks)) / 10 + np.arange(num_networks) * (
        0.1 if seed % 2 else 0.0
    )
    return average_ranks(scores)


@pytest.mark.parametrize("num_networks", range(2, 11))
@pytest.mark.parametrize("seed", range(3))
def test_labels_overlap_neither_each_other_nor_lines(num_networks, seed, boxes, assert_legible):
    ranks = ranks_of(num_networks, seed)
    figure = draw_ranks(
        NAMES[:num_networks], ranks, critical_difference(num_networks, 6), notes=("A note.",)
    )
    assert_legible(figure)
    (axes,) = figure.axes
    texts = boxes(figure)
    for line in axes.lines:
        places = axes.transData.transform(line.get_xydata())
        for (x0, y0), (x1, y1) in pairwise(places):
            for text, box in texts:
                across = min(max(x0, x1), box.x1) - max(min(x0, x1), box.x0)
                down = min(max(y0, y1), box.y1) - max(min(y0, y1), box.y0)
                assert across < 0 or down < 0, (text, (x0, y0), (x1, y1))


def test_every_network_is_named_with_its_rank(words):
    figure = draw_ranks(["one", "two", "three"], (2.25, 1.0, 2.75), 1.12, notes=("A note.",))
    assert {"one", "2.25", "two", "1.00", "three", "2.75"} <= set(words(figure))
    assert {"CD = 1.12", "1", "2", "3", "A note."} <= set(words(figure))


@pytest.mark.parametrize("seed", range(8))
def test_a_bar_spans_every_group_and_nothing_else(seed, ids):
    ranks, difference = ranks_of(7, seed), 1.7
    figure = draw_ranks(NAMES[:7], ranks, difference)
    bars = groups(ranks, difference)
    drawn = {line.get_gid(): line for line in figure.axes[0].lines if line.get_gid()}
    assert sum(each.startswith("group-") for each in ids(figure)) == len(bars)
    scale = np.ptp(drawn["critical-difference"].get_xdata()) / difference
    left = drawn["critical-difference"].get_xdata()[0]
    for number, bar in enumerate(bars, start=1):
        low, high = (np.array(drawn[f"group-{number}"].get_xdata()) - left) / scale + 1
        inside = {network for network, rank in enumerate(ranks) if low <= rank <= high}
        assert set(bar) <= inside
        overhang = 2.6 / scale
        assert low >= ranks[bar[0]] - overhang
        assert high <= ranks[bar[-1]] + overhang


def test_networks_that_all_differ_have_no_bar(ids):
    figure = draw_ranks(["a", "b", "c"], (1.0, 2.0, 3.0), 0.9)
    assert not [each for each in ids(figure) if each.startswith("group-")]
