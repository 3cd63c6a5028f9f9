"""From the scores of a search to what mattered in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from mbnas.results.explanation.ablation import change_text, path_between
from mbnas.results.explanation.choices import count_choices
from mbnas.results.explanation.effect_model import EffectModel, Scores
from mbnas.results.explanation.findings import (
    CONFIDENCE,
    FEWEST_NETWORKS,
    AblationPath,
    ChoiceEffect,
    Effect,
    Explanation,
    GeneEffect,
    PairEffect,
    PathStep,
    Share,
)
from mbnas.results.explanation.space_effects import SpaceEffects, space_effects
from mbnas.results.explanation.space_model import Described
from mbnas.search.bayesian.observations import Observations
from mbnas.space.genotype import Genotype
from mbnas.space.search_space import Space

MOST_NETWORKS = 1500
"""Most networks whose scores are used; of more, evenly spaced ones are."""


def explain_scores(
    space: Space,
    observations: Observations,
    *,
    reference: Genotype,
    chosen: Genotype | None,
    searcher: str = "",
    is_limited: bool = False,
) -> Explanation:
    """Return what mattered in a search.

    Fewer than :data:`FEWEST_NETWORKS` networks explain nothing.

    Args:
        space: Where its networks are.
        observations: Their scores.
        reference: Where the ablation path begins.
        chosen: The network that the study stands for.
        searcher: That proposed the networks.
        is_limited: Whether the space has limits on cost.
    """
    num_networks = len(observations.genotypes) - len(observations.failed)
    basics = Explanation(
        num_networks=num_networks,
        num_initialisations=observations.num_initialisations,
        searcher=searcher,
        is_limited=is_limited,
    )
    if num_networks < FEWEST_NETWORKS:
        return basics
    found = _Posterior(space_effects(space), observations)
    path = found.path(reference, chosen)
    return replace(
        basics,
        choices=tuple(each for each in found.choices if each.num_networks),
        untried=tuple(each.choice for each in found.choices if not each.num_networks),
        pairs=found.pairs,
        genes=found.genes,
        shares=found.shares,
        path=path,
    )


class _Posterior:
    """What the scores of a search say of effects.

    Args:
        effects: Of its space.
        observations: Its scores.
    """

    def __init__(self, effects: SpaceEffects, observations: Observations) -> None:
        num = len(observations.genotypes)
        used = np.unique(np.linspace(0, num - 1, MOST_NETWORKS).round().astype(int))
        self._effects = effects
        self._centre, self._scale = observations.centre, observations.scale
        self._genotypes = observations.genotypes
        self._scored = effects.model.describe([observations.genotypes[each] for each in used])
        scores = Scores(
            means_N=observations.means_N[used],
            counts_N=observations.counts_N[used].astype(float),
            within_ss=observations.within_ss,
            within_df=observations.within_df,
        )
        prior = effects.model.covariance(self._scored, self._scored)
        self._model = EffectModel(scores, prior, np.random.default_rng(0))
        self._count = count_choices(self._genotypes, effects.choices)
        self._draw()

    def _draw(self) -> None:
        effects, split = self._effects, self._effects.split
        rows_LM = np.concatenate([effects.effects_EM, split.functions])
        draws_SL = self._draws_of(effects.model.describe(effects.networks), rows_LM)
        first, second = len(effects.choices), len(effects.effects_EM)
        genes_SH = draws_SL[:, second : second + len(split.genes_RM)] @ effects.genes_HR.T
        num_with_K = (self._count.counts_NK > 0).sum(axis=0)
        self.choices = tuple(
            ChoiceEffect(choice=choice, effect=effect, num_networks=int(num))
            for choice, effect, num in zip(
                effects.choices, together(draws_SL[:, :first]), num_with_K, strict=True
            )
        )
        self.pairs = tuple(
            PairEffect(pair=pair, effect=effect)
            for pair, effect in zip(effects.pairs, together(draws_SL[:, first:second]), strict=True)
        )
        self.genes = tuple(
            GeneEffect(gene=gene, effect=effect)
            for gene, effect in zip(effects.genes, together(genes_SH), strict=True)
        )
        self.shares = tuple(
            _share(name, each_S) for name, each_S in split.shares(draws_SL[:, second:]).items()
        )

    def path(self, reference: Genotype, chosen: Genotype | None) -> AblationPath | None:
        """Return the path from the reference to the chosen network.

        If they are the same, it leads to the scored network of the highest estimate instead;
        ``None`` if that is the reference too.
        """
        is_chosen = chosen is not None and chosen != reference
        target = chosen if chosen is not None and is_chosen else self._leader()
        steps = path_between(reference, target, self._means)
        if not steps:
            return None
        networks = [reference, *(network for _, network in steps)]
        rows_LM = np.zeros((len(steps) + 1, len(networks)))
        for number in range(len(steps)):
            rows_LM[number, number : number + 2] = -1.0, 1.0
        rows_LM[-1, 0], rows_LM[-1, -1] = -1.0, 1.0
        draws_SL = self._draws_of(self._effects.model.describe(networks), rows_LM)
        (total,) = together(draws_SL[:, -1:])
        scored = set(self._genotypes)
        return AblationPath(
            reference=reference,
            target=target,
            is_chosen=is_chosen,
            steps=tuple(
                PathStep(
                    change=change_text(move, before, after),
                    network=after,
                    is_scored=after in scored,
                    gain=gain,
                )
                for (move, after), before, gain in zip(
                    steps, networks, together(draws_SL[:, :-1]), strict=False
                )
            ),
            total=total,
        )

    def _leader(self) -> Genotype:
        means = self._means(self._genotypes)
        return self._genotypes[int(np.argmax(means))]

    def _means(self, genotypes: Sequence[Genotype]) -> Sequence[float]:
        model = self._effects.model
        cross = model.covariance(model.describe(genotypes), self._scored)
        return [float(each) for each in self._model.means(cross)]

    def _draws_of(self, networks: Described, rows_LM: np.ndarray) -> Float[np.ndarray, "S L"]:
        """Return draws of linear functions of true scores, in Dice."""
        model = self._effects.model
        cross = model.covariance(networks, self._scored, rows_LM)
        own = model.function_covariance(networks, rows_LM)
        return self._scale * self._model.draws(cross, own)


def together(draws_SE: Float[np.ndarray, "S E"]) -> list[Effect]:
    """Return effects with intervals that hold together.

    Each interval is as many standard deviations wide as the largest standardised deviation of
    all effects stays within, with a probability of :data:`CONFIDENCE`.

    Args:
        draws_SE: Draws of ``E`` effects from their joint posterior.
    """
    if not draws_SE.shape[1]:
        return []
    mean_E, sd_E = draws_SE.mean(axis=0), np.maximum(draws_SE.std(axis=0), 1e-12)
    largest_S = (np.abs(draws_SE - mean_E) / sd_E).max(axis=1)
    factor = float(np.quantile(largest_S, CONFIDENCE))
    return [
        Effect(mean=mean, sd=sd, low=mean - factor * sd, high=mean + factor * sd)
        for mean, sd in zip(mean_E.tolist(), sd_E.tolist(), strict=True)
    ]


def _share(name: str, draws_S: Float[np.ndarray, " S"]) -> Share:
    tail = (1 - CONFIDENCE) / 2
    low, high = np.clip(np.quantile(draws_S, [tail, 1 - tail]), 0, 1)
    mean = float(np.clip(draws_S.mean(), 0, 1))
    return Share(name=name, mean=mean, low=float(low), high=float(high))
