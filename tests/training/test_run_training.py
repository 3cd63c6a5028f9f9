"""One training on a tiny phantom: reproducible bit for bit, with errors recorded."""

import math
import pickle
import sys
import warnings
import weakref
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from mbnas.data.datasets.folds import make_folds
from mbnas.data.slices.prepared_slices import PreparedSlices
from mbnas.errors import OutOfMemory, TrainingError
from mbnas.machine.heartbeat import listening
from mbnas.machine.news import hearing
from mbnas.network.head import bias_head_to_frequencies
from mbnas.network.others.own_network import find_own_network
from mbnas.scoring.overlap import OverlapCounts, mean_defined
from mbnas.space.genotype import Genotype
from mbnas.training import run_training as train
from mbnas.training.device.device_setup import prepare_process
from mbnas.training.loading.load_slices import resident_slices
from mbnas.training.loop import history as course
from mbnas.training.loop import initialisation
from mbnas.training.loop import training_loop as loop
from mbnas.training.loop import training_step as step
from mbnas.training.loop.collapse import Collapse
from mbnas.training.loop.fit import train_once
from mbnas.training.loop.history import Attempt, unpredicted_classes
from mbnas.training.loop.initialisation import random_network
from mbnas.training.loop.training_plan import plan_training
from mbnas.training.run_training import run_training
from mbnas.workers.executors import ProcessExecutor


def with_training(task, **changes):
    """The same task with other settings of the loop."""
    training = replace(task.protocol.training, **changes)
    return replace(task, protocol=replace(task.protocol, training=training))


def attempt_of(*, score, collapsed, loss=1.0):
    """An attempt with this result."""
    return Attempt(
        network=nn.Identity(),
        epochs=(),
        score=score,
        loss=loss,
        collapse=Collapse(collapsed=collapsed, absent=()),
        unpredicted=(),
        slices_per_s=1.0,
    )


def assert_same_weights(first, second):
    one, other = first.network.state_dict(), second.network.state_dict()
    assert one.keys() == other.keys()
    for name in one:
        assert torch.equal(one[name], other[name]), name


def test_a_training_is_the_same_bit_for_bit_here_and_in_another_process(task, data):
    prepare_process(1)
    first = train_once(task, data)
    # whatever else trains or draws random numbers makes no difference
    train_once(replace(task, architecture=Genotype.parse("0residual3"), fold=1), data)
    torch.rand(7)
    again = train_once(task, data)
    assert_same_weights(first, again)
    with ProcessExecutor(1, initializer=prepare_process, slot_arguments=[(1,)]) as executor:
        weights = executor.submit(train_once, task, data)
        record = executor.submit(run_training, task)
        assert_same_weights(first, weights.result())
        assert record.result().epochs == first.epochs
        assert record.result().score == first.score


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_training_of_newer_blocks_is_the_same_bit_for_bit(precision, task, data):
    prepare_process(1)
    genotype = Genotype.parse("0convnext5-1attention3-1mbconv7-0seresidual3")
    task = replace(with_training(task, precision=precision), architecture=genotype)
    first, again = (train_once(task, data) for _ in range(2))
    assert math.isfinite(first.loss)
    assert_same_weights(first, again)


def test_a_record_has_every_epoch_but_only_scored_ones_are_validated(task, monkeypatch):
    validated = []
    count = course.count_overlap

    def counting(network, data, slices, precision):
        validated.append(sorted({data.patients[number] for number in data.patient_N[slices]}))
        return count(network, data, slices, precision)

    monkeypatch.setattr(course, "count_overlap", counting)
    record = run_training(task)
    assert (record.key, record.error, record.attempts) == (task.key, None, 1)
    assert [epoch.epoch for epoch in record.epochs] == [1, 2, 3, 4]
    assert [epoch.class_dice is not None for epoch in record.epochs] == [False, False, True, True]
    assert len(validated) == 2
    assert record.score == mean_defined(
        tuple(mean_defined(epoch.class_dice) for epoch in record.epochs[2:])
    )
    assert record.slices_per_s > 0


