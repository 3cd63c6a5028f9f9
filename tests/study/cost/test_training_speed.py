"""A tiny study's speed, from each source in turn."""

import json
from dataclasses import replace
from functools import partial

import pytest

from mbnas.data.phantom import write_phantom
from mbnas.network.architecture import LibraryNetwork
from mbnas.network.build import build_network
from mbnas.network.cost.complexity import complexity
from mbnas.space.genotype import unet_genotype
from mbnas.study import begin_or_resume
from mbnas.study.cost import training_speed
from mbnas.study.cost.training_speed import final_forecast, retraining_forecast, search_forecast
from mbnas.study.drive.run_search import run_search
from mbnas.study.ledger.facts import WAY_TO_TRAIN
from mbnas.study.resolve_study import resolve
from mbnas.study.retraining.final_plan import FinalPlan, final_configuration
from mbnas.training.device.step_speed import Rate

from ..tiny_study import TINY

SETTINGS = TINY | {
    "protocol": {"folds": 2, "initialisations": 1},
    "training": TINY["training"] | {"epochs": 3},
    "search": {"evaluations": 3, "confirmation": 0.0},
    "run": {"executor": "inline", "device": "cpu"},
}
UNET = unet_genotype(2)


@pytest.fixture
def held(tmp_path, monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    dataset = write_phantom("spleen", tmp_path / "spleen", num_patients=3)
    study = resolve(
        tmp_path / "study", dataset, protocol="quick", default_protocol="quick", options=SETTINGS
    )
    with begin_or_resume.opened(study, command="mbnas search", warn=pytest.fail) as opened:
        yield opened


def record_measurement(held, seconds):
    choice = json.loads(held.ledger.facts()[WAY_TO_TRAIN])
    way = choice["way"]
    name = f"{way['precision']}, {way['step']} steps, {way['workers']} worker"
    choice["seconds"] = {name + "s" * (way["workers"] > 1): seconds}
    held.ledger.set_fact(WAY_TO_TRAIN, json.dumps(choice))
    return way["workers"]


def test_trainings_come_before_a_measurement_and_that_before_timed_steps(held, monkeypatch):
    rate = Rate(slices_per_s=3.0, begun_s=1.0)
    monkeypatch.setattr(training_speed, "measure_rate", lambda workload, seconds: rate)
    timed = training_speed.training_speed(held)
    cost = held.costs.counted(UNET)
    # a network has 2 trainings of 3 epochs of 1 step of 2 slices
    assert timed.training_s(cost) == pytest.approx((1 + 12 / 3) / 2)
    busy = record_measurement(held, 40.0)
    measured = training_speed.training_speed(held)
    assert measured.training_s(cost) == pytest.approx(20 * busy)
    assert search_forecast(held).num_networks == 3
    run_search(held)
    trainings = held.ledger.trainings()
    earlier = training_speed.training_speed(held)
    assert earlier.basis == f"{len(trainings)} trainings"
    networks = held.ledger.networks()
    costs = [held.costs.counted(networks[each.key.network].architecture) for each in trainings]
    assert sum(map(earlier.training_s, costs)) == pytest.approx(
        sum(each.wall_s for each in trainings)
    )
    assert search_forecast(held) is None  # its budget is spent


def test_what_is_confirmed_costs_as_much_as_the_reference(held, monkeypatch):
    record_measurement(held, 40.0)
    reference = held.costs.counted(held.configuration.reference)
    dear = [replace(reference, activations=3 * reference.activations)]
    alone = search_forecast(held, dear)
    search = replace(held.configuration.search, evaluations=20, confirmation=0.25)
    configuration = replace(held.configuration, search=search)
    monkeypatch.setattr(type(held), "configuration", configuration)
    found = search_forecast(held, dear)
    assert found.num_networks == 20
    assert found.seconds == pytest.approx(alone.network_s * (15 + 5 / 3))


def test_the_steps_of_a_study_can_be_timed(held):
    found = search_forecast(held)
    assert 0 < found.seconds < 600


def test_a_comparison_counts_each_network_once(held):
    record_measurement(held, 40.0)
    once = retraining_forecast(held, [UNET], initialisations=2)
    twice = retraining_forecast(held, [UNET, UNET], initialisations=2)
    assert once == twice
    speed = training_speed.training_speed(held)
    workers = min(speed.workers, 4)
    assert once.seconds == pytest.approx(4 * speed.training_s(held.costs.counted(UNET)) / workers)


def test_a_model_takes_its_longer_epochs_and_larger_slices(held):
    record_measurement(held, 40.0)
    asked = {"preparation": {"slice_size": 32}, "training": {"epochs": 12}}
    configuration = final_configuration(held.configuration, UNET, asked)
    found = final_forecast(held, FinalPlan(network=UNET, configuration=configuration))
    speed = training_speed.training_speed(held)
    one_s = speed.training_s(held.costs.counted(UNET))
    workers = min(speed.workers, 2)
    assert found.num_networks == 2
    assert found.seconds == pytest.approx(2 * one_s * 4 * 4 / workers, rel=0.01)


def test_a_model_with_neighbouring_slices_takes_longer(held):
    record_measurement(held, 40.0)
    plans = (
        FinalPlan(network=UNET, configuration=final_configuration(held.configuration, UNET, asked))
        for asked in ({}, {"preparation": {"context": 1}})
    )
    alone, seeing = (final_forecast(held, plan) for plan in plans)
    wider = replace(held.interface, in_channels=3 * held.interface.in_channels)
    base_channels = held.configuration.training.base_channels
    narrow, wide = (
        complexity(partial(build_network, UNET, each, base_channels=base_channels), each)
        for each in (held.interface, wider)
    )
    assert wide.activations > narrow.activations
    ratio = wide.activations / narrow.activations
    assert seeing.seconds / alone.seconds == pytest.approx(ratio)


def test_library_networks_have_costs_too(held):
    pytest.importorskip("segmentation_models_pytorch")
    record_measurement(held, 40.0)
    library = LibraryNetwork(design="Unet", encoder="resnet18")
    held_larger = retraining_forecast(held, [library], initialisations=1)
    assert held_larger.seconds > 0
