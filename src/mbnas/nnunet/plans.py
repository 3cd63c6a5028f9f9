"""A plans file with which nnU-Net trains a genotype instead of its own network.

It is a copy of the dataset's plans, with only the 2D configuration and the genotype as its
architecture. Everything else stays as nnU-Net planned it, so preprocessed data are reused.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch

from mbnas.errors import NNUNetError
from mbnas.machine.files import remove_leftovers, write_text
from mbnas.network.genotype_network import Network
from mbnas.nnunet.network import CLASS_NAME
from mbnas.space.genotype import Genotype

Plans = Mapping[str, Any]

CONFIGURATION = "2d"
OWN_PLANS = "nnUNetPlans"


def refuse_neighbours(context: int) -> None:
    """Raise if a study's networks see neighbouring slices, which nnU-Net's 2D networks do not get.

    Args:
        context: ``preparation.context`` of the study.

    Raises:
        NNUNetError: if it is above 0.
    """
    if context:
        raise NNUNetError(
            f"The study's networks see neighbouring slices (preparation.context = {context}), and "
            "nnU-Net gives a 2D network single slices: a network chosen with neighbours would be "
            "trained without them. Name a study with preparation.context = 0."
        )


def check_width(genotype: Genotype, base_channels: int) -> None:
    """Raise if a genotype cannot have some base channels: nnU-Net would tell only when it trains.

    Raises:
        ConfigurationError: if a block cannot have its width.
    """
    with torch.device("meta"):
        Network(genotype, in_channels=1, num_classes=2, base_channels=base_channels)


def plans_name(genotype: Genotype, base_channels: int, own: str = OWN_PLANS) -> str:
    """Return the name of a genotype's plans, with its digest and its width.

    >>> plans_name(Genotype.parse("0vgg3"), 32)
    'nnUNetPlans_mbnas_1112f7cc_base32'
    """
    return f"{own}_mbnas_{genotype.digest[:8]}_base{base_channels}"


def plans_of(genotype: Genotype, base_channels: int, own: Plans) -> dict[str, Any]:
    """Return plans that train a genotype like ``own`` trains nnU-Net's 2D network.

    Deep supervision uses those resolutions of nnU-Net's network that the genotype has too.

    Args:
        genotype: The network.
        base_channels: Channels of its level 0.
        own: nnU-Net's plans of the dataset.

    Raises:
        NNUNetError: if they have no 2D configuration with an architecture.
    """
    try:
        configuration = deepcopy(own["configurations"][CONFIGURATION])
        strides = configuration["architecture"]["arch_kwargs"]["strides"]
        name = own["plans_name"]
    except (KeyError, TypeError) as error:
        raise NNUNetError(
            f"These are not plans of nnU-Net 2.8 with configuration {CONFIGURATION} (no {error}): "
            f"plan the dataset with nnUNetv2_plan_and_preprocess -c {CONFIGURATION}."
        ) from error
    configuration["architecture"] = {
        "network_class_name": CLASS_NAME,
        "arch_kwargs": {
            "genotype": str(genotype),
            "base_channels": base_channels,
            "strides": strides[: max(2, genotype.num_levels)],
        },
        "_kw_requires_import": [],
    }
    return {
        **own,
        "plans_name": plans_name(genotype, base_channels, name),
        "configurations": {CONFIGURATION: configuration},
    }


def export_nnunet(
    genotype: Genotype, *, base_channels: int, dataset: Path, own: str = OWN_PLANS
) -> Path:
    """Write a genotype's plans next to the plans of a dataset; return their file.

    Args:
        genotype: The network.
        base_channels: Channels of its level 0.
        dataset: The dataset's folder of preprocessed data, or its name in ``nnUNet_preprocessed``.
        own: Name of the plans to follow.

    Raises:
        ConfigurationError: if a block cannot have its width.
        NNUNetError: if the dataset was not planned.
        WriteError: if the file cannot be written.
    """
    check_width(genotype, base_channels)
    folder = preprocessed_folder(dataset)
    plans = plans_of(genotype, base_channels, read_plans(folder / f"{own}.json"))
    path = folder / f"{plans['plans_name']}.json"
    remove_leftovers(folder)
    write_text(path, json.dumps(plans, indent=4) + "\n")
    return path


def preprocessed_folder(dataset: Path) -> Path:
    """Return the folder of a dataset's preprocessed data, from its path or nnU-Net's name.

    Raises:
        NNUNetError: if there is no such folder.
    """
    if dataset.is_dir():
        return dataset
    root = os.environ.get("nnUNet_preprocessed")  # noqa: SIM112 - as nnU-Net spells it
    if root is None:
        raise NNUNetError(
            f"There is no folder {dataset}, and nnUNet_preprocessed is not set: set it as for "
            "nnU-Net, or name the dataset's folder of preprocessed data."
        )
    folder = Path(root, dataset)
    if not folder.is_dir():
        raise NNUNetError(
            f"There is no folder {folder}: plan the dataset first, with "
            f"nnUNetv2_plan_and_preprocess -d ID -c {CONFIGURATION}."
        )
    return folder


def read_plans(path: Path) -> dict[str, Any]:
    """Return the plans in a file.

    Raises:
        NNUNetError: if it is absent or contains no plans.
    """
    try:
        plans = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise NNUNetError(
            f"{path} does not exist: plan the dataset with nnUNetv2_plan_and_preprocess -d ID -c "
            f"{CONFIGURATION}, or name other plans."
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise NNUNetError(f"{path} holds no plans ({error}). Plan the dataset again.") from error
    if not isinstance(plans, dict):
        raise NNUNetError(f"{path} holds no JSON object. Plan the dataset again.")
    return plans
