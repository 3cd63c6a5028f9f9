"""What is known of every network of a search: its score, how sure it is, and its true score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mbnas.scoring.noise.probability_best import probability_best
from mbnas.study.configuration import Configuration
from mbnas.study.ledger.snapshot import Snapshot
from mbnas.study.progress.knowledge.search_noise import (
    SearchNoise,
    complete_initialisations,
    search_noise,
)
from mbnas.study.progress.leaders import network_estimates
from mbnas.study.progress.search_status import ScoredNetwork, SearchStatus

MOST_TRAININGS = 5_000
"""Most trainings for which a model is fitted only to show what it says."""

FEWEST_NETWORKS = 5
"""Fewest networks with scores from which on the model says more than its prior."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownNetwork:
    """What is known of one network.

    Attributes:
        num_trainings: That its score rests on; without a score, those that have ended with one.
        standard_error: Of its score, over initialisations; ``None`` without a score, or if nothing
            tells the noise.
        estimate: Of its true score, by a model that pools similar networks
            (:mod:`mbnas.search.bayesian.estimates`); ``None`` if the model has no answer for it.
        estimate_sd: Of the true score, by the same model.
        probability_best: That it has the highest true score of the networks with an estimate.
    """

    num_trainings: int
    standard_error: float | None
    estimate: float | None = None
    estimate_sd: float | None = None
    probability_best: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchKnowledge:
    """What is known of a search.

    Attributes:
        noise: Of its scores, and the spread of its networks.
        networks: What is known of each evaluation, by the digest of its network.
    """

    noise: SearchNoise
    networks: Mapping[str, KnownNetwork]


def search_knowledge(
    snapshot: Snapshot, status: SearchStatus, configuration: Configuration
) -> SearchKnowledge:
    """Return what is known of a search and its networks.

    A search of more than :data:`MOST_TRAININGS` trainings or fewer than :data:`FEWEST_NETWORKS`
    networks has no estimates.

    Args:
        snapshot: Of its ledger.
        status: Of the same snapshot.
        configuration: Of its study.
    """
    num_folds = configuration.protocol.folds
    noise = search_noise(status.evaluations, num_folds)
    found = (
        network_estimates(snapshot.proposals, snapshot.of_protocol, configuration)
        if len(status.trainings) <= MOST_TRAININGS
        else ()
    )
    if len(found) < FEWEST_NETWORKS:
        found = ()
    chances = probability_best(
        np.array([each.mean for each in found], dtype=float),
        np.array([each.sd for each in found], dtype=float),
    )
    estimates = {
        each.genotype.digest: (each.mean, each.sd, float(chance))
        for each, chance in zip(found, chances, strict=True)
    }
    networks = {}
    for each in status.evaluations:
        mean, sd, chance = estimates.get(each.record.network, (None, None, None))
        num_trainings, standard_error = score_precision(each, noise, num_folds)
        networks[each.record.network] = KnownNetwork(
            num_trainings=num_trainings,
            standard_error=standard_error,
            estimate=mean,
            estimate_sd=sd,
            probability_best=chance,
        )
    return SearchKnowledge(noise=noise, networks=networks)


def score_precision(
    network: ScoredNetwork, noise: SearchNoise, num_folds: int
) -> tuple[int, float | None]:
    """Return how many trainings a score rests on, and its standard error."""
    if network.score is None:
        return sum(each.score is not None for each in network.trainings), None
    num_initialisations = len(complete_initialisations(network, num_folds))
    return num_initialisations * num_folds, noise.standard_error(num_initialisations)
