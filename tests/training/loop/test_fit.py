"""Fused trainings: each ends like a single training, within rounding."""

from dataclasses import replace
from shutil import which

import numpy as np
import pytest
import torch

from mbnas.space.genotype import Genotype, unet_genotype
from mbnas.training import run_training as train
from mbnas.training.device.device_setup import prepare_process
from mbnas.training.loop import fit as together
from mbnas.training.loop import history as course
from mbnas.training.loop.collapse import Collapse
from mbnas.training.loop.fit import forget_programs, train_once, train_together
from mbnas.training.loop.training_plan import plan_training
from mbnas.training.run_training import run_together, run_training
from mbnas.workers.executors import ProcessExecutor

MIXED = Genotype.parse("0dense3-1residual5-2inception3-1vgg3-0residual3@2")


def with_training(task, **changes):
    """The same task with other settings of the loop."""
    training = replace(task.protocol.training, **changes)
    return replace(task, protocol=replace(task.protocol, training=training))


def group_of(task, folds=2, initialisations=2):
    """All of a network's trainings."""
    return [
        replace(task, fold=fold, initialisation=initialisation)
        for initialisation in range(initialisations)
        for fold in range(folds)
    ]


@pytest.fixture(autouse=True)
def _one_thread():
    prepare_process(1)


@pytest.mark.parametrize("genotype", [unet_genotype(3), MIXED], ids=["unet", "mixed"])
def test_fused_trainings_equal_single_ones_within_rounding(task, data, genotype):
    tasks = group_of(replace(task, architecture=genotype))
    for task_, of_group in zip(tasks, train_together(tasks, data), strict=True):
        alone = train_once(task_, data)
        losses = [epoch.loss for epoch in of_group.epochs]
        assert losses == pytest.approx([epoch.loss for epoch in alone.epochs], rel=2e-3)
        assert of_group.score == pytest.approx(alone.score, abs=0.02)
        for name, weight in alone.network.state_dict().items():
            other = of_group.network.state_dict()[name].float()
            difference = (other - weight.float()).abs().max().item()
            assert difference < 0.02 * (1 + weight.float().abs().max().item()), name
    assert losses != pytest.approx([epoch.loss for epoch in train_once(tasks[0], data).epochs])


def test_fused_trainings_are_reproducible_bit_for_bit(task, data):
    first, again = (train_together(group_of(task), data) for _ in range(2))
    for one, other in zip(first, again, strict=True):
        assert one.epochs == other.epochs
        for name, weight in one.network.state_dict().items():
            assert torch.equal(weight, other.network.state_dict()[name]), name


