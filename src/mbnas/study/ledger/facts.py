"""Facts about a study, as its ledger keeps them: texts by key, some in a required format."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, get_args

from mbnas.data.images.geometry import Unit

CONFIGURATION = "configuration"
"""The study's configuration as TOML, as in ``study.toml``."""

RETRYING = "retrying"
"""Exists while a retry of failed trainings is under way."""

FOLDS, INITIALISATIONS = "folds", "initialisations"
"""How many folds and initialisations make a search score."""

COMPARISON = "comparison"
"""The networks that were compared last, and the number of initialisations, as JSON."""

CONFIRMATION = "confirmation"
"""The confirmation at the end of the search, as JSON: its networks and its rounds."""

SECONDS = "seconds"
"""How long the runs of the search took together, if its time is limited."""

HOURS = "hours"
"""How long they may take together, if it is limited."""

HELD_OUT = "held out"
"""The held-out patients, as JSON."""

WAY_TO_TRAIN = "way to train"
"""The study's training mode and how it was chosen, as JSON."""

LENGTH_UNIT = "length unit"
"""What lengths are measured in: millimetres, or pixels for pictures without spacing."""

STATES = ("running", "finished", "stopped")


class Facts(dict[str, str]):
    """The facts of one ledger.

    Args:
        facts: By key.
        damaged: Makes the error of a damaged ledger from what is wrong.

    Raises:
        StudyError: if a fact does not have its format, and later if a fact is asked for and
            missing.
    """

    def __init__(self, facts: Mapping[str, str], damaged: Callable[[str], Exception]) -> None:
        super().__init__(facts)
        self._damaged = damaged
        for key, (is_sound, form) in _FORMS.items():
            if key in facts and not is_sound(facts[key]):
                raise damaged(f"study, key '{key}': the value must be {form}")

    def __missing__(self, key: str) -> str:
        raise self._damaged(f"study: the fact '{key}' is missing")

    @property
    def num_classes(self) -> int | None:
        """Number of foreground classes, ``None`` if the ledger does not say."""
        return len(json.loads(self["classes"])) if "classes" in self else None

    @property
    def unit(self) -> Unit:
        """What lengths are measured in."""
        return "pixels" if self.get(LENGTH_UNIT) == "pixels" else "mm"

    @property
    def num_folds(self) -> int | None:
        """Number of folds, ``None`` if the ledger does not say."""
        return int(self[FOLDS]) if FOLDS in self else None


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10


def _is_duration(text: str) -> bool:
    try:
        return 0 <= float(text) < math.inf
    except ValueError:
        return False


def _is_names(text: str) -> bool:
    names = _json(text)
    return isinstance(names, list) and all(isinstance(name, str) for name in names)


def _is_comparison(text: str) -> bool:
    match _json(text):
        case {"networks": list(networks), "initialisations": int()}:
            return all(isinstance(each, str) for each in networks)
    return False


def _is_confirmation(text: str) -> bool:
    match _json(text):
        case {
            "num_proposals": int(),
            "budget": int(),
            "reference": str(),
            "others": list(others),
            "front": list(front),
            "leaders": list(leaders),
            "rounds": list(rounds),
            "is_finished": bool(),
        }:
            return all(isinstance(each, str) for each in (*others, *front, *leaders)) and all(
                _is_round(each) for each in rounds
            )
    return False


def _is_round(value: object) -> bool:
    match value:
        case {"networks": list(networks), "initialisations": int()}:
            return all(isinstance(each, str) for each in networks)
    return False


def _is_choice(text: str) -> bool:
    match _json(text):
        case {
            "way": {"precision": str(), "step": str(), "fused": str(), "workers": int()} as way,
            "seconds": dict(seconds),
            "device": str(),
            "cores": int(),
        }:
            times = [each for each in seconds.values() if each is not None]
            return len(way) == 4 and all(type(each) in (int, float) and each > 0 for each in times)
    return False


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


_FORMS: dict[str, tuple[Callable[[str], bool], str]] = {
    "state": (STATES.__contains__, f"one of {', '.join(STATES)}"),
    "budget": (_is_count, "a whole number"),
    FOLDS: (_is_count, "a whole number"),
    INITIALISATIONS: (_is_count, "a whole number"),
    "classes": (_is_names, "a JSON list of names"),
    LENGTH_UNIT: (get_args(Unit).__contains__, f"one of {', '.join(get_args(Unit))}"),
    SECONDS: (_is_duration, "a number of seconds"),
    HOURS: (_is_duration, "a number of hours"),
    CONFIRMATION: (_is_confirmation, "JSON with networks and rounds"),
    COMPARISON: (_is_comparison, "JSON with networks and initialisations"),
    WAY_TO_TRAIN: (_is_choice, "JSON with a way, seconds, a device and cores"),
}
