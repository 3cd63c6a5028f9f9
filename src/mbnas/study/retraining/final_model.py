"""Final trainings of a study: from a network that was found, or any other, to a model to use.

A model is planned once: its plan, ``final.toml``, lies in its folder from the beginning, and the
card, ``model.json``, at the end. In between every member has a curve and a checkpoint, and the
same command goes on from there.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from mbnas.data.datasets.folds import make_folds
from mbnas.data.datasets.laterality import mirrored_classes, resolve_flips
from mbnas.data.slices.prepared_slices import PreparedSlices
from mbnas.errors import (
    ConfigurationError,
    MbnasError,
    OutOfMemory,
    StudyError,
    UsageError,
    WorkerDied,
)
from mbnas.machine.files import ready_folder, write_text
from mbnas.machine.processes import ProgressCallback
from mbnas.network.architecture import Architecture, OwnNetwork
from mbnas.network.build import build_network, check_logits
from mbnas.network.interface import Interface
from mbnas.prediction.model.find_model import WEIGHTS
from mbnas.prediction.model.model_card import (
    CARD,
    Member,
    ModelCard,
    read_card,
    sha256_of,
    write_card,
)
from mbnas.study.begin_or_resume import check_possible
from mbnas.study.configuration import (
    Configuration,
    Layer,
    build,
    difference_lines,
    differences,
    merge,
    read_toml,
    without_none,
)
from mbnas.study.drive.worker_pool import WorkerPool, worker_pool_of
from mbnas.study.open_study import OpenStudy
from mbnas.training.device.device_setup import resolve_precision
from mbnas.training.device.predicted_memory import predicted_bytes
from mbnas.training.final.learning_curve import read_curve
from mbnas.training.final.train_final import FINAL, FinalTask, train_final
from mbnas.training.loading.load_slices import check_precision
from mbnas.training.protocol import Protocol
from mbnas.training.task import TrainingTask
from mbnas.version import versions

PLAN = "final.toml"
LENGTHENED = 2
"""A final training has so many times the epochs of one of the search, where nobody says."""

_MAY_BE_SET = ("training", "augmentation", "preparation")
_NAME = re.compile(r"\w[\w.-]*")
_LOOK_EVERY_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalPlan:
    """What a model is to be.

    Attributes:
        network: What is trained.
        configuration: The study's, with the settings of final trainings.
        all_patients: Whether one network learns from all patients, in place of one for each
            fold that does not learn from that fold's.
    """

    network: Architecture
    configuration: Configuration
    all_patients: bool = False

    def __post_init__(self) -> None:
        if self.configuration.run.executor == "ray":
            raise UsageError(
                "A final training keeps checkpoints in the study's folder and runs on one machine: "
                "choose --executor processes or inline."
            )

    @property
    def folds(self) -> tuple[int, ...]:
        """Which trainings make the model; one beyond the last fold is of all patients."""
        num_folds = self.configuration.protocol.folds
        return (num_folds,) if self.all_patients else tuple(range(num_folds))

    def to_toml(self) -> str:
        """Return the text of ``final.toml``."""
        facts = {"network": str(self.network), "all_patients": self.all_patients}
        return tomli_w.dumps(facts) + "\n" + self.configuration.to_toml()


def final_configuration(study: Configuration, network: Architecture, asked: Layer) -> Configuration:
    """Return the configuration of a study's final trainings.

    They are longer than those of the search, learn from cross-entropy beside Dice and start at
    the class frequencies, which keeps every class from being lost (a user's own network starts as
    it likes). Everything else is as in the search, unless asked for otherwise.

    Args:
        study: The study's own configuration.
        network: What is trained.
        asked: Settings of training, augmentation and preparation, and of the run.

    Raises:
        ConfigurationError: if something else is asked for, or a value breaks its rule.
    """
    for section in asked:
        if section not in (*_MAY_BE_SET, "run"):
            raise ConfigurationError(
                f"{section} cannot be set for a final training: patients, folds and seed are the "
                f"study's. Settings of {', '.join(_MAY_BE_SET)} can."
            )
    practice: dict[str, Any] = {
        "epochs": LENGTHENED * study.training.epochs,
        "loss": "dice+cross-entropy",
    }
    if not isinstance(network, OwnNetwork):
        practice["head_bias"] = "class-frequencies"
    base = tomllib.loads(study.to_toml())
    if "flip_axes" in asked.get("augmentation", {}):
        base["augmentation"].pop("mirror_pairs", None)
    final = build(merge(base, {"training": practice}, asked))
    precision = resolve_precision(final.training.precision, final.run.device)
    return replace(final, training=replace(final.training, precision=precision))


def model_folder(study: Path, name: str) -> Path:
    """Return where a study's model of that name lies.

    Raises:
        UsageError: if the name cannot be a folder's.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"--name (={name}) must be letters, digits, points, dashes and underscores."
        )
    return study / WEIGHTS / name


