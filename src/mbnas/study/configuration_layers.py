"""Layers of settings, laid over one another to make a configuration.

A configuration is resolved once, from a preset, a file and options, and written to
``study.toml``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from typing import Any

from mbnas.errors import ConfigurationError
from mbnas.study.configuration import Configuration
from mbnas.study.configuration_toml import flatten, not_a_section, settings_of
from mbnas.training.protocol import PAPER_DATASETS, PRESETS

Layer = Mapping[str, Any]
"""Values of some settings, by section."""

_MAX_DOTS = 10


def preset_layer(name: str, paper_dataset: str | None = None) -> Layer:
    """Return the settings of a protocol's preset.

    Args:
        name: Of the protocol.
        paper_dataset: The paper's dataset that it is for, if any; the preset ``paper`` includes
            the paper's settings for that dataset.

    Raises:
        ConfigurationError: if there is no preset of that name.
    """
    if name not in PRESETS:
        raise ConfigurationError(
            f"There is no protocol {name!r}: use {' or '.join(PRESETS)}, and change single "
            "settings with --set."
        )
    of_dataset = PAPER_DATASETS[paper_dataset] if paper_dataset and name == "paper" else {}
    return merge(PRESETS[name], of_dataset, {"protocol": {"name": name}})


def assignment_layer(assignment: str) -> Layer:
    """Return the layer of one ``section.key=value``, whose value is TOML or a plain word.

    >>> assignment_layer("training.epochs=50")
    {'training': {'epochs': 50}}
    >>> assignment_layer("training.loss=dice")
    {'training': {'loss': 'dice'}}

    Raises:
        ConfigurationError: if there is no ``=``.
    """
    path, equals, text = assignment.partition("=")
    if path.count(".") > _MAX_DOTS:
        raise ConfigurationError("A --set has a key that is nested too deeply: write section.key.")
    if not equals:
        raise ConfigurationError(
            f"--set {assignment} has no value: write section.key=value, such as training.epochs=50."
        )
    try:
        parsed = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        parsed = {}
    except (ValueError, RecursionError):
        raise ConfigurationError(
            f"--set {path} has a value that cannot be read: it is too long or nested too deeply."
        ) from None
    layer: Any = parsed["value"] if parsed.keys() == {"value"} else text
    for key in reversed(path.split(".")):
        layer = {key.strip(): layer}
    return dict(layer)


def merge(*layers: Layer) -> dict[str, Any]:
    """Return the layers laid over one another, later ones on top.

    >>> merge({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}})
    {'a': {'b': 3, 'c': 2}}
    """
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            below = merged.get(key)
            if isinstance(below, Mapping) and isinstance(value, Mapping):
                merged[key] = merge(below, value)
            else:
                merged[key] = value
    return merged


def check_sections(asked: Layer) -> None:
    """Check that what is asked for of a section are keys, before any of them is read.

    Raises:
        ConfigurationError: if it is a value.
    """
    for section in (each.name for each in fields(Configuration) if each.name in asked):
        default = getattr(Configuration(dataset=""), section)
        if is_dataclass(default) and not isinstance(asked[section], Mapping):
            raise not_a_section(section, asked[section])


_EXCLUSIVE = {"slice_size": "patch_size", "patch_size": "slice_size"}
"""Keys of ``preparation`` of which only one can have a value."""


def asked_over(base: Layer, asked: Layer) -> dict[str, Any]:
    """Return settings that a user asks for, laid over others.

    What is asked for takes the place of what it excludes: a patch size that of a slice size.

    >>> asked_over({"preparation": {"slice_size": 64}}, {"preparation": {"patch_size": 32}})
    {'preparation': {'patch_size': 32}}
    """
    section = asked.get("preparation", {})
    below = base.get("preparation", {})
    if not isinstance(section, Mapping) or not isinstance(below, Mapping):
        return merge(base, asked)
    kept = {key: value for key, value in below.items() if _EXCLUSIVE.get(key) not in section}
    return merge({**base, "preparation": kept} if below else base, asked)


def build(layer: Layer) -> Configuration:
    """Return the configuration that a layer describes, with defaults for what it leaves out.

    Raises:
        ConfigurationError: if a key does not exist (the message names the nearest that does), or
            a value is of the wrong type or breaks its rule.
    """
    known_keys = (key for key, _ in flatten(asdict(Configuration(dataset=""))))
    configuration = settings_of(Configuration, layer, known_keys=known_keys)
    assert isinstance(configuration, Configuration)
    return configuration


def check_effects(asked: Layer, configuration: Configuration) -> None:
    """Check that settings have an effect; those of a file or of a study may have none.

    Args:
        asked: What the user asks for now.
        configuration: What follows from it.

    Raises:
        ConfigurationError: if one has none.
    """
    executor, space = configuration.run.executor, configuration.space.name
    given = {key: value for key, value in flatten(asked) if value is not None}
    on_ray = executor == "ray", f"with run.executor={executor}: add --executor ray"
    needed = {
        "run.address": on_ray,
        "run.gpu_share": on_ray,
        "run.workers": (
            executor != "inline" or configuration.run.workers == 1,
            "with run.executor=inline, which trains one at a time: add --executor processes",
        ),
        "search.topology_evaluations": (
            space == "bilevel",
            f"in the {space} space: add --space bilevel",
        ),
    }
    for key, (has_effect, remedy) in needed.items():
        if key in given and not has_effect:
            raise ConfigurationError(
                f"{key} (={given[key]}) has no effect {remedy}, or leave it out."
            )


def differences(old: Configuration, new: Configuration) -> dict[str, tuple[object, object]]:
    """Return the settings in which two configurations differ, by key, old and new."""
    flat_old, flat_new = dict(flatten(asdict(old))), dict(flatten(asdict(new)))
    return {
        key: (flat_old[key], flat_new[key]) for key in flat_old if flat_old[key] != flat_new[key]
    }


def difference_lines(
    differing: Mapping[str, tuple[object, object]], *, first: str, second: str
) -> str:
    """Return a line for each setting that differs, with both values.

    >>> difference_lines({"seed": (None, 3)}, first="in the study", second="asked for")
    '  seed: nothing in the study, 3 asked for'

    Args:
        differing: Both values, by key.
        first: Where the first values are, such as "in the study".
        second: Where the second values are.
    """
    return "\n".join(
        f"  {key}: {_shown(before)} {first}, {_shown(after)} {second}"
        for key, (before, after) in differing.items()
    )


def _shown(value: object) -> str:
    return "nothing" if value is None else str(value)
