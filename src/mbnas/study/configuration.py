"""The whole configuration of a study: sections of settings, presets, and layers over them.

A configuration is resolved once, from a preset, a file and options, each laid over the one
before, and written to ``study.toml``. Every key names a field of a settings class below it.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import tomli_w

from mbnas.bounds import check_bounds
from mbnas.data.augmentation.parameters import AugmentationSettings
from mbnas.data.slices.prepared_slices import PreparationSettings
from mbnas.errors import ConfigurationError
from mbnas.escaping import from_toml, in_toml
from mbnas.machine.files import size_text
from mbnas.search.settings import SearchSettings
from mbnas.space.four_spaces import SpaceSettings
from mbnas.training.protocol import (
    PAPER_DATASETS,
    PRESETS,
    CrossValidationSettings,
    Protocol,
    TrainingSettings,
)

Layer = Mapping[str, Any]

_MAX_TOML_BYTES = 2**20
_MAX_DOTS = 10
_LARGEST = 2**63 - 1  # as TOML has it


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSettings:
    """Which volumes take part, and whose they are: the ``[data]`` section.

    Attributes:
        max_patients: Use this many patients, drawn by the seed; ``None`` uses all.
        patient_pattern: Regular expression whose first group is the patient's name in a
            case's name; ``None`` makes every case its own patient.
        patient_table: CSV file of case and patient, in place of a pattern.
        allow_empty_cases: Accept cases without any foreground voxel.
    """

    max_patients: int | None = None
    patient_pattern: str | None = None
    patient_table: str | None = None
    allow_empty_cases: bool = False

    def __post_init__(self) -> None:
        if self.max_patients is not None and self.max_patients < 2:
            raise ConfigurationError(f"data.max_patients (={self.max_patients}) must be 2 or more.")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """Where the work is done: the ``[run]`` section.

    Attributes:
        device: ``auto``, or a device as torch names it. A study stays on one kind.
        workers: Trainings at a time; ``None`` is one per core and thread on a CPU, one on a GPU,
            unless another number was measured to be faster.
        measure: Whether a new study measures how it trains fastest where that is left open and
            the study is long enough for it to pay (:mod:`mbnas.study.drive.mode_selection`).
        executor: ``processes``, ``ray`` for a cluster of machines, or ``inline`` to train in the
            process that searches.
        address: Of the Ray cluster: ``auto``, or ``host:port``; ``None`` is ``RAY_ADDRESS`` of
            the environment, or else a cluster of this machine alone.
        gpu_share: How much of a GPU a training takes on a Ray cluster: 0.5 has two share one.
        retries: How often a training is run again whose worker died, before it has failed.
        patience_s: A worker that is silent in a training for so many seconds hangs.
        speculate: Whether workers that would be idle start on what the search may want next.
        log: Which live log of all trainings is kept, if any.
    """

    device: str = "auto"
    workers: int | None = None
    measure: bool = True
    executor: Literal["processes", "inline", "ray"] = "processes"
    address: str | None = None
    gpu_share: float = 1.0
    retries: int = 2
    patience_s: float = 600.0
    speculate: bool = True
    log: Literal["tensorboard"] | None = None

    def __post_init__(self) -> None:
        check_bounds("run", self, retries=(0, 1000), workers=(1, 2**12))
        if not 0 < self.gpu_share <= 1:
            raise ConfigurationError(
                f"run.gpu_share (={self.gpu_share}) must be above 0 and at most 1."
            )
        if not self.patience_s > 0:
            raise ConfigurationError(f"run.patience_s (={self.patience_s}) must be above 0.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Every setting of a study.

    Attributes:
        dataset: The dataset's folder, absolute.
        seed: Root seed of the search, the folds and the trainings.

    Raises:
        ConfigurationError: if the search cannot start where it is told to.
    """

    dataset: str
    seed: int = 0
    data: DataSettings = field(default_factory=DataSettings)
    preparation: PreparationSettings = field(default_factory=PreparationSettings)
    protocol: CrossValidationSettings = field(default_factory=CrossValidationSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    augmentation: AugmentationSettings = field(default_factory=AugmentationSettings)
    space: SpaceSettings = field(default_factory=SpaceSettings)
    search: SearchSettings = field(default_factory=SearchSettings)
    run: RunSettings = field(default_factory=RunSettings)

    def __post_init__(self) -> None:
        self.search.start_in(self.space)

    def protocol_for(self, data: str) -> Protocol:
        """Return the protocol of trainings on prepared slices.

        Args:
            data: Digest of the slices.
        """
        return Protocol(
            evaluation=self.protocol,
            training=self.training,
            augmentation=self.augmentation,
            preparation=self.preparation,
            seed=self.seed,
            data=data,
        )

    def to_toml(self) -> str:
        """Return the text of ``study.toml``; keys without a value are left out."""
        return tomli_w.dumps(in_toml(without_none(asdict(self))))

    @classmethod
    def from_toml(cls, text: str, *, source: str) -> Configuration:
        """Return the configuration that a text spells in full.

        Raises:
            ConfigurationError: if it is no TOML, or a key or value is wrong.
        """
        return build(parse_toml(text, source=source))


def preset_layer(name: str, paper_dataset: str | None = None) -> Layer:
    """Return what a protocol's preset sets.

    Args:
        name: Of the protocol.
        paper_dataset: Which of the paper's datasets it is for; under ``paper`` it is given
            what the paper sets for that one.

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


def parse_toml(text: str, *, source: str) -> dict[str, Any]:
    """Return the tables of a TOML text.

    Raises:
        ConfigurationError: if it cannot be read; the message names ``source``.
    """
    try:
        table: dict[str, Any] = from_toml(tomllib.loads(text))
    except RecursionError:
        raise ConfigurationError(
            f"{source} is not a configuration: its values are nested too deeply."
        ) from None
    except ValueError as error:  # also numbers of thousands of digits and dates that cannot be
        raise ConfigurationError(f"{source} is not valid TOML: {error}.") from None
    return table


def assignment_layer(assignment: str) -> Layer:
    """Return what one ``section.key=value`` sets; the value is TOML, or else a plain word.

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
            f"--set {assignment} sets nothing: write section.key=value, such as training.epochs=50."
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


def build(layer: Layer) -> Configuration:
    """Return the configuration that a layer describes, with defaults for what it leaves out.

    Raises:
        ConfigurationError: if a key does not exist (the nearest that does is named), or a
            value is of the wrong type or breaks its rule.
    """
    configuration = _build(Configuration, layer, path="")
    assert isinstance(configuration, Configuration)
    return configuration


def differences(old: Configuration, new: Configuration) -> dict[str, tuple[object, object]]:
    """Return the settings in which two configurations differ, by key, old and new."""
    flat_old, flat_new = dict(_flatten(asdict(old))), dict(_flatten(asdict(new)))
    return {
        key: (flat_old[key], flat_new[key]) for key in flat_old if flat_old[key] != flat_new[key]
    }


def difference_lines(
    differing: Mapping[str, tuple[object, object]], *, first: str, second: str
) -> str:
    """Return a line for each setting that differs: its value in the one place and the other.

    >>> difference_lines({"seed": (None, 3)}, first="in the study", second="asked for")
    '  seed: nothing in the study, 3 asked for'

    Args:
        differing: Both values, by key.
        first: Where the first values are, for people.
        second: Where the second ones are.
    """
    return "\n".join(
        f"  {key}: {_shown(before)} {first}, {_shown(after)} {second}"
        for key, (before, after) in differing.items()
    )


def _shown(value: object) -> str:
    return "nothing" if value is None else str(value)


def _flatten(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def without_none(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return a table and those in it without the keys that have no value, as TOML needs it."""
    return {
        key: without_none(value) if isinstance(value, Mapping) else value
        for key, value in table.items()
        if value is not None
    }


def _build(cls: type, table: object, *, path: str) -> object:
    if not isinstance(table, Mapping):
        raise ConfigurationError(f"{path.rstrip('.')} (={table!r}) must be a section of keys.")
    hints = get_type_hints(cls)
    known = {each.name: each for each in fields(cls)}
    for key, value in table.items():
        if key not in known:
            leaf, _ = next(_flatten({key: value}), (key, None))  # of a section its first key
            raise ConfigurationError(_unknown_key(f"{path}{leaf}"))
    for name, each in known.items():
        if each.default is MISSING and each.default_factory is MISSING and name not in table:
            raise ConfigurationError(f"{path}{name} is missing: it has no default.")
    return cls(
        **{
            key: _build(hints[key], value, path=f"{path}{key}.")
            if is_dataclass(hints[key]) and isinstance(hints[key], type)
            else _convert(value, hints[key], f"{path}{key}")
            for key, value in table.items()
        }
    )


def _unknown_key(key: str) -> str:
    known = [name for name, _ in _flatten(asdict(Configuration(dataset="")))]
    tails = {name.rsplit(".", 1)[-1]: name for name in known}
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    near = near or [
        tails[tail] for tail in difflib.get_close_matches(key.rsplit(".", 1)[-1], tails, n=1)
    ]
    nearest = f" The nearest that does is {near[0]}." if near else ""
    return f"The configuration key {key} does not exist.{nearest}"


def _convert(value: object, hint: Any, key: str) -> object:
    """Return a TOML value as a field's type, lists as tuples and integers as floats."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        if value is None:
            return None
        return _convert(value, next(each for each in arguments if each is not NoneType), key)
    if origin is Literal:
        if value not in arguments:
            raise ConfigurationError(f"{key} (={value!r}) must be {_alternatives(arguments)}.")
        return value
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise ConfigurationError(f"{key} (={value!r}) must be a list, such as [...].")
        return tuple(_convert(each, arguments[0], key) for each in value)
    if isinstance(value, int) and not isinstance(value, bool):
        if not -_LARGEST <= value <= _LARGEST:
            raise ConfigurationError(f"{key} is too large: it must be {_LARGEST} or less.")
        if hint is float:
            return float(value)
    if type(value) is not hint:
        raise ConfigurationError(f"{key} (={value!r:.60}) must be of type {hint.__name__}.")
    return value


def _alternatives(values: tuple[object, ...]) -> str:
    return " or ".join(map(str, values))


def read_bounded(path: Path, *, source: str) -> str:
    """Return the text of a file of settings, which may be no device and not be endless.

    Raises:
        ConfigurationError: if it is no regular file, far longer than any configuration, or not
            UTF-8; the message names ``source``.
        OSError: if it cannot be read.
    """
    if path.exists() and not path.is_file():
        raise ConfigurationError(f"{source} is not a regular file. Name a file of settings.")
    with path.open("rb") as file:
        content = file.read(_MAX_TOML_BYTES + 1)
    if len(content) > _MAX_TOML_BYTES:
        raise ConfigurationError(
            f"{source} is longer than {size_text(_MAX_TOML_BYTES)}, which no configuration is."
        )
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{source} is not UTF-8 text ({error}).") from None


def read_toml(path: Path) -> dict[str, Any]:
    """Return the tables of a TOML file.

    Raises:
        ConfigurationError: if it cannot be read, as :func:`read_bounded` and
            :func:`parse_toml` say.
    """
    try:
        return parse_toml(read_bounded(path, source=str(path)), source=str(path))
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from None