def train_model(
    study: OpenStudy,
    plan: FinalPlan,
    folder: Path,
    *,
    preparing: ProgressCallback | None = None,
    watch: Callable[[int, int], None] = lambda _done, _total: None,
) -> ModelCard:
    """Train a model to the end, from where it stands, and return its card.

    Args:
        study: Held by this process.
        plan: What it is to be; the folder's, if it was begun.
        folder: The model's.
        preparing: Told how many volumes are prepared, if slices of its size are not there yet.
        watch: Told how many epochs of all members are done, of how many.

    Raises:
        StudyError: if the folder holds another model, or a training failed.
        WriteError: if the folder cannot be written.
        ConfigurationError: if the network cannot be built.
    """
    plan = _with_flips(plan, study.prepared)
    check_possible(plan.configuration)
    _check_network(plan, study.prepared)
    is_begun = _is_begun(folder, plan)
    if (folder / CARD).exists():
        return read_card(folder)
    settings = plan.configuration.preparation
    slices = study.prepare(settings, preparing)
    prepared = PreparedSlices.open(slices)
    check_precision(prepared, plan.configuration.training.slice_precision)
    if not is_begun:
        _begin(folder, plan)
    protocol = plan.configuration.protocol_for(prepared.digest)
    tasks = [_task(plan, protocol, prepared, fold, folder) for fold in plan.folds]
    missing = [task for task in tasks if not task.weights.exists()]
    with worker_pool_of(plan.configuration) as worker_pool:
        _run(missing, worker_pool, plan, lambda: watch(*_epochs_of(tasks)))
    card = _card(plan, protocol, prepared, tasks, study.dataset_name)
    write_card(folder, card)
    return card


def _with_flips(plan: FinalPlan, prepared: PreparedSlices) -> FinalPlan:
    """Return a plan in which flips are decided.

    Raises:
        ConfigurationError: if flips are asked for that the names of the classes speak against.
    """
    asked = plan.configuration.augmentation
    augmentation, notices = resolve_flips(asked, [label.name for label in prepared.classes])
    if augmentation.flip_axes != asked.flip_axes:
        raise ConfigurationError(" ".join(notices))
    return replace(plan, configuration=replace(plan.configuration, augmentation=augmentation))


def _is_begun(folder: Path, plan: FinalPlan) -> bool:
    """Return whether a folder holds the plan already; it may hold no other."""
    file = folder / PLAN
    if not file.exists():
        return False
    old = read_toml(file)
    found = {"network": old.pop("network", None), "all_patients": old.pop("all_patients", None)}
    wanted = {"network": str(plan.network), "all_patients": plan.all_patients}
    differing: dict[str, tuple[object, object]] = {
        key: (found[key], wanted[key]) for key in wanted if found[key] != wanted[key]
    }
    differing |= {
        key: values
        for key, values in differences(build(old), plan.configuration).items()
        if not key.startswith(("run.", "search.", "dataset", "data.patient_table"))
    }
    if differing:
        lines = difference_lines(differing, first="there", second="asked for")
        raise StudyError(
            f"{folder} is another model, trained or begun:\n{lines}\n"
            "Train this one under another --name, or remove that folder."
        )
    return True


