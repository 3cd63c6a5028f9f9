"""The configuration of a command: its file, then its options, then ``--set``."""

from __future__ import annotations

import argparse

from mbnas.actions.named_options import layer_of
from mbnas.study.configuration_layers import Layer, assignment_layer, merge
from mbnas.study.configuration_toml import read_toml


def options_layer(arguments: argparse.Namespace) -> Layer:
    """Return the settings of a command's file, options and ``--set``; later ones override.

    Raises:
        UsageError: if ``--address`` is given without ``--executor ray``.
        ConfigurationError: if the file or an assignment cannot be read.
    """
    file = vars(arguments).get("config")
    return merge({} if file is None else read_toml(file), asked_layer(arguments))


def asked_layer(arguments: argparse.Namespace) -> Layer:
    """Return the settings of a command's options and ``--set``, without those of its file.

    Raises:
        UsageError: if ``--address`` is given without ``--executor ray``.
        ConfigurationError: if an assignment cannot be read.
    """
    options = vars(arguments)
    if (objective := options.get("objective")) is not None:
        options = {**options, "objective": objective.split(",")}
    return merge(layer_of(options), *map(assignment_layer, options.get("set", [])))
