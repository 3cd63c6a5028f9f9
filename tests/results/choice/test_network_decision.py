"""The chosen network of a study, from ledgers made by hand."""

import json
from dataclasses import replace

import numpy as np
import pytest

from mbnas.results.choice.fresh_comparison import fresh_comparison
from mbnas.results.choice.network_decision import chosen_network, read_chosen_network
from mbnas.scoring.class_metrics import ClassMetrics
from mbnas.scoring.superiority import superiority
from mbnas.space.genotype import Genotype, unet_genotype
from mbnas.study.configuration_layers import build
from mbnas.study.ledger.facts import CONFIRMATION
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.ledger.snapshot import EvaluationRecord
from mbnas.study.progress.confirmation_record import ConfirmationRecord
from mbnas.study.progress.search_status import search_status
from mbnas.study.progress.status_summary import read_status_summary
from mbnas.training.training_record import TrainingKey, TrainingRecord, VolumeRecord

UNET = unet_genotype(2)
GOOD, BAD = (
    Genotype.parse(each) for each in ("0vgg5-1vgg3-0vgg3-0vgg3", "0vgg7-1vgg3-0vgg3-0vgg3")
)
NETWORKS = (UNET, GOOD, BAD)
CONFIGURATION = build(
    {
        "dataset": "data",
        "protocol": {"folds": 2, "initialisations": 1},
        "space": {"num_nodes": 4, "num_levels": 2},
    }
)
NUM_PATIENTS = 12


def metrics(dice):
    return ClassMetrics(
        dice=dice, hd95_mm=1.0, surface_dice=dice, predicted_voxels=9, reference_voxels=9
    )


def training(network, fold, initialisation, dice):
    """A training whose network has a Dice on each of its patients; ``dice`` maps them."""
    return TrainingRecord(
        key=TrainingKey(
            network=network.digest, protocol="p", fold=fold, initialisation=initialisation
        ),
        score=float(np.mean(list(dice.values()))),
        wall_s=1.0,
        worker="w",
        started_at="2026-01-01T00:00:00+00:00",
        volumes=tuple(
            VolumeRecord(
                case=patient,
                patient=patient,
                held_out=patient.startswith("held"),
                measures=(metrics(value),),
                prediction=None,
            )
            for patient, value in dice.items()
        ),
    )


