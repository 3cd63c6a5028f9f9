"""``mbnas export``: a network for other programs."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from mbnas.cli.display import say, warn
from mbnas.cli.tables import print_path
from mbnas.errors import UsageError
from mbnas.prediction.locate import find_model

Exporter = Callable[..., tuple[str, ...]]
"""Called with the model's folder, where to, and ``trust_modules``; returns what to warn of."""

EXPORTERS = {
    "torch": "torch_program:export_torch",
    "onnx": "onnx_model:export_onnx",
    "monai": "monai_bundle:export_monai",
}
"""What writes each format: a module of mbnas.export and a function in it."""

_OF_MODELS = ("model", "trust_module")
_OF_NNUNET = ("network", "base_channels", "plans")


def export(arguments: argparse.Namespace) -> int:
    """Write a network for another program, and print the files.

    Raises:
        UsageError: if an option is of another program.
    """
    _check_options(arguments)
    if arguments.to == "nnunet":
        from mbnas.cli.export_nnunet import export_plans

        return export_plans(arguments)
    model = find_model(Path(arguments.study), arguments.model)
    write = _exporter(arguments.to)
    say(f"Exporting {model} to {arguments.to}. A member takes some seconds.")
    out: Path = arguments.out
    for sentence in write(model, out, trust_modules=arguments.trust_module):
        warn(sentence)
    for path in sorted(out.rglob("*")):
        if path.is_file():
            print_path(path)
    return 0


def _check_options(arguments: argparse.Namespace) -> None:
    """Raise if an option would be of no effect."""
    strange = _OF_MODELS if arguments.to == "nnunet" else _OF_NNUNET
    for name in strange:
        if getattr(arguments, name) not in (None, False):
            raise UsageError(
                f"--{name.replace('_', '-')} has no effect with --to {arguments.to}: leave it out."
            )


def _exporter(name: str) -> Exporter:
    """Return what writes a format; its module loads torch, so help does without."""
    module, _, function = EXPORTERS[name].partition(":")
    exporter: Exporter = getattr(import_module(f"mbnas.export.{module}"), function)
    return exporter
