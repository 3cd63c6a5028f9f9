"""The training mode of a study: the default, or the fastest by measurement."""

import json
from dataclasses import replace

import pytest

from mbnas.errors import OutOfMemory
from mbnas.network.interface import Interface
from mbnas.study.configuration_layers import build, merge, preset_layer
from mbnas.study.ledger.facts import WAY_TO_TRAIN
from mbnas.study.mode import mode_selection
from mbnas.study.mode.mode_selection import (
    MARGIN,
    ModeQuestion,
    choose_mode,
    default_mode,
    fastest_mode,
    is_mode_open,
    measure_in_workers,
    with_mode,
)
from mbnas.study.mode.training_mode import (
    ModeChoice,
    TrainingMode,
    describe_choice,
    measured_workers,
)
from mbnas.training.device.step_speed import Rate


def question_of(preset="paper", **sections):
    """A study on a GPU by default; no device is needed."""
    layers = {"run": {"device": "cuda:0"}}, sections
    configuration = build(merge({"dataset": ""}, preset_layer(preset), *layers))
    size = configuration.preparation.slice_size
    interface = Interface(in_channels=1, num_classes=2, size=size)
    return ModeQuestion(configuration=configuration, interface=interface, num_slices=600)


def rates(table, *, begun_s=0.0):
    """What measures by a table: slices per second by the text of a mode, or what is raised.

    To begin takes time where something is compiled, and none elsewhere.
    """

    def measure(workload, workers):
        training = workload.protocol.training
        assert workload.trainings == {"off": 1, "folds": 5, "all": 15}[training.fused]
        mode = TrainingMode(
            precision=training.precision, step=training.step, fused=training.fused, workers=workers
        )
        asked.append(str(mode))
        rate = table.get(str(mode), 1.0)
        if isinstance(rate, Exception):
            raise rate
        return Rate(slices_per_s=rate, begun_s=begun_s * (training.step == "compiled"))

    asked = []
    measure.asked = asked
    return measure


@pytest.fixture(autouse=True)
def _devices(monkeypatch):
    """One GPU that is fast at bfloat16, two cores."""
    monkeypatch.setattr(mode_selection, "default_workers", lambda configuration: 1)
    monkeypatch.setattr(
        mode_selection,
        "resolve_precision",
        lambda asked, _device: asked if asked != "auto" else "bfloat16",
    )


def test_settings_are_varied_one_after_another_and_the_fastest_kept():
    table = {
        "float32, eager steps, 1 worker": 100.0,
        "bfloat16, eager steps, 1 worker": 150.0,
        "bfloat16, graph steps, 1 worker": 300.0,
        "bfloat16, compiled steps, 1 worker": 290.0,
        "bfloat16, graph steps, folds together, 1 worker": 900.0,
        "bfloat16, graph steps, all together, 1 worker": 800.0,
        "bfloat16, graph steps, folds together, 2 workers": 1000.0,
        "bfloat16, graph steps, folds together, 4 workers": 1010.0,
    }
    measure = rates(table)
    choice = fastest_mode(question_of(), measure)
    assert choice.mode == TrainingMode(precision="bfloat16", step="graph", fused="folds", workers=2)
    assert sorted(measure.asked) == sorted(table)
    slices = question_of().slices_per_network
    assert choice.seconds == pytest.approx({name: slices / rate for name, rate in table.items()})
    assert choice.errors == {}


def test_tiles_of_validation_count_by_the_share_of_a_step_that_they_take():
    question = question_of(training={"epochs": 10}, protocol={"initialisations": 2})
    tiles = replace(question, num_tiles=900)
    # Two of ten epochs are scored, and each slice is in one fold.
    more = tiles.slices_per_network - question.slices_per_network
    assert more == pytest.approx(2 * 2 * 900 / 3)


def test_another_mode_must_be_faster_by_the_margin():
    table = {
        "bfloat16, eager steps, 1 worker": 0.99 * MARGIN,
        "float32, graph steps, 1 worker": 1.01 * MARGIN,
    }
    mode = fastest_mode(question_of(), rates(table)).mode
    assert mode == TrainingMode(precision="float32", step="graph", fused="off", workers=1)


def test_the_time_of_compiling_is_weighed_against_the_length_of_a_training():
    short = question_of(training={"epochs": 1, "steps_per_epoch": 1, "batch_size": 2})
    table = {"float32, compiled steps, 1 worker": 100.0}
    assert fastest_mode(question_of(), rates(table, begun_s=40.0)).mode.step == "compiled"
    assert fastest_mode(short, rates(table, begun_s=40.0)).mode.step == "eager"


