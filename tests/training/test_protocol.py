"""A protocol's digest changes with every choice that a score depends on."""

from dataclasses import fields, is_dataclass, replace

import pytest

from mbnas.data.slices.prepared_slices import PreparationSettings
from mbnas.errors import ConfigurationError
from mbnas.training.loop.training_loop import learning_rate_at
from mbnas.training.protocol import (
    CrossValidationSettings,
    Protocol,
    TrainingSettings,
    check_warmup,
)

CHANGED = {
    "evaluation": {
        "name": "quick",
        "folds": 3,
        "initialisations": 1,
        "scored_fraction": 0.5,
        "test_fraction": 0.1,
    },
    "training": {
        "epochs": 7,
        "steps_per_epoch": 5,
        "batch_size": 3,
        "learning_rate": 0.1,
        "decay_exponent": 2.0,
        "warmup_steps": 9,
        "loss": "dice+cross-entropy",
        "base_channels": 4,
        "head_bias": "class-frequencies",
        "collapse_repeats": 2,
        "precision": "bfloat16",
        "step": "graph",
        "fused": "folds",
        "slice_precision": "float16",
        "threads": 2,
    },
    "augmentation": {
        "probability": 0.1,
        "scale": 0.3,
        "shift": 0.3,
        "rotation_degrees": 1.0,
        "brightness": 0.1,
        "flip_axes": (),
        "mirror_pairs": (("left", "right"),),
    },
    "preparation": {"slice_size": 32, "slice_axis": 1, "context": 1, "patch_size": 32},
    "seed": 1,
    "data": "other",
}
NO_CHOICE_OF_A_TRAINING = {"evaluation.name", "evaluation.initialisations"}


def changes():
    """Return a protocol for every field with that field changed, by the field's name."""
    protocol, changed = Protocol(), {}
    for field in fields(protocol):
        part, values = getattr(protocol, field.name), CHANGED[field.name]
        if not is_dataclass(part):
            changed[field.name] = replace(protocol, **{field.name: values})
            continue
        for inner in fields(part):
            excluded = {"slice_size": None} if inner.name == "patch_size" else {}
            other = replace(part, **{inner.name: values[inner.name]}, **excluded)
            assert other != part
            changed[f"{field.name}.{inner.name}"] = replace(protocol, **{field.name: other})
    return changed


@pytest.mark.parametrize(
    ("more", "num_slices", "steps"),
    [
        ({"epochs": 2, "steps_per_epoch": 3}, None, 6),
        ({"epochs": 2, "steps_per_epoch": 3}, 1000, 6),
        ({"epochs": 2, "batch_size": 4}, 9, 6),
    ],
)
def test_a_warmup_is_no_longer_than_a_training(more, num_slices, steps):
    check_warmup(TrainingSettings(warmup_steps=steps, **more), num_slices)
    with pytest.raises(ConfigurationError, match=rf"\(={steps + 1}\) .* are {steps} in 2 epochs"):
        check_warmup(TrainingSettings(warmup_steps=steps + 1, **more), num_slices)


def test_the_steps_of_a_warmup_are_compared_once_those_of_an_epoch_are_known():
    check_warmup(TrainingSettings(epochs=1, warmup_steps=10**6))


def test_every_choice_gives_a_different_digest():
    digests = {name: protocol.digest for name, protocol in changes().items()}
    same = {name for name, digest in digests.items() if digest == Protocol().digest}
    assert same == NO_CHOICE_OF_A_TRAINING
    assert len(set(digests.values())) == len(digests) - len(same) + 1


def test_the_digest_of_the_defaults_changes_only_on_purpose():
    assert Protocol().digest == "a2020fd3a25aad65"


