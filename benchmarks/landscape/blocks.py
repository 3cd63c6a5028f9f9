"""What each block gives and costs, from networks drawn at random from the modern space.

    python benchmarks/landscape/blocks.py hippocampus-modern.csv usgra-modern.csv > PAGE.md

The effect on Dice is that of mbnas explain: of a block in one node rather than the average one,
with intervals that hold together. The effect on cost is exact: in random nodes of random networks,
each block that may be there takes the place of the others.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from networks import NUM_MODERN, modern_space
from table import Row, read_rows

from mbnas.network.cost.genotype_cost import GenotypeCost
from mbnas.network.interface import Interface
from mbnas.results.explanation.explain_scores import explain_scores
from mbnas.results.explanation.findings import Effect
from mbnas.search.bayesian.observations import observe
from mbnas.search.searcher import Proposal
from mbnas.space.genotype import Genotype, unet_genotype

SIZE, BASE_CHANNELS = 32, 8
NUM_COST_DRAWS = 1000
COST = GenotypeCost(
    interface=Interface(in_channels=1, num_classes=3, size=SIZE), base_channels=BASE_CHANNELS
)


def main() -> None:
    """Print the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", type=Path, nargs="+")
    arguments = parser.parse_args()
    tables = {path.stem: read_rows(path) for path in arguments.tables}
    effects = {name: dice_effects(rows) for name, rows in tables.items()}
    print(_effects_part(effects, cost_effects("multiply_accumulates"), cost_effects("parameters")))
    for name, rows in tables.items():
        print(f"\n### {name}\n")
        print(_front_part(mean_scores(rows)))


def mean_scores(rows: Sequence[Row]) -> dict[Genotype, float]:
    """Return the mean score of each network over the trainings that all networks have."""
    of_network: dict[Genotype, dict[tuple[int, int], float]] = defaultdict(dict)
    for row in rows:
        of_network[row.network][row.initialisation, row.fold] = row.score()
    places = Counter(place for each in of_network.values() for place in each)
    most = max(places.values())
    common = {place for place, number in places.items() if number == most}
    return {
        network: float(np.mean([each[place] for place in common]))
        for network, each in of_network.items()
        if common <= each.keys()
    }


def dice_effects(rows: Sequence[Row]) -> dict[str, Effect]:
    """Return the effect of each block on Dice, as mbnas explain does."""
    scores = mean_scores(rows)
    answers = [
        (Proposal(genotypes=(network,), incumbent=None, why="draw"), (score,))
        for network, score in scores.items()
    ]
    found = explain_scores(modern_space(), observe(answers), reference=unet_genotype(), chosen=None)
    return {
        str(each.choice.value): each.effect for each in found.choices if each.choice.kind == "block"
    }


def cost_effects(cost: str) -> dict[str, tuple[float, float]]:
    """Return the factor on a network's cost of each block in one node, and its standard error.

    The factor is a geometric mean, relative to the average over the blocks that may be there.
    """
    space, rng = modern_space(), np.random.default_rng(0)
    found: dict[str, list[float]] = defaultdict(list)
    for _ in range(NUM_COST_DRAWS):
        genotype = space.sample(rng)
        number = int(rng.integers(1, space.num_nodes + 1))
        allowed = space.choices.blocks[genotype.computing_level(number)]
        logs = {
            block: np.log2(getattr(COST(_with_block(genotype, number, block)), cost))
            for block in allowed
        }
        mean = np.mean(list(logs.values()))
        for block, value in logs.items():
            found[block].append(float(value - mean))
    return {
        block: (float(np.mean(each)), float(np.std(each, ddof=1) / len(each) ** 0.5))
        for block, each in found.items()
    }


def front(scores: Mapping[Genotype, float]) -> list[Genotype]:
    """Return the networks that no other beats in both Dice and multiply-accumulates."""
    by_cost = sorted(scores, key=lambda each: (COST(each).multiply_accumulates, -scores[each]))
    kept: list[Genotype] = []
    for network in by_cost:
        if not kept or scores[network] > scores[kept[-1]]:
            kept.append(network)
    return kept


def _with_block(genotype: Genotype, number: int, block: str) -> Genotype:
    nodes = list(genotype.nodes)
    nodes[number - 1] = replace(nodes[number - 1], block=block)
    return Genotype(nodes=tuple(nodes))


def _effects_part(
    effects: Mapping[str, Mapping[str, Effect]],
    macs: Mapping[str, tuple[float, float]],
    parameters: Mapping[str, tuple[float, float]],
) -> str:
    heads = [f"Dice, {name}" for name in effects]
    lines = [
        f"| block | {' | '.join(heads)} | multiply-accumulates | parameters |",
        f"| --- |{' --- |' * (len(heads) + 2)}",
    ]
    for block in modern_space().blocks:
        cells = [
            f"{each[block].mean:+.4f} ({each[block].low:+.4f} to {each[block].high:+.4f})"
            if block in each
            else "not told"
            for each in effects.values()
        ]
        cells += [_factor(of_cost[block]) for of_cost in (macs, parameters)]
        lines.append(f"| {block} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _factor(effect: tuple[float, float]) -> str:
    mean, error = effect
    low, high = mean - 1.96 * error, mean + 1.96 * error
    return f"× {2**mean:.2f} ({2**low:.2f} to {2**high:.2f})"


def _front_part(scores: Mapping[Genotype, float]) -> str:
    """Return the networks of the front, and how often each block is in them and in all."""
    best = front(scores)
    lines = ["| network | Dice | multiply-accumulates |", "| --- | --- | --- |"]
    for network in best:
        cost = COST(network).multiply_accumulates
        lines.append(f"| `{network}` | {scores[network]:.4f} | {cost / 1e6:.2f} M |")
    unet = unet_genotype()
    if unet in scores:
        cost = COST(unet).multiply_accumulates
        lines.append(f"| the U-Net | {scores[unet]:.4f} | {cost / 1e6:.2f} M |")
    lines += ["", f"{len(scores)} of {NUM_MODERN + 1} networks.", ""]
    lines += ["| block | share of nodes | on the front |", "| --- | --- | --- |"]
    drawn = [network for network in scores if network != unet]
    shares, on_front = _shares(drawn), _shares([each for each in best if each != unet])
    for block in modern_space().blocks:
        lines.append(f"| {block} | {shares[block]:.0%} | {on_front[block]:.0%} |")
    return "\n".join(lines)


def _shares(networks: Sequence[Genotype]) -> dict[str, float]:
    counts = Counter(node.block for network in networks for node in network.nodes)
    total = max(1, sum(counts.values()))
    return {block: counts[block] / total for block in modern_space().blocks}


if __name__ == "__main__":
    main()
