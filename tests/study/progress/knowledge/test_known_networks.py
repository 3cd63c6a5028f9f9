"""What is known of every network of a search, from its snapshot."""

import numpy as np
import pytest

from mbnas.search.racing.judge import Judgement
from mbnas.search.searcher import Proposal
from mbnas.space.search_space import Space
from mbnas.study.configuration_layers import build
from mbnas.study.ledger.facts import Facts
from mbnas.study.ledger.snapshot import EvaluationRecord, Snapshot
from mbnas.study.progress.knowledge.known_networks import search_knowledge
from mbnas.study.progress.leaders import network_estimates
from mbnas.study.progress.search_status import ScoredNetwork, SearchStatus
from mbnas.training.training_record import TrainingKey, TrainingRecord

CONFIGURATION = build(
    {
        "dataset": "data",
        "protocol": {"folds": 2, "initialisations": 1},
        "space": {"num_nodes": 4, "num_levels": 2},
    }
)
SPACE = Space(num_nodes=4, num_levels=2)


def search(num_networks):
    """Return a search whose networks are scored 0.70, 0.71 and so on, and the last not at all."""
    genotypes = [SPACE.sample(np.random.default_rng(each)) for each in range(num_networks)]
    evaluations = []
    for number, genotype in enumerate(genotypes):
        is_scored = number < num_networks - 1
        trainings = tuple(
            TrainingRecord(
                key=TrainingKey(network=genotype.digest, protocol="p", fold=fold, initialisation=0),
                score=0.7 + 0.01 * number + 0.001 * (fold * number % 3) if is_scored else None,
                error=None if is_scored else "failed",
                wall_s=1.0,
                worker="w",
                started_at="now",
            )
            for fold in range(2)
        )
        evaluations.append(
            ScoredNetwork(
                record=EvaluationRecord(
                    number=number + 1, genotype=genotype, incumbent=None, why="any"
                ),
                trainings=trainings,
                num_trainings=2,
                judgement=Judgement(score=0.7 + 0.01 * number if is_scored else -np.inf),
                parameters=None,
                macs=None,
            )
        )
    status = SearchStatus(budget=20, state="finished", evaluations=tuple(evaluations))
    snapshot = Snapshot(
        facts=Facts({"protocol": "p"}, ValueError),
        networks={},
        evaluations=tuple(each.record for each in evaluations),
        proposals=(Proposal(genotypes=tuple(genotypes), incumbent=None, why="any"),),
        trainings=status.trainings,
        lost_runs=(),
    )
    return snapshot, status


def test_estimates_are_those_of_the_model_and_probabilities_sum_to_1():
    snapshot, status = search(10)
    known = search_knowledge(snapshot, status, CONFIGURATION)
    for each in network_estimates(snapshot.proposals, snapshot.trainings, CONFIGURATION):
        found = known.networks[each.genotype.digest]
        assert (found.estimate, found.estimate_sd) == (each.mean, each.sd)
    chances = [each.probability_best for each in known.networks.values()]
    assert sum(chances[:-1]) == pytest.approx(1)
    assert max(chances[:-1]) == chances[8]


def test_a_network_without_a_score_has_no_estimate():
    snapshot, status = search(10)
    found = search_knowledge(snapshot, status, CONFIGURATION).networks
    last = found[status.evaluations[-1].record.network]
    assert (last.num_trainings, last.standard_error, last.estimate) == (0, None, None)
    assert last.probability_best is None


def test_few_networks_have_no_estimates_but_standard_errors():
    snapshot, status = search(5)
    found = search_knowledge(snapshot, status, CONFIGURATION).networks
    first = found[status.evaluations[0].record.network]
    assert first.estimate is None
    assert first.standard_error > 0
