"""The study that a user asks for: new or resumed, with the settings of a preset and options."""

from __future__ import annotations

import sys
from pathlib import Path

from mbnas.data.datasets.dataset import read_dataset
from mbnas.errors import UsageError
from mbnas.study.configuration_layers import Layer, check_effects, merge
from mbnas.study.directory import Study
from mbnas.study.resolve_study import resolve
from mbnas.training.protocol import PAPER_DATASETS, recognised_dataset

_GPU_DRIVERS = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")


def default_protocol() -> str:
    """Return the default protocol: the paper's if there is a GPU, otherwise quick."""
    if sys.platform == "linux" and not any(Path(each).exists() for each in _GPU_DRIVERS):
        return "quick"  # known without loading torch
    from mbnas.training.device.device_setup import visible_devices

    return "paper" if visible_devices() else "quick"


def asked_preset(
    dataset: Path, *, protocol: str | None, preset: str | None
) -> tuple[str | None, str | None]:
    """Return the requested protocol, and which of the paper's datasets this is, if any.

    A preset sets both; without it, the dataset is recognised by its name.

    Args:
        dataset: The dataset's folder.
        protocol: As the user named it.
        preset: One of the paper's datasets.

    Raises:
        DatasetError: if the dataset's name cannot be read.
        UsageError: if there is no such preset, or preset and protocol contradict each other.
    """
    if preset is None:
        return protocol, recognised_dataset(read_dataset(dataset).name)
    if preset not in PAPER_DATASETS:
        raise UsageError(f"--preset (={preset}) must be {' or '.join(PAPER_DATASETS)}.")
    if protocol not in (None, "paper"):
        raise UsageError(
            f"--preset {preset} uses the protocol paper, and --protocol {protocol} is another "
            "one: leave one of them out."
        )
    return "paper", preset


def asked_study(
    path: Path,
    dataset: Path,
    *,
    protocol: str | None,
    preset: str | None,
    file: Layer,
    options: Layer,
) -> tuple[Study, str | None]:
    """Return the study, and a sentence on the preset that it begins with, if there is one.

    Args:
        path: Its directory, which need not exist.
        dataset: The dataset's folder.
        protocol: As for :func:`asked_preset`.
        preset: As for :func:`asked_preset`.
        file: Settings of a configuration file.
        options: Settings of options, which override them.

    Raises:
        MbnasError: if an option is wrong or has no effect, or the directory holds something else.
    """
    protocol, paper_dataset = asked_preset(dataset, protocol=protocol, preset=preset)
    study = resolve(
        path,
        dataset,
        protocol=protocol,
        default_protocol=default_protocol(),
        options=merge(file, options),
        paper_dataset=paper_dataset,
    )
    check_effects(options, study.configuration)
    return study, preset_sentence(study, paper_dataset)


def preset_sentence(study: Study, paper_dataset: str | None) -> str | None:
    """Return that a new study uses the paper's settings for one of its datasets, if it does."""
    configuration = study.configuration
    if paper_dataset is None or study.is_begun or configuration.protocol.name != "paper":
        return None
    epochs = PAPER_DATASETS[paper_dataset]["training"]["epochs"]
    if configuration.training.epochs != epochs:
        return None
    return (
        f"This is {paper_dataset.capitalize()}, a dataset of the paper: each training takes "
        f"{epochs} epochs, as in the paper. Change it with --set training.epochs=N."
    )