def test_a_training_uses_only_its_fold(task, data, monkeypatch):
    validated, trained = set(), set()
    batches = loop.shuffled_batches

    def spying(indices, batch_size, rng):
        trained.update(data.patients[number] for number in data.patient_N[indices])
        return batches(indices, batch_size, rng)

    def counting(_network, data, slices, _precision):
        validated.update(data.patients[number] for number in data.patient_N[slices])
        ones = np.ones((2, data.num_classes - 1), np.int64)
        return OverlapCounts(overlap=ones, predicted=ones, reference=ones)

    monkeypatch.setattr(loop, "shuffled_batches", spying)
    monkeypatch.setattr(course, "count_overlap", counting)
    train_once(task, data)
    fold = make_folds(data.patient_classes, 2, seed=0)[0]
    assert (trained, validated) == (set(fold.train), set(fold.validation))


def test_training_lowers_the_loss(task):
    longer = with_training(task, epochs=8, steps_per_epoch=8, learning_rate=0.01)
    losses = [epoch.loss for epoch in run_training(longer).epochs]
    assert losses[-1] < losses[0] - 0.1, losses


def test_without_a_number_of_steps_an_epoch_is_one_pass(task, data):
    attempt = train_once(with_training(task, steps_per_epoch=None, epochs=1), data)
    fold = make_folds(data.patient_classes, 2, seed=0)[0]
    steps = -(-len(data.slices_of(fold.train)) // 4)
    expected = task.protocol.training.learning_rate * (1 - (steps - 1) / steps) ** 0.9
    assert attempt.epochs[0].learning_rate == pytest.approx(expected)


def test_networks_are_compared_on_the_same_batches(task, data, monkeypatch):
    seen = []
    run_step = loop.TrainingLoop.run_step

    def spying(self, inputs):
        seen.append([each.clone() for each in inputs])
        return run_step(self, inputs)

    monkeypatch.setattr(loop.TrainingLoop, "run_step", spying)
    train_once(task, data)
    train_once(replace(task, architecture=Genotype.parse("0residual3-0inception3")), data)
    first, second = seen[: len(seen) // 2], seen[len(seen) // 2 :]
    for one, other in zip(first, second, strict=True):
        assert all(map(torch.equal, one, other))


def test_a_loss_that_is_not_finite_fails_the_training(task):
    record = run_training(with_training(task, learning_rate=1e30))
    assert record.score is None
    assert "The loss stopped being finite (=" in record.error
    assert record.error.endswith("try a smaller training.learning_rate or float32.")


OUT_OF_MEMORY = {
    "device": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.\nSee there."),
    "context": RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be"),
    "library": RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`"),
    "host": RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 9 bytes."),
    "array": MemoryError("Unable to allocate 9. GiB for an array"),
    "python": MemoryError(),
}


def failing(error):
    def full(*_, **__):
        raise error

    return full


@pytest.mark.parametrize(
    ("module", "where"),
    [(train, "load_slices"), (course, "count_overlap"), (step, "make_loss")],
    ids=["loading", "validating", "training"],
)
@pytest.mark.parametrize("error", OUT_OF_MEMORY.values(), ids=OUT_OF_MEMORY)
def test_out_of_memory_errors_have_one_line(task, monkeypatch, module, where, error):
    monkeypatch.setattr(module, where, failing(error))
    with pytest.raises(OutOfMemory, match=r"^Memory ran out( on cpu)?: .+$") as raised:
        run_training(task)
    assert "\n" not in str(raised.value)
    again = pickle.loads(pickle.dumps(raised.value))
    assert (type(again), str(again)) == (OutOfMemory, str(raised.value))


def test_running_out_of_memory_while_measuring_is_raised_too(task, monkeypatch):
    monkeypatch.setattr(train, "_measured_volumes", failing(OUT_OF_MEMORY["device"]))
    for alone in (False, True):
        with pytest.raises(OutOfMemory, match="Memory ran out on cpu"):
            run_training(replace(task, alone=alone))


def test_a_process_can_train_again_after_running_out_of_memory(task, monkeypatch):
    expected = run_training(task)
    lost = []
    run_step = loop.TrainingLoop.run_step

    def running_out(self, inputs):
        large = torch.zeros(1000)
        lost.append(weakref.ref(large))
        lost.append(weakref.ref(self.step.networks[0]))
        raise OUT_OF_MEMORY["device"]

    monkeypatch.setattr(loop.TrainingLoop, "run_step", running_out)
    with pytest.raises(OutOfMemory) as raised:
        run_training(task)
    assert [each() for each in lost] == [None, None]
    assert raised.value.__cause__ is OUT_OF_MEMORY["device"]
    monkeypatch.setattr(loop.TrainingLoop, "run_step", run_step)
    again = run_training(task)
    assert (again.epochs, again.score) == (expected.epochs, expected.score)


def test_the_key_does_not_depend_on_memory_and_alone(task):
    assert replace(task, memory_bytes=7, alone=True).key == task.key


def test_a_training_sends_a_heartbeat_at_every_step_and_prediction(task, monkeypatch):
    heard = []
    with listening(lambda: heard.append(1), every_s=0.0):
        run_training(replace(task, measure="nothing"))
        unmeasured = len(heard)
        run_training(replace(task, measure="volumes"))
    # loading, two steps in each of four epochs, one batch of validation in two of them, and one
    # batch in which every class is looked for
    assert unmeasured == 1 + 4 * 2 + 2 + 1
    # two volumes, each of one batch
    assert len(heard) - 2 * unmeasured == 2 * 2


def test_a_training_tells_of_every_epoch(task):
    heard = []
    with hearing(heard.append):
        record = run_training(task)
    assert [each.epoch for each in heard] == list(record.epochs)
    assert {(each.key, each.num_epochs) for each in heard} == {(task.key, len(record.epochs))}


def test_a_bug_in_the_program_is_raised_and_not_recorded(task, monkeypatch):
    def broken(*_):
        raise RuntimeError("a mistake")

    monkeypatch.setattr(course, "count_overlap", broken)
    with pytest.raises(RuntimeError, match="a mistake"):
        run_training(task)


def test_validation_patients_without_any_foreground_are_an_error(task, monkeypatch):
    def nothing(_network, data, _slices, _precision):
        zeros = np.zeros((2, data.num_classes - 1), np.int64)
        return OverlapCounts(overlap=zeros, predicted=zeros, reference=zeros)

    monkeypatch.setattr(course, "count_overlap", nothing)
    assert run_training(task).error.startswith("Fold 0 has no score: none of its validation")


@pytest.mark.parametrize(
    ("outcomes", "repeats", "attempts", "score", "collapsed"),
    [
        ([((), 0.5, 1.0)], 2, 1, 0.5, ()),
        ([((1,), 0.5, 1.0)], 0, 1, 0.5, (1,)),
        ([((1,), 0.5, 0.1), ((), 0.4, 0.9)], 2, 2, 0.4, ()),
        ([((1, 2), 0.0, 0.1), ((1,), 0.9, 0.7), ((2,), 0.4, 0.6)], 2, 3, 0.4, (2,)),
        ([((1,), 0.3, 0.8), ((1, 2), 0.9, 0.1)], 1, 2, 0.3, (1,)),
        ([((1,), 0.3, 0.8), ((1,), 0.9, 0.8)], 1, 2, 0.3, (1,)),
    ],
)
def test_a_collapsed_training_is_repeated_and_the_attempt_with_the_lowest_loss_counts(
    task, monkeypatch, outcomes, repeats, attempts, score, collapsed
):
    tried = []

    def outcome(_tasks, _data, *, attempt):
        tried.append(attempt)
        classes, dice, loss = outcomes[attempt]
        return [attempt_of(score=dice, collapsed=classes, loss=loss)]

    monkeypatch.setattr(train, "train_together", outcome)
    record = run_training(with_training(task, collapse_repeats=repeats))
    assert tried == list(range(attempts))
    assert (record.attempts, record.score, record.collapsed) == (attempts, score, collapsed)


def relabelled(data, patients, change):
    """The same slices with other labels for some patients."""
    labels_NHW = data.labels_NHW.clone()
    chosen = torch.from_numpy(data.slices_of(patients))
    labels_NHW[chosen] = change(labels_NHW[chosen])
    return replace(data, labels_NHW=labels_NHW)


@pytest.mark.parametrize("seed", range(4))
def test_which_attempt_counts_does_not_depend_on_the_labels_of_validation_patients(
    task, data, monkeypatch, seed
):
    """A learning rate so small that all attempts stay collapsed, as they began."""
    task = replace(task, initialisation=1)
    task = with_training(task, epochs=1, learning_rate=1e-9, head_bias="random", collapse_repeats=3)
    validation = make_folds(data.patient_classes, 2, seed=0)[0].validation
    expected = run_training(task)
    assert expected.attempts == 4
    assert expected.collapsed
    generator = torch.Generator().manual_seed(seed)
    other = relabelled(
        data,
        validation,
        lambda labels: torch.randint(0, 3, labels.shape, dtype=torch.uint8, generator=generator),
    )
    monkeypatch.setattr(train, "load_slices", lambda *_, **__: other)
    record = run_training(task)
    assert record.score != expected.score
    assert [each.loss for each in record.epochs] == [each.loss for each in expected.epochs]
    assert (record.attempts, record.collapsed) == (expected.attempts, expected.collapsed)


def test_a_training_is_not_repeated_for_a_class_that_no_training_patient_has(
    task, data, monkeypatch
):
    fold = make_folds(data.patient_classes, 2, seed=0)[0]
    other = relabelled(data, fold.train, lambda labels: torch.where(labels == 2, 1, labels))
    monkeypatch.setattr(train, "load_slices", lambda *_, **__: other)
    task = replace(task, initialisation=1)
    task = with_training(task, steps_per_epoch=25, learning_rate=0.01, collapse_repeats=2)
    record = run_training(task)
    assert (record.attempts, record.collapsed) == (1, ())
    assert (record.absent, record.unpredicted) == ((2,), (2,))


def test_a_failed_repetition_keeps_the_collapsed_attempt(task, data, monkeypatch):
    def outcome(_tasks, _data, *, attempt):
        if attempt:
            return [TrainingError("The loss stopped being finite.")]
        return [attempt_of(score=0.4, collapsed=(1,))]

    monkeypatch.setattr(train, "train_together", outcome)
    record = run_training(with_training(task, collapse_repeats=1))
    assert (record.score, record.collapsed, record.attempts) == (0.4, (1,), 2)
    assert record.error is None


def test_a_repetition_that_runs_out_of_memory_is_ignored_only_if_the_device_was_its_own(
    task, monkeypatch
):
    def outcome(_tasks, _data, *, attempt):
        if attempt:
            raise OUT_OF_MEMORY["device"]
        return [attempt_of(score=0.4, collapsed=(1,))]

    monkeypatch.setattr(train, "train_together", outcome)
    task = with_training(task, collapse_repeats=1)
    with pytest.raises(OutOfMemory):
        run_training(task)
    record = run_training(replace(task, alone=True))
    assert (record.score, record.collapsed, record.attempts) == (0.4, (1,), 2)


def test_a_class_is_unpredicted_if_no_scored_epoch_predicts_it():
    def counts(predicted, reference):
        zeros = np.zeros((1, 3), np.int64)
        return OverlapCounts(
            overlap=zeros, predicted=np.array([predicted]), reference=np.array([reference])
        )

    # the first is predicted once, the second never, the third is not there to predict
    epochs = [counts([0, 0, 0], [5, 5, 0]), counts([1, 0, 0], [5, 5, 0])]
    assert unpredicted_classes(epochs) == (2,)


def begun(task, data, attempt):
    """The network with which an attempt starts."""
    seed = plan_training(task, data, attempt=attempt).weights_seed
    base_channels = task.protocol.training.base_channels
    return random_network(task.architecture, base_channels, data.interface, seed=seed)


def test_every_initialisation_and_attempt_has_different_weights(task, data):
    tasks = [(task, 0), (task, 1), (replace(task, initialisation=1), 0), (replace(task, fold=1), 0)]
    weights = {begun(one, data, n).head.weight.sum().item() for one, n in tasks}
    assert len(weights) == len(tasks)
    again = begun(task, data, 0).head.weight.sum().item()
    assert again in weights


def test_initialising_does_not_change_the_random_state(task, data):
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    begun(task, data, 0)
    assert torch.equal(torch.rand(4), expected)


def test_initialising_does_not_touch_the_devices_of_the_machine(task, data, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.random, "_fork_rng_warned_already", False)
    seeded = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeded.append)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        begun(task, data, 0)
    assert seeded == []


def test_the_head_starts_from_the_frequencies_of_the_classes(task, data):
    network = begun(task, data, 0)
    bias_head_to_frequencies(network, data.label_counts(np.arange(len(data.patient_N))))
    counts = np.bincount(data.labels_NHW.numpy().ravel(), minlength=data.num_classes)
    frequencies = counts / counts.sum()
    torch.nn.init.zeros_(network.head.weight)
    with torch.no_grad():
        predicted = network(data.images_NCHW[:2]).softmax(dim=1).mean(dim=(0, 2, 3))
    assert predicted.tolist() == pytest.approx(frequencies.tolist(), rel=5e-3)


def test_a_class_that_no_slice_shows_still_has_a_finite_bias(task, data):
    network = begun(task, data, 0)
    bias_head_to_frequencies(network, np.array([1000, 0, 0]))
    assert all(math.isfinite(bias) for bias in network.head.bias.tolist())


def test_the_head_bias_is_set_only_if_configured(task, data, monkeypatch):
    called = []
    monkeypatch.setattr(initialisation, "bias_head_to_frequencies", lambda *_: called.append(1))
    short = with_training(task, epochs=1, steps_per_epoch=1, head_bias="random")
    train_once(short, data)
    assert called == []
    train_once(with_training(short, head_bias="class-frequencies"), data)
    assert called == [1]


def test_a_training_uses_the_rounded_slices_of_float16(task, slices):
    half = with_training(task, slice_precision="float16")
    record, single = run_training(half), run_training(task)
    assert record.epochs != single.epochs
    assert record.epochs[0].loss == pytest.approx(single.epochs[0].loss, rel=1e-2)
    prepare_process(1)
    prepared = PreparedSlices.open(slices)
    assert record.epochs == train_once(half, resident_slices(prepared, "cpu", "float16")).epochs


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("raise ValueError('third step')", "ValueError: third step"),
        ("return [super().forward(images)]", ""),  # what torch or the checks of shapes say
    ],
)
def test_an_own_network_that_fails_in_a_step_is_one_failed_training(
    task, tmp_path, monkeypatch, fault, cause
):
    name = f"faulty_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(
        "import torch\n"
        "class Net(torch.nn.Conv2d):\n"
        "    steps = 0\n"
        "    def __init__(self, in_channels, num_classes):\n"
        "        super().__init__(in_channels, num_classes, 1)\n"
        "    def forward(self, images):\n"
        "        self.steps += self.training\n"
        "        if self.steps == 3:\n"
        f"            {fault}\n"
        "        return super().forward(images)\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    own = find_own_network(f"module:{name}:Net")
    record = run_training(replace(task, architecture=own))
    assert record.score is None
    assert record.error.startswith(f"{own} failed in training: {cause}")
    assert run_training(task).score is not None  # others go on
