"""A model in use: volumes in, labels out, by the same slices as in training.

Every slice is predicted by every member, and with ``tta`` reversed too; class probabilities
are averaged, brought back to the voxels, and only then is the likeliest class taken. Volumes
are prepared and predicted a batch of slices at a time: beside the volume and what is asked for
of it, a volume with more slices needs no more memory.

Shape suffixes: C channels, XYZ canonical voxels, B batch (of slices), K classes, S side of a
slice, H height and W width of a slice on its voxels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Integer, Num, UInt8

from mbnas.data.datasets.normalisation import normalise, of_volume, outside_range
from mbnas.data.images.geometry import Geometry
from mbnas.data.images.nifti_reader import read_image
from mbnas.data.images.nifti_writer import write_label
from mbnas.data.images.volume import Volume
from mbnas.data.slices.plane_transform import PlaneTransform
from mbnas.errors import DatasetError, ModelError
from mbnas.prediction.largest_component import keep_largest
from mbnas.prediction.model.find_model import find_model
from mbnas.prediction.model.members import load_members
from mbnas.prediction.model.model_card import ModelCard, read_card
from mbnas.prediction.model.runner import Run
from mbnas.prediction.probabilities import entropy, softmax

_PIXELS = 2**19
_MOST_SLICES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Segmentation:
    """What a model makes of one volume, on its canonical voxels.

    Attributes:
        classes_XYZ: Index of each voxel's class, 0 for background.
        probabilities_XYZK: Of each class, background first, adding up to 1; ``None`` unless
            asked for.
        uncertainty_XYZ: Entropy of these over its largest possible value, 0 to 1; ``None``
            unless asked for.
    """

    classes_XYZ: UInt8[np.ndarray, "x y z"]
    probabilities_XYZK: Float32[np.ndarray, "x y z classes"] | None = None
    uncertainty_XYZ: Float32[np.ndarray, "x y z"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictor:
    """A model with its weights loaded.

    >>> predictor = Predictor.load(study)  # doctest: +SKIP
    >>> labels = predictor.predict_file("image.nii.gz", "labels.nii.gz")  # doctest: +SKIP

    Attributes:
        card: What the model is.
        members: From prepared slices to logits, one or more.
        tta: Whether slices are predicted reversed too, as far as training reversed them.
        keep_largest: Whether of each class the largest component alone is kept; probabilities
            and uncertainty stay what they are.
    """

    card: ModelCard
    members: tuple[Run, ...]
    tta: bool = False
    keep_largest: bool = False

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        model: str | None = None,
        fold: int | None = None,
        device: str = "auto",
        tta: bool = False,
        keep_largest: bool = False,
        trust_modules: bool = False,
    ) -> Predictor:
        """Return the predictor of a trained model.

        Args:
            path: A study, or the folder of a model.
            model: Which of a study's; by default the only one, or ``best``.
            fold: Predict by the member alone that did not learn from this fold: for patients
                of the study itself. By default all members predict.
            device: As torch names it; ``auto`` is CUDA where there is one.
            tta: Whether to average over reversed slices, as far as training reversed them.
            keep_largest: Whether to keep the largest component of each class alone.
            trust_modules: Whether a ``module:`` network may be imported, which runs its code.

        Raises:
            ModelError: if there is no such model, it is damaged, or cannot be used so.
            ConfigurationError: if there is no such device.
        """
        folder = find_model(Path(path), model)
        card = read_card(folder)
        if fold is not None:
            card = of_fold(card, fold)
        if tta and not any(card.flips):
            raise ModelError(
                "The model was trained without reversing slices, so there is nothing that test "
                "time augmentation could average over. Leave --tta out."
            )
        members = load_members(folder, card, device=device, trust_modules=trust_modules)
        return cls(card=card, members=tuple(members), tta=tta, keep_largest=keep_largest)

    def predict_file(
        self, source: str | Path | Sequence[str | Path], target: str | Path
    ) -> Integer[np.ndarray, "x y z"]:
        """Write the label map of an image, on the image's own grid, and return it.

        Args:
            source: A NIfTI file, 3D, or 4D with the channels last; or a file for each channel.
            target: Where the label map goes, ``.nii`` or ``.nii.gz``.

        Returns:
            The label values in canonical orientation.

        Raises:
            DatasetError: if the image cannot be read or is not one for this model.
        """
        files = [source] if isinstance(source, str | Path) else source
        volume = self.read(tuple(map(Path, files)))
        labels_XYZ = self.labels(self.segment(volume.voxels, volume.geometry))
        write_label(Path(target), labels_XYZ, volume.geometry, volume.placement)
        return labels_XYZ

    def predict(
        self, voxels_CXYZ: Num[np.ndarray, "*voxels"], spacing_mm: tuple[float, float, float]
    ) -> Integer[np.ndarray, "x y z"]:
        """Return the label values of an array.

        Args:
            voxels_CXYZ: Intensities as a file holds them, not normalised, along the canonical
                axes: left to right, posterior to anterior, inferior to superior. The channels
                come first, and may be left out where there is one.
            spacing_mm: Distance between voxel centres along the three axes.

        Raises:
            DatasetError: if it is no image for this model.
        """
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite: refused
            voxels = np.asarray(voxels_CXYZ, dtype=np.float32)
        if voxels.ndim == 3:
            voxels = voxels[None]
        if voxels.ndim != 4 or 0 in voxels.shape:
            raise DatasetError(
                f"An array of shape {voxels.shape} is no volume: it has three axes, or four with "
                "the channels first, and at least one voxel along each."
            )
        if not all(np.isfinite(each) and each > 0 for each in spacing_mm):
            raise DatasetError(f"spacing_mm (={spacing_mm}) must be three positive lengths.")
        x, y, z = voxels.shape[1:]
        geometry = Geometry.canonical((x, y, z), spacing_mm)
        self.check(voxels, "The array")
        return self.labels(self.segment(voxels, geometry))

    def read(self, files: tuple[Path, ...]) -> Volume:
        """Return an image that this model can predict.

        Args:
            files: One with all channels, or one for each.

        Raises:
            DatasetError: if it cannot be read, or has other channels or voxels without a value.
        """
        volume = read_image(files)
        self.check(volume.voxels, str(files[0]))
        return volume

    def check(self, voxels_CXYZ: Float32[np.ndarray, "channel x y z"], name: str) -> None:
        """Return if a volume has this model's channels, and finite intensities everywhere.

        Args:
            voxels_CXYZ: The volume.
            name: What to call it in an error.

        Raises:
            DatasetError: if it has not.
        """
        channels = self.card.channels
        if len(voxels_CXYZ) != len(channels):
            noun = "channel" if len(channels) == 1 else "channels"
            raise DatasetError(
                f"{name} has {len(voxels_CXYZ)} where the model takes {len(channels)} {noun}: "
                f"{', '.join(channels)}. Give it these, in this order."
            )
        num_bad = sum(
            plane.size - int(np.isfinite(plane).sum())
            for voxels_XYZ in voxels_CXYZ
            for plane in voxels_XYZ
        )
        if num_bad:
            raise DatasetError(
                f"{name} holds {num_bad} voxels that are not finite (nan or infinite): "
                "intensities are finite numbers. Replace them."
            )
        if what := outside_range(voxels_CXYZ, self.card.schemes):
            raise DatasetError(f"{name} {what}")

    def segment(
        self,
        voxels_CXYZ: Float32[np.ndarray, "channel x y z"],
        geometry: Geometry,
        *,
        probabilities: bool = False,
        uncertainty: bool = False,
    ) -> Segmentation:
        """Return what the model makes of a volume that passed :meth:`check`.

        Args:
            voxels_CXYZ: Intensities in canonical orientation.
            geometry: Its grid.
            probabilities: Whether to keep those of all classes.
            uncertainty: Whether to keep their entropy.
        """
        shape, num_classes = geometry.canonical_shape, self.card.interface.num_classes
        classes_XYZ = np.empty(shape, np.uint8)
        probabilities_XYZK = np.empty((*shape, num_classes), np.float32) if probabilities else None
        uncertainty_XYZ = np.empty(shape, np.float32) if uncertainty else None
        axis = self.card.slice_axis
        for place, means_BKHW in self._blocks(voxels_CXYZ, geometry):
            _slices(classes_XYZ, axis, place)[...] = means_BKHW.argmax(axis=1)
            if probabilities_XYZK is not None:
                _slices(probabilities_XYZK, axis, place)[...] = np.moveaxis(means_BKHW, 1, -1)
            if uncertainty_XYZ is not None:
                _slices(uncertainty_XYZ, axis, place)[...] = entropy(means_BKHW)
        return Segmentation(
            classes_XYZ=keep_largest(classes_XYZ) if self.keep_largest else classes_XYZ,
            probabilities_XYZK=probabilities_XYZK,
            uncertainty_XYZ=uncertainty_XYZ,
        )

    def labels(self, segmentation: Segmentation) -> Integer[np.ndarray, "x y z"]:
        """Return the numbers that the dataset's files hold, in the smallest type."""
        highest = max(label.value for label in self.card.classes)
        number_type = next(t for t in (np.uint8, np.int16, np.int32) if highest <= np.iinfo(t).max)
        values = np.array([0, *(label.value for label in self.card.classes)], number_type)
        labels_XYZ: np.ndarray = values[segmentation.classes_XYZ]
        return labels_XYZ

    def _blocks(
        self, voxels_CXYZ: Float32[np.ndarray, "channel x y z"], geometry: Geometry
    ) -> Iterator[tuple[slice, Float32[np.ndarray, "batch classes height width"]]]:
        """Yield consecutive slices, and the probabilities of their voxels."""
        card = self.card
        plane = PlaneTransform.fit(geometry, card.slice_axis, card.slice_size)
        scalings = of_volume(voxels_CXYZ, card.normalisation)
        batch = min(_MOST_SLICES, max(1, _PIXELS // card.slice_size**2))
        for start in range(0, plane.num_slices, batch):
            place = slice(start, min(start + batch, plane.num_slices))
            block_BCHW = _slices(voxels_CXYZ, card.slice_axis + 1, place)
            block_CXYZ = np.moveaxis(block_BCHW, 0, card.slice_axis + 1)
            images_BCSS = plane.images(normalise(block_CXYZ, scalings))
            yield place, plane.restore(self._mean(images_BCSS))

    def _mean(
        self, images_BCSS: Float32[np.ndarray, "batch channels side side"]
    ) -> Float32[np.ndarray, "batch classes side side"]:
        """Return the mean of all members' probabilities, over reversed slices too if asked for."""
        choices = [(False, True) if self.tta and each else (False,) for each in self.card.flips]
        flips = [
            tuple(dim for dim, is_reversed in zip((2, 3), choice, strict=True) if is_reversed)
            for choice in product(*choices)
        ]
        total: np.ndarray | float = 0.0
        in_mirror, left_right_dim = list(self.card.mirrored_classes), self.card.left_right_dim
        for dims in flips:
            is_mirrored = in_mirror and left_right_dim is not None and 2 + left_right_dim in dims
            images = np.ascontiguousarray(np.flip(images_BCSS, dims))
            for run in self.members:
                probabilities = np.flip(softmax(run(images)), dims)
                total = total + (probabilities[:, in_mirror] if is_mirrored else probabilities)
        mean: np.ndarray = np.asarray(total) / np.float32(len(flips) * len(self.members))
        if not np.isfinite(mean).all():
            raise ModelError(
                "The network's logits are not finite for this image, so no class is likeliest. "
                "Look at the image's intensities, or use another model."
            )
        return mean


def of_fold(card: ModelCard, fold: int) -> ModelCard:
    """Return the card of a model's members that did not learn from one fold.

    Raises:
        ModelError: if there is none.
    """
    members = tuple(each for each in card.members if each.fold == fold)
    if not members:
        folds = sorted({each.fold for each in card.members if each.fold is not None})
        known = ", ".join(map(str, folds))
        raise ModelError(
            f"The model has no member for fold {fold}: "
            + (f"there are {known}." if folds else "it learned from all patients.")
        )
    return replace(card, members=members)


def _slices(array: np.ndarray, axis: int, place: slice) -> np.ndarray:
    """Return consecutive slices across an axis, that axis first, as a view."""
    return np.moveaxis(array, axis, 0)[place]
