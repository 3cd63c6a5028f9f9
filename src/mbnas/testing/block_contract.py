"""The contract of every block, as functions that raise ``AssertionError`` where one breaks it.

They need no test framework, and take the name under which a block is offered. With pytest::

    @pytest.mark.parametrize("check", CHECKS)
    def test_it_keeps_the_contract(check):
        check("ghost")
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn

from mbnas.network.blocks import block_class
from mbnas.network.blocks.image_extent import ExtentSequential
from mbnas.network.cost.complexity import complexity
from mbnas.network.cost.genotype_cost import GenotypeCost
from mbnas.network.cpu import with_cpu_layers
from mbnas.network.fused_networks import FusedNetworks
from mbnas.network.genotype_network import Network
from mbnas.network.interface import Interface
from mbnas.network.operations.determinism import deterministic_algorithms
from mbnas.network.operations.memory_layout import channels_last
from mbnas.space.genotype import Genotype
from mbnas.testing.first_node import check_it_learns_bright_and_dark

Check = Callable[[str], None]
"""Checks the block of a name."""

WIDTHS = ((1, 8), (8, 8), (12, 8))
"""Channels of input and output."""

SIZES = ((1, 1), (1, 6), (5, 8), (16, 16))
"""Heights and widths of maps in pixels."""

KERNELS = (1, 3, 5, 7)

IMAGE, PADDED = 8, 40
"""Sides of an image and of its padded maps: no convolution reaches from one end to the other."""

BFLOAT16_ERROR = 0.1
"""Largest error of maps in bfloat16, as a fraction of their norm; its rounding is 0.004."""


def check_height_and_width_stay(name: str) -> None:
    """Check that maps of any size keep it and get the channels that are asked for."""
    for in_channels, out_channels in WIDTHS:
        for kernel in KERNELS:
            block = _block(name, in_channels, out_channels, kernel)
            for size in SIZES:
                shape = tuple(block(_maps(in_channels, size)).shape)
                wanted = (2, out_channels, *size)
                assert shape == wanted, f"It gives {shape} instead of {wanted}."


def check_the_input_stays(name: str) -> None:
    """Check that the input is not changed: a skip may take it too."""
    maps = _maps(8)
    before = maps.clone()
    _block(name)(maps)
    assert torch.equal(maps, before), "It changes its input."


def check_values_are_finite(name: str) -> None:
    """Check outputs and gradients at every size, one pixel included, and that all weights learn."""
    for size in SIZES:
        block, maps = _block(name), _maps(8, size).requires_grad_()
        for mode in (True, False):
            output = block.train(mode)(maps)
            assert torch.isfinite(output).all(), f"An output for {size} pixels is not finite."
        block.train()(maps).square().sum().backward()
        for parameter, each in [*block.named_parameters(), ("input", maps)]:
            assert each.grad is not None, f"No gradient reaches {parameter}."
            assert torch.isfinite(each.grad).all(), f"A gradient of {parameter} is not finite."


def check_it_is_deterministic(name: str) -> None:
    """Check that outputs and gradients repeat, with torch's deterministic algorithms."""
    with deterministic_algorithms(wanted=True):
        first, second = (_step(_block(name), _maps(8)) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        assert torch.equal(one, other), "The same step gives another result."


def check_it_computes_in_bfloat16(name: str) -> None:
    """Check that outputs and gradients in bfloat16 are near those in float32."""
    exact = _step(_block(name), _maps(8))
    with torch.autocast("cpu", torch.bfloat16):
        rough = _step(_block(name), _maps(8))
    for one, other in zip(rough[:2], exact[:2], strict=True):  # the output and the input's gradient
        error = (one.float() - other).norm() / other.norm()
        assert error <= BFLOAT16_ERROR, f"In bfloat16 an error is {error:.2f} of the values."


def check_channels_last_stays(name: str) -> None:
    """Check that the output of channels-last maps is channels-last: no layer after it copies."""
    for in_channels, out_channels in WIDTHS:
        block = _block(name, in_channels, out_channels).to(memory_format=torch.channels_last)
        output = block(channels_last(_maps(in_channels)))
        is_last = output.is_contiguous(memory_format=torch.channels_last)
        assert is_last, f"The output has strides {output.stride()}, which is not channels last."


def check_padding_does_not_matter(name: str) -> None:
    """Check that values in the image do not depend on padding beyond what a convolution sees."""
    row = ExtentSequential(_block(name).eval())
    maps = _maps(8, (PADDED, PADDED))
    other = maps.clone()
    for dim in (2, 3):
        other.narrow(dim, PADDED - IMAGE, IMAGE).add_(5)
    first, second = (row(each, (IMAGE, IMAGE))[..., :IMAGE, :IMAGE] for each in (maps, other))
    assert torch.allclose(first, second, atol=1e-5), (
        "Its values depend on padding far from the image: make it an ExtentBlock, which is told "
        "what is image."
    )


def check_kernels_give_distinct_blocks(name: str) -> None:
    """Check that no two kernels build the same block: a search would count it twice."""
    seen: dict[str, int] = {}
    for kernel in KERNELS:
        block = _block(name, kernel=kernel)
        shapes = [(key, tuple(each.shape)) for key, each in block.state_dict().items()]
        text = f"{block} {shapes}"
        assert text not in seen, f"Kernels {seen[text]} and {kernel} build the same block."
        seen[text] = kernel


def check_it_can_be_copied(name: str) -> None:
    """Check that copies, pickled blocks and loaded states compute what the block does."""
    block, maps = _block(name).eval(), _maps(8)
    loaded = _block(name, seed=1).eval()
    loaded.load_state_dict(block.state_dict())
    for other in (copy.deepcopy(block), pickle.loads(pickle.dumps(block)), loaded):
        assert torch.equal(other(maps), block(maps)), "A copy computes something else."


def check_its_cost_is_counted(name: str) -> None:
    """Check that the sum of its cells' costs is the cost of a network of it.

    Activations are left out: a block that is told what is image may write more for a padded one.
    """
    interface = Interface(in_channels=2, num_classes=3, size=13)
    genotype = Genotype.parse(f"0{name}3-1{name}5-0{name}3")
    counted = GenotypeCost(interface=interface, base_channels=8)(genotype)
    built = complexity(lambda: _network(genotype), interface)
    alike = replace(counted, activations=built.activations)
    assert alike == built, f"Its cells cost {counted}, and the network {built}."


def check_fused_networks_equal_single_ones(name: str) -> None:
    """Check that networks that train as one have the logits and gradients of single ones."""
    genotype = Genotype.parse(f"0{name}3-1{name}3-0{name}3")
    networks = [_network(genotype, seed).double() for seed in range(2)]
    alone = [copy.deepcopy(each) for each in networks]
    images = _maps(2, (8, 7), 4).double().unflatten(0, (2, 2))  # type: ignore[no-untyped-call]
    fused = FusedNetworks(networks)
    fused(images).square().sum().backward()  # type: ignore[no-untyped-call]
    fused.distribute_gradients()
    for network, single, its_images in zip(networks, alone, images, strict=True):
        single.train()(its_images).square().sum().backward()
        for (key, one), other in zip(network.named_parameters(), single.parameters(), strict=True):
            assert one.grad is not None
            assert other.grad is not None
            is_close = torch.allclose(one.grad, other.grad, rtol=1e-6, atol=1e-6)
            assert is_close, f"Fused, the gradient of {key} is another."


def check_cpu_layers_change_nothing(name: str) -> None:
    """Check that it computes the same with the layers that trainings on CPUs use."""
    plain = _network(Genotype.parse(f"0{name}5-1{name}1")).double()
    images = channels_last(_maps(2, (16, 16)).double())
    found = _step(with_cpu_layers(copy.deepcopy(plain)), images)
    for one, other in zip(found, _step(plain, images), strict=True):
        assert torch.allclose(one, other, rtol=1e-6, atol=1e-8), "It computes something else."


CHECKS: tuple[Check, ...] = (
    check_height_and_width_stay,
    check_the_input_stays,
    check_values_are_finite,
    check_it_is_deterministic,
    check_it_computes_in_bfloat16,
    check_channels_last_stays,
    check_padding_does_not_matter,
    check_kernels_give_distinct_blocks,
    check_it_can_be_copied,
    check_its_cost_is_counted,
    check_fused_networks_equal_single_ones,
    check_cpu_layers_change_nothing,
    check_it_learns_bright_and_dark,
)


def _block(
    name: str, in_channels: int = 8, out_channels: int = 8, kernel: int = 3, seed: int = 0
) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return block_class(name)(in_channels, out_channels, kernel)


def _network(genotype: Genotype, seed: int = 0) -> Network:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Network(genotype, in_channels=2, num_classes=3, base_channels=8)


def _maps(channels: int, size: tuple[int, int] = (5, 8), batch: int = 2) -> Tensor:
    """Return random maps, the same for the same shape."""
    generator = torch.Generator().manual_seed(1)
    return torch.randn(batch, channels, *size, generator=generator)


def _step(module: nn.Module, maps: Tensor) -> list[Tensor]:
    """Return the output and the gradients of a step: of the input, then of the parameters."""
    maps = maps.detach().clone(memory_format=torch.preserve_format).requires_grad_()
    output = module.train()(maps)
    output.square().sum().backward()
    gradients = [maps, *module.parameters()]
    return [output.detach(), *(each.grad for each in gradients if each.grad is not None)]
