"""Shifted maps against torch's interpolation: values, gradients, vmap, and when they are used."""

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from torch import nn
from torch.nn import functional

from mbnas.network.fused_networks import FusedNetworks
from mbnas.network.genotype_network import Network
from mbnas.network.operations import upsampling
from mbnas.network.operations.upsampling import Upsampling, interleaved, upsample
from mbnas.space.genotype import Genotype

SCALES = [2, 4, 8, 16]
sides = st.integers(1, 9)


@pytest.fixture(autouse=True)
def _as_torch_begins():
    """Deterministic algorithms are off, and restored afterwards."""
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(False)
    yield
    torch.use_deterministic_algorithms(before)


def drawn(*shape, seed=0, dtype=torch.float32):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


def reference(maps, scale):
    return functional.interpolate(maps, scale_factor=scale, mode="bilinear", align_corners=False)


def with_gradient(function, maps, scale):
    """The result of an interpolation, and the gradient of a weighted sum of it."""
    maps = maps.clone().requires_grad_()
    larger = function(maps, scale)
    (gradient,) = torch.autograd.grad(larger, maps, drawn(*larger.shape, seed=1, dtype=maps.dtype))
    return larger.detach(), gradient


def assert_near(found, expected, relative):
    """Equal up to a fraction of the largest value, as cancelled values have no exact digits."""
    bound = relative * float(expected.abs().max())
    torch.testing.assert_close(found, expected, rtol=relative, atol=bound)


@settings(max_examples=40)
@given(st.integers(1, 3), st.integers(1, 4), sides, sides, st.sampled_from(SCALES))
def test_values_and_gradients_are_those_of_torch(batch, channels, height, width, scale):
    maps = drawn(batch, channels, height, width)
    larger, gradient = with_gradient(interleaved, maps, scale)
    expected, expected_gradient = with_gradient(reference, maps, scale)
    assert larger.shape == (batch, channels, scale * height, scale * width)
    assert_near(larger, expected, 1e-6)
    assert_near(gradient, expected_gradient, 2e-6)  # sums of up to (2 * 16) ** 2 numbers


@pytest.mark.parametrize("scale", SCALES)
def test_in_float64_they_are_the_same_to_the_last_digits(scale):
    maps = drawn(2, 3, 5, 7, dtype=torch.float64)
    for found, expected in zip(
        with_gradient(interleaved, maps, scale), with_gradient(reference, maps, scale), strict=True
    ):
        assert_near(found, expected, 1e-14)


@pytest.mark.parametrize("scale", SCALES)
def test_bfloat16_differs_by_its_rounding(scale):
    exact = drawn(2, 3, 5, 7, dtype=torch.bfloat16)
    larger, gradient = with_gradient(interleaved, exact, scale)
    assert larger.dtype == gradient.dtype == torch.bfloat16
    expected, expected_gradient = with_gradient(reference, exact.double(), scale)
    spacing = 2.0**-8
    assert_near(larger.double(), expected, 2 * spacing)  # rounded across and down
    # once more for every sum in which a pixel's share is gathered, log2 of the scale at least
    assert_near(gradient.double(), expected_gradient, 2 * (1 + scale) * spacing)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("function", [interleaved, upsample])
def test_vmap_gives_the_same_values(function, scale):
    maps = drawn(3, 2, 4, 5, 7)
    together = torch.vmap(lambda each: function(each, scale))(maps)
    for index, each in enumerate(maps):
        assert torch.equal(together[index], function(each, scale))


def test_a_constant_does_not_change():
    assert torch.equal(
        interleaved(torch.full((1, 2, 3, 1), 0.1), 8), torch.full((1, 2, 24, 8), 0.1)
    )


@pytest.mark.usefixtures("deterministic")
@pytest.mark.parametrize("scale", SCALES)
def test_on_the_cpu_it_is_nn_upsample_bit_for_bit(scale):
    module = nn.Upsample(scale_factor=scale, mode="bilinear", align_corners=False)
    maps = drawn(2, 3, 5, 7).contiguous(memory_format=torch.channels_last)
    for ours, theirs in zip(
        with_gradient(upsample, maps, scale),
        with_gradient(lambda maps, _: module(maps), maps, scale),
        strict=True,
    ):
        assert torch.equal(ours, theirs)
    size = [scale * side for side in maps.shape[-2:]]
    by_size = functional.interpolate(maps, size=size, mode="bilinear", align_corners=False)
    assert torch.equal(upsample(maps, scale), by_size)