def dice_of(seed, fold, mean, prefix="p"):
    rng = np.random.default_rng([seed, fold])
    patients = range(fold * NUM_PATIENTS // 2, (fold + 1) * NUM_PATIENTS // 2)
    return {f"{prefix}{each:02}": float(mean + rng.normal(0, 0.005)) for each in patients}


@pytest.fixture
def ledger(tmp_path):
    """A search of three networks; the U-Net has the lowest search score."""
    with Ledger.create(tmp_path / "ledger.sqlite") as opened:
        opened.set_facts(
            {
                "protocol": "p",
                "state": "finished",
                "budget": "3",
                "folds": "2",
                "initialisations": "1",
                "classes": '["a"]',
            }
        )
        for number, network in enumerate(NETWORKS, start=1):
            opened.record_evaluation(
                EvaluationRecord(number=number, genotype=network, why="any", proposal=number)
            )
            for fold in range(2):
                opened.record_training(
                    training(network, fold, 0, dice_of(number, fold, 0.7 + 0.01 * number))
                )
        yield opened


def confirm(ledger, means, *, num_initialisations=2, finished=True, held_out=None):
    """Record a confirmation in which networks have these means, also on held-out patients."""
    record = ConfirmationRecord(
        num_proposals=0,
        budget=9,
        reference=UNET.digest,
        others=(),
        front=(),
        leaders=tuple(each.digest for each in means if each != UNET),
        is_finished=finished,
    )
    record = record.begin_round(tuple(each.digest for each in means), num_initialisations)
    ledger.set_fact(CONFIRMATION, record.to_json())
    for network, mean in means.items():
        for initialisation in range(2000, 2000 + num_initialisations):
            for fold in range(2):
                seed = 100 * initialisation + NETWORKS.index(network)
                found = dice_of(seed, fold, mean)
                if held_out is not None:
                    for half in range(2):
                        found |= dice_of(seed, half, held_out[network], "held")
                ledger.record_training(training(network, fold, initialisation, found))


def choose(ledger):
    """The chosen network, which is the same by either way of reading the ledger."""
    snapshot = ledger.read(fresh=True)
    status = search_status(snapshot, CONFIGURATION)
    chosen = chosen_network(snapshot, status, CONFIGURATION)
    summary = read_status_summary(ledger, CONFIGURATION)
    assert read_chosen_network(ledger, summary, CONFIGURATION) == chosen
    return chosen


def test_without_a_confirmation_it_is_the_best_of_noisy_scores(ledger):
    chosen = choose(ledger)
    assert (chosen.genotype, chosen.number, chosen.is_confirmed) == (BAD, 3, False)
    assert chosen.sentence == (
        "Best of 3 noisy scores, unconfirmed: its score is optimistic, and it may be worse than "
        "the U-Net."
    )


def test_an_unconfirmed_reference_is_not_compared_with_itself(ledger):
    chosen = replace(choose(ledger), genotype=UNET)
    assert chosen.sentence.endswith("its score is optimistic, and another may be better.")


def test_the_best_by_a_model_is_called_so(ledger):
    snapshot = ledger.read(fresh=True)
    search = replace(CONFIGURATION.search, searcher="bayesian", start="unet")
    configuration = replace(CONFIGURATION, search=search)
    chosen = chosen_network(snapshot, search_status(snapshot, configuration), configuration)
    assert chosen.sentence.startswith("Best of 3 noisy scores, by a model of them, unconfirmed: ")


def test_a_study_without_a_score_stands_for_no_network(tmp_path):
    with Ledger.create(tmp_path / "ledger.sqlite") as ledger:
        ledger.set_facts({"protocol": "p", "state": "stopped", "budget": "3"})
        assert choose(ledger) is None


def test_an_unfinished_confirmation_does_not_count(ledger):
    confirm(ledger, {BAD: 0.7, UNET: 0.8}, finished=False)
    assert choose(ledger).genotype == BAD


def test_a_network_that_is_shown_to_be_better_is_chosen(ledger):
    confirm(ledger, {BAD: 0.7, GOOD: 0.8, UNET: 0.75})
    chosen = choose(ledger)
    assert (chosen.genotype, chosen.number, chosen.is_confirmed) == (GOOD, 2, True)
    assert chosen.decision.probability > 0.95
    assert chosen.sentence.startswith("It is better than the U-Net with probability ")
    assert "(12 patients, 4 trainings of each on fresh initialisations)" in chosen.sentence
    by_network = {each.architecture: each for each in chosen.confirmed}
    assert by_network[UNET].superiority is None
    assert by_network[GOOD].superiority.difference == pytest.approx(0.05, abs=0.005)
    assert by_network[GOOD].name_in(chosen) == "Network 2, chosen"
    assert by_network[UNET].name_in(chosen) == "U-Net (network 1), reference"


def test_otherwise_it_is_the_reference(ledger):
    confirm(ledger, {BAD: 0.7, UNET: 0.7001})
    chosen = choose(ledger)
    assert (chosen.genotype, chosen.is_confirmed, chosen.is_reference) == (UNET, True, True)
    assert chosen.score == pytest.approx(0.71, abs=0.01)
    assert chosen.sentence.startswith(
        "The U-Net is chosen, because no leader is shown to be better: the highest probability is"
    )


def test_held_out_patients_have_the_final_word(ledger):
    """On the patients of the folds one is better, on held-out patients the other."""
    ledger.set_fact("held out", json.dumps([f"held{each:02}" for each in range(NUM_PATIENTS)]))
    confirm(ledger, {GOOD: 0.7, UNET: 0.75}, held_out={GOOD: 0.8, UNET: 0.75})
    chosen = choose(ledger)
    assert (chosen.genotype, chosen.num_held_out) == (GOOD, NUM_PATIENTS)
    by_network = {each.architecture: each for each in chosen.confirmed}
    assert by_network[GOOD].dice == pytest.approx(0.8, abs=0.005)


def test_a_failed_training_leaves_its_initialisation_out(ledger):
    confirm(ledger, {GOOD: 0.8, UNET: 0.75})
    snapshot = ledger.read(fresh=True)
    first = next(each for each in snapshot.fresh if each.key.network == GOOD.digest)
    failed = replace(first, score=None, error="no memory", volumes=())
    fresh = tuple(failed if each == first else each for each in snapshot.fresh)
    left = replace(snapshot, fresh=fresh)
    chosen = chosen_network(left, search_status(left, CONFIGURATION), CONFIGURATION)
    by_network = {each.architecture: each for each in chosen.confirmed}
    assert by_network[GOOD].num_trainings == 2
    assert by_network[GOOD].superiority.num_trainings == 2


def test_patients_are_compared_within_initialisations():
    first = [
        training(GOOD, fold, 2000 + i, dice_of(i, fold, 0.8)) for i in (0, 1) for fold in (0, 1)
    ]
    second = [training(BAD, fold, 2001, dice_of(7, fold, 0.7)) for fold in (0, 1)]
    found = fresh_comparison(first, second)
    values = [
        np.array([[*dice_of(seed, 0, mean).values(), *dice_of(seed, 1, mean).values()]])
        for seed, mean in ((1, 0.8), (7, 0.7))
    ]
    assert found == superiority(*values, np.repeat([0, 1], NUM_PATIENTS // 2))
    assert fresh_comparison(first, []) is None


def test_where_cost_counts_a_cheaper_network_that_is_not_worse_is_chosen(ledger):
    confirm(ledger, {BAD: 0.7505, GOOD: 0.7495, UNET: 0.75}, num_initialisations=6)
    for network, macs in ((UNET, 1000), (GOOD, 250), (BAD, 4000)):
        ledger.record_network(network, parameters=9, macs=macs, macs_32=1)
    assert choose(ledger).genotype == UNET
    cheap = replace(CONFIGURATION, search=replace(CONFIGURATION.search, objective=("dice", "macs")))
    snapshot = ledger.read(fresh=True)
    chosen = chosen_network(snapshot, search_status(snapshot, cheap), cheap)
    assert (chosen.genotype, chosen.decision.ground) == (GOOD, "not worse and cheaper")
    assert chosen.sentence.startswith("It is cheaper than the U-Net and not worse by 0.005 Dice")
    assert chosen.sentence.endswith(" It has a quarter of the reference's multiply-accumulates.")
