"""``mbnas export``: a model for other programs."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from mbnas.cli.display import say, warn
from mbnas.prediction.locate import find_model

Exporter = Callable[..., tuple[str, ...]]
"""Called with the model's folder, where to, and ``trust_modules``; returns what to warn of."""

EXPORTERS = {
    "torch": "torch_program:export_torch",
    "onnx": "onnx_model:export_onnx",
    "monai": "monai_bundle:export_monai",
}
"""What writes each format: a module of mbnas.export and a function in it."""


def export(arguments: argparse.Namespace) -> int:
    """Write a model in another format into a new folder, and print the folder's files."""
    model = find_model(arguments.study, arguments.model)
    write = _exporter(arguments.to)
    say(f"Exporting {model} to {arguments.to}. A member takes some seconds.")
    out: Path = arguments.out
    for sentence in write(model, out, trust_modules=arguments.trust_module):
        warn(sentence)
    for path in sorted(out.rglob("*")):
        if path.is_file():
            print(path)
    return 0


def _exporter(name: str) -> Exporter:
    """Return what writes a format; its module loads torch, so help does without."""
    module, _, function = EXPORTERS[name].partition(":")
    exporter: Exporter = getattr(import_module(f"mbnas.export.{module}"), function)
    return exporter
