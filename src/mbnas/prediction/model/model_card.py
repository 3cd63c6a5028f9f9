"""A model's card: a JSON file with everything except the weights that using the model needs.

A model is a folder with ``model.json`` and one file of weights for each member. The card is written
last, so a folder with a card is complete. It has every file's hash, so that damaged or exchanged
files are refused. No file of a model contains code.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from mbnas.data.datasets.label_scheme import MAX_CLASSES, LabelClass, LabelScheme
from mbnas.data.datasets.normalisation import ChannelNormalisation, Normalisation, Scheme
from mbnas.data.images.geometry import Geometry, Unit
from mbnas.data.slices.neighbours import MAX_CONTEXT, channel_names
from mbnas.data.slices.plane_transform import PlaneTransform
from mbnas.errors import MbnasError, ModelError
from mbnas.machine.files import write_text
from mbnas.network.architecture import Architecture, parse_architecture
from mbnas.network.interface import Interface

CARD = "model.json"
FORMAT_VERSION = 3
NOTICE = (
    "Made by mbnas, research software. It is no medical device and not for use in the "
    "diagnosis or treatment of patients."
)

Format = Literal["safetensors", "onnx"]
Precision = Literal["float32", "bfloat16"]
_MAX_CARD_BYTES = 2**24
_MAX_MEMBERS = 1000
_MAX_SIDE = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One trained network of a model.

    Attributes:
        file: Name of its weights in the model's folder.
        sha256: SHA-256 of that file, in hexadecimal digits.
        fold: The fold that it was not trained on; ``None`` if it was trained on all patients.
        unseen: Patients that it was not trained on, sorted.
    """

    file: str
    sha256: str
    fold: int | None
    unseen: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """A model, and how images are prepared for it.

    Attributes:
        network: The architecture's text.
        base_channels: Channels of a genotype's level 0.
        channels: Modality of each image channel, in the order of the images.
        classes: Foreground classes by ascending value, of which class ``k`` is ``classes[k - 1]``;
            or regions, one for each of the network's outputs.
        normalisation: How each channel is normalised.
        slice_axis: Canonical axis that volumes are cut across.
        slice_size: Side of the slices in pixels; ``None`` with patches.
        context: How many slices before and after a slice the networks see besides it.
        patch_size: Side of the patches in pixels; ``None`` for whole slices.
        flips: Whether training reversed height and width, so that prediction may too.
        mirrored_classes: What the background and each class becomes in a slice flipped left to
            right; empty if no class changes places.
        spacing_mm: Median spacing of the training volumes, along the canonical axes; slices for
            patches are brought to it.
        unit: What it is given in: pixels if the model learned from pictures without spacing.
        precision: In which it was trained.
        format: Format of the members' files.
        members: One or more; their probabilities are averaged.
        dataset: Name of the dataset.
        training: The training protocol, by section.
        versions: Versions of the packages that made it.
        notice: Its permitted use.

    Raises:
        ModelError: if a value breaks its rule.
    """

    network: str
    base_channels: int
    channels: tuple[str, ...]
    classes: tuple[LabelClass, ...]
    normalisation: Normalisation
    slice_axis: int
    slice_size: int | None
    context: int = 0
    patch_size: int | None = None
    flips: tuple[bool, bool]
    mirrored_classes: tuple[int, ...] = ()
    spacing_mm: tuple[float, float, float]
    unit: Unit = "mm"
    precision: Precision
    format: Format = "safetensors"
    members: tuple[Member, ...]
    dataset: str
    training: Mapping[str, Any]
    versions: Mapping[str, str]
    notice: str = NOTICE

    def __post_init__(self) -> None:
        rules = {
            "base_channels must be 1 or more": self.base_channels >= 1,
            "channels must be one or more": len(self.channels) >= 1,
            f"classes must be 1 to {MAX_CLASSES}": 1 <= len(self.classes) <= MAX_CLASSES,
            "regions must all have one of their labels as value": self._has_values(),
            "each channel has a normalisation": len(self.normalisation) == len(self.channels),
            "slice_axis must be 0, 1 or 2": self.slice_axis in (0, 1, 2),
            f"context must be 0 to {MAX_CONTEXT}": 0 <= self.context <= MAX_CONTEXT,
            "slice_size or patch_size must be given, not both": (self.slice_size is None)
            != (self.patch_size is None),
            f"slice_size and patch_size must be 1 to {_MAX_SIDE}": all(
                1 <= each <= _MAX_SIDE
                for each in (self.slice_size, self.patch_size)
                if each is not None
            ),
            "spacing_mm must be three positive numbers": len(self.spacing_mm) == 3
            and all(math.isfinite(each) and each > 0 for each in self.spacing_mm),
            "flips must be two": len(self.flips) == 2,
            "mirrored_classes must be pairs that change places": self._has_pairs(),
            f"members must be 1 to {_MAX_MEMBERS}": 1 <= len(self.members) <= _MAX_MEMBERS,
            "a member's file must be a plain name beside the card": all(
                Path(member.file).name == member.file and not member.file.startswith(".")
                for member in self.members
            ),
        }
        for rule, holds in rules.items():
            if not holds:
                raise ModelError(f"A model's {rule}, but this model breaks that rule.")
        _choice("precision", self.precision, get_args(Precision))
        _choice("format", self.format, get_args(Format))
        _choice("unit", self.unit, get_args(Unit))

    def _has_values(self) -> bool:
        regions = [each.region for each in self.classes]
        return not any(regions) or all(each.value in each.region for each in self.classes)

    def _has_pairs(self) -> bool:
        mirrored = self.mirrored_classes
        return not mirrored or (
            not self.labels.has_regions
            and sorted(mirrored) == list(range(self.interface.num_classes))
            and mirrored[0] == 0
            and all(mirrored[mirrored[index]] == index for index in mirrored)
        )

    @property
    def left_right_dim(self) -> int | None:
        """The dimension of a slice that is the left-right axis: height, 0, or ``None``."""
        return None if self.slice_axis == 0 else 0

    @property
    def interface(self) -> Interface:
        """What the networks fit."""
        return Interface.of(self.input_channels, self.labels.targets.num_outputs, self.input_size)

    @property
    def input_channels(self) -> tuple[str, ...]:
        """Names of the networks' input channels: those of the image, of every slice they see."""
        return channel_names(self.channels, self.context)

    @property
    def labels(self) -> LabelScheme:
        """The labels that the model predicts."""
        return LabelScheme(classes=self.classes)

    @property
    def input_size(self) -> int:
        """Height and width of the networks' input in training: a whole slice or a patch."""
        size = self.slice_size if self.patch_size is None else self.patch_size
        assert size is not None  # one of them is given
        return size

    def plane(self, geometry: Geometry) -> PlaneTransform:
        """Return the transform of the slices of a volume."""
        return PlaneTransform.of(
            geometry,
            self.slice_axis,
            slice_size=self.slice_size,
            patch_size=self.patch_size,
            spacing_mm=self.spacing_mm,
        )

    @property
    def schemes(self) -> tuple[Scheme, ...]:
        """The normalisation scheme of each channel."""
        return tuple(channel.scheme for channel in self.normalisation)

    @property
    def architecture(self) -> Architecture:
        """The network as a value.

        Raises:
            UsageError: if its text does not describe an architecture.
        """
        return parse_architecture(self.network)

    def to_json(self) -> str:
        """Return the text of ``model.json``."""
        facts = asdict(self) | {"classes": [each.to_json() for each in self.classes]}
        if not self.context:  # as before there were neighbours
            del facts["context"]
        if self.patch_size is None:
            del facts["patch_size"]
        if self.unit == "mm":  # as before there were pictures
            del facts["unit"]
        return json.dumps({"format_version": FORMAT_VERSION, **facts}, indent=1)

    @classmethod
    def from_json(cls, text: str | bytes) -> ModelCard:
        """Return the card in ``text``; the inverse of :meth:`to_json`.

        Raises:
            ModelError: if the text is not a card.
        """
        try:
            facts = json.loads(text)
            if facts["format_version"] != FORMAT_VERSION:
                raise ModelError(
                    f"format_version is {facts['format_version']!r}, and this mbnas reads "
                    f"{FORMAT_VERSION}."
                )
            return cls(
                network=str(facts["network"]),
                base_channels=int(facts["base_channels"]),
                channels=tuple(map(str, facts["channels"])),
                classes=tuple(map(LabelClass.from_json, facts["classes"])),
                normalisation=tuple(
                    ChannelNormalisation.from_json(_mapping(each))
                    for each in facts["normalisation"]
                ),
                slice_axis=int(facts["slice_axis"]),
                context=int(facts.get("context", 0)),
                slice_size=_optional_int(facts["slice_size"]),
                patch_size=_optional_int(facts.get("patch_size")),
                flips=_pair(facts["flips"]),
                mirrored_classes=tuple(map(int, facts["mirrored_classes"])),
                spacing_mm=_triple(facts["spacing_mm"]),
                unit=_choice("unit", facts.get("unit", "mm"), get_args(Unit)),
                precision=_choice("precision", facts["precision"], get_args(Precision)),
                format=_choice("format", facts["format"], get_args(Format)),
                members=tuple(_member(_mapping(each)) for each in facts["members"]),
                dataset=str(facts["dataset"]),
                training=_mapping(facts["training"]),
                versions={name: str(each) for name, each in _mapping(facts["versions"]).items()},
                notice=str(facts["notice"]),
            )
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
            raise ModelError(
                f"it is not a model's card ({type(error).__name__}: {error})."
            ) from error
        except RecursionError:
            raise ModelError("it is nested too deeply for a model's card.") from None


