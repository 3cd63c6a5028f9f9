"""A path from one network to another, in changes that people can name.

Levels change together, because each depends on the one before. Other genes change one by one, or
where many differ, all nodes that get the same value together. A skip that the changed levels no
longer allow is lost with them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mbnas.space.genotype import GENES, Gene, Genotype, Node

MOST_SINGLE = 8
"""Up to this number of differing blocks, kernels and skips, each changes alone."""

_MOVED_WITH: dict[Gene, Gene] = {"expansion": "block"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A change towards the target.

    Attributes:
        gene: What changes.
        nodes: Numbers of the nodes where it does.
    """

    gene: Gene
    nodes: tuple[int, ...]


def path_between(
    reference: Genotype,
    target: Genotype,
    means: Callable[[Sequence[Genotype]], Sequence[float]],
) -> list[tuple[Move, Genotype]]:
    """Return the steps of a path, each with the network after it.

    At every step, the change that leads to the highest estimate is made. Skips change after levels.

    Args:
        reference: Where it begins.
        target: Where it ends, with as many nodes.
        means: Returns estimates of networks.
    """
    waiting = _moves(reference, target)
    done: list[Move] = []
    steps: list[tuple[Move, Genotype]] = []
    at = reference
    while waiting:
        blocked = any(each.gene == "level" for each in waiting)
        options = {
            each: network
            for each in waiting
            if not (blocked and each.gene == "skip")
            and (network := _after(reference, target, [*done, each])) != at
        }
        if not options:  # what is left changes nothing, such as a skip lost with the levels
            break
        found = means(list(options.values()))
        best, _ = max(zip(options, found, strict=True), key=lambda each: each[1])
        at = options[best]
        steps.append((best, at))
        done.append(best)
        waiting.remove(best)
    return steps


def change_text(move: Move, before: Genotype, after: Genotype) -> str:
    """Return what a step changes, in words."""
    if move.gene == "level":
        return f"levels {_levels(before)} → {_levels(after)}"
    nodes = ", ".join(map(str, move.nodes))
    where = f"in node{'s' if len(move.nodes) > 1 else ''} {nodes}"
    first = move.nodes[0] - 1
    old = {_value(before.nodes[number - 1], move.gene) for number in move.nodes}
    if move.gene == "skip" and len(move.nodes) > 1:
        return f"skips {where}"
    new = _value(after.nodes[first], move.gene)
    if move.gene == "skip":
        (was,) = old
        return f"skip {was} → {new} {where}"
    came = f"{old.pop()} → {new}" if len(old) == 1 else f"{new}"
    return f"{move.gene} {came} {where}"


def _value(node: Node, gene: Gene) -> str:
    found = getattr(node, gene)
    if gene == "skip":
        return "none" if found is None else f"from {found}"
    if gene == "block":
        return node.variant
    return str(found)


def _levels(genotype: Genotype) -> str:
    return " ".join(str(node.level) for node in genotype.nodes)


def _moves(reference: Genotype, target: Genotype) -> list[Move]:
    differing: dict[tuple[Gene, object], list[int]] = {}
    for number, (ours, theirs) in enumerate(
        zip(reference.nodes, target.nodes, strict=True), start=1
    ):
        if ours.variant != theirs.variant:
            differing.setdefault(("block", theirs.variant), []).append(number)
        if ours.kernel != theirs.kernel:
            differing.setdefault(("kernel", theirs.kernel), []).append(number)
        if ours.skip != theirs.skip:
            differing.setdefault(("skip", None), []).append(number)
    levels = tuple(
        number
        for number, (ours, theirs) in enumerate(
            zip(reference.nodes, target.nodes, strict=True), start=1
        )
        if ours.level != theirs.level
    )
    moves = [Move(gene="level", nodes=levels)] if levels else []
    if sum(map(len, differing.values())) <= MOST_SINGLE:
        return moves + [
            Move(gene=gene, nodes=(number,))
            for (gene, _), numbers in differing.items()
            for number in numbers
        ]
    return moves + [
        Move(gene=gene, nodes=tuple(numbers)) for (gene, _), numbers in differing.items()
    ]


def _after(reference: Genotype, target: Genotype, moves: Sequence[Move]) -> Genotype:
    """Return the reference with some genes of the target."""
    taken = {(move.gene, number) for move in moves for number in move.nodes}
    nodes: list[Node] = []
    for number, (ours, theirs) in enumerate(
        zip(reference.nodes, target.nodes, strict=True), start=1
    ):
        genes = {
            gene: getattr(theirs if (_MOVED_WITH.get(gene, gene), number) in taken else ours, gene)
            for gene in GENES
        }
        before = nodes[-1].level if nodes else 0
        source = genes["skip"]
        if source is not None and nodes[source - 1].level != before:
            genes["skip"] = None
        nodes.append(Node(**genes))
    return Genotype(nodes=tuple(nodes))