class Names(torch.utils._python_dispatch.TorchDispatchMode):
    """Keeps the names of all operations."""

    def __init__(self):
        super().__init__()
        self.names = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.names.add(func.overloadpacket.__name__)
        return func(*args, **(kwargs or {}))


GATHERS = {"index", "index_put", "_unsafe_index", "_unsafe_index_put", "gather", "scatter_add"}
NATIVE = {"upsample_bilinear2d", "upsample_bilinear2d_backward"}


def operations(device):
    """The operations of a step of a network that upsamples and ends at a low level."""
    network = Network(
        Genotype.parse("0vgg3-1vgg3-2vgg3-1vgg3"), in_channels=1, num_classes=2, base_channels=4
    ).to(device)
    with Names() as seen:
        network(torch.zeros(2, 1, 8, 8, device=device)).sum().backward()
    return seen.names


@pytest.mark.usefixtures("deterministic")
def test_on_other_devices_no_step_gathers():
    assert not operations("meta") & (GATHERS | NATIVE)
    assert "lerp" in operations("meta")
    assert operations("cpu") > NATIVE


def test_torch_interpolates_if_determinism_is_not_required():
    assert operations("meta") > NATIVE


@pytest.mark.usefixtures("deterministic")
def test_fused_networks_upsample_on_the_device_of_their_images():
    networks = [
        Network(Genotype.parse("0vgg3-1vgg3-0vgg3"), in_channels=1, num_classes=2, base_channels=4)
        for _ in range(2)
    ]
    images = drawn(2, 3, 1, 6, 5)
    together = FusedNetworks(networks)
    with Names() as seen:
        logits = together(images)
    assert "upsample_bilinear2d" in seen.names
    assert "lerp" not in seen.names
    for index, network in enumerate(networks):
        torch.testing.assert_close(logits[index], network(images[index]), rtol=1e-4, atol=1e-5)


def test_fused_networks_learn_by_shifted_maps_like_single_networks(monkeypatch):
    monkeypatch.setattr(upsampling, "upsample", interleaved)
    networks = [
        Network(Genotype.parse("0vgg3-1vgg3-0vgg3"), in_channels=1, num_classes=2, base_channels=4)
        for _ in range(2)
    ]
    images = drawn(2, 3, 1, 6, 5)
    alone = []
    for network, its_images in zip(networks, images, strict=True):
        network(its_images).square().mean().backward()
        alone.append({name: each.grad.clone() for name, each in network.named_parameters()})
    together = FusedNetworks(networks)
    together.clear_gradients()
    with Names() as seen:
        sum(logits.square().mean() for logits in together(images)).backward()
    assert "lerp" in seen.names
    assert not seen.names & (GATHERS | NATIVE)
    together.distribute_gradients()
    for network, gradients in zip(networks, alone, strict=True):
        for name, parameter in network.named_parameters():
            torch.testing.assert_close(parameter.grad, gradients[name], rtol=1e-3, atol=1e-5)


def test_it_has_no_weights_and_shows_its_scale():
    assert Upsampling(2).state_dict() == {}
    assert str(Upsampling(4)) == "Upsampling(scale=4)"
    maps = drawn(1, 1, 2, 2)
    assert upsample(maps, 1) is maps


@pytest.mark.parametrize("scale", [0, -2, 3, 6])
def test_other_scales_are_refused(scale):
    with pytest.raises(ValueError, match=rf"scale \(={scale}\) must be a power of two"):
        Upsampling(scale)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.usefixtures("deterministic")
@pytest.mark.parametrize("scale", SCALES)
def test_a_gpu_gives_the_same_twice_and_the_cpus_values(scale):
    maps = drawn(4, 8, 9, 7)
    (first, again), expected = (
        [with_gradient(upsample, maps.cuda(), scale) for _ in range(2)],
        with_gradient(upsample, maps, scale),
    )
    for one, other, on_cpu in zip(first, again, expected, strict=True):
        assert torch.equal(one, other)
        assert_near(one.cpu(), on_cpu, 2e-6)
