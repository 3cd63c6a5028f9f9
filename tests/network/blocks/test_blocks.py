"""Every block has the structure of its paper and the cost that its formula gives."""

import itertools
import math
from importlib.metadata import EntryPoint

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from mbnas.errors import ConfigurationError
from mbnas.network import blocks
from mbnas.network.blocks import BLOCKS, EXPANDING, ResidualBlock, VGGBlock, block_class


def conv_norm(in_channels, out_channels, kernel):
    """Weights without bias, then scale and shift of the normalisation."""
    return in_channels * out_channels * kernel**2 + 2 * out_channels


def vgg(i, o, k):
    return conv_norm(i, o, k) + conv_norm(o, o, k)


def residual(i, o, k):
    return vgg(i, o, k) + (0 if i == o else conv_norm(i, o, 1))


def dense(i, o, k):
    growth = o // 4
    seen = [i + layer * growth for layer in range(4)]
    layers = sum(2 * s + s * growth * k**2 for s in seen)
    return layers + 2 * (i + o) + (i + o) * o + o


def inception(i, o, k):
    width = o // 4
    return 4 * conv_norm(i, width, 1) + 3 * conv_norm(width, width, k)


def linear(i, o):
    return i * o + o


def excitation(channels, hidden):
    return linear(channels, hidden) + linear(hidden, channels)


