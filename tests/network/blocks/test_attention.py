"""Attention in windows: against timm and torchvision, and its masks against a plain loop."""

import math

import pytest
import torch
from torch import nn

from mbnas.network.blocks import AttentionBlock
from mbnas.network.blocks.attention import TransformerLayer, WindowAttention, num_heads
from mbnas.network.blocks.windows import cut_windows, image_in_windows, join_windows, num_windows

from .references import check_equal, library

CPU = torch.device("cpu")


@pytest.mark.parametrize("shift", [0, 1, 2])
def test_a_layer_is_that_of_timm(shift):
    """Without padding: timm's padded pixels are looked at."""
    torch.manual_seed(0)
    own = TransformerLayer(64, 5, (5 - shift) % 5)
    theirs = library("timm.models.swin_transformer").SwinTransformerBlock(
        64, (20, 15), num_heads=2, window_size=5, shift_size=shift
    )
    pixels = torch.randn(2, 20, 15, 64)
    check_equal(own, theirs, lambda given: own(given, None), theirs, pixels)


@pytest.mark.parametrize("shift", [0, 1])
def test_attention_is_that_of_torchvision(shift):
    torch.manual_seed(0)
    own = WindowAttention(64, 3, (3 - shift) % 3)
    theirs = library("torchvision.models.swin_transformer").ShiftedWindowAttention(
        64, [3, 3], [shift, shift], num_heads=2
    )
    pixels = torch.randn(2, 9, 12, 64)
    check_equal(own, theirs, lambda given: own(given, None), theirs, pixels)


def plain_attention(layer, pixels, extent):
    """Attention pixel by pixel: over what is in the same window and image."""
    channels = pixels.shape[-1]
    rows, columns = extent
    window, offset, heads = layer.window, layer.offset, layer.heads
    query, key, value = layer.inputs(pixels).reshape(*pixels.shape[:3], 3, heads, -1).unbind(3)
    scale = 1 / math.sqrt(channels // heads)
    places = [(y, x) for y in range(rows) for x in range(columns)]

    def of_window(y, x):
        return (y + offset) // window, (x + offset) // window

    made = torch.zeros_like(pixels)
    for y, x in places:
        seen = [each for each in places if of_window(*each) == of_window(y, x)]
        for head in range(heads):
            logits = torch.stack(
                [
                    scale * (query[:, y, x, head] * key[:, v, u, head]).sum(-1)
                    + layer.positions[head, y - v + window - 1, x - u + window - 1]
                    for v, u in seen
                ],
                dim=1,
            )
            values = torch.stack([value[:, v, u, head] for v, u in seen], dim=1)
            part = channels // heads
            made[:, y, x, head * part : (head + 1) * part] = (
                logits.softmax(1)[..., None] * values
            ).sum(1)
    return layer.output(made)[:, :rows, :columns]


@pytest.mark.parametrize("size", [(7, 9), (3, 4), (1, 1), (6, 2)], ids=str)
@pytest.mark.parametrize(("window", "offset"), [(1, 0), (3, 0), (3, 1), (5, 2), (7, 3)])
def test_a_pixel_looks_at_the_image_in_its_window_and_at_nothing_else(window, offset, size):
    torch.manual_seed(0)
    layer, pixels = WindowAttention(64, window, offset).double(), torch.randn(2, *size, 64).double()
    nn.init.normal_(layer.positions)
    expected = plain_attention(layer, pixels, size)
    torch.testing.assert_close(layer(pixels, None), expected)
    padded = nn.functional.pad(pixels, (0, 0, 0, 5, 0, 8), value=100.0)
    torch.testing.assert_close(layer(padded, size)[:, : size[0], : size[1]], expected)


@pytest.mark.parametrize("kernel", [1, 3, 7])
@pytest.mark.parametrize("extent", [(9, 11), (1, 1), (16, 3)], ids=str)
def test_a_block_is_the_same_however_much_padding_there_is(kernel, extent):
    torch.manual_seed(0)
    block, (height, width) = AttentionBlock(6, 8, kernel), extent
    maps = torch.randn(2, 6, 16, 16)
    expected = block(maps[..., :height, :width])
    found = block(maps, extent)
    assert torch.isfinite(found).all()  # also in windows without image
    torch.testing.assert_close(found[..., :height, :width], expected)
    (block(maps, extent) ** 2).sum().backward()
    assert all(torch.isfinite(each.grad).all() for each in block.parameters())


def test_padding_gets_no_gradient():
    block = AttentionBlock(8, 8, 3)
    maps = torch.randn(1, 8, 12, 12, requires_grad=True)
    block(maps, (5, 7))[..., :5, :7].square().sum().backward()
    inside = torch.zeros_like(maps, dtype=torch.bool)
    inside[..., :5, :7] = True
    assert (maps.grad[~inside] == 0).all()
    assert (maps.grad[inside] != 0).any()


@pytest.mark.parametrize("size", [(7, 9), (1, 1), (6, 6), (2, 13)], ids=str)
@pytest.mark.parametrize(("side", "offset"), [(1, 0), (3, 0), (3, 1), (7, 3)])
def test_windows_are_joined_to_what_was_cut(size, side, offset):
    pixels = torch.randn(2, *size, 3)
    windows = cut_windows(pixels, side, offset)
    assert torch.equal(join_windows(windows, side, offset, size), pixels)


def test_only_image_is_in_windows():
    assert image_in_windows(3, 0, (6, 9), None, CPU) is None
    assert image_in_windows(3, 0, (6, 9), (6, 9), CPU).all()
    image = torch.zeros(1, 6, 8, 1)
    image[:, :4, :7] = 1
    for offset in (0, 1):
        found = image_in_windows(3, offset, (6, 8), (4, 7), CPU)
        assert torch.equal(found, cut_windows(image, 3, offset)[0, ..., 0] == 1)


def test_the_kernel_is_the_side_of_windows_which_are_shifted_by_half_of_it():
    offsets = {
        kernel: [layer.attention.offset for layer in AttentionBlock(8, 8, kernel).layers]
        for kernel in (1, 3, 5, 7)
    }
    assert offsets == {1: [0, 0], 3: [0, 1], 5: [0, 2], 7: [0, 3]}


@pytest.mark.parametrize(("size", "kernel"), [(4, 7), (8, 5), (32, 3), (32, 7), (128, 7)])
def test_shifted_windows_are_as_many(size, kernel):
    assert num_windows(size, kernel, kernel // 2) == num_windows(size, kernel, 0)


@pytest.mark.parametrize("channels", [*range(1, 130), 1000])
def test_heads_divide_channels_and_have_about_thirty_two(channels):
    heads = num_heads(channels)
    assert channels % heads == 0
    assert heads == max(
        each for each in range(1, max(1, channels // 32) + 1) if channels % each == 0
    )
