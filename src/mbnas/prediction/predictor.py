"""A trained model that predicts label maps of volumes, by the same slices as in training.

Every member predicts every slice, with ``tta`` also flipped. Class probabilities are averaged and
brought back to the voxels, and then each voxel gets its most likely class. Regions have a
probability each, and are written into the label map one after another.

Shape suffixes: C channels, XYZ canonical voxels, B batch (of slices), K classes or regions, S side
of a slice, H height and W width of a slice on its voxels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Integer, Num, UInt8

from mbnas.data.images.geometry import Geometry
from mbnas.data.images.grey_or_colours import with_channels
from mbnas.data.images.read import read_image
from mbnas.data.images.volume import Volume
from mbnas.data.images.write import write_label
from mbnas.data.slices.plane_transform import slices_across
from mbnas.errors import DatasetError, ModelError
from mbnas.prediction.largest_component import keep_largest, keep_largest_of_regions
from mbnas.prediction.model.find_model import find_model
from mbnas.prediction.model.members import load_members
from mbnas.prediction.model.model_card import ModelCard, read_card
from mbnas.prediction.model.runner import Run
from mbnas.prediction.probabilities import entropy, predicted_labels, written_regions
from mbnas.prediction.volume_inference import (
    check_intensities,
    mean_probabilities,
    predicted_blocks,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Segmentation:
    """The predicted segmentation of a volume, on its canonical voxels.

    Attributes:
        labels_XYZ: Number of each voxel's label, 0 for background.
        probabilities_XYZK: Of each class, background first, adding up to 1; or of each region.
            ``None`` unless requested.
        uncertainty_XYZ: Entropy of the probabilities over its largest possible value, 0 to 1;
            ``None`` unless requested.
    """

    labels_XYZ: UInt8[np.ndarray, "x y z"]
    probabilities_XYZK: Float32[np.ndarray, "x y z classes"] | None = None
    uncertainty_XYZ: Float32[np.ndarray, "x y z"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictor:
    """A model with its weights loaded.

    >>> predictor = Predictor.load(study)  # doctest: +SKIP
    >>> labels = predictor.predict_file("image.nii.gz", "labels.nii.gz")  # doctest: +SKIP

    Attributes:
        card: The model's card.
        members: From prepared slices to logits, one or more.
        tta: Whether to average over the flips that training used.
        keep_largest: Whether to keep only the largest component of each class or region;
            probabilities and uncertainty do not change.
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
            model: Name of one of a study's models; by default the only one, or ``best``.
            fold: Use only the members that were not trained on this fold, for patients of the
                study itself. By default all members predict.
            device: As torch names it; ``auto`` is CUDA if available.
            tta: Whether to average over the flips that training used.
            keep_largest: Whether to keep only the largest component of each class.
            trust_modules: Whether a ``module:`` network may be imported, which runs its code.

        Raises:
            ModelError: if there is no such model, it is damaged, or does not support the options.
            ConfigurationError: if there is no such device.
        """
        folder = find_model(Path(path), model)
        card = read_card(folder)
        if fold is not None:
            card = card_of_fold(card, fold)
        if tta and not any(card.flips):
            raise ModelError(
                "The model was trained without flips, so there is nothing to average over in "
                "test-time augmentation. Leave --tta out."
            )
        members = load_members(folder, card, device=device, trust_modules=trust_modules)
        return cls(card=card, members=tuple(members), tta=tta, keep_largest=keep_largest)

    def predict_file(
        self, source: str | Path | Sequence[str | Path], target: str | Path
    ) -> Integer[np.ndarray, "x y z"]:
        """Write the label map of an image, on the image's grid, and return it.

        Args:
            source: A file with all channels, or a file for each channel; a folder is a DICOM
                series.
            target: File for the label map; its suffix gives the format.

        Returns:
            The label values in canonical orientation.

        Raises:
            DatasetError: if the image cannot be read or does not fit this model.
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
            voxels_CXYZ: Intensities as in a file, not normalised, along the canonical axes:
                left to right, posterior to anterior, inferior to superior. The channels come
                first; the axis can be omitted for a single channel.
            spacing_mm: Distance between voxel centres along the three axes.

        Raises:
            DatasetError: if the array does not fit this model.
        """
        with np.errstate(over="ignore"):  # infinite values are refused later
            voxels = np.asarray(voxels_CXYZ, dtype=np.float32)
        if voxels.ndim == 3:
            voxels = voxels[None]
        if voxels.ndim != 4 or 0 in voxels.shape:
            raise DatasetError(
                f"An array of shape {voxels.shape} is not a volume: it needs three axes, or four "
                "with the channels first, and at least one voxel along each."
            )
        if not all(np.isfinite(each) and each > 0 for each in spacing_mm):
            raise DatasetError(f"spacing_mm (={spacing_mm}) must be three positive lengths.")
        x, y, z = voxels.shape[1:]
        geometry = Geometry.canonical((x, y, z), spacing_mm)
        self.check(voxels, "The array")
        return self.labels(self.segment(voxels, geometry))

    def read(self, files: tuple[Path, ...]) -> Volume:
        """Return an image that this model can predict; grey pictures get the model's channels.

        Args:
            files: One file with all channels, or one for each channel.

        Raises:
            DatasetError: if it cannot be read, has other channels, or has voxels without a value.
        """
        volume = with_channels(read_image(files), len(self.card.channels))
        self.check(volume.voxels, str(files[0]))
        return volume

    def check(self, voxels_CXYZ: Float32[np.ndarray, "channel x y z"], name: str) -> None:
        """Check that a volume has this model's channels, and valid intensities everywhere.

        Args:
            voxels_CXYZ: The volume.
            name: The volume's name in errors.

        Raises:
            DatasetError: if it does not.
        """
        channels = self.card.channels
        if len(voxels_CXYZ) != len(channels):
            noun = "channel" if len(channels) == 1 else "channels"
            raise DatasetError(
                f"{name} has {len(voxels_CXYZ)} where the model takes {len(channels)} {noun}: "
                f"{', '.join(channels)}. Give it these, in this order."
            )
        check_intensities(voxels_CXYZ, self.card.schemes, name)

    def segment(
        self,
        voxels_CXYZ: Float32[np.ndarray, "channel x y z"],
        geometry: Geometry,
        *,
        probabilities: bool = False,
        uncertainty: bool = False,
    ) -> Segmentation:
        """Return the segmentation of a volume that passed :meth:`check`.

        Args:
            voxels_CXYZ: Intensities in canonical orientation.
            geometry: The volume's grid.
            probabilities: Whether to return the probabilities of all classes or regions.
            uncertainty: Whether to return their entropy.
        """
        shape, targets = geometry.canonical_shape, self.card.labels.targets
        labels_XYZ = np.empty(shape, np.uint8)
        keeps_regions = self.keep_largest and bool(targets.regions)
        regions_KXYZ = np.empty((len(targets.regions) if keeps_regions else 0, *shape), bool)
        probabilities_XYZK = (
            np.empty((*shape, targets.num_outputs), np.float32) if probabilities else None
        )
        uncertainty_XYZ = np.empty(shape, np.float32) if uncertainty else None
        axis = self.card.slice_axis
        for place, means_BKHW in predicted_blocks(
            voxels_CXYZ,
            self.card.plane(geometry),
            normalisation=self.card.normalisation,
            context=self.card.context,
            patch_size=self.card.patch_size,
            predict=self._mean,
        ):
            slices_across(labels_XYZ, axis, place)[...] = predicted_labels(
                means_BKHW, targets.written
            )
            for number, region_XYZ in enumerate(regions_KXYZ):
                slices_across(region_XYZ, axis, place)[...] = means_BKHW[:, number] > 0.5
            if probabilities_XYZK is not None:
                slices_across(probabilities_XYZK, axis, place)[...] = np.moveaxis(means_BKHW, 1, -1)
            if uncertainty_XYZ is not None:
                slices_across(uncertainty_XYZ, axis, place)[...] = entropy(
                    means_BKHW, of_regions=bool(targets.regions)
                )
        if keeps_regions:
            labels_XYZ = written_regions(keep_largest_of_regions(regions_KXYZ), targets.written)
        elif self.keep_largest:
            labels_XYZ = keep_largest(labels_XYZ)
        return Segmentation(
            labels_XYZ=labels_XYZ,
            probabilities_XYZK=probabilities_XYZK,
            uncertainty_XYZ=uncertainty_XYZ,
        )

    def labels(self, segmentation: Segmentation) -> Integer[np.ndarray, "x y z"]:
        """Return the label values of the dataset, in the smallest integer type."""
        known = self.card.labels.declared
        number_type = next(
            t for t in (np.uint8, np.int16, np.int32) if known[-1] <= np.iinfo(t).max
        )
        labels_XYZ: np.ndarray = np.array(known, number_type)[segmentation.labels_XYZ]
        return labels_XYZ

    def _mean(
        self, images_BCSS: Float32[np.ndarray, "batch channels side side"]
    ) -> Float32[np.ndarray, "batch classes side side"]:
        """Return the mean of the members' probabilities, with ``tta`` over flipped slices too."""
        choices = [(False, True) if self.tta and each else (False,) for each in self.card.flips]
        flips = [
            tuple(dim for dim, is_reversed in zip((2, 3), choice, strict=True) if is_reversed)
            for choice in product(*choices)
        ]
        return mean_probabilities(
            self.members,
            images_BCSS,
            flips=flips,
            mirrored=self._mirrored_classes,
            of_regions=self.card.labels.has_regions,
        )

    def _mirrored_classes(self, dims: tuple[int, ...]) -> tuple[int, ...]:
        left_right_dim = self.card.left_right_dim
        is_mirrored = left_right_dim is not None and 2 + left_right_dim in dims
        return self.card.mirrored_classes if is_mirrored else ()


def card_of_fold(card: ModelCard, fold: int) -> ModelCard:
    """Return a model's card with only the members that were not trained on a fold.

    Raises:
        ModelError: if there are no such members.
    """
    members = tuple(each for each in card.members if each.fold == fold)
    if not members:
        folds = sorted({each.fold for each in card.members if each.fold is not None})
        known = ", ".join(map(str, folds))
        raise ModelError(
            f"The model has no member for fold {fold}: "
            + (f"there are {known}." if folds else "it was trained on all patients.")
        )
    return replace(card, members=members)
