"""The configuration of a command: its file, then its options, then ``--set``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mbnas.cli.show.messages import note
from mbnas.data.datasets.dataset import read_dataset
from mbnas.errors import UsageError
from mbnas.space.space_presets import space_layer
from mbnas.study.configuration_layers import Layer, assignment_layer, merge
from mbnas.study.configuration_toml import read_toml
from mbnas.study.directory import Study
from mbnas.training.protocol import PAPER_DATASETS, recognised_dataset

_FLAGS = {
    "seed": "seed",
    "searcher": "search.searcher",
    "start": "search.start",
    "confirm": "search.confirm_also",
    "evaluations": "search.evaluations",
    "hours": "search.hours",
    "racing": "search.racing",
    "max_parameters": "search.max_parameters",
    "max_macs": "search.max_macs",
    "max_latency_ms": "search.max_latency_ms",
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
    """Return the default protocol: the paper's if there is a GPU, otherwise quick."""
    if sys.platform == "linux" and not any(Path(each).exists() for each in _GPU_DRIVERS):
        return "quick"  # known without loading torch
    from mbnas.training.device.device_setup import visible_devices

    return "paper" if visible_devices() else "quick"


def preset_asked_for(arguments: argparse.Namespace) -> tuple[str | None, str | None]:
    """Return the requested protocol, and which of the paper's datasets this is, if any.

    ``--preset`` sets both; without it, the dataset is recognised by its name.

    Raises:
        DatasetError: if the dataset's name cannot be read.
        UsageError: if ``--preset`` and ``--protocol`` contradict each other.
    """
    if arguments.preset is None:
        return arguments.protocol, recognised_dataset(read_dataset(arguments.dataset).name)
    if arguments.protocol not in (None, "paper"):
        raise UsageError(
            f"--preset {arguments.preset} uses the protocol paper, and --protocol "
            f"{arguments.protocol} is another one: leave one of them out."
        )
    return "paper", arguments.preset


def announce_preset(study: Study, paper_dataset: str | None) -> None:
    """Print that a new study uses the paper's settings for one of its datasets."""
    configuration = study.configuration
    if paper_dataset is None or study.is_begun or configuration.protocol.name != "paper":
        return
    epochs = PAPER_DATASETS[paper_dataset]["training"]["epochs"]
    if configuration.training.epochs == epochs:
        note(
            f"This is {paper_dataset.capitalize()}, a dataset of the paper: each training "
            f"takes {epochs} epochs, as in the paper. Change it with --set training.epochs=N."
        )


def options_layer(arguments: argparse.Namespace) -> Layer:
    """Return the settings of a command's file, options and ``--set``; later ones override.

    Raises:
        UsageError: if ``--address`` is given without ``--executor ray``.
        ConfigurationError: if the file or an assignment cannot be read.
    """
    check_address(arguments)
    layers: list[Layer] = []
    if getattr(arguments, "config", None) is not None:
        layers.append(read_toml(arguments.config))
    if getattr(arguments, "objective", None) is not None:
        layers.append(_nested("search.objective", arguments.objective.split(",")))
    if getattr(arguments, "space", None) is not None:
        layers.append(space_layer(arguments.space))
    for flag, key in _FLAGS.items():
        value = getattr(arguments, flag, None)
        if value is not None:
            layers.append(_nested(key, value))
    layers += [assignment_layer(each) for each in getattr(arguments, "set", [])]
    return merge(*layers)


def check_address(arguments: argparse.Namespace) -> None:
    """Check that ``--address`` has an effect.

    Raises:
        UsageError: if it is given without ``--executor ray``.
    """
    address = getattr(arguments, "address", None)
    if address is not None and arguments.executor != "ray":
        raise UsageError(
            f"--address {address} needs --executor ray: add it, or leave out --address."
        )


def _nested(key: str, value: object) -> Layer:
    for part in reversed(key.split(".")):
        value = {part: value}
    assert isinstance(value, dict)
    return value
