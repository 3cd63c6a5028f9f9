"""The front of a ledger whose networks, scores and costs are given."""

import math

import pytest

from mbnas.results.fronts.search_front import search_front
from mbnas.search.settings import SearchSettings
from mbnas.space.four_spaces import SpaceSettings
from mbnas.space.genotype import Genotype
from mbnas.study.configuration import Configuration
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.ledger.snapshot import EvaluationRecord
from mbnas.study.progress.search_status import search_status
from mbnas.training.protocol import CrossValidationSettings
from mbnas.training.training_record import TrainingKey, TrainingRecord

UNET = "0vgg3-1vgg3-0vgg3-0vgg3@1"
NETWORKS = {  # scores by initialisation, then fold; MACs; latency
    UNET: ([[0.70, 0.80], [0.72, 0.82]], 1000, 4.0),
    "0vgg5-1vgg3-0vgg3-0vgg3": ([[0.78, 0.80], [0.80, 0.82]], 3000, 2.0),
    "0vgg3-1vgg3-0vgg3-0vgg3": ([[0.60, 0.70], [0.64, 0.74]], 500, None),
    "0vgg7-1vgg3-0vgg3-0vgg3": ([[0.50, 0.60], [0.50, 0.60]], 9000, 1.0),
    "0vgg7-1vgg7-0vgg3-0vgg3": ([[0.50, None], [0.50, 0.60]], 100, 1.0),
}
CONFIGURATION = Configuration(
    dataset="",
    protocol=CrossValidationSettings(folds=2, initialisations=2),
    space=SpaceSettings(num_nodes=4, num_levels=2),
    search=SearchSettings(objective=("dice", "macs")),
)


@pytest.fixture
def ledger(tmp_path):
    with Ledger.create(tmp_path / "ledger.sqlite") as opened:
        opened.set_facts({"protocol": "p", "state": "stopped", "budget": "9"})
        for number, (text, (scores, macs, latency_ms)) in enumerate(NETWORKS.items(), start=1):
            genotype = Genotype.parse(text)
            opened.record_evaluation(
                EvaluationRecord(number=number, genotype=genotype, why="given")
            )
            opened.record_network(
                genotype, parameters=10 * macs, macs=macs, macs_32=macs, latency_ms=latency_ms
            )
            for initialisation, row in enumerate(scores):
                for fold, score in enumerate(row):
                    opened.record_training(training(genotype, initialisation, fold, score))
        yield opened


def training(genotype, initialisation, fold, score):
    return TrainingRecord(
        key=TrainingKey(
            network=genotype.digest, protocol="p", initialisation=initialisation, fold=fold
        ),
        score=score,
        error="It failed." if score is None else None,
        wall_s=1.0,
        worker="here",
        started_at="2026-03-01T14:05:00+00:00",
    )


def front_in(ledger, costs=()):
    snapshot = ledger.read()
    return search_front(CONFIGURATION, snapshot, search_status(snapshot, CONFIGURATION), costs)


def test_the_front_is_by_the_costs_of_the_objective(ledger):
    front = front_in(ledger)
    assert front.costs == ("macs",)
    assert [each.number for each in front.networks] == [1, 2, 3, 4]  # 5 has no score
    assert [each.number for each in front.members] == [3, 1, 2]
    assert str(front.reference.genotype) == UNET


def test_networks_without_a_cost_are_left_out(ledger):
    front = front_in(ledger, ("latency",))
    assert [each.number for each in front.networks] == [1, 2, 4]
    assert [each.number for each in front.members] == [4, 2]


def test_the_standard_error_is_over_initialisations(ledger):
    """Their means are 0.75 and 0.77: a standard deviation of 0.01·√2, over √2."""
    first = front_in(ledger).networks[0]
    assert first.score == pytest.approx(0.76)
    assert first.standard_error == pytest.approx(0.02 / math.sqrt(2) / math.sqrt(2))
    assert first.num_trainings == 4
