"""Any block can be node 1: it learns from the image whether structures are bright or dark.

Of three classes two are below the mean intensity, or above it where intensities are negated. What
begins with a ReLU on the image cannot tell two classes below the mean apart.
"""

from importlib.metadata import EntryPoint

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from mbnas.network import blocks
from mbnas.network.blocks import BLOCKS, STEM_KERNEL, VGGBlock
from mbnas.network.genotype_network import Network
from mbnas.space.genotype import Genotype

INTENSITIES = np.array([4.0, -1.5, -2.5])  # of the classes; the mean is 0
LEARNT = 0.9
"""Share of correctly classified pixels; it is 0.67 if two classes are confused."""


class SeparableBlock(nn.Sequential):
    """A block of another package that starts with a convolution."""

    def __init__(self, in_channels, out_channels, kernel):
        super().__init__(
            nn.Conv2d(in_channels, out_channels, 1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(),
            nn.Conv2d(out_channels, out_channels, kernel, padding="same", groups=out_channels),
            nn.Conv2d(out_channels, out_channels, 1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(),
        )


class ActivatingBlock(nn.Sequential):
    """A block of another package that starts with normalisation and ReLU, which is not allowed."""

    def __init__(self, in_channels, out_channels, kernel):
        super().__init__(
            nn.BatchNorm2d(in_channels), nn.ReLU(), VGGBlock(in_channels, out_channels, kernel)
        )


@pytest.fixture(autouse=True)
def _offered(monkeypatch):
    """Two blocks of another package."""
    points = [
        EntryPoint("separable", f"{__name__}:SeparableBlock", "mbnas.blocks"),
        EntryPoint("activating", f"{__name__}:ActivatingBlock", "mbnas.blocks"),
    ]
    classes = {"separable": SeparableBlock, "activating": ActivatingBlock}
    monkeypatch.setattr(EntryPoint, "load", lambda point: classes[point.name])
    monkeypatch.setattr(blocks, "entry_points", lambda *, group: points)


def learnt_share(block, sign):
    """The share of pixels that a network of one node classifies correctly after 60 steps."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, (4, 4, 4)).repeat(4, axis=1).repeat(4, axis=2)
    values = INTENSITIES[labels] + 0.1 * rng.normal(size=labels.shape)
    values = sign * (values - values.mean()) / values.std()
    images, truth = torch.from_numpy(values).float()[:, None], torch.from_numpy(labels)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Network(
            Genotype.parse(f"0{block}3"), in_channels=1, num_classes=3, base_channels=16
        )
    optimiser = torch.optim.Adam(network.parameters(), lr=5e-3)
    for _ in range(60):
        optimiser.zero_grad()
        logits = network(images)
        functional.cross_entropy(logits, truth).backward()
        optimiser.step()
    return (logits.argmax(dim=1) == truth).float().mean().item()


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("block", [*BLOCKS, "separable"])
def test_a_block_in_node_1_learns_from_bright_and_from_dark_structures(block, sign):
    assert learnt_share(block, sign) > LEARNT


def test_a_block_that_starts_with_an_activation_learns_only_one_of_the_two():
    assert learnt_share("activating", 1) < LEARNT < learnt_share("activating", -1)


@pytest.mark.parametrize(("text", "place"), [("0dense5", 0), ("1dense5", 1)])
def test_a_dense_block_in_node_1_comes_after_a_convolution_without_bias(text, place):
    cell = Network(Genotype.parse(text), in_channels=2, num_classes=3, base_channels=8).cells[0]
    stem, block = list(cell)[place : place + 2]
    width = 8 * 2**place
    assert stem.kernel_size == (STEM_KERNEL, STEM_KERNEL)
    assert stem.weight.shape[:2] == (width, 2)
    assert stem.bias is None
    assert block.layers[0][0].num_features == width


def test_a_dense_block_in_a_later_node_has_no_convolution_before_it():
    network = Network(
        Genotype.parse("0vgg3-0dense3"), in_channels=2, num_classes=3, base_channels=8
    )
    assert [type(each) for each in network.cells[1]] == [BLOCKS["dense"]]
