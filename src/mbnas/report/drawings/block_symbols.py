"""The letters and the colours of a block in every drawing of a network.

The blocks of mbnas have fixed symbols in the palette's eight colours. Every other block gets a
generated colour and the shortest letters that no other block has.

Source: Okabe and Ito 2008, "Color Universal Design": eight colours that people
with any common kind of colour blindness can distinguish.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count, product
from string import ascii_uppercase

from mbnas.data.images.appearance import further_colour

_DARK_INK = "#111111"
_LIGHT_INK = "#ffffff"


@dataclass(frozen=True, slots=True, kw_only=True)
class Symbol:
    """The letters and colours of one block.

    Attributes:
        name: The block's name as it is displayed.
        letters: One letter or more that no other block has.
        fill: Colour of its nodes, legible on white and on black.
        ink: Colour of text on ``fill``.
        side: What the kernel gene is the side of.
    """

    name: str
    letters: str
    fill: str
    ink: str = _DARK_INK
    side: str = "kernel"


_KNOWN = {
    "vgg": Symbol(name="VGG", letters="V", fill="#0072b2", ink=_LIGHT_INK),
    "residual": Symbol(name="Residual", letters="R", fill="#e69f00"),
    "dense": Symbol(name="Dense", letters="D", fill="#009e73"),
    "inception": Symbol(name="Inception", letters="I", fill="#cc79a7"),
    "convnext": Symbol(name="ConvNeXt", letters="C", fill="#56b4e9"),
    "seresidual": Symbol(name="SE-Residual", letters="S", fill="#d55e00"),
    "mbconv": Symbol(name="MBConv", letters="M", fill="#f0e442"),
    "attention": Symbol(name="Attention", letters="A", fill="#999999", side="window"),
}


def symbols_of(blocks: Iterable[str]) -> dict[str, Symbol]:
    """Return the symbol of each block: those of mbnas, then others by name.

    Other blocks take colours and letters in alphabetical order. So drawings that
    belong together need all the blocks that any of them shows.

    >>> [symbol.letters for symbol in symbols_of(["swin", "vgg", "vit"]).values()]
    ['V', 'Sw', 'Vi']
    """
    present = set(blocks)
    symbols = {block: symbol for block, symbol in _KNOWN.items() if block in present}
    taken = {symbol.letters for symbol in _KNOWN.values()}
    fills = map(further_colour, count())
    for block in sorted(present - _KNOWN.keys()):
        letters = next(letters for letters in _candidates(block) if letters not in taken)
        taken.add(letters)
        symbols[block] = Symbol(name=block.capitalize(), letters=letters, fill=next(fills))
    return symbols


def _candidates(block: str) -> Iterator[str]:
    """Yield letters for a block: the beginnings of its name, then any letters."""
    for length in range(1, len(block) + 1):
        yield block[:length].capitalize()
    for length in count(1):
        yield from ("".join(letters) for letters in product(ascii_uppercase, repeat=length))
