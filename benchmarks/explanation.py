"""Whether the intervals of mbnas explain hold: coverage in simulated searches whose truth is known.

Every repetition draws a function on the paper's mixed space, lets a search choose networks by noisy
scores of it, and asks whether the 95 % intervals of the effects contain the true ones. Effects of
the truth are those on draws of the space that the model does not use.

    .venv/bin/python benchmarks/explanation.py --repetitions 40 --output explanation.json
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from itertools import product
from pathlib import Path

import numpy as np
from jaxtyping import Float

from mbnas.results.explanation.choices import Choice, count_choices, count_pairs
from mbnas.results.explanation.contrasts import Projection, choice_contrasts
from mbnas.results.explanation.effect_model import Covariance, EffectModel, Scores
from mbnas.results.explanation.explain_scores import together
from mbnas.results.explanation.findings import Effect
from mbnas.results.explanation.space_effects import space_effects
from mbnas.results.explanation.space_model import Described, with_depth
from mbnas.search.bayesian.features import FeatureMap
from mbnas.search.bayesian.observations import Observations, observe
from mbnas.search.evolution import mutant
from mbnas.search.local import local_search
from mbnas.search.searcher import Proposal
from mbnas.space.genotype import Genotype
from mbnas.space.reference import reference_genotype
from mbnas.space.search_space import Space

SPACE = Space()
SIZES = ((30, 1), (60, 1), (150, 2), (300, 2))
"""Networks, and initialisations of each."""

TRUTHS = ("additive", "pairs", "bent", "neural")
DESIGNS = ("random", "local", "mutants")
NUM_FRESH = 3000
NOISE = 1.0
"""Standard deviation of one initialisation; that of the true scores over the space is 1."""

Function = Callable[[Sequence[Genotype]], np.ndarray]


class Truth:
    """A function on the space, scaled to a standard deviation of 1.

    - ``additive``: effects of the counts of choices.
    - ``pairs``: also other effects in every node, effects of pairs of choices in a node, of a
      choice with the depth, and of a block after a block.
    - ``bent``: exp of an additive one, so that bad networks differ more than good ones.
    - ``neural``: half of it a random neural network of all genes.

    Args:
        kind: One of these.
        seed: Of its weights.
    """

    def __init__(self, kind: str, seed: int) -> None:
        self._kind, self._rng = kind, np.random.default_rng([seed, 1])
        names, groups = features().names, features().groups
        genes = [names.index(each) for each in ("level", "step", "block", "kernel", "skip")]
        draw = self._rng.standard_normal
        parts = described(draws())
        self._centres = [each.mean(axis=0) for each in parts]
        scales = [np.maximum(each.std(axis=0), 0.3) for each in parts]
        counts, pairs, all_genes = (draw(each.shape[1]) for each in parts)
        self._weights = [
            counts / scales[0],
            pairs / scales[1],
            all_genes * np.isin(groups, genes),
            draw(len(groups)) * (groups == names.index("pair")),
        ]
        self._hidden = 1.5 * draw((len(groups), 30)), draw(30), draw(30)
        self._sd = [1.0] * 5
        self._sd = [float(each.std()) for each in self._parts(parts)]
        values = self._of(parts)
        self._centre, self._scale = float(values.mean()), float(values.std())
        self._known: dict[Genotype, float] = {}

    def __call__(self, genotypes: Sequence[Genotype]) -> np.ndarray:
        """Return true scores."""
        new = [each for each in dict.fromkeys(genotypes) if each not in self._known]
        if new:
            self._known.update(zip(new, self.values(described(new)), strict=True))
        return np.array([self._known[each] for each in genotypes])

    def values(self, parts: Sequence[np.ndarray]) -> np.ndarray:
        """Return true scores of networks that are described."""
        return (self._of(parts) - self._centre) / self._scale

    def _parts(self, described_parts: Sequence[np.ndarray]) -> list[np.ndarray]:
        counts, pairs, genes = (
            each - centre for each, centre in zip(described_parts, self._centres, strict=True)
        )
        first, second, third = self._hidden
        values = [
            *(counts @ self._weights[0], pairs @ self._weights[1]),
            *(genes @ self._weights[2], genes @ self._weights[3]),
            np.tanh(genes @ first + second) @ third,
        ]
        return [each / sd for each, sd in zip(values, self._sd, strict=True)]

    def _of(self, described_parts: Sequence[np.ndarray]) -> np.ndarray:
        counts, pairs, genes, after, neural = self._parts(described_parts)
        match self._kind:
            case "additive":
                return counts
            case "pairs":
                return counts + 0.7 * (pairs + genes + after)
            case "bent":
                return -np.exp(-0.6 * (counts + genes))
        return counts + neural


@cache
def features() -> FeatureMap:
    """Return the features of the space."""
    return FeatureMap(SPACE)


@cache
def draws() -> tuple[Genotype, ...]:
    """Return networks that stand for the space, others than those of the model."""
    rng = np.random.default_rng(12345)
    return tuple(SPACE.sample(rng) for _ in range(NUM_FRESH))


def described(genotypes: Sequence[Genotype]) -> tuple[np.ndarray, ...]:
    """Return counts of choices, of pairs of them, and all features."""
    if genotypes is draws():
        return _described_draws()
    return _described(genotypes)


@cache
def _described_draws() -> tuple[np.ndarray, ...]:
    return _described(draws())


def _described(genotypes: Sequence[Genotype]) -> tuple[np.ndarray, ...]:
    choices, pairs = _names()
    counts = count_choices(genotypes, choices)
    of_pairs = with_depth(counts, count_pairs(genotypes, pairs))
    return counts.counts_NK, of_pairs, features().of(genotypes)


@cache
def _names() -> tuple[tuple[Choice, ...], tuple[tuple[Choice, Choice], ...]]:
    return count_choices(draws()).names, count_pairs(draws()).names


@cache
def effects() -> dict[Choice, Float[np.ndarray, " M"]]:
    """Return the effects of choices as functions of the scores of the draws."""
    counts = count_choices(draws())
    projection = Projection(counts.counts_NK)
    return {choice: projection.row(each) for choice, each in choice_contrasts(counts).items()}


def design(kind: str, num: int, truth: Function, rng: np.random.Generator) -> list[Genotype]:
    """Return the networks that a search tries: at random, by local search, or near the best."""
    if kind == "random":
        return [SPACE.sample(rng) for _ in range(num)]
    if kind == "local":
        found: dict[Genotype, None] = {}
        searcher = local_search(SPACE, rng, reference_genotype(SPACE))
        proposal = next(searcher)
        while len(found) < num:
            found |= dict.fromkeys(proposal.genotypes)
            noisy = truth(proposal.genotypes) + NOISE * rng.standard_normal(len(proposal.genotypes))
            proposal = searcher.send(tuple(noisy))
        return list(found)[:num]
    tried = [SPACE.sample(rng) for _ in range(num // 3)]
    while len(tried) < num:
        noisy = truth(tried) + NOISE * rng.standard_normal(len(tried))
        tried += [mutant(SPACE, rng, tried[number]) for number in np.argsort(-noisy)[:3]]
        tried = list(dict.fromkeys(tried))
    return tried[:num]


@cache
def functions() -> tuple[Described, np.ndarray, Covariance]:
    """Return networks of the model, the effects of choices in them, and their prior covariance."""
    known = space_effects(SPACE)
    networks = known.model.describe(known.networks)
    rows = known.effects_EM[: len(known.choices)]
    return networks, rows, known.model.function_covariance(networks, rows)


def estimated(observations: Observations, rng: np.random.Generator) -> list[Effect]:
    """Return the effects of choices as mbnas explain estimates them."""
    model = space_effects(SPACE).model
    networks, rows, own = functions()
    scored = model.describe(observations.genotypes)
    scores = Scores(
        means_N=observations.means_N,
        counts_N=observations.counts_N.astype(float),
        within_ss=observations.within_ss,
        within_df=observations.within_df,
    )
    found = EffectModel(scores, model.covariance(scored, scored), rng)
    draws_SE = found.draws(model.covariance(networks, scored, rows), own)
    return together(observations.scale * draws_SE)


def simulate(cell: tuple[str, str, tuple[int, int]], seed: int) -> dict[str, float]:
    """Return what one simulated search says of the effects.

    Returns:
        Share of effects within their own 95 % intervals, whether all are within their joint ones,
        share of effects that are told, and whether one of these has the wrong sign.
    """
    kind, by, (num, initialisations) = cell
    rng = np.random.default_rng([seed, num])
    truth = Truth(kind, seed)
    tried = design(by, num, truth, rng)
    noise_NR = NOISE * rng.standard_normal((len(tried), initialisations))
    scores_NR = truth(tried)[:, None] + noise_NR
    answers = [
        (
            Proposal(genotypes=tuple(tried), incumbent=None, why="", initialisations=number),
            tuple(scores_NR[:, :number].mean(axis=1)),
        )
        for number in range(1, initialisations + 1)
    ]
    found = estimated(observe(answers), rng)
    on_draws = truth.values(described(draws()))
    true = [float(effects()[each] @ on_draws) for each in space_effects(SPACE).choices]
    pairs = list(zip(found, true, strict=True))
    told = [each.finding != "open" for each in found]
    alone = [abs(value - each.mean) <= 1.96 * each.sd for each, value in pairs]
    all_held = [each.low <= value <= each.high for each, value in pairs]
    wrong = [each.finding != "open" and each.mean * value < 0 for each, value in pairs]
    return {
        "alone": float(np.mean(alone)),
        "together": float(all(all_held)),
        "told": float(np.mean(told)),
        "wrong": float(any(wrong)),
    }


def rows(num_repetitions: int, workers: int) -> Iterator[dict[str, object]]:
    """Yield the means of all repetitions of each size, search and truth."""
    with ProcessPoolExecutor(workers) as pool:
        for size, by, kind in product(SIZES, DESIGNS, TRUTHS):
            run = partial(simulate, (kind, by, size))
            results = list(pool.map(run, range(num_repetitions)))
            means = {key: float(np.mean([each[key] for each in results])) for key in results[0]}
            yield {"truth": kind, "design": by, "size": size, **means}


def main() -> None:
    """Print a table of coverage, and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repetitions", type=int, default=40)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path("explanation.json"))
    arguments = parser.parse_args()
    found = []
    print("| networks | search | truth | alone | together | told | wrong |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for row in rows(arguments.repetitions, arguments.workers):
        found.append(row)
        num, initialisations = row["size"]  # type: ignore[misc]
        values = " | ".join(f"{row[key]:.2f}" for key in ("alone", "together", "told", "wrong"))
        print(f"| {num} × {initialisations} | {row['design']} | {row['truth']} | {values} |")
        arguments.output.write_text(json.dumps(found, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
