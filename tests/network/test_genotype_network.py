"""Networks of genotypes: each can be built, run and trained at any size."""

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings

from mbnas.errors import ConfigurationError
from mbnas.network.blocks import BLOCKS
from mbnas.network.genotype_network import Network
from mbnas.space.genotype import Genotype, unet_genotype
from mbnas.space.search_space import Space

SPACE = Space(num_nodes=6, num_levels=4, kernels=(1, 3), blocks=tuple(BLOCKS))


def build(genotype, *, in_channels=1, num_classes=2, base_channels=4):
    return Network(
        genotype, in_channels=in_channels, num_classes=num_classes, base_channels=base_channels
    )


def test_the_unet_gives_logits_at_the_size_of_its_images():
    network = build(unet_genotype(), in_channels=2, num_classes=3)
    assert network(torch.randn(2, 2, 32, 48)).shape == (2, 3, 32, 48)


def test_the_unet_has_the_parameters_of_a_unet():
    network = build(unet_genotype(), in_channels=1, num_classes=3, base_channels=8)
    #      node: 1   2   3   4    5    6   7 with 4  8 with 3  9 with 2 10 with 1
    arriving = [1, 8, 16, 32, 64, 128, 64 + 64, 32 + 32, 16 + 16, 8 + 8]
    leaving = [8, 16, 32, 64, 128, 64, 32, 16, 8, 8]
    convolutions = sum(9 * (i + o) * o for i, o in zip(arriving, leaving, strict=True))
    norms = sum(4 * o for o in leaving)
    parameters = sum(p.numel() for p in network.parameters())
    assert parameters == convolutions + norms + 8 * 3 + 3


def test_the_nodes_of_the_unet_run_at_their_levels():
    network = build(unet_genotype())
    sizes = []
    for cell in network.cells:
        cell.register_forward_hook(lambda _cell, _given, maps: sizes.append(maps.shape[-1]))
    network(torch.randn(2, 1, 32, 32))
    assert sizes == [32, 16, 8, 4, 2, 4, 8, 16, 32, 32]


@settings(max_examples=12)
@given(st.data(), st.integers(1, 3), st.integers(1, 4), st.integers(1, 11), st.integers(1, 11))
def test_any_genotype_runs_forward_and_backward(data, in_channels, num_classes, height, width):
    genotype = SPACE.genotype_at(data.draw(st.integers(0, SPACE.count - 1)))
    network = build(genotype, in_channels=in_channels, num_classes=num_classes)
    images = torch.randn(2, in_channels, height, width)
    logits = network(images)
    assert logits.shape == (2, num_classes, height, width)
    logits.square().mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name


@settings(max_examples=10)
@given(st.data())
def test_distinct_genotypes_build_distinct_networks(data):
    indices = st.integers(0, SPACE.count - 1)
    first, second = (SPACE.genotype_at(data.draw(indices)) for _ in range(2))
    if first == second:
        return
    assert "\n".join(traces(first)) != "\n".join(traces(second))


def traces(genotype):
    """Return what each node gets and does: the cells, and which maps arrive."""
    with torch.device("meta"):
        network = build(genotype)
    for node, cell in zip(genotype.nodes, network.cells, strict=True):
        yield f"{cell} from {node.skip}"


def test_a_skip_passes_on_the_output_of_its_source():
    network = build(Genotype.parse("0vgg3-0vgg3-0vgg3@1")).eval()
    seen = {}
    for number, cell in enumerate(network.cells, start=1):
        cell.register_forward_hook(
            lambda _cell, given, maps, number=number: seen.update({number: (given[0], maps)})
        )
    network(torch.randn(1, 1, 4, 4))
    assert torch.equal(seen[3][0], torch.cat([seen[2][1], seen[1][1]], dim=1))


def test_a_size_that_needs_padding_gives_the_logits_of_the_padded_image():
    network = build(unet_genotype(3)).eval()
    images = torch.randn(1, 1, 7, 5)
    padded = torch.zeros(1, 1, 8, 8)
    padded[..., :7, :5] = images
    with torch.no_grad():
        assert torch.equal(network(images), network(padded)[..., :7, :5])


def test_logits_of_a_network_that_ends_at_a_low_level_are_upsampled():
    network = build(Genotype.parse("0vgg3-1vgg3-2vgg3"), num_classes=3)
    assert network(torch.randn(2, 1, 9, 12)).shape == (2, 3, 9, 12)


@pytest.mark.parametrize("name", ["in_channels", "num_classes", "base_channels"])
def test_numbers_below_one_are_refused(name):
    with pytest.raises(ConfigurationError, match=rf"{name} \(=0\) must be 1 or more"):
        build(unet_genotype(), **{name: 0})


def test_base_channels_that_a_block_does_not_support_are_refused():
    with pytest.raises(ConfigurationError, match=r"\(=6\) must be divisible by 4"):
        build(Genotype.parse("0dense3"), base_channels=6)
    assert build(Genotype.parse("0vgg3-0residual3"), base_channels=6) is not None