def _begin(folder: Path, plan: FinalPlan) -> None:
    ready_folder(folder)
    write_text(folder / PLAN, plan.to_toml())


def _check_network(plan: FinalPlan, prepared: PreparedSlices) -> None:
    """Raise if a network cannot be built or gives no logits, before anything is written."""
    interface = _interface(plan, prepared)
    base_channels = plan.configuration.training.base_channels
    network = build_network(plan.network, interface, base_channels=base_channels)
    check_logits(network, interface, name=str(plan.network))


def _interface(plan: FinalPlan, prepared: PreparedSlices) -> Interface:
    size = plan.configuration.preparation.slice_size
    return Interface.of(prepared.channels, prepared.classes, size)


def _task(
    plan: FinalPlan, protocol: Protocol, prepared: PreparedSlices, fold: int, folder: Path
) -> FinalTask:
    device, memory_bytes = plan.configuration.run.device, None
    if device.startswith("cuda"):
        memory_bytes = predicted_bytes(
            plan.network,
            protocol,
            _interface(plan, prepared),
            num_slices=len(prepared.labels),
            device=device,
        )
    return FinalTask(
        training=TrainingTask(
            architecture=plan.network,
            protocol=protocol,
            fold=fold,
            initialisation=FINAL,
            slices=prepared.directory.absolute(),
            device=device,
            memory_bytes=memory_bytes,
        ),
        class_names=tuple(label.name for label in prepared.classes),
        weights=(folder / _file_name(plan, fold)).absolute(),
    )


def _file_name(plan: FinalPlan, fold: int) -> str:
    return f"{'all' if plan.all_patients else f'fold{fold}'}.safetensors"


def _run(
    tasks: list[FinalTask], worker_pool: WorkerPool, plan: FinalPlan, look: Callable[[], None]
) -> None:
    """Have all tasks trained; one whose worker died goes on, and one short of memory has it all."""
    submit = worker_pool.executor.submit
    running: dict[Future[None], FinalTask] = {submit(train_final, task): task for task in tasks}
    tries = dict.fromkeys((task.weights for task in tasks), 0)
    errors: list[MbnasError] = []
    while running:
        done, _ = wait(running, timeout=_LOOK_EVERY_S, return_when=FIRST_COMPLETED)
        for future in done:
            task = running.pop(future)
            try:
                future.result()
            except WorkerDied as error:
                tries[task.weights] += 1
                if tries[task.weights] > plan.configuration.run.retries:
                    errors.append(error)
                else:
                    running[submit(train_final, task)] = task
            except OutOfMemory as error:
                if task.alone:
                    errors.append(error)
                else:
                    alone = replace(task, training=replace(task.training, alone=True))
                    running[submit(train_final, alone)] = alone
            except MbnasError as error:
                errors.append(error)
        look()
    if errors:
        raise StudyError(
            f"{len(errors)} of {len(plan.folds)} final trainings failed: {errors[0]} The same "
            "command goes on with what is missing."
        )


def _epochs_of(tasks: list[FinalTask]) -> tuple[int, int]:
    done = sum(len(read_curve(task.curve)) for task in tasks)
    return done, sum(task.training.protocol.training.epochs for task in tasks)


def _card(
    plan: FinalPlan,
    protocol: Protocol,
    prepared: PreparedSlices,
    tasks: list[FinalTask],
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
    learned = [volume.spacing_mm for volume in index.volumes if not volume.held_out]
    x, y, z = np.median(np.array(learned), axis=0)
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
        flips=(0 in flipped, 1 in flipped),
        mirrored_classes=mirrored_classes(protocol.augmentation.mirror_pairs, names),
        spacing_mm=(float(x), float(y), float(z)),
        precision="bfloat16" if precision == "bfloat16" else "float32",
        members=tuple(members),
        dataset=dataset,
        training=without_none(asdict(protocol)),
        versions=versions(),
    )