def read_card(folder: Path) -> ModelCard:
    """Return the card of the model in a folder.

    Raises:
        ModelError: if there is no card, or it is damaged.
    """
    path = folder / CARD
    try:
        if path.stat().st_size > _MAX_CARD_BYTES:
            raise ModelError(f"it is larger than {_MAX_CARD_BYTES // 2**20} MiB.")
        return ModelCard.from_json(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        raise ModelError(
            f"{folder} holds no finished model: it has no {CARD}. Train one with: mbnas train STUDY"
        ) from None
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}.") from error
    except MbnasError as error:
        raise ModelError(
            f"{path} is damaged: {error} Copy the folder again, or train the model again."
        ) from error


def write_card(folder: Path, card: ModelCard) -> None:
    """Write a model's card atomically, after all other files of the model."""
    write_text(folder / CARD, card.to_json())


def checked_file(folder: Path, member: Member) -> Path:
    """Return the path of a member's weights, after checking their hash.

    Raises:
        ModelError: if the file is absent, damaged or of another model.
    """
    path = folder / member.file
    try:
        found = sha256_of(path)
    except OSError as error:
        raise ModelError(
            f"{path} cannot be read: {error.strerror}. Copy the model's folder again, whole."
        ) from error
    if found != member.sha256:
        raise ModelError(
            f"{path} is not the file that {CARD} names: its SHA-256 begins with {found[:12]}, not "
            f"{member.sha256[:12]}. It is damaged or of another model: copy the folder again."
        )
    return path


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _member(fields: Mapping[str, Any]) -> Member:
    fold = fields["fold"]
    return Member(
        file=str(fields["file"]),
        sha256=str(fields["sha256"]),
        fold=None if fold is None else int(fold),
        unseen=tuple(map(str, fields["unseen"])),
    )


def _mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"{value!r} must be an object")
    return value


def _choice(name: str, value: Any, choices: Sequence[str]) -> Any:
    """Return a value that must be one of some texts."""
    if value not in choices:
        raise ModelError(
            f"A model's {name} must be {' or '.join(choices)}, but this model breaks that rule."
        )
    return value


def _optional_int(value: Any) -> int | None:
    return None if value is None else int(value)


def _pair(values: Any) -> tuple[bool, bool]:
    first, second = values
    return bool(first), bool(second)


def _triple(values: Any) -> tuple[float, float, float]:
    x, y, z = map(float, values)
    return x, y, z