def seresidual(i, o, k):
    return residual(i, o, k) + excitation(o, max(4, o // 16))


def projection(i, o):
    return 0 if i == o else linear(i, o)


def perceptron(o):
    return 2 * o + linear(o, 4 * o) + linear(4 * o, o)


def convnext(i, o, k):
    return projection(i, o) + k**2 * o + o + perceptron(o)


def mbconv(i, o, k):
    depthwise = k**2 * 4 * i + 2 * 4 * i
    squeezed = excitation(4 * i, max(4, i // 4))
    return conv_norm(i, 4 * i, 1) + depthwise + squeezed + conv_norm(4 * i, o, 1)


def attention(i, o, k):
    heads = max(1, o // 32)
    layer = 2 * o + linear(o, 3 * o) + heads * (2 * k - 1) ** 2 + linear(o, o) + perceptron(o)
    return projection(i, o) + 2 * layer


FORMULAS = {
    "vgg": vgg,
    "residual": residual,
    "dense": dense,
    "inception": inception,
    "seresidual": seresidual,
    "convnext": convnext,
    "mbconv": mbconv,
    "attention": attention,
}


def vgg_macs(i, o, k, h, w):
    return h * w * k**2 * (i * o + o * o)


def residual_macs(i, o, k, h, w):
    return vgg_macs(i, o, k, h, w) + (0 if i == o else h * w * i * o)


def dense_macs(i, o, k, h, w):
    growth = o // 4
    layers = sum((i + layer * growth) * growth * k**2 for layer in range(4))
    return h * w * (layers + (i + o) * o)


def inception_macs(i, o, k, h, w):
    width = o // 4
    return h * w * (4 * i * width + 3 * k**2 * width**2)


def seresidual_macs(i, o, k, h, w):
    return residual_macs(i, o, k, h, w) + 2 * o * max(4, o // 16)


def projection_macs(i, o, h, w):
    return 0 if i == o else h * w * i * o


def convnext_macs(i, o, k, h, w):
    return projection_macs(i, o, h, w) + h * w * (k**2 * o + 8 * o * o)


def mbconv_macs(i, o, k, h, w):
    return h * w * 4 * i * (i + k**2 + o) + 2 * 4 * i * max(4, i // 4)


def attention_macs(i, o, k, h, w):
    first = math.ceil(h / k) * math.ceil(w / k) * k**2
    second = math.ceil((h + k // 2) / k) * math.ceil((w + k // 2) / k) * k**2
    of_windows = (first + second) * (4 * o * o + 2 * k**2 * o)
    return projection_macs(i, o, h, w) + of_windows + 2 * h * w * 8 * o * o


MACS = {
    "vgg": vgg_macs,
    "residual": residual_macs,
    "dense": dense_macs,
    "inception": inception_macs,
    "seresidual": seresidual_macs,
    "convnext": convnext_macs,
    "mbconv": mbconv_macs,
    "attention": attention_macs,
}
SIZES = [(1, 4, 3), (8, 8, 3), (3, 8, 5), (12, 4, 7), (32, 64, 3)]


def test_every_block_has_a_formula():
    assert FORMULAS.keys() == MACS.keys() == BLOCKS.keys()


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", BLOCKS)
def test_parameters_follow_the_formula(name, size):
    block = block_class(name)(*size)
    assert sum(p.numel() for p in block.parameters()) == FORMULAS[name](*size)


def multiply_accumulates(block, in_channels, height, width):
    """Those of torch's counter for one image."""
    with FlopCounterMode(display=False) as counter:
        block.eval()(torch.zeros(1, in_channels, height, width))
    return counter.get_total_flops() / 2


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", BLOCKS)
def test_multiply_accumulates_follow_the_formula(name, size):
    in_channels, out_channels, kernel = size
    found = multiply_accumulates(block_class(name)(*size), in_channels, 9, 11)
    assert found == MACS[name](in_channels, out_channels, kernel, 9, 11)


GOLDEN = {
    "vgg": (55_552, 14_155_776),
    "residual": (57_728, 14_680_064),
    "dense": (39_104, 9_830_400),
    "inception": (9_184, 2_293_760),
    "seresidual": (58_308, 14_680_576),
    "convnext": (35_968, 9_060_352),
    "mbconv": (16_264, 3_442_688),
    "attention": (102_180, 28_664_832),
}
"""Parameters, and multiply-accumulates of 16×16 pixels, with 32 channels in, 64 out, kernel 3."""


@pytest.mark.parametrize("name", BLOCKS)
def test_costs_of_a_doubling_block_are_golden_numbers(name):
    block = block_class(name)(32, 64, 3)
    parameters = sum(p.numel() for p in block.parameters())
    assert (parameters, multiply_accumulates(block, 32, 16, 16)) == GOLDEN[name]


STRUCTURES = {
    "vgg": "conv5 norm relu conv5 norm relu",
    "residual": "conv5 norm relu conv5 norm conv1 norm relu",
    "dense": "norm relu conv5 norm relu conv5 norm relu conv5 norm relu conv5 norm relu conv1+bias",
    # Its branches are computed together, which has a test of its own.
    "inception": "conv1 norm relu conv5 conv5 norm relu conv5 pool3 norm relu",
    "seresidual": "conv5 norm relu conv5 norm linear relu linear sigmoid conv1 norm relu",
    "convnext": "conv1+bias depthwise5+bias layernorm linear gelu linear",
    "mbconv": "conv1 norm silu depthwise5 norm silu linear silu linear sigmoid conv1 norm",
    "attention": "conv1+bias" + 2 * " layernorm linear linear layernorm linear gelu linear",
}


def word(layer):
    match layer:
        case torch.nn.Conv2d():
            side, other = layer.kernel_size
            assert side == other
            assert layer.stride == layer.dilation == (1, 1)
            kind = "conv" if layer.groups == 1 else "depthwise"
            return f"{kind}{side}" + "+bias" * (layer.bias is not None)
        case torch.nn.AvgPool2d():
            return f"pool{layer.kernel_size}"
    return {"BatchNorm2d": "norm"}.get(type(layer).__name__, type(layer).__name__.lower())


@pytest.mark.parametrize("name", BLOCKS)
def test_a_block_computes_in_the_order_of_its_paper(name):
    block, order = block_class(name)(4, 8, 5), []
    for layer in block.modules():
        if not list(layer.children()):
            layer.register_forward_hook(lambda layer, *_: order.append(word(layer)))
    block(torch.randn(2, 4, 6, 6))
    assert " ".join(order) == STRUCTURES[name]


def inputs_of(block, kind):
    """Return a list that collects the inputs of layers of a kind, in the order of calls."""
    seen = []
    for layer in block.modules():
        if isinstance(layer, kind):
            layer.register_forward_pre_hook(lambda _layer, given: seen.append(given[0]))
    return seen


def test_every_layer_of_a_dense_block_sees_all_before_it():
    block, maps = block_class("dense")(4, 8, 3), torch.randn(2, 4, 6, 6)
    seen = inputs_of(block, torch.nn.BatchNorm2d)
    block(maps)
    assert [given.shape[1] for given in seen] == [4, 6, 8, 10, 12]
    for before, after in itertools.pairwise([maps, *seen]):
        assert torch.equal(after[:, : before.shape[1]], before)


def branches_of(block, channels):
    """Return the four branches of an inception block, computed separately."""

    def layer(weight, norm, part):
        out_channels, in_channels, side, _ = weight.shape
        convolution = torch.nn.Conv2d(in_channels, out_channels, side, padding="same", bias=False)
        convolution.weight = torch.nn.Parameter(weight)
        own = torch.nn.BatchNorm2d(len(weight))
        own.load_state_dict(
            {
                key: value if value.dim() == 0 else value[part]
                for key, value in norm.state_dict().items()
            }
        )
        return torch.nn.Sequential(convolution, own, torch.nn.ReLU())

    first, width = block.first.weight.detach(), channels // 4
    quarters = [slice(width * number, width * (number + 1)) for number in range(4)]
    early, late = block.first_activation[0], block.last_activation[0]
    return [
        layer(first[quarters[0]], late, quarters[0]),
        torch.nn.Sequential(
            layer(first[quarters[1]], early, quarters[0]),
            layer(block.short.weight.detach(), late, quarters[1]),
        ),
        torch.nn.Sequential(
            layer(first[quarters[2]], early, quarters[1]),
            block.long[0],
            layer(block.long[1].weight.detach(), late, quarters[2]),
        ),
        torch.nn.Sequential(
            torch.nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False),
            layer(first[quarters[3]], late, quarters[3]),
        ),
    ]


@pytest.mark.parametrize("training", [False, True])
def test_an_inception_block_equals_its_four_separate_branches(training):
    torch.manual_seed(0)
    block, maps = block_class("inception")(6, 8, 5), torch.randn(2, 6, 7, 9)
    for module in block.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for value in (module.weight, module.bias, module.running_mean):
                torch.nn.init.normal_(value)
    branches = branches_of(block, 8)
    block.train(training)
    expected = torch.cat([branch.train(training)(maps) for branch in branches], dim=1)
    torch.testing.assert_close(block(maps), expected)


def test_a_residual_block_of_equal_channels_has_an_identity_shortcut():
    assert list(ResidualBlock(4, 4, 3).shortcut.parameters()) == []


def test_a_residual_block_with_zero_residual_returns_its_input():
    block = ResidualBlock(4, 4, 3)
    torch.nn.init.zeros_(block.residual[-1].weight)
    maps = torch.rand(2, 4, 6, 6)
    assert torch.equal(block(maps), maps)


@pytest.mark.parametrize("name", ["dense", "inception"])
def test_blocks_that_need_a_multiple_of_4_refuse_other_widths(name):
    with pytest.raises(ConfigurationError, match=r"\(=6\) must be divisible by 4: .*base_channels"):
        block_class(name)(3, 6, 3)


@pytest.mark.parametrize("name", EXPANDING)
def test_an_expanding_block_widens_by_its_own_default_or_as_it_is_told(name):
    def parameters(block):
        return sum(each.numel() for each in block.parameters())

    own = parameters(BLOCKS[name](6, 8, 3))
    assert own == parameters(BLOCKS[name](6, 8, 3, expansion=EXPANDING[name]))
    assert own > parameters(block_class(name, 2)(6, 8, 3))


def test_another_package_can_offer_a_block(monkeypatch):
    point = EntryPoint("mine", "mbnas.network.blocks.vgg:VGGBlock", "mbnas.blocks")
    monkeypatch.setattr(blocks, "entry_points", lambda *, group: [point] * (group == point.group))
    assert block_class("mine") is VGGBlock
    with pytest.raises(ConfigurationError, match=r"no block 'other': use one of vgg, .*, mine, or"):
        block_class("other")


def test_a_block_whose_package_cannot_be_imported_is_refused_in_a_sentence(monkeypatch):
    point = EntryPoint("broken", "no_such_module:Block", "mbnas.blocks")
    monkeypatch.setattr(blocks, "entry_points", lambda *, group: [point])
    with pytest.raises(ConfigurationError, match=r"^broken, .* cannot be imported: ModuleNotFound"):
        block_class("broken")
