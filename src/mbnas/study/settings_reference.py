"""Every setting of a study with its type, default, meaning and an example, read from the code.

The meanings are those of the ``Attributes`` of the settings classes, so that there is one text.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from mbnas.errors import ConfigurationError
from mbnas.study.configuration import Configuration
from mbnas.study.configuration_toml import unknown_key
from mbnas.training.protocol import PRESETS

_EXAMPLES: dict[str, object] = {
    "dataset": "/data/Task04_Hippocampus",
    "data.max_patients": 20,
    "data.patient_pattern": "(.+)_visit[0-9]+",
    "data.patient_table": "patients.csv",
    "preparation.slice_size": 96,
    "preparation.slice_axis": 2,
    "preparation.patch_size": 128,
    "protocol.name": "quick",
    "protocol.test_fraction": 0.2,
    "training.steps_per_epoch": 60,
    "augmentation.flip_axes": [],
    "augmentation.mirror_pairs": [["left kidney", "right kidney"]],
    "space.name": "macro",
    "space.blocks": ["vgg", "residual"],
    "space.kernels": [3, 5],
    "space.block_levels": ["dense:2-4"],
    "space.expansions": ["convnext:2"],
    "search.searcher": "bayesian",
    "search.proposal_size": 4,
    "search.hours": 2.0,
    "search.start": "unet",
    "search.confirmation": 0.25,
    "search.objective": ["dice", "macs"],
    "search.max_parameters": 2_000_000,
    "search.max_macs": 20_000_000,
    "search.max_latency_ms": 5.0,
    "search.confirm_also": ["unet", "resunet"],
    "search.probability": 0.9,
    "search.topology_evaluations": 50,
    "run.device": "cuda:0",
    "run.workers": 2,
    "run.address": "auto",
    "run.log": "tensorboard",
}
"""Values of settings for which no other value follows from the type and the default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting of a study.

    Attributes:
        key: Section and name, as in ``--set``.
        type: What a value is, in words.
        default: Its value without a preset, as in ``study.toml``; ``None`` if it has none there.
        presets: Its value by each preset that sets it.
        meaning: What it does, one paragraph.
        example: Another value, as in ``--set``.
    """

    key: str
    type: str
    default: str | None
    presets: dict[str, str]
    meaning: str
    example: str

    @property
    def section(self) -> str:
        """The section in ``study.toml``; empty for the first keys of the file."""
        return self.key.rpartition(".")[0]

    @property
    def summary(self) -> str:
        """The first sentence of the meaning."""
        return re.split(r"(?<=[.:;]) ", self.meaning, maxsplit=1)[0].rstrip(".:;") + "."


def all_settings() -> tuple[Setting, ...]:
    """Return every setting, in the order of ``study.toml``."""
    return tuple(_settings_of(Configuration, ""))


def settings_like(key: str) -> tuple[Setting, ...]:
    """Return the setting of a key, or the settings of a section.

    >>> [each.key for each in settings_like("training.epochs")]
    ['training.epochs']
    >>> [each.key for each in settings_like("epochs")]
    ['training.epochs']

    Args:
        key: A key, a section, or the last part of a key.

    Raises:
        ConfigurationError: if there is neither.
    """
    known = all_settings()
    found = (
        [each for each in known if each.key == key]
        or [each for each in known if each.section == key]
        or [each for each in known if each.key.rpartition(".")[2] == key]
    )
    if not found:
        raise ConfigurationError(unknown_key(key, (each.key for each in known)))
    return tuple(found)


def _settings_of(cls: type, path: str) -> Iterator[Setting]:
    hints, meanings = get_type_hints(cls), _meanings(cls)
    instance = cls(dataset="") if cls is Configuration else cls()
    for each in fields(cls):
        if is_dataclass(hints[each.name]):
            yield from _settings_of(hints[each.name], f"{each.name}.")
            continue
        key, value = f"{path}{each.name}", getattr(instance, each.name)
        section = path.rstrip(".")
        yield Setting(
            key=key,
            type=_type_text(hints[each.name]),
            default=None if value is None or key == "dataset" else toml_value(value),
            presets={
                name: toml_value(preset[section][each.name])
                for name, preset in sorted(PRESETS.items())
                if each.name in preset.get(section, {})
            },
            meaning=meanings[each.name],
            example=toml_value(_example(key, hints[each.name], value)),
        )


def _meanings(cls: type) -> dict[str, str]:
    """Return the meaning of each attribute from a class's docstring."""
    lines = inspect.cleandoc(cls.__doc__ or "").split("\n")
    meanings: dict[str, str] = {}
    name = None
    for line in lines[lines.index("Attributes:") + 1 :]:
        if line and not line.startswith(" "):
            break
        if match := re.match(r"    (\w+): (.*)", line):
            name = match[1]
            meanings[name] = match[2]
        elif name is not None and line.strip():
            meanings[name] += f" {line.strip()}"
    return {name: _plain(text) for name, text in meanings.items()}


def _plain(text: str) -> str:
    """Return a text of a docstring without the marks of its references."""
    text = re.sub(r"\s\(:\w+:`[^`]+`\)", "", text)
    text = re.sub(r":\w+:`~?([^`]+)`", r"\1", text)
    text = re.sub(r"`(\[.*?\])`", r"\1", text)
    text = text.replace("``", "`").replace("`None`", "no value")
    return re.sub(r"(?:^|(?<=[.] ))no value", "No value", text)


_TYPES = {int: "whole number", float: "number", bool: "true or false", str: "text"}


def _type_text(hint: Any) -> str:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        (inner,) = (each for each in arguments if each is not NoneType)
        return f"{_type_text(inner)}, or no value"
    if origin is Literal:
        return " or ".join(map(str, arguments))
    if origin is tuple:
        inner = arguments[0]
        plural = {str: "texts", int: "whole numbers"}.get(inner, "lists of texts")
        return f"list of {plural}"
    return _TYPES[hint]


def _example(key: str, hint: Any, value: Any) -> object:
    """Return another value than the default."""
    if key in _EXAMPLES:
        return _EXAMPLES[key]
    if get_origin(hint) is Literal:
        return next(each for each in reversed(get_args(hint)) if each != value)
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int) else value / 2


def toml_value(value: object) -> str:
    """Return a value as it is written in ``study.toml``.

    >>> toml_value(("vgg", "dense")), toml_value(False), toml_value(0.5)
    ('["vgg", "dense"]', 'false', '0.5')
    """
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml_value, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return str(value)
