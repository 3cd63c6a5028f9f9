"""Prepared slices on disk: files that training maps into memory, and the way back from them.

``images.npy`` and ``labels.npy`` hold the slices of all volumes, one volume after the
other; ``index.json`` says which slices are whose, and all that undoing needs;
``references`` holds every volume's labels before any resampling. The folder is named by a
digest of the data and the settings, and is complete if it exists.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Integer, Shaped, UInt8

from mbnas.bounds import check_bounds
from mbnas.data.datasets.dataset import LabelClass
from mbnas.data.datasets.normalisation import ChannelNormalisation, Normalisation
from mbnas.data.datasets.patients import merged_by_patient
from mbnas.data.images.geometry import ANATOMICAL_AXES, Geometry
from mbnas.data.slices.plane_transform import PlaneTransform
from mbnas.data.slices.reference_labels import read_reference
from mbnas.errors import ConfigurationError, MbnasError, StudyError

FORMAT_VERSION = 4
"""Part of the digest: raise it whenever prepared slices come out differently."""

IMAGES, LABELS, INDEX = "images.npy", "labels.npy", "index.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparationSettings:
    """How volumes become slices.

    Attributes:
        slice_size: Side of the square slices, in pixels.
        slice_axis: Canonical axis to cut across (0 left-right, 1 posterior-anterior,
            2 inferior-superior), or ``None`` for the coarsest.

    Raises:
        ConfigurationError: if a value breaks its rule.
    """

    slice_size: int = 128
    slice_axis: int | None = None

    def __post_init__(self) -> None:
        check_bounds("preparation", self, slice_size=(1, 2**13))
        if self.slice_axis not in (None, 0, 1, 2):
            raise ConfigurationError(
                f"preparation.slice_axis (={self.slice_axis}) must be 0 (left-right), "
                "1 (posterior-anterior) or 2 (inferior-superior)."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedVolume:
    """The slices of one volume, and the way back to its file's grid.

    Attributes:
        case: Name of the case.
        patient: Whom it belongs to.
        held_out: Whether its patient is kept out of all folds.
        first_slice: Where its slices begin.
        plane: How its slices were made.
        geometry: The grid of its file.
        classes: Indices of the classes that its labels hold, background left out, ascending;
            empty until its slices are written.
        contents: A digest of each of its files, the label's last.
    """

    case: str
    patient: str
    held_out: bool
    first_slice: int
    plane: PlaneTransform
    geometry: Geometry
    classes: tuple[int, ...] = ()
    contents: tuple[str, ...] = ()

    @property
    def num_slices(self) -> int:
        """How many slices the volume has."""
        return self.plane.num_slices

    @property
    def slices(self) -> slice:
        """Where its slices are among all."""
        return slice(self.first_slice, self.first_slice + self.num_slices)

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between voxel centres along each canonical axis."""
        return self.geometry.spacing_mm

    def on_voxels(
        self, slices_NSS: Shaped[np.ndarray, "slice side side"]
    ) -> Shaped[np.ndarray, "x y z"]:
        """Return this volume's slices, prepared or predicted, on its canonical voxel grid.

        The grid is that of :meth:`PreparedSlices.reference`; each voxel takes its nearest pixel.
        """
        return self.plane.undo(slices_NSS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """What ``index.json`` says: everything about prepared slices but the pixels.

    Attributes:
        digest: Of the data and the settings; the folder's name.
        settings: As they were asked for.
        slice_axis: The canonical axis that was cut across.
        channels: Modality of each image channel.
        normalisation: How each channel was normalised, as a new image must be.
        classes: Foreground classes; a prepared label ``k`` is ``classes[k - 1]``.
        volumes: In the order of their slices.
        warnings: What a user should know about the data, a sentence each.
    """

    digest: str
    settings: PreparationSettings
    slice_axis: int
    channels: tuple[str, ...]
    normalisation: Normalisation
    classes: tuple[LabelClass, ...]
    volumes: tuple[PreparedVolume, ...]
    warnings: tuple[str, ...] = ()

    @property
    def num_slices(self) -> int:
        """How many slices all volumes have."""
        return sum(volume.num_slices for volume in self.volumes)

    def to_json(self) -> str:
        """Return the text of ``index.json``."""
        return json.dumps({"format_version": FORMAT_VERSION, **asdict(self)}, indent=1)

    @classmethod
    def read(cls, directory: Path) -> Index:
        """Return the index of the prepared slices in ``directory``.

        Raises:
            StudyError: if it is absent or damaged.
        """
        with _usable(directory):
            return cls.from_json((directory / INDEX).read_bytes())

    @classmethod
    def from_json(cls, text: str | bytes) -> Index:
        """Return the index that ``text`` spells; the inverse of :meth:`to_json`."""
        facts: dict[str, Any] = json.loads(text)
        return cls(
            digest=facts["digest"],
            settings=PreparationSettings(**facts["settings"]),
            slice_axis=facts["slice_axis"],
            channels=tuple(facts["channels"]),
            normalisation=tuple(map(ChannelNormalisation.from_json, facts["normalisation"])),
            classes=tuple(LabelClass(**label) for label in facts["classes"]),
            volumes=tuple(_volume(fields) for fields in facts["volumes"]),
            warnings=tuple(facts["warnings"]),
        )


def _volume(fields: Mapping[str, Any]) -> PreparedVolume:
    return PreparedVolume(
        case=fields["case"],
        patient=fields["patient"],
        held_out=fields["held_out"],
        first_slice=fields["first_slice"],
        plane=PlaneTransform.from_json(fields["plane"]),
        geometry=Geometry.from_json(fields["geometry"]),
        classes=tuple(fields["classes"]),
        contents=tuple(fields["contents"]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedSlices:
    """The prepared slices of a dataset.

    Attributes:
        directory: The folder that holds them.
        images: Normalised intensities, mapped from disk, read-only.
        labels: Class indices, 0 for background, mapped likewise.
        index: What they show.
    """

    directory: Path
    images: Float32[np.ndarray, "slice channel side side"]
    labels: UInt8[np.ndarray, "slice side side"]
    index: Index

    @classmethod
    def open(cls, directory: Path) -> PreparedSlices:
        """Return the prepared slices in ``directory``.

        Raises:
            StudyError: if they are absent or damaged.
        """
        with _usable(directory):
            return cls(
                directory=directory,
                images=np.load(directory / IMAGES, mmap_mode="r"),
                labels=np.load(directory / LABELS, mmap_mode="r"),
                index=Index.from_json((directory / INDEX).read_bytes()),
            )

    @property
    def digest(self) -> str:
        """Of the data and the settings."""
        return self.index.digest

    @property
    def channels(self) -> tuple[str, ...]:
        """Modality of each image channel."""
        return self.index.channels

    @property
    def classes(self) -> tuple[LabelClass, ...]:
        """Foreground classes; a prepared label ``k`` is ``classes[k - 1]``."""
        return self.index.classes

    @property
    def num_classes(self) -> int:
        """How many classes the labels have, background included."""
        return 1 + len(self.classes)

    @property
    def volumes(self) -> tuple[PreparedVolume, ...]:
        """In the order of their slices."""
        return self.index.volumes

    @property
    def patients(self) -> tuple[str, ...]:
        """The patients that folds are made of, sorted, each once."""
        return tuple(self.patient_classes)

    @property
    def patient_classes(self) -> dict[str, frozenset[int]]:
        """The classes that each patient of the folds has, by patient, sorted."""
        return self._classes_of(held_out=False)

    @property
    def held_out_classes(self) -> dict[str, frozenset[int]]:
        """The classes that each held-out patient has, by patient, sorted."""
        return self._classes_of(held_out=True)

    @property
    def held_out_patients(self) -> tuple[str, ...]:
        """The patients that are in no fold, sorted, each once."""
        return tuple(self.held_out_classes)

    @property
    def volume_of_slice(self) -> Integer[np.ndarray, " slice"]:
        """For each slice, which of ``volumes`` it belongs to."""
        counts = [volume.num_slices for volume in self.volumes]
        return np.repeat(np.arange(len(counts)), counts)

    @property
    def axis_dims(self) -> dict[str, int]:
        """For each anatomical axis in the slice's plane its dimension: 0 height, 1 width."""
        plane = [name for a, name in enumerate(ANATOMICAL_AXES) if a != self.index.slice_axis]
        return {name: dim for dim, name in enumerate(plane)}

    def reference(self, number: int) -> UInt8[np.ndarray, "x y z"]:
        """Return a volume's labels before any resampling, as class indices on canonical voxels.

        Args:
            number: Which of ``volumes``.

        Raises:
            StudyError: if they are absent or damaged.
        """
        return read_reference(self.directory, number, self.volumes[number].plane.shape_xyz)

    def _classes_of(self, *, held_out: bool) -> dict[str, frozenset[int]]:
        chosen = [each for each in self.volumes if each.held_out == held_out]
        return merged_by_patient((each.patient, each.classes) for each in chosen)


@contextmanager
def _usable(directory: Path) -> Iterator[None]:
    """Turn what is wrong with a folder of slices into one sentence."""
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, RecursionError, MbnasError) as error:
        raise StudyError(
            f"{directory} holds no usable prepared slices ({error}). Remove this folder and "
            "run the search again: it prepares them anew."
        ) from error


def label_values(
    indices: UInt8[np.ndarray, "*grid"], classes: tuple[LabelClass, ...]
) -> Integer[np.ndarray, "*grid"]:
    """Return class indices as the numbers that the dataset's label files hold."""
    values: np.ndarray = np.array([0, *(label.value for label in classes)])[indices]
    return values
