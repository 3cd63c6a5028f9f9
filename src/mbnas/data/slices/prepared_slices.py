"""Prepared slices on disk: files that training maps into memory.

``images.npy`` and ``labels.npy`` have the slices of all volumes, one volume after another.
``index.json`` has the volume of each slice and the transforms of the volumes. ``references`` has
the labels of every volume before resampling. The name of the folder is a digest of the data and
the settings; a folder that exists is complete.

Slices for patches differ in size from volume to volume, so that their files are flat, and
``foreground.npz`` has where their foreground is, and
``labelled.npz`` where their labelled pixels are if some are ignored.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float32, Integer, Shaped, UInt8

from mbnas.bounds import check_bounds
from mbnas.data.datasets.label_scheme import LabelClass, LabelScheme, Targets
from mbnas.data.datasets.normalisation import ChannelNormalisation, Normalisation
from mbnas.data.datasets.patients import merged_by_patient
from mbnas.data.images.geometry import ANATOMICAL_AXES, Geometry, Unit
from mbnas.data.slices.foreground_rows import LABELLED, ForegroundRows
from mbnas.data.slices.neighbours import MAX_CONTEXT
from mbnas.data.slices.plane_transform import PlaneTransform
from mbnas.data.slices.reference_labels import read_reference
from mbnas.errors import ConfigurationError, MbnasError, StudyError

FORMAT_VERSION = 5
"""Part of the digest: increase it whenever prepared slices change."""

IMAGES, LABELS, INDEX = "images.npy", "labels.npy", "index.json"

DEFAULT_SLICE_SIZE = 128
"""Side of slices in pixels where neither slices nor patches are given a size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparationSettings:
    """How volumes become slices.

    Attributes:
        slice_size: Side of the square that slices are fitted into, in pixels; 128 without
            ``patch_size``, ``None`` with it.
        slice_axis: Canonical axis to cut across (0 left-right, 1 posterior-anterior,
            2 inferior-superior), or ``None`` for the coarsest.
        context: How many slices before and after a slice a network sees besides it
            (:mod:`mbnas.data.slices.neighbours`). Stored slices do not depend on it.
        patch_size: Side of the square patches that networks see of slices at their own
            resolution, in pixels; ``None`` if they see whole slices.

    Raises:
        ConfigurationError: if a value breaks its rule, or slices and patches both have a size.
    """

    slice_size: int | None = None
    slice_axis: int | None = None
    context: int = 0
    patch_size: int | None = None

    def __post_init__(self) -> None:
        if self.patch_size is None and self.slice_size is None:
            object.__setattr__(self, "slice_size", DEFAULT_SLICE_SIZE)
        check_bounds(
            "preparation",
            self,
            slice_size=(1, 2**13),
            context=(0, MAX_CONTEXT),
            patch_size=(4, 2**13),
        )
        if self.patch_size is not None and self.slice_size is not None:
            raise ConfigurationError(
                f"preparation.slice_size (={self.slice_size}) and preparation.patch_size "
                f"(={self.patch_size}) exclude each other: slices are either fitted into a square "
                "or cut into patches. Set one of them."
            )
        if self.slice_axis not in (None, 0, 1, 2):
            raise ConfigurationError(
                f"preparation.slice_axis (={self.slice_axis}) must be 0 (left-right), "
                "1 (posterior-anterior) or 2 (inferior-superior)."
            )

    @property
    def stored(self) -> dict[str, int | None]:
        """The settings that stored slices depend on, by name; others say how slices are read.

        Without patches they are as before there were any.
        """
        stored = {"slice_size": self.slice_size, "slice_axis": self.slice_axis}
        return stored if self.patch_size is None else stored | {"patch_size": self.patch_size}

    @property
    def input_size(self) -> int:
        """Height and width of a network's input: a whole slice or a patch."""
        size = self.slice_size if self.patch_size is None else self.patch_size
        assert size is not None  # one of them is set
        return size

    @property
    def input_name(self) -> Literal["slice", "patch"]:
        """What a network is given at once."""
        return "slice" if self.patch_size is None else "patch"

    def plane(
        self, geometry: Geometry, slice_axis: int, spacing_mm: tuple[float, float, float]
    ) -> PlaneTransform:
        """Return the transform of a volume's slices.

        Args:
            geometry: The grid of the volume.
            slice_axis: Canonical axis that the dataset is cut across.
            spacing_mm: To which slices for patches are brought, along the canonical axes.
        """
        return PlaneTransform.of(
            geometry,
            slice_axis,
            slice_size=self.slice_size,
            patch_size=self.patch_size,
            spacing_mm=spacing_mm,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedVolume:
    """The slices of one volume, and the grid of its file.

    Attributes:
        case: Name of the case.
        patient: Its patient.
        held_out: Whether its patient is in no fold.
        first_slice: Number of its first slice.
        plane: The transform of its slices.
        geometry: The grid of its file.
        classes: Numbers of the classes or regions in its labels, from 1, ascending; empty until
            its slices are written.
        contents: A digest of each of its files, the label last.
        unlabelled: Which of its slices have only ignored voxels, from 0, ascending.
        tones: Of a picture, what each channel was subtracted and divided by; empty for a volume and
            until its slices are written.
    """

    case: str
    patient: str
    held_out: bool
    first_slice: int
    plane: PlaneTransform
    geometry: Geometry
    classes: tuple[int, ...] = ()
    contents: tuple[str, ...] = ()
    unlabelled: tuple[int, ...] = ()
    tones: tuple[tuple[float, float], ...] = ()

    @property
    def num_slices(self) -> int:
        """The number of its slices."""
        return self.plane.num_slices

    @property
    def num_labelled(self) -> int:
        """The number of its slices that are not ignored as a whole."""
        return self.num_slices - len(self.unlabelled)

    @property
    def num_pixels(self) -> int:
        """The number of pixels of its slices."""
        return self.num_slices * self.plane.frame[0] * self.plane.frame[1]

    @property
    def slices(self) -> slice:
        """The range of its slices among those of all volumes."""
        return slice(self.first_slice, self.first_slice + self.num_slices)

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between voxel centres along each canonical axis."""
        return self.geometry.spacing_mm

    def on_voxels(
        self, slices_NSS: Shaped[np.ndarray, "slice height width"]
    ) -> Shaped[np.ndarray, "x y z"]:
        """Return this volume's slices, prepared or predicted, on its canonical voxel grid.

        The grid is that of :meth:`PreparedSlices.reference`; each voxel has its nearest pixel.
        """
        return self.plane.undo(slices_NSS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """The contents of ``index.json``: everything about prepared slices except the pixels.

    Attributes:
        digest: Digest of the data and the settings; the name of the folder.
        settings: The requested settings that stored slices depend on.
        slice_axis: The canonical axis across which volumes are cut.
        channels: Modality of each image channel.
        normalisation: How each channel is normalised, also in new images.
        classes: Foreground classes by ascending value, or regions as they are declared.
        volumes: In the order of their slices.
        warnings: Warnings about the data, a sentence each.
        ignore: The label of ignored voxels in the dataset's files; ``None`` if there is none.
    """

    digest: str
    settings: PreparationSettings
    slice_axis: int
    channels: tuple[str, ...]
    normalisation: Normalisation
    classes: tuple[LabelClass, ...]
    volumes: tuple[PreparedVolume, ...]
    warnings: tuple[str, ...] = ()
    ignore: int | None = None

    @property
    def labels(self) -> LabelScheme:
        """The labels that the dataset declares."""
        return LabelScheme(classes=self.classes, ignore=self.ignore)

    @property
    def num_slices(self) -> int:
        """The number of slices of all volumes."""
        return sum(volume.num_slices for volume in self.volumes)

    @property
    def num_pixels(self) -> int:
        """The number of pixels of all slices."""
        return sum(volume.num_pixels for volume in self.volumes)

    @property
    def first_pixels(self) -> tuple[int, ...]:
        """The number of pixels of all volumes before each volume."""
        return tuple(accumulate((each.num_pixels for each in self.volumes[:-1]), initial=0))

    def to_json(self) -> str:
        """Return the text of ``index.json``."""
        facts = asdict(self) | {
            "settings": self.settings.stored,
            "classes": [each.to_json() for each in self.classes],
        }
        for fields, volume in zip(facts["volumes"], self.volumes, strict=True):
            fields["plane"] = volume.plane.to_json()
        return json.dumps({"format_version": FORMAT_VERSION, **facts}, indent=1)

    @classmethod
    def read(cls, directory: Path) -> Index:
        """Return the index of the prepared slices in ``directory``.

        Raises:
            StudyError: if it is missing or damaged.
        """
        with _usable(directory):
            return cls.from_json((directory / INDEX).read_bytes())

    @classmethod
    def from_json(cls, text: str | bytes) -> Index:
        """Return the index from its text; the inverse of :meth:`to_json`."""
        facts: dict[str, Any] = json.loads(text)
        return cls(
            digest=facts["digest"],
            settings=PreparationSettings(**facts["settings"]),
            slice_axis=facts["slice_axis"],
            channels=tuple(facts["channels"]),
            normalisation=tuple(map(ChannelNormalisation.from_json, facts["normalisation"])),
            classes=tuple(map(LabelClass.from_json, facts["classes"])),
            volumes=tuple(_volume(fields) for fields in facts["volumes"]),
            warnings=tuple(facts["warnings"]),
            ignore=facts.get("ignore"),
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
        unlabelled=tuple(fields.get("unlabelled", ())),
        tones=tuple((subtracted, divisor) for subtracted, divisor in fields.get("tones", ())),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedSlices:
    """The prepared slices of a dataset.

    Attributes:
        directory: Their folder.
        images: Normalised intensities, mapped from disk, read-only; all slices, or flat if slices
            differ in size.
        labels: Prepared labels (:mod:`mbnas.data.datasets.label_scheme`), mapped likewise.
        index: Everything about them except the pixels.
        foreground: Where foreground is; ``None`` without patches.
        labelled: Where labelled pixels are; ``None`` without patches or without ignored pixels.
    """

    directory: Path
    images: Float32[np.ndarray, " *slices"]
    labels: UInt8[np.ndarray, " *slices_"]
    index: Index
    foreground: ForegroundRows | None = None
    labelled: ForegroundRows | None = None

    @classmethod
    def open(cls, directory: Path) -> PreparedSlices:
        """Return the prepared slices in ``directory``.

        Raises:
            StudyError: if they are missing or damaged.
        """
        with _usable(directory):
            index = Index.from_json((directory / INDEX).read_bytes())
            has_patches = index.settings.patch_size is not None
            return cls(
                directory=directory,
                images=np.load(directory / IMAGES, mmap_mode="r"),
                labels=np.load(directory / LABELS, mmap_mode="r"),
                index=index,
                foreground=ForegroundRows.read(directory) if has_patches else None,
                labelled=ForegroundRows.read(directory, LABELLED)
                if has_patches and index.ignore is not None
                else None,
            )

    @property
    def digest(self) -> str:
        """Digest of the data and the settings."""
        return self.index.digest

    @property
    def channels(self) -> tuple[str, ...]:
        """Modality of each image channel."""
        return self.index.channels

    @property
    def classes(self) -> tuple[LabelClass, ...]:
        """Foreground classes by ascending value, or regions as they are declared."""
        return self.index.classes

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes or regions."""
        return tuple(each.name for each in self.classes)

    @property
    def unit(self) -> Unit:
        """What lengths are given in, on the grids of all volumes."""
        return self.volumes[0].geometry.unit

    @property
    def has_regions(self) -> bool:
        """Whether networks predict regions."""
        return self.index.labels.has_regions

    @property
    def targets(self) -> Targets:
        """What networks predict, in terms of the labels."""
        return self.index.labels.targets

    @property
    def volumes(self) -> tuple[PreparedVolume, ...]:
        """The volumes, in the order of their slices."""
        return self.index.volumes

    @property
    def patients(self) -> tuple[str, ...]:
        """The patients of the folds, sorted, without duplicates."""
        return tuple(self.patient_classes)

    @property
    def patient_classes(self) -> dict[str, frozenset[int]]:
        """The classes or regions that each patient of the folds has, by patient, sorted."""
        return self._classes_of(held_out=False)

    @property
    def held_out_classes(self) -> dict[str, frozenset[int]]:
        """The classes that each held-out patient has, by patient, sorted."""
        return self._classes_of(held_out=True)

    @property
    def held_out_patients(self) -> tuple[str, ...]:
        """The patients in no fold, sorted, without duplicates."""
        return tuple(self.held_out_classes)

    @property
    def volume_of_slice(self) -> Integer[np.ndarray, " slice"]:
        """For each slice, the number of its volume in ``volumes``."""
        counts = [volume.num_slices for volume in self.volumes]
        return np.repeat(np.arange(len(counts)), counts)

    def images_of(
        self, volume: PreparedVolume
    ) -> Float32[np.ndarray, "slice channel height width"]:
        """Return the image slices of a volume, as a view."""
        place, shape = self._place(volume)
        channels = len(self.channels)
        values = slice(channels * place.start, channels * place.stop)
        return self.images.reshape(-1)[values].reshape(-1, channels, *shape)

    def labels_of(self, volume: PreparedVolume) -> UInt8[np.ndarray, "slice height width"]:
        """Return the label slices of a volume, as a view."""
        place, shape = self._place(volume)
        return self.labels.reshape(-1)[place].reshape(-1, *shape)

    def _place(self, volume: PreparedVolume) -> tuple[slice, tuple[int, int]]:
        """Return the pixels of a volume among those of all, and the shape of its slices."""
        start = self.index.first_pixels[self.volumes.index(volume)]
        return slice(start, start + volume.num_pixels), volume.plane.frame

    @property
    def axis_dims(self) -> dict[str, int]:
        """The dimension of each anatomical axis in the plane of the slices: 0 height, 1 width."""
        plane = [name for a, name in enumerate(ANATOMICAL_AXES) if a != self.index.slice_axis]
        return {name: dim for dim, name in enumerate(plane)}

    def reference(self, number: int) -> UInt8[np.ndarray, "x y z"]:
        """Return the labels of a volume before resampling, as prepared labels on canonical voxels.

        Args:
            number: Number of the volume in ``volumes``.

        Raises:
            StudyError: if they are missing or damaged.
        """
        return read_reference(self.directory, number, self.volumes[number].plane.shape_xyz)

    def _classes_of(self, *, held_out: bool) -> dict[str, frozenset[int]]:
        chosen = [each for each in self.volumes if each.held_out == held_out]
        return merged_by_patient((each.patient, each.classes) for each in chosen)


@contextmanager
def _usable(directory: Path) -> Iterator[None]:
    """Turn any error about a folder of slices into a :class:`StudyError`."""
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, RecursionError, MbnasError) as error:
        raise StudyError(
            f"{directory} holds no usable prepared slices ({error}). Remove this folder and "
            "run the search again: it prepares them again."
        ) from error
