"""Symbols of blocks: distinct, and legible to everyone."""

from itertools import combinations

import pytest

from mbnas.network.blocks import BLOCKS
from mbnas.report.drawings.block_symbols import symbols_of
from mbnas.report.drawings.svg_drawing import draw_network
from mbnas.report.drawings.terminal_drawing import draw_in_terminal
from mbnas.space.genotype import Genotype

CONTRAST = 4.5
"""The least contrast of text that WCAG 2.2 allows, success criterion 1.4.3."""


def luminance(colour):
    """Return the relative luminance of a colour, as WCAG 2.2 defines it."""
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(first, second):
    darker, lighter = sorted(map(luminance, (first, second)))
    return (lighter + 0.05) / (darker + 0.05)


def test_black_on_white_has_the_largest_contrast():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("block", [*BLOCKS, "swin", "ghost"])
def test_letters_are_legible_on_the_fill(block):
    symbol = symbols_of([*BLOCKS, "swin", "ghost"])[block]
    assert contrast(symbol.ink, symbol.fill) >= CONTRAST


def test_no_two_blocks_share_letters_or_fill():
    symbols = symbols_of([*BLOCKS, "swin", "ghost", "s"]).values()
    for one, other in combinations(symbols, 2):
        assert one.letters != other.letters
        assert one.fill != other.fill
        assert one.name != other.name


def test_blocks_of_mbnas_have_names_of_their_own():
    names = {block: symbol.name for block, symbol in symbols_of(BLOCKS).items()}
    assert names.keys() == BLOCKS.keys()
    assert names["seresidual"] == "SE-Residual"


def test_the_kernel_of_attention_is_shown_as_its_window():
    genotype = Genotype.parse("0vgg3-0attention5")
    assert "Attention, window 5×5" in draw_network(genotype)
    assert "VGG, kernel 3×3" in draw_network(genotype)
    assert draw_in_terminal(genotype).endswith(
        "V VGG, A Attention, with the side of the kernel or window"
    )
