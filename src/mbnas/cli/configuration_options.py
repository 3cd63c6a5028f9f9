"""From parsed options to a layer of configuration: file, flags and --set over one another."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mbnas.cli.show.messages import note
from mbnas.data.datasets.dataset import read_dataset
from mbnas.errors import UsageError
from mbnas.study.configuration_layers import Layer, assignment_layer, merge
from mbnas.study.configuration_toml import read_toml
from mbnas.study.directory import Study
from mbnas.training.protocol import PAPER_DATASETS, recognised_dataset

_FLAGS = {
    "seed": "seed",
    "space": "space.name",
    "searcher": "search.searcher",
    "start": "search.start",
    "evaluations": "search.evaluations",
    "racing": "search.racing",
    "workers": "run.workers",
    "executor": "run.executor",
    "address": "run.address",
    "device": "run.device",
    "log": "run.log",
    "epochs": "training.epochs",
    "size": "preparation.slice_size",
}


_GPU_DRIVERS = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")


def default_protocol() -> str:
    """Return the protocol where none is asked for: the paper's where there is a GPU."""
    if sys.platform == "linux" and not any(Path(each).exists() for each in _GPU_DRIVERS):
        return "quick"  # known without loading torch
    from mbnas.training.device.device_setup import visible_devices

    return "paper" if visible_devices() else "quick"


def preset_asked_for(arguments: argparse.Namespace) -> tuple[str | None, str | None]:
    """Return the protocol asked for, and which of the paper's datasets this is, if any.

    ``--preset`` says both; without it, the dataset's own name says which it is.

    Raises:
        DatasetError: if the dataset does not say what it is.
        UsageError: if ``--preset`` and ``--protocol`` contradict each other.
    """
    if arguments.preset is None:
        return arguments.protocol, recognised_dataset(read_dataset(arguments.dataset).name)
    if arguments.protocol not in (None, "paper"):
        raise UsageError(
            f"--preset {arguments.preset} is of the protocol paper, and --protocol "
            f"{arguments.protocol} asks for another: leave one of them out."
        )
    return "paper", arguments.preset


def announce_preset(study: Study, paper_dataset: str | None) -> None:
    """Say that a study begins with what the paper sets for one of its datasets."""
    configuration = study.configuration
    if paper_dataset is None or study.is_begun or configuration.protocol.name != "paper":
        return
    epochs = PAPER_DATASETS[paper_dataset]["training"]["epochs"]
    if configuration.training.epochs == epochs:
        note(
            f"This is {paper_dataset.capitalize()}, a dataset of the paper: a training takes "
            f"{epochs} epochs, as there. Change it with --set training.epochs=N."
        )


def options_layer(arguments: argparse.Namespace) -> Layer:
    """Return what a command's configuration file, flags and --set ask for, in that order.

    Raises:
        UsageError: if ``--address`` is given to an executor that has none.
        ConfigurationError: if the file or an assignment cannot be read.
    """
    check_address(arguments)
    layers: list[Layer] = []
    if getattr(arguments, "config", None) is not None:
        layers.append(read_toml(arguments.config))
    for flag, key in _FLAGS.items():
        value = getattr(arguments, flag, None)
        if value is not None:
            layers.append(_nested(key, value))
    layers += [assignment_layer(each) for each in getattr(arguments, "set", [])]
    return merge(*layers)


def check_address(arguments: argparse.Namespace) -> None:
    """Raise if ``--address`` would be of no effect.

    Raises:
        UsageError: if ``--executor ray`` is not asked for with it.
    """
    address = getattr(arguments, "address", None)
    if address is not None and arguments.executor != "ray":
        raise UsageError(
            f"--address {address} is of a Ray cluster: add --executor ray, or leave it out."
        )


def _nested(key: str, value: object) -> Layer:
    for part in reversed(key.split(".")):
        value = {part: value}
    assert isinstance(value, dict)
    return value
