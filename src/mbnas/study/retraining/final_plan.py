"""The plan of a final model: what is trained, with which settings, and into which folder."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import tomli_w

from mbnas.errors import ConfigurationError, StudyError, UsageError
from mbnas.machine.files import ready_folder, write_text
from mbnas.network.architecture import Architecture, OwnNetwork
from mbnas.prediction.model.find_model import WEIGHTS
from mbnas.study.configuration import Configuration
from mbnas.study.configuration_layers import (
    Layer,
    asked_over,
    build,
    check_sections,
    difference_lines,
    differences,
    merge,
)
from mbnas.study.configuration_toml import read_toml
from mbnas.training.device.device_setup import resolve_device, resolve_precision

PLAN = "final.toml"
EPOCHS_FACTOR = 2
"""How many times the epochs of the search a final training has by default."""

_MAY_BE_SET = ("training", "augmentation", "preparation")
_NAME = re.compile(r"\w[\w.-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalPlan:
    """The plan of a model.

    Attributes:
        network: The network to train.
        configuration: The study's, with the settings of final trainings.
        all_patients: Whether one network learns from all patients; otherwise there is one network
            for each fold, which learns from the patients of the other folds.
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
        """The folds of the model's trainings; the number after the last fold is all patients."""
        num_folds = self.configuration.protocol.folds
        return (num_folds,) if self.all_patients else tuple(range(num_folds))

    def to_toml(self) -> str:
        """Return the text of ``final.toml``."""
        facts = {"network": str(self.network), "all_patients": self.all_patients}
        return tomli_w.dumps(facts) + "\n" + self.configuration.to_toml()


def final_configuration(study: Configuration, network: Architecture, asked: Layer) -> Configuration:
    """Return the configuration of a study's final trainings.

    They are longer than those of the search, add cross-entropy to the Dice loss and start at
    the class frequencies, which keeps every class from being lost (a user's own network keeps its
    own start). All other settings are those of the search by default.

    Args:
        study: The study's own configuration.
        network: The network to train.
        asked: Settings of training, augmentation, preparation and the run.

    Raises:
        ConfigurationError: if another setting is asked for, a value breaks its rule, or this
            machine does not have the device.
    """
    check_sections(asked)
    for section in asked:
        if section not in (*_MAY_BE_SET, "run"):
            raise ConfigurationError(
                f"{section} cannot be set for a final training: patients, folds and seed are the "
                f"study's. Settings of {', '.join(_MAY_BE_SET)} can."
            )
    defaults: dict[str, Any] = {
        "epochs": EPOCHS_FACTOR * study.training.epochs,
        "loss": "dice+cross-entropy",
    }
    if not isinstance(network, OwnNetwork):
        defaults["head_bias"] = "class-frequencies"
    base = tomllib.loads(study.to_toml())
    if "flip_axes" in asked.get("augmentation", {}):
        base["augmentation"].pop("mirror_pairs", None)
    final = build(asked_over(merge(base, {"training": defaults}), asked))
    if final.run.log not in (None, study.run.log):
        raise ConfigurationError(
            f"run.log (={final.run.log}) cannot be set for a final training, which writes no live "
            "log: its curves are in the model's curves.svg. Leave it out."
        )
    device = resolve_device(final.run.device)
    precision = resolve_precision(final.training.precision, device)
    return replace(
        final,
        run=replace(final.run, device=device),
        training=replace(final.training, precision=precision),
    )


def model_folder(study: Path, name: str) -> Path:
    """Return the folder of a study's model.

    Raises:
        UsageError: if the name cannot be a folder's.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"--name (={name}) must be letters, digits, points, dashes and underscores."
        )
    return study / WEIGHTS / name


def is_begun(folder: Path, plan: FinalPlan) -> bool:
    """Return whether a folder holds the plan.

    Raises:
        StudyError: if it holds another.
    """
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
        lines = difference_lines(differing, first="in the folder", second="asked for")
        raise StudyError(
            f"{folder} holds another model:\n{lines}\nChoose another --name, or remove that folder."
        )
    return True


def begin(folder: Path, plan: FinalPlan) -> None:
    """Make a model's folder and write its plan there."""
    ready_folder(folder)
    write_text(folder / PLAN, plan.to_toml())
