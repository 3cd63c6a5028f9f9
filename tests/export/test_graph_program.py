"""Programs of networks run on images of any size, whatever the blocks."""

import pytest
import torch

from mbnas.export.graph_program import export_program
from mbnas.network.blocks import BLOCKS
from mbnas.network.genotype_network import Network
from mbnas.space.genotype import Genotype

SLOW = ("attention",)


@pytest.mark.parametrize(
    "block",
    [pytest.param(each, marks=pytest.mark.slow if each in SLOW else ()) for each in BLOCKS],
)
def test_a_program_is_the_network_at_every_size(block):
    torch.manual_seed(0)
    genotype = Genotype.parse(f"0{block}1-1{block}3-0{block}5-0{block}1")
    network = Network(genotype, in_channels=2, num_classes=3, base_channels=8).eval()
    run = export_program(network, in_channels=2).module()
    with torch.no_grad():
        for size in ((1, 1, 1), (1, 2, 6), (3, 5, 40), (2, 21, 20)):
            images = torch.randn(size[0], 2, *size[1:])
            torch.testing.assert_close(run(images), network(images))
