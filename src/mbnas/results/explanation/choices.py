"""The choices of a network that are explained, and how often it makes each of them.

A choice is a block, a kernel or a skip of a node, or the depth of the network. Counted over nodes,
choices are what an explanation is about: few enough to be told from few noisy scores.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Generic, Literal, NamedTuple, TypeVar

import numpy as np
from jaxtyping import Float

from mbnas.space.genotype import Genotype

Kind = Literal["block", "kernel", "skip", "depth"]
Value = str | int
KINDS: tuple[Kind, ...] = ("block", "kernel", "skip", "depth")

NO_SKIP = "none"
OVER_DEEPER = "over deeper levels"
OTHER_SKIP = "other"


class Choice(NamedTuple):
    """One choice that a network can make.

    Attributes:
        kind: What is chosen.
        value: A block's name with an expansion other than its own, a kernel's side, the kind of a
            skip, or the number of levels.
    """

    kind: Kind
    value: Value

    def __str__(self) -> str:
        match self.kind:
            case "skip" if self.value == NO_SKIP:
                return "no skip"
            case "depth":
                return f"{self.value} levels" if self.value != 1 else "1 level"
        return f"{self.kind} {self.value}"


Name = TypeVar("Name", bound=Hashable)

Pair = tuple[Choice, Choice]
"""Two choices of one node, or a choice of a node and the depth, whose value does not matter."""

ANY_DEPTH = Choice(kind="depth", value="")


def skip_kind(genotype: Genotype, number: int) -> str:
    """Return what kind of skip a node has.

    A skip over deeper levels passes by nodes of lower resolution, as those of the U-Net do.

    >>> unet = Genotype.parse("0vgg3-1vgg3-0vgg3-0vgg3@1")
    >>> skip_kind(unet, 3), skip_kind(unet, 4)
    ('none', 'over deeper levels')

    Args:
        genotype: The network.
        number: Of the node, from 1.
    """
    source = genotype.nodes[number - 1].skip
    if source is None:
        return NO_SKIP
    between = genotype.nodes[source : number - 1]
    is_over = max(node.level for node in between) > genotype.nodes[source - 1].level
    return OVER_DEEPER if is_over else OTHER_SKIP


def node_choices(genotype: Genotype) -> Iterator[tuple[Choice, Choice, Choice]]:
    """Yield the block, kernel and skip of each node."""
    for number, node in enumerate(genotype.nodes, start=1):
        yield (
            Choice("block", node.variant),
            Choice("kernel", node.kernel),
            Choice("skip", skip_kind(genotype, number)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts(Generic[Name]):
    """How often ``N`` networks have each of ``K`` things.

    Attributes:
        names: Of the things.
        counts_NK: How often.
    """

    names: tuple[Name, ...]
    counts_NK: Float[np.ndarray, "N K"]

    @classmethod
    def of(cls, rows: Sequence[Iterable[Name]], names: Iterable[Name] = ()) -> Counts[Name]:
        """Return the counts of networks that are given by what they have.

        Args:
            rows: Of each network, what it has, repeated as often as it has it.
            names: What is counted; everything that occurs if empty.
        """
        known = tuple(names) or tuple(dict.fromkeys(name for row in rows for name in row))
        column = {name: number for number, name in enumerate(known)}
        counts_NK = np.zeros((len(rows), len(known)))
        for count_K, row in zip(counts_NK, rows, strict=True):
            found = [column[name] for name in row if name in column]
            count_K += np.bincount(found, minlength=len(known)) if found else 0
        return cls(names=known, counts_NK=counts_NK)


def in_order(choices: Iterable[Choice], blocks: Sequence[str]) -> list[Choice]:
    """Return choices by kind, blocks in a given order, numbers ascending.

    >>> [str(each) for each in in_order([Choice("depth", 3), Choice("block", "vgg")], ["vgg"])]
    ['block vgg', '3 levels']
    """
    names = [*blocks, NO_SKIP, OVER_DEEPER, OTHER_SKIP]

    def key(choice: Choice) -> tuple[int, int]:
        value = choice.value
        return KINDS.index(choice.kind), names.index(value) if isinstance(value, str) else value

    return sorted(choices, key=key)


def count_choices(genotypes: Sequence[Genotype], names: Iterable[Choice] = ()) -> Counts[Choice]:
    """Return how often networks make each choice: over nodes, and once for the depth."""
    return Counts.of([_choices(each) for each in genotypes], names)


def count_pairs(genotypes: Sequence[Genotype], names: Iterable[Pair] = ()) -> Counts[Pair]:
    """Return how often networks have two choices in one node."""
    rows = [
        [pair for node in node_choices(each) for pair in combinations(node, 2)]
        for each in genotypes
    ]
    return Counts.of(rows, names)


class GeneValue(NamedTuple):
    """A gene of a node with one of its values.

    Attributes:
        node: Number of the node, from 1.
        gene: The gene. The value of a skip is its kind.
        value: The value.
    """

    node: int
    gene: str
    value: Value


def count_genes(
    genotypes: Sequence[Genotype], names: Iterable[GeneValue] = ()
) -> Counts[GeneValue]:
    """Return whether networks have each value of each gene."""
    return Counts.of([_genes(each) for each in genotypes], names)


def _choices(genotype: Genotype) -> list[Choice]:
    found = [choice for node in node_choices(genotype) for choice in node]
    return [*found, Choice(kind="depth", value=genotype.num_levels)]


def _genes(genotype: Genotype) -> list[GeneValue]:
    found = []
    for number, node in enumerate(genotype.nodes, start=1):
        values: tuple[tuple[str, Value], ...] = (
            ("level", node.level),
            ("block", node.variant),
            ("kernel", node.kernel),
            ("skip", skip_kind(genotype, number)),
        )
        found += [GeneValue(node=number, gene=gene, value=value) for gene, value in values]
    return found
