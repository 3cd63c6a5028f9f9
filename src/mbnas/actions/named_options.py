"""Settings by the short names that options have, on the command line and in Python."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import replace

from mbnas.errors import UsageError
from mbnas.network.architecture import is_own
from mbnas.space.space_presets import space_layer
from mbnas.study.configuration_layers import Layer, build, check_effects, merge
from mbnas.study.directory import Study

KEYS: Mapping[str, str] = {
    "seed": "seed",
    "searcher": "search.searcher",
    "start": "search.start",
    "confirm": "search.confirm_also",
    "evaluations": "search.evaluations",
    "hours": "search.hours",
    "racing": "search.racing",
    "objective": "search.objective",
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
"""The key of each option, in ``study.toml``; the option ``space`` may stand for several keys."""

_CONFIRMED = KEYS["confirm"]


def layer_of(options: Mapping[str, object]) -> Layer:
    """Return the settings that options give; those that are ``None`` or no setting give none.

    >>> layer_of({"hours": 2, "seed": None, "csv": True})
    {'search': {'hours': 2}}

    Raises:
        UsageError: if an address of Ray is given without the executor for it.
    """
    address = options.get("address")
    if address is not None and options.get("executor") != "ray":
        raise UsageError(
            f"--address {address} needs --executor ray: add it, or leave out --address."
        )
    space = options.get("space")
    given = {key: options[name] for name, key in KEYS.items() if name in options}
    if (names := given.get(_CONFIRMED)) is not None:
        assert isinstance(names, Iterable)
        given[_CONFIRMED] = [_with_fingerprint(str(name)) for name in names]
    return merge(
        {} if space is None else space_layer(str(space)),
        *(layer_at(key, value) for key, value in given.items() if value is not None),
    )


def _with_fingerprint(name: str) -> str:
    """Return a network's name, with the fingerprint of its source if it is a user's own module."""
    if not is_own(name):
        return name
    from mbnas.network.others.own_network import find_own_network  # it imports torch

    return str(find_own_network(name))


def running_as(study: Study, running: Layer) -> Study:
    """Return a study whose trainings run by other settings.

    Args:
        study: The study.
        running: Settings of the section ``run``.

    Raises:
        ConfigurationError: if a value breaks its rule or has no effect.
    """
    again = tomllib.loads(study.configuration.to_toml())
    configuration = build(merge(again, running))
    check_effects(running, configuration)
    return replace(study, configuration=configuration)


def layer_of_keys(settings: Mapping[str, object]) -> Layer:
    """Return settings whose keys may have dots as a layer.

    >>> layer_of_keys({"training.epochs": 50, "space": {"num_nodes": 8}})
    {'training': {'epochs': 50}, 'space': {'num_nodes': 8}}
    """
    return merge(*(layer_at(key, value) for key, value in settings.items()))


def layer_at(key: str, value: object) -> Layer:
    """Return the layer of one setting.

    >>> layer_at("training.epochs", 50)
    {'training': {'epochs': 50}}
    """
    for part in reversed(key.split(".")):
        value = {part: value}
    assert isinstance(value, dict)
    return value