def test_a_mode_that_cannot_be_run_is_reported_and_not_chosen():
    table = {
        "float32, graph steps, 1 worker": 50.0,
        "float32, compiled steps, 1 worker": RuntimeError("no compiler\nand more"),
        "float32, graph steps, all together, 1 worker": OutOfMemory("Memory ran out on cuda."),
    }
    choice = fastest_mode(question_of(), rates(table))
    assert choice.mode.step == "graph"
    assert choice.errors == {
        "float32, compiled steps, 1 worker": "no compiler",
        "float32, graph steps, all together, 1 worker": "Memory ran out on cuda.",
    }
    assert choice.seconds["float32, compiled steps, 1 worker"] is None


def test_explicit_settings_are_never_varied():
    settings = {
        "training": {"precision": "float32", "step": "graph", "fused": "folds"},
        "run": {"workers": 3},
    }
    measure = rates({})
    choice = fastest_mode(question_of(**settings), measure)
    assert choice.mode == TrainingMode(precision="float32", step="graph", fused="folds", workers=3)
    assert measure.asked == []
    assert not is_mode_open(question_of(**settings).configuration)


def test_racing_does_not_fuse_all_initialisations():
    measure = rates({})
    fastest_mode(question_of(search={"racing": "on"}), measure)
    assert any("folds together" in name for name in measure.asked)
    assert not any("all together" in name for name in measure.asked)


def test_on_a_cpu_only_precision_and_workers_are_measured(monkeypatch):
    monkeypatch.setattr(mode_selection, "default_workers", lambda configuration: 2)
    table = {
        "bfloat16, eager steps, 1 worker": 2.0,
        "bfloat16, eager steps, 2 workers": 3.0,
    }
    measure = rates(table)
    choice = fastest_mode(question_of(run={"device": "cpu"}), measure)
    assert str(choice.mode) == "bfloat16, eager steps, 2 workers"
    assert set(measure.asked) == {*table, "float32, eager steps, 1 worker"}


@pytest.mark.parametrize(
    ("settings", "measured"),
    [
        ({}, True),
        ({"run": {"measure": False}}, False),
        ({"run": {"executor": "ray"}}, False),
        ({"search": {"evaluations": 1}, "training": {"epochs": 1}}, False),
    ],
    ids=["long", "switched off", "on Ray", "short"],
)
def test_modes_are_measured_if_that_is_worthwhile(monkeypatch, settings, measured):
    found = ModeChoice(
        mode=TrainingMode(precision="bfloat16", step="graph", fused="folds", workers=2),
        device="cuda:0",
        cores=2,
    )
    monkeypatch.setattr(mode_selection, "fastest_mode", lambda question, measure: found)
    question = question_of(**settings)
    said = []
    choice = choose_mode(question, said.append)
    assert len(said) == measured
    assert choice.mode == (found.mode if measured else default_mode(question.configuration))
    if not measured:
        expected = TrainingMode(precision="bfloat16", step="eager", fused="off", workers=1)
        assert choice.mode == expected
        assert choice.seconds == {}


def facts_of(choice):
    return {WAY_TO_TRAIN: json.dumps(choice.to_json())}


MEASURED = ModeChoice(
    mode=TrainingMode(precision="bfloat16", step="graph", fused="folds", workers=4),
    seconds={"this": 10.0, "that": 25.0, "other": None},
    device="cuda:0",
    cores=8,
)


def test_measured_workers_hold_for_the_machine_where_they_were_measured():
    facts = facts_of(MEASURED)
    assert measured_workers(facts, device="cuda:0", cores=8) == 4
    assert measured_workers(facts, device="cuda:0", cores=9) is None
    assert measured_workers(facts, device="cuda:1", cores=8) is None
    by_rule_then = facts_of(replace(MEASURED, seconds={}))  # and so again now
    assert measured_workers(by_rule_then, device="cuda:0", cores=8) is None
    assert measured_workers({}, device="cuda:0", cores=8) is None


def test_the_measurement_is_described_in_a_sentence():
    assert describe_choice(facts_of(MEASURED)) == (
        "bfloat16, graph steps, folds together, 4 workers: chosen from 3 modes measured on "
        "cuda:0, the fastest 2.5 times as fast as the slowest"
    )
    assert describe_choice(facts_of(replace(MEASURED, seconds={}))) is None
    assert describe_choice({}) is None


def test_settings_follow_a_mode():
    mode = TrainingMode(precision="float32", step="graph", fused="all", workers=4)
    training = with_mode(question_of().configuration.training, mode)
    assert (training.precision, training.step, training.fused) == ("float32", "graph", "all")


def test_workloads_are_measured_in_workers():
    tiny = {
        "run": {"device": "cpu", "workers": 1},
        "training": {"base_channels": 4, "batch_size": 2, "precision": "float32"},
        "preparation": {"slice_size": 16},
    }
    question = question_of(**tiny)
    with measure_in_workers(question.configuration, 0.05) as measure:
        rate = measure(question.workload(default_mode(question.configuration)), 1)
    assert rate.slices_per_s > 0
    assert rate.begun_s > 0
    assert rate.seconds_for(10 * rate.slices_per_s) == pytest.approx(rate.begun_s + 10)
