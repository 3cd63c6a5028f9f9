"""Final models of a study: a network trained for use, from its plan to its card.

The plan, ``final.toml``, is in a model's folder from the beginning; the card, ``model.json``, is
written last. In between every member has a curve and a checkpoint, from which the same command
continues.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from mbnas.data.augmentation.laterality import mirrored_classes, resolve_flips
from mbnas.data.datasets.folds import make_folds
from mbnas.data.slices.neighbours import channel_names, lacks_neighbours
from mbnas.data.slices.prepared_slices import PreparedSlices
from mbnas.data.slices.slice_axis import median_spacing
from mbnas.errors import ConfigurationError
from mbnas.machine.processes import ProgressCallback
from mbnas.network.build import build_network, check_logits
from mbnas.network.interface import Interface
from mbnas.prediction.model.model_card import (
    CARD,
    Member,
    ModelCard,
    read_card,
    sha256_of,
    write_card,
)
from mbnas.study.check_beginning import check_possible
from mbnas.study.configuration_toml import without_none
from mbnas.study.drive.rerun_policy import RerunPolicy
from mbnas.study.mode.mode_selection import num_in_pass
from mbnas.study.open_study import OpenStudy
from mbnas.study.pool.worker_pool import worker_pool_of
from mbnas.study.retraining.final_plan import FinalPlan, begin, is_begun
from mbnas.study.retraining.final_trainings import epochs_done, final_tasks, run_final_trainings
from mbnas.training.final.train_final import FinalTask
from mbnas.training.loading.load_slices import check_precision
from mbnas.training.protocol import Protocol, check_warmup
from mbnas.version import versions


def train_model(
    study: OpenStudy,
    plan: FinalPlan,
    folder: Path,
    *,
    preparing: ProgressCallback | None = None,
    watch: ProgressCallback | None = None,
) -> ModelCard:
    """Train a model to the end, from its checkpoints if there are any, and return its card.

    Args:
        study: Held by this process.
        plan: The plan; if the model was begun, the one in its folder.
        folder: The model's.
        preparing: Called with the number of volumes prepared and of all volumes, if slices of
            this size are missing.
        watch: Called with the number of epochs done and of all epochs, of all members.

    Raises:
        StudyError: if the folder holds another model, or a training failed.
        WriteError: if the folder cannot be written.
        ConfigurationError: if the network cannot be built, or the warm-up of a new model is longer
            than its training.
    """
    plan = _with_flips(plan, study.prepared)
    configuration = plan.configuration
    check_possible(configuration)
    _check_network(plan, study.prepared)
    was_begun = is_begun(folder, plan)
    if (folder / CARD).exists():
        return read_card(folder)
    if not was_begun:
        check_warmup(configuration.training)
    slices = study.prepare(configuration.preparation, preparing)
    prepared = PreparedSlices.open(slices)
    check_precision(prepared, configuration.training.slice_precision)
    if not was_begun:
        num_slices = num_in_pass(prepared, configuration.preparation.patch_size)
        check_warmup(configuration.training, num_slices)
        begin(folder, plan)
    protocol = configuration.protocol_for(prepared.digest)
    tasks = final_tasks(plan, protocol, prepared, folder)

    def report() -> None:
        if watch is not None:
            watch(*epochs_done(tasks))

    with worker_pool_of(configuration) as worker_pool:
        policy = RerunPolicy(retries=configuration.run.retries)
        run_final_trainings(tasks, worker_pool, policy=policy, report=report)
    card = _card(plan, protocol, prepared, tasks, study.dataset_name)
    write_card(folder, card)
    return card


def _with_flips(plan: FinalPlan, prepared: PreparedSlices) -> FinalPlan:
    """Return a plan whose flips are resolved.

    Raises:
        ConfigurationError: if flips are asked for that contradict the names of the classes.
    """
    asked = plan.configuration.augmentation
    augmentation, notices = resolve_flips(
        asked, prepared.class_names, has_regions=prepared.has_regions
    )
    if augmentation.flip_axes != asked.flip_axes:
        raise ConfigurationError(" ".join(notices))
    return replace(plan, configuration=replace(plan.configuration, augmentation=augmentation))


def _check_network(plan: FinalPlan, prepared: PreparedSlices) -> None:
    """Raise if a network cannot be built or gives no logits, before anything is written."""
    preparation = plan.configuration.preparation
    num_slices = [volume.num_slices for volume in prepared.volumes]
    if why := lacks_neighbours(num_slices, preparation.context):
        raise ConfigurationError(why)
    channels = channel_names(prepared.channels, preparation.context)
    interface = Interface.of(channels, prepared.targets.num_outputs, preparation.input_size)
    base_channels = plan.configuration.training.base_channels
    network = build_network(plan.network, interface, base_channels=base_channels)
    check_logits(network, interface, name=str(plan.network))


def _card(
    plan: FinalPlan,
    protocol: Protocol,
    prepared: PreparedSlices,
    tasks: Sequence[FinalTask],
    dataset: str,
) -> ModelCard:
    index = prepared.index
    folds = make_folds(prepared.patient_classes, protocol.evaluation.folds, seed=protocol.seed)
    members = []
    for task in tasks:
        fold = None if plan.all_patients else task.training.fold
        validation = () if fold is None else folds[fold].validation
        members.append(
            Member(
                file=task.weights.name,
                sha256=sha256_of(task.weights),
                fold=fold,
                unseen=tuple(sorted({*validation, *prepared.held_out_patients})),
            )
        )
    flipped = {
        prepared.axis_dims[axis]
        for axis in protocol.augmentation.flip_axes
        if axis in prepared.axis_dims
    }
    names = [label.name for label in index.classes]
    precision = protocol.training.precision
    return ModelCard(
        network=str(plan.network),
        base_channels=protocol.training.base_channels,
        channels=index.channels,
        classes=index.classes,
        normalisation=index.normalisation,
        slice_axis=index.slice_axis,
        slice_size=index.settings.slice_size,
        context=protocol.preparation.context,
        patch_size=index.settings.patch_size,
        flips=(0 in flipped, 1 in flipped),
        mirrored_classes=mirrored_classes(protocol.augmentation.mirror_pairs, names),
        spacing_mm=median_spacing(each.geometry for each in index.volumes if not each.held_out),
        unit=prepared.unit,
        precision="bfloat16" if precision == "bfloat16" else "float32",
        members=tuple(members),
        dataset=dataset,
        training=without_none(asdict(protocol)),
        versions=versions(),
    )