@pytest.mark.parametrize(
    ("epochs", "fraction", "first"),
    [(100, 0.2, 81), (24, 0.2, 20), (4, 0.5, 3), (1, 0.2, 1), (2, 0.1, 2), (5, 1.0, 1)],
)
def test_the_last_epochs_are_scored_and_at_least_one(epochs, fraction, first):
    protocol = Protocol(
        evaluation=CrossValidationSettings(scored_fraction=fraction),
        training=TrainingSettings(epochs=epochs),
    )
    assert protocol.first_scored_epoch == first


@pytest.mark.parametrize(
    ("section", "change", "sentence"),
    [
        (CrossValidationSettings, {"folds": 1}, r"protocol.folds \(=1\) must be 2 or more"),
        (
            CrossValidationSettings,
            {"initialisations": 0},
            r"protocol.initialisations \(=0\) must be 1",
        ),
        (
            CrossValidationSettings,
            {"scored_fraction": 0.0},
            r"\(=0.0\) must be above 0 and at most 1",
        ),
        (
            CrossValidationSettings,
            {"scored_fraction": 1.1},
            r"\(=1.1\) must be above 0 and at most 1",
        ),
        (
            CrossValidationSettings,
            {"test_fraction": 1.0},
            r"\(=1.0\) must be 0 or more and below 1",
        ),
        (
            CrossValidationSettings,
            {"test_fraction": -0.1},
            r"test_fraction \(=-0.1\) must be 0 or more",
        ),
        (CrossValidationSettings, {"test_fraction": float("nan")}, r"\(=nan\) must be 0 or more"),
        (TrainingSettings, {"epochs": 0}, r"training.epochs \(=0\) must be 1 or more"),
        (TrainingSettings, {"steps_per_epoch": 0}, r"training.steps_per_epoch \(=0\) must be 1"),
        (TrainingSettings, {"batch_size": 1}, r"training.batch_size \(=1\) must be 2 or more"),
        (TrainingSettings, {"base_channels": 0}, r"training.base_channels \(=0\) must be 1"),
        (TrainingSettings, {"warmup_steps": -1}, r"training.warmup_steps \(=-1\) must be 0"),
        (TrainingSettings, {"collapse_repeats": -1}, r"collapse_repeats \(=-1\) must be 0"),
        (TrainingSettings, {"threads": 0}, r"training.threads \(=0\) must be 1 or more"),
        (TrainingSettings, {"learning_rate": 0.0}, r"learning_rate \(=0.0\) must be above 0"),
        (
            TrainingSettings,
            {"learning_rate": float("nan")},
            r"learning_rate \(=nan\) must be above",
        ),
        (
            TrainingSettings,
            {"learning_rate": float("inf")},
            r"learning_rate \(=inf\) must be above",
        ),
        (TrainingSettings, {"decay_exponent": -0.1}, r"decay_exponent \(=-0.1\) must be 0 or more"),
        (TrainingSettings, {"decay_exponent": float("nan")}, r"decay_exponent \(=nan\) must be 0"),
        (PreparationSettings, {"slice_size": 0}, r"slice_size \(=0\) must be 1 or more"),
    ],
)
def test_invalid_settings_are_refused(section, change, sentence):
    with pytest.raises(ConfigurationError, match=sentence):
        section(**change)


def rates(num_steps, **settings):
    return [
        learning_rate_at(step, num_steps, TrainingSettings(**settings)) for step in range(num_steps)
    ]


def test_the_learning_rate_decays_as_a_polynomial_from_its_peak():
    found = rates(10, learning_rate=0.1, decay_exponent=2.0)
    assert found == pytest.approx([0.1 * (1 - step / 10) ** 2 for step in range(10)])


def test_the_learning_rate_rises_linearly_while_it_warms_up():
    found = rates(8, learning_rate=1.0, decay_exponent=0.0, warmup_steps=4)
    assert found == pytest.approx([0.25, 0.5, 0.75, 1, 1, 1, 1, 1])


def test_the_learning_rate_is_above_zero_to_the_last_step():
    assert min(rates(50, warmup_steps=5)) > 0
