"""Everything that decides how a training runs, as values: its slices, augmentation and seeds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from mbnas.data.augmentation.laterality import mirrored_classes
from mbnas.data.augmentation.parameters import LEFT_RIGHT, AugmentationSettings
from mbnas.data.datasets.folds import Fold, make_folds
from mbnas.data.slices.neighbours import num_seen
from mbnas.seeds import derive_seed, generator
from mbnas.training.loading.slice_source import SliceSource
from mbnas.training.loop.epoch_plan import SliceAugmentation
from mbnas.training.task import TrainingTask


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPlan:
    """One attempt of one training.

    Attributes:
        fold: Number of the fold that validates.
        training_slices: Indices of the slices to learn from.
        validation_slices: Indices of the slices to validate on.
        validation_patients: The patients that the latter show.
        augmentation: How the training slices are varied.
        label_counts: Pixels of each label in the training slices, where the head's bias starts
            at the frequencies of its outputs.
        weights_seed: Seed of the initial weights.
        rng: Draws the batches and their augmentation.
    """

    fold: int
    training_slices: Int[np.ndarray, " training"]
    validation_slices: Int[np.ndarray, " validation"]
    validation_patients: tuple[str, ...]
    augmentation: SliceAugmentation
    label_counts: Int[np.ndarray, " labels"] | None
    weights_seed: int
    rng: np.random.Generator


def plan_training(
    task: TrainingTask, data: SliceSource, *, attempt: int = 0, all_after_folds: bool = False
) -> TrainingPlan:
    """Return the plan of one attempt of a task.

    Args:
        task: What to train.
        data: Its slices.
        attempt: Number of the attempt, from 0. Each has its own initial weights and batches.
        all_after_folds: Whether a fold beyond the last means that the training learns from all
            patients and is not validated.
    """
    protocol = task.protocol
    folds = make_folds(data.patient_classes, protocol.evaluation.folds, seed=protocol.seed)
    index = (task.fold, task.initialisation, attempt)
    weights_seed = derive_seed(protocol.seed, "initialisation", *index)
    rng = generator(protocol.seed, "batches", *index)
    if all_after_folds and task.fold >= len(folds):
        fold = Fold(train=data.patients, validation=())
    else:
        fold = folds[task.fold]
    training_slices, validation_slices = data.split(fold)
    counts_labels = protocol.training.head_bias == "class-frequencies"
    return TrainingPlan(
        fold=task.fold,
        training_slices=training_slices,
        validation_slices=validation_slices,
        validation_patients=fold.validation,
        label_counts=data.label_counts(training_slices) if counts_labels else None,
        augmentation=augmentation_of(data, protocol.augmentation),
        weights_seed=weights_seed,
        rng=rng,
    )


def augmentation_of(data: SliceSource, settings: AugmentationSettings) -> SliceAugmentation:
    """Return how the slices of a source are varied under some settings."""
    return SliceAugmentation(
        settings=settings,
        channels=data.num_channels,
        seen=num_seen(data.context),
        flip_dims=data.flip_dims(settings.flip_axes),
        left_right_dim=data.flip_axis_dims.get(LEFT_RIGHT),
        absolute_channels=data.absolute_channels,
        share=data.interface.size / data.window_size,
        mirrored_classes=tuple(mirrored_classes(settings.mirror_pairs, data.class_names)),
    )
