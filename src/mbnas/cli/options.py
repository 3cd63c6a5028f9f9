"""From parsed options to a layer of configuration: file, flags and --set over one another."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mbnas.study.configuration import Layer, assignment_layer, merge, read_configuration_file

_FLAGS = {
    "seed": "seed",
    "space": "space.name",
    "searcher": "search.searcher",
    "start": "search.start",
    "evaluations": "search.evaluations",
    "workers": "run.workers",
    "device": "run.device",
}


_GPU_DRIVERS = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")


def default_protocol() -> str:
    """Return the protocol where none is asked for: the paper's where there is a GPU."""
    if sys.platform == "linux" and not any(Path(each).exists() for each in _GPU_DRIVERS):
        return "quick"  # known without loading torch
    from mbnas.training.device import visible_devices

    return "paper" if visible_devices() else "quick"


def options_layer(arguments: argparse.Namespace) -> Layer:
    """Return what a command's configuration file, flags and --set ask for, in that order."""
    layers: list[Layer] = []
    if getattr(arguments, "config", None) is not None:
        layers.append(read_configuration_file(arguments.config))
    for flag, key in _FLAGS.items():
        value = getattr(arguments, flag, None)
        if value is not None:
            layers.append(_nested(key, value))
    layers += [assignment_layer(each) for each in getattr(arguments, "set", [])]
    return merge(*layers)


def _nested(key: str, value: object) -> Layer:
    for part in reversed(key.split(".")):
        value = {part: value}
    assert isinstance(value, dict)
    return value
