"""The next proposal of a Bayesian search, given everything that is known and what is pending."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from mbnas.search.bayesian.acquisition import log_values
from mbnas.search.bayesian.candidates import neighbourhood, new_candidates
from mbnas.search.bayesian.features import FeatureMap
from mbnas.search.bayesian.kernel import Hyperparameters, covariance
from mbnas.search.bayesian.observations import Observations, observe
from mbnas.search.bayesian.surrogate import Surrogate, condition, fit
from mbnas.search.searcher import Answer, Proposal
from mbnas.space.genotype import Genotype
from mbnas.space.search_space import Space

NUM_LEADERS = 5
"""Best networks whose surroundings are candidates."""

NUM_REVISITED = 40
"""Best networks that may get another initialisation."""

NUM_PROMISING = 3
"""Best candidates whose neighbours become candidates too."""

FIRST_FIT = 8
FIT_GROWTH = 1.3
"""Hyperparameters are fitted at :data:`FIRST_FIT` initialisations, and again at each growth."""

REVISIT_WORTH = 0.5
"""A proposal of revisits is filled up with those worth at least this share of the best option."""


@lru_cache(maxsize=4)
def feature_map(space: Space) -> FeatureMap:
    """Return the features of a space, which are the same for every search."""
    return FeatureMap(space)


def posterior(space: Space, answers: tuple[Answer, ...]) -> tuple[Observations, Surrogate]:
    """Return what is known of networks, and the model of it.

    Hyperparameters are those of an earlier number of answers: they are fitted again whenever the
    number of initialisations has grown by :data:`FIT_GROWTH`.

    Args:
        space: Where the networks are.
        answers: Proposals and their scores; one network at least.
    """
    observations = observe(answers)
    features = feature_map(space)
    hyper = _fitted(space, _as_of_fit(answers))
    features_NF = features.of(observations.genotypes)
    return observations, condition(observations, features_NF, features.groups, hyper)


def _as_of_fit(answers: tuple[Answer, ...]) -> tuple[Answer, ...]:
    """Return the answers on which hyperparameters were fitted last."""
    sizes = np.cumsum([len(proposal.genotypes) for proposal, _ in answers])
    target = float(FIRST_FIT)
    while target * FIT_GROWTH <= sizes[-1]:
        target *= FIT_GROWTH
    return answers[: int(np.searchsorted(sizes, target)) + 1]


@lru_cache(maxsize=4)
def _fitted(space: Space, answers: tuple[Answer, ...]) -> Hyperparameters:
    observations = observe(answers)
    features = feature_map(space)
    return fit(observations, features.of(observations.genotypes), features.groups)


def leader(space: Space, answers: tuple[Answer, ...]) -> Genotype:
    """Return the network with the highest posterior mean; the first one if all have failed."""
    ranked = _ranked(*posterior(space, answers))
    return ranked[0] if ranked else answers[0][0].genotypes[0]


@dataclass(slots=True, kw_only=True)
class _Options:
    """Networks that may be trained next, with their posterior.

    Attributes:
        genotypes: ``M`` networks.
        positions_M: Of each among the networks with scores; -1 if it is new.
        counts_M: From how many initialisations each was asked for, 0 if it is new.
        means_M: Posterior means.
        variances_M: Posterior variances, given also what is pending or chosen.
        features_MF: Features.
        columns: Columns of which inner products are subtracted from prior covariances.
        surrogate: The posterior given scores.
    """

    genotypes: list[Genotype]
    positions_M: np.ndarray
    counts_M: np.ndarray
    means_M: np.ndarray
    variances_M: np.ndarray
    features_MF: np.ndarray
    columns: np.ndarray
    surrogate: Surrogate

    def with_more(self, other: _Options) -> _Options:
        """Return these options and others of the same posterior."""
        return _Options(
            genotypes=[*self.genotypes, *other.genotypes],
            positions_M=np.concatenate([self.positions_M, other.positions_M]),
            counts_M=np.concatenate([self.counts_M, other.counts_M]),
            means_M=np.concatenate([self.means_M, other.means_M]),
            variances_M=np.concatenate([self.variances_M, other.variances_M]),
            features_MF=np.concatenate([self.features_MF, other.features_MF]),
            columns=np.concatenate([self.columns, other.columns], axis=1),
            surrogate=self.surrogate,
        )

    def expect(self, number: int, num_initialisations: int = 1) -> None:
        """Take into account that a network is being trained, as if it scored as predicted.

        Means then stay as they are, and variances shrink.

        Source: Ginsbourger et al. 2010, "Kriging is well-suited to parallelize optimization", the
        kriging believer.
        """
        surrogate = self.surrogate
        prior_M = covariance(
            self.features_MF[[number]], self.features_MF, surrogate.groups, surrogate.hyper
        )[0]
        prior_M[number] += surrogate.hyper.network_variance
        between_M = prior_M - self.columns[:, number] @ self.columns
        noise = surrogate.hyper.noise_variance / num_initialisations
        column_M = between_M / np.sqrt(max(between_M[number], 1e-12) + noise)
        self.columns = np.vstack([self.columns, column_M])
        self.variances_M = np.maximum(self.variances_M - column_M**2, 1e-12)

    def log_values(self) -> np.ndarray:
        """Return what an initialisation of each network is worth."""
        noise = self.surrogate.hyper.noise_variance
        return log_values(self.means_M, self.variances_M, self.positions_M >= 0, noise)


@lru_cache(maxsize=16)  # a lookahead asks again for what the search itself derives
def choose(
    space: Space,
    seed: tuple[int, int],
    answers: tuple[Answer, ...],
    pending: Proposal,
    *,
    modelled: Space,
    proposal_size: int,
) -> Proposal | None:
    """Return the next proposal; ``None`` once every network was proposed.

    The most valuable option decides whether new networks or known ones are trained. New networks
    get one initialisation. Known networks get one more, and those of a proposal had the
    same number before.

    Args:
        space: Where to search.
        seed: Of the candidates that are drawn.
        answers: Proposals and their scores.
        pending: The last proposal, whose scores are not known.
        modelled: Where all networks of answers are, of which the model is; it holds ``space``.
        proposal_size: Networks of a proposal, at most.
    """
    asked: dict[Genotype, int] = {}
    for proposal in (*(proposal for proposal, _ in answers), pending):
        for genotype in proposal.genotypes:
            asked[genotype] = max(asked.get(genotype, 0), proposal.initialisations or 1)
    if sum(each in space for each in asked) >= space.count:
        return None
    observations, surrogate = posterior(modelled, answers)
    ranked = [each for each in _ranked(observations, surrogate) if each in space]
    leaders = ranked[:NUM_LEADERS]
    new = new_candidates(space, np.random.default_rng(seed), leaders, asked)
    options = _options(modelled, observations, surrogate, [*ranked[:NUM_REVISITED], *new], asked)
    values = options.log_values()
    is_new = options.counts_M == 0
    best_new = np.argsort(-np.where(is_new, values, -np.inf), kind="stable")[:NUM_PROMISING]
    promising = [options.genotypes[number] for number in best_new if is_new[number]]
    seen = {*options.genotypes, *asked}
    further = [each for each in dict.fromkeys(neighbourhood(space, promising)) if each not in seen]
    expected = [each for each in pending.genotypes if each not in options.genotypes]
    options = options.with_more(
        _options(modelled, observations, surrogate, [*further, *expected], asked)
    )
    every = options.genotypes
    for genotype in pending.genotypes:
        options.expect(every.index(genotype))
    chosen = _pick(options, blocked=set(pending.genotypes), proposal_size=proposal_size)
    genotypes = tuple(every[number] for number in chosen)
    before = int(options.counts_M[chosen[0]])
    incumbent = next((each for each in ranked if each not in genotypes), None)
    return Proposal(
        genotypes=genotypes,
        incumbent=incumbent,
        why="another initialisation" if before else "new network",
        initialisations=before + 1,
    )


def _ranked(observations: Observations, surrogate: Surrogate) -> list[Genotype]:
    """Return the networks that could be scored, the highest posterior mean first."""
    means_N = surrogate.means_of(observations)
    order = np.argsort(-means_N, kind="stable")
    ranked = (observations.genotypes[number] for number in order)
    return [genotype for genotype in ranked if genotype not in observations.failed]


def _options(
    space: Space,
    observations: Observations,
    surrogate: Surrogate,
    genotypes: Sequence[Genotype],
    asked: dict[Genotype, int],
) -> _Options:
    position_of = {each: number for number, each in enumerate(observations.genotypes)}
    features_MF = feature_map(space).of(genotypes)
    positions_M = np.array([position_of.get(each, -1) for each in genotypes], dtype=int)
    means_M, variances_M, columns = surrogate.cross(features_MF, positions_M)
    return _Options(
        genotypes=list(genotypes),
        positions_M=positions_M,
        counts_M=np.array([asked.get(each, 0) for each in genotypes], dtype=int),
        means_M=means_M,
        variances_M=variances_M,
        features_MF=features_MF,
        columns=columns,
        surrogate=surrogate,
    )


def _pick(options: _Options, *, blocked: set[Genotype], proposal_size: int) -> list[int]:
    """Return the positions of the options that are trained next, the most valuable first."""
    is_free = np.array([each not in blocked for each in options.genotypes])
    chosen: list[int] = []
    while len(chosen) < proposal_size:
        values = np.where(is_free, options.log_values(), -np.inf)
        best = float(values.max())
        if chosen:
            count = options.counts_M[chosen[0]]
            values = np.where(options.counts_M == count, values, -np.inf)
            if count > 0 and values.max() < best + np.log(REVISIT_WORTH):
                break
        number = int(values.argmax())
        if not is_free[number] or (not np.isfinite(values[number]) and chosen):
            break
        chosen.append(number)
        is_free[number] = False
        options.expect(number)
    return chosen
