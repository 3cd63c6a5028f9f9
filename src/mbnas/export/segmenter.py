"""A model in use where mbnas is not: what a bundle's configuration calls, with what it holds.

The source of this module and of all that it imports goes into every bundle. It does what
:mod:`mbnas.prediction` does, in the same order and numbers, so that both give one label map.

Shape suffixes: C channels, XYZ canonical voxels, B batch (of slices), K classes, S side of a
slice, H height and W width of a slice on its voxels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, UInt8
from torch import nn

from mbnas.data.datasets.normalisation import (
    ChannelNormalisation,
    normalise,
    of_volume,
    outside_range,
)
from mbnas.data.images.nifti_reader import read_image
from mbnas.data.images.nifti_writer import write_label
from mbnas.data.images.volume import Volume
from mbnas.data.slices.plane_transform import PlaneTransform
from mbnas.errors import DatasetError
from mbnas.prediction.model.slice_inference import computing
from mbnas.prediction.probabilities import softmax

_PIXELS = 2**19
_MOST_SLICES = 64


class Segmenter:
    """A network with its weights and all that preparing an image for it needs.

    Args:
        members: Networks from prepared slices to logits; their probabilities are averaged.
        device: Where to run, or its name.
        precision: ``float32`` or ``bfloat16``, in which the members were trained.
        slice_axis: Canonical axis that volumes are cut across.
        slice_size: Side of the slices in pixels.
        normalisation: For each channel its ``scheme``, such as ``zscore``, and as ``foreground``
            the ``low``, ``high``, ``mean`` and ``deviation`` that CT is clipped and scaled by,
            or ``None``.
        label_values: What the label map holds for each class, background first.
    """

    def __init__(
        self,
        *,
        members: Sequence[nn.Module],
        device: torch.device | str,
        precision: str,
        slice_axis: int,
        slice_size: int,
        normalisation: Sequence[Mapping[str, Any]],
        label_values: Sequence[int],
    ) -> None:
        self.members = [computing(each, torch.device(device), precision) for each in members]
        self.slice_axis, self.slice_size = slice_axis, slice_size
        self.normalisation = tuple(map(ChannelNormalisation.from_json, normalisation))
        self.label_values = np.array(label_values, np.int32)

    def segment_file(self, image: str | Sequence[str], output_dir: str) -> str:
        """Write the label map of an image, on the image's own grid; returns its path.

        Args:
            image: A NIfTI file, 3D, or 4D with the channels last; or a file for each channel.
            output_dir: Folder for the label map, which has the name of the image's first file.

        Raises:
            DatasetError: if the image cannot be read or is not one for this model.
        """
        files = tuple(map(Path, [image] if isinstance(image, str) else image))
        target = Path(output_dir) / files[0].name
        if target.resolve() == files[0].resolve():
            raise DatasetError(f"{target} is the image itself. Name another output_dir.")
        volume = read_image(files)
        self._check(volume, files[0])
        labels_XYZ = self.label_values[self.segment(volume)]
        target.parent.mkdir(parents=True, exist_ok=True)
        write_label(target, labels_XYZ, volume.geometry, volume.placement)
        return str(target)

    def segment(self, volume: Volume) -> UInt8[np.ndarray, "x y z"]:
        """Return the index of every voxel's class, on canonical voxels."""
        voxels_CXYZ, axis = volume.voxels, self.slice_axis
        plane = PlaneTransform.fit(volume.geometry, axis, self.slice_size)
        scalings = of_volume(voxels_CXYZ, self.normalisation)
        classes_XYZ = np.empty(volume.geometry.canonical_shape, np.uint8)
        batch = min(_MOST_SLICES, max(1, _PIXELS // self.slice_size**2))
        for start in range(0, plane.num_slices, batch):
            place = slice(start, min(start + batch, plane.num_slices))
            block_BCHW = np.moveaxis(voxels_CXYZ, axis + 1, 0)[place]
            block_CXYZ = np.moveaxis(block_BCHW, 0, axis + 1)
            images_BCSS = plane.images(normalise(block_CXYZ, scalings))
            means_BKHW = plane.restore(self._mean(images_BCSS))
            np.moveaxis(classes_XYZ, axis, 0)[place] = means_BKHW.argmax(axis=1)
        return classes_XYZ

    def _check(self, volume: Volume, path: Path) -> None:
        found, expected = len(volume.voxels), len(self.normalisation)
        if found != expected:
            raise DatasetError(
                f"{path} has {found} channels, and the model was trained on {expected}. Give it "
                "these, in the order of configs/metadata.json."
            )
        if not all(np.isfinite(voxels).all() for voxels in volume.voxels):
            raise DatasetError(
                f"{path} holds voxels that are not finite (nan or infinite). Replace them."
            )
        if what := outside_range(volume.voxels, [each.scheme for each in self.normalisation]):
            raise DatasetError(f"{path} {what}")

    def _mean(
        self, images_BCSS: Float32[np.ndarray, "batch channels side side"]
    ) -> Float32[np.ndarray, "batch classes side side"]:
        """Return the mean of all members' probabilities."""
        total: np.ndarray | float = 0.0
        for member in self.members:
            total = total + softmax(member(np.ascontiguousarray(images_BCSS)))
        mean: np.ndarray = np.asarray(total) / np.float32(len(self.members))
        if not np.isfinite(mean).all():
            raise DatasetError(
                "The network's logits are not finite for this image, so no class is likeliest. "
                "Look at the image's intensities."
            )
        return mean