def test_folds_of_different_size_have_epochs_of_different_length(task, data):
    uneven = replace(data, patient_N=np.array([0] * 30 + [1] * 8 + [2] * 8 + [3] * 4))
    tasks = group_of(with_training(task, steps_per_epoch=None, epochs=3), initialisations=1)
    steps = [-(-len(plan_training(each, uneven).training_slices) // 4) for each in tasks]
    assert steps[0] != steps[1]
    for task_, of_group in zip(tasks, train_together(tasks, uneven), strict=True):
        alone = train_once(task_, uneven)
        for one, other in zip(of_group.epochs, alone.epochs, strict=True):
            assert one.learning_rate == other.learning_rate
            assert one.loss == pytest.approx(other.loss, rel=2e-3)


def test_a_failed_training_does_not_affect_the_others(task, data, monkeypatch):
    spoiled = together.initial_network

    first = plan_training(task, data).weights_seed

    def first_is_spoiled(*arguments, seed, **options):
        network = spoiled(*arguments, seed=seed, **options)
        if seed == first:
            torch.nn.init.constant_(network.head.bias, torch.nan)
        return network

    tasks = group_of(task, initialisations=1)
    alone = run_training(tasks[1])
    monkeypatch.setattr(together, "initial_network", first_is_spoiled)
    failed, well = run_together(tasks)
    assert failed.score is None
    assert "The loss stopped being finite (=nan) in epoch 1" in failed.error
    assert well.score == pytest.approx(alone.score, abs=0.02)


def test_only_collapsed_trainings_are_repeated_together(task, monkeypatch):
    tried = []

    def outcome(tasks, _data, *, attempt):
        tried.append([(each.fold, each.initialisation) for each in tasks])
        return [
            course.Attempt(
                network=torch.nn.Identity(),
                epochs=(),
                score=0.1 + 0.1 * attempt,
                loss=1.0,
                collapse=Collapse(
                    collapsed=(1,) if each.fold == 0 and not attempt else (), absent=()
                ),
                unpredicted=(),
                slices_per_s=1.0,
            )
            for each in tasks
        ]

    monkeypatch.setattr(train, "train_together", outcome)
    records = run_together(group_of(with_training(task, collapse_repeats=2)))
    assert tried == [[(0, 0), (1, 0), (0, 1), (1, 1)], [(0, 0), (0, 1)]]
    assert [each.attempts for each in records] == [2, 1, 2, 1]
    assert [each.score for each in records] == pytest.approx([0.2, 0.1, 0.2, 0.1])


def test_records_share_the_duration(task):
    records = run_together(group_of(with_training(task, epochs=2)))
    assert len({each.key for each in records}) == 4
    assert max(each.wall_s for each in records) < 1.5 * min(each.wall_s for each in records)
    assert [each.started_at for each in records] == sorted(each.started_at for each in records)


def test_a_program_is_reused_by_later_trainings(task, data, monkeypatch):
    """A compiled or recorded step is made once; here an eager step is kept like one."""
    made = []
    new = together.Step

    def counted(networks, settings, *others):
        made.append(settings)
        return new(networks, settings, *others)

    eager = [train_once(each, data) for each in group_of(task, initialisations=1)]
    monkeypatch.setattr(together, "is_program", lambda _settings: True)
    monkeypatch.setattr(together, "Step", counted)
    forget_programs()
    kept = [train_once(each, data) for each in group_of(task, initialisations=1)]
    assert len(made) == 1
    for one, other in zip(eager, kept, strict=True):
        assert one.epochs == other.epochs
        for name, weight in one.network.state_dict().items():
            assert torch.equal(weight, other.network.state_dict()[name]), name
    train_once(replace(task, architecture=MIXED), data)
    assert len(made) == 2
    forget_programs()


@pytest.mark.slow
@pytest.mark.skipif(which("g++") is None, reason="torch compiles for processors with g++")
def test_a_compiled_step_equals_the_eager_one(task, data, tmp_path, monkeypatch):
    # The shared cache may hold code for other instructions, which crashes when it runs here.
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    short = replace(with_training(task, epochs=2), architecture=Genotype.parse("0vgg3"))
    eager = train_once(short, data)
    # in a process of its own: here types are checked at every call, which cannot be compiled
    with ProcessExecutor(1, initializer=prepare_process, slot_arguments=[(1,)]) as executor:
        compiled = executor.submit(train_once, with_training(short, step="compiled"), data).result()
    losses = [epoch.loss for epoch in compiled.epochs]
    assert losses == pytest.approx([epoch.loss for epoch in eager.epochs], rel=1e-3)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("number", [1, 2], ids=["one", "two together"])
@pytest.mark.parametrize("genotype", [unet_genotype(3), MIXED], ids=["unet", "mixed"])
def test_a_step_recorded_as_a_graph_equals_the_eager_one(task, data, genotype, number):
    on_gpu = replace(task, architecture=genotype, device="cuda")
    there = replace(data, images_NCHW=data.images_NCHW.cuda(), labels_NHW=data.labels_NHW.cuda())
    tasks = group_of(on_gpu, initialisations=1)[:number]
    eager = train_together(tasks, there)
    for _ in range(2):  # the second time from the graph that the first has made
        recorded = train_together([with_training(each, step="graph") for each in tasks], there)
        for one, other in zip(eager, recorded, strict=True):
            losses = [epoch.loss for epoch in other.epochs]
            assert losses == pytest.approx([epoch.loss for epoch in one.epochs], rel=1e-3)
    forget_programs()
