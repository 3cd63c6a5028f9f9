from functools import cache

import numpy as np
import pytest

from mbnas.results.explanation.choices import Choice, count_choices
from mbnas.results.explanation.effect_model import EffectModel, Scores
from mbnas.results.explanation.explain_scores import together
from mbnas.results.explanation.space_effects import space_effects
from mbnas.space.search_space import Space

SPACE = Space(num_nodes=6, num_levels=3)


@cache
def functions():
    """Return networks of the space, effects of choices in them, and their prior covariance."""
    known = space_effects(SPACE)
    rows = known.effects_EM[: len(known.choices)]
    networks = known.model.describe(known.networks)
    return networks, rows, known.model.function_covariance(networks, rows)


def estimated(genotypes, scores_NR, seed=0):
    """Return the effects of choices, by choice."""
    known = space_effects(SPACE)
    networks, rows, own = functions()
    scored = known.model.describe(genotypes)
    means_N = scores_NR.mean(axis=1)
    scores = Scores(
        means_N=means_N,
        counts_N=np.full(len(genotypes), scores_NR.shape[1], dtype=float),
        within_ss=float(((scores_NR - means_N[:, None]) ** 2).sum()),
        within_df=scores_NR.size - len(genotypes),
    )
    rng = np.random.default_rng(seed)
    model = EffectModel(scores, known.model.covariance(scored, scored), rng)
    cross = known.model.covariance(networks, scored, rows)
    draws = model.draws(cross, own)
    assert draws.mean(axis=0) == pytest.approx(model.means(cross), abs=0.2)
    return dict(zip(known.choices, together(draws), strict=True))


def true_effects(function):
    known = space_effects(SPACE)
    return dict(
        zip(known.choices, known.effects_EM[: len(known.choices)] @ function(known.networks),
            strict=True)
    )  # fmt: skip


def sampled(rng, num):
    return [SPACE.sample(rng) for _ in range(num)]


class Drawn:
    """A function of the counts of choices and, for half of its variance, of single networks' genes.

    Args:
        seed: Of its weights.
    """

    def __init__(self, seed):
        rng = np.random.default_rng([seed, 7])
        known = space_effects(SPACE)
        self.names = count_choices(known.networks).names
        self.weights = rng.standard_normal(len(self.names))
        self.hidden = rng.standard_normal((len(self.names), 10)), rng.standard_normal(10)
        self.scale = np.ones(2)
        self.scale = np.array([each.std() for each in self.parts(known.networks)])

    def parts(self, genotypes):
        counts = count_choices(genotypes, self.names).counts_NK
        wild = np.sin(counts @ self.hidden[0]) @ self.hidden[1]
        return counts @ self.weights / self.scale[0], wild / self.scale[1]

    def __call__(self, genotypes):
        return sum(self.parts(genotypes)) / np.sqrt(2)


def test_intervals_hold_for_few_networks_and_a_function_that_is_not_additive():
    alone, all_together = [], []
    for seed in range(12):
        rng, function = np.random.default_rng(seed), Drawn(seed)
        genotypes = sampled(rng, 40)
        scores = function(genotypes)[:, None] + 0.7 * rng.standard_normal((40, 1))
        found, true = estimated(genotypes, scores), true_effects(function)
        alone += [abs(true[each] - e.mean) <= 1.96 * e.sd for each, e in found.items()]
        all_together.append(all(e.low <= true[each] <= e.high for each, e in found.items()))
    assert np.mean(alone) >= 0.88
    assert np.mean(all_together) >= 0.8


def test_noise_alone_tells_nothing():
    told = []
    for seed in range(12):
        rng = np.random.default_rng([seed, 1])
        found = estimated(sampled(rng, 40), rng.standard_normal((40, 1)))
        told.append(any(each.finding != "open" for each in found.values()))
    assert np.mean(told) <= 0.2


def test_many_networks_with_little_noise_give_the_true_effects():
    rng = np.random.default_rng(0)
    genotypes = sampled(rng, 150)

    def function(networks):
        return np.array([sum(n.block == "dense" for n in each.nodes) for each in networks]) / 2.0

    scores = function(genotypes)[:, None] + 0.05 * rng.standard_normal((150, 2))
    found, true = estimated(genotypes, scores), true_effects(function)
    for choice, effect in found.items():
        if choice.kind != "depth":
            assert effect.mean == pytest.approx(true[choice], abs=0.02)
    assert found[Choice("block", "dense")].finding == "pays"
    assert found[Choice("block", "vgg")].finding == "costs"


def test_more_networks_than_are_weighed_or_used():
    rng, function = np.random.default_rng(0), Drawn(0)
    genotypes = sampled(rng, 420)
    found = estimated(genotypes, function(genotypes)[:, None] + rng.standard_normal((420, 1)))
    few = estimated(genotypes[:60], function(genotypes[:60])[:, None])
    assert found.keys() == few.keys()


def test_joint_intervals_are_wider_than_single_ones():
    draws = np.random.default_rng(0).standard_normal((4000, 14))
    (alone,) = together(draws[:, :1])
    first, *_ = together(draws)
    assert alone.high == pytest.approx(1.96, abs=0.1)
    assert first.high == pytest.approx(2.9, abs=0.15)  # Šidák for 14 independent ones
    assert together(draws[:, :0]) == []
