"""The segmenter of MONAI bundles: predicts label maps without mbnas installed.

Every bundle contains the source of this module and of its imports from mbnas. It shares the
computation with :mod:`mbnas.prediction`, so that both give the same label map.

Shape suffixes: B batch (of slices), K classes or regions, H height and W width of a slice
on its voxels, XYZ canonical voxels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from torch import nn

from mbnas.data.datasets.normalisation import (
    ChannelNormalisation,
)
from mbnas.data.images.formats.registry import label_name
from mbnas.data.images.grey_or_colours import with_channels
from mbnas.data.images.read import read_image
from mbnas.data.images.volume import Volume
from mbnas.data.images.write import write_label
from mbnas.data.slices.plane_transform import PlaneTransform, slices_across
from mbnas.errors import DatasetError
from mbnas.prediction.model.slice_inference import torch_runner
from mbnas.prediction.probabilities import predicted_labels
from mbnas.prediction.volume_inference import (
    check_intensities,
    mean_probabilities,
    predicted_blocks,
)


class Segmenter:
    """A model's networks, with everything that preparing an image for them needs.

    Args:
        members: Networks from prepared slices to logits; their probabilities are averaged.
        device: Where to run.
        precision: ``float32`` or ``bfloat16``, in which the members were trained.
        slice_axis: Canonical axis that volumes are cut across.
        slice_size: Side of the slices in pixels; ``None`` with patches.
        context: How many slices before and after a slice the members see besides it.
        patch_size: Side of the patches in pixels; ``None`` for whole slices.
        spacing_mm: Along the canonical axes, to which slices for patches are brought.
        normalisation: For each channel its ``scheme``, such as ``zscore``, and as ``foreground``
            the ``low``, ``high``, ``mean`` and ``deviation`` with which CT is clipped and scaled,
            or ``None``.
        label_values: The values in label maps, background first.
        regions: Which of ``label_values`` each region is written as, in their order; empty if
            every label is a class.
    """

    def __init__(
        self,
        *,
        members: Sequence[nn.Module],
        device: torch.device | str,
        precision: str,
        slice_axis: int,
        slice_size: int | None,
        patch_size: int | None = None,
        spacing_mm: Sequence[float] = (1.0, 1.0, 1.0),
        normalisation: Sequence[Mapping[str, Any]],
        context: int = 0,
        label_values: Sequence[int],
        regions: Sequence[int] = (),
    ) -> None:
        self.members = [torch_runner(each, torch.device(device), precision) for each in members]
        self.slice_axis, self.slice_size, self.context = slice_axis, slice_size, context
        x, y, z = spacing_mm
        self.patch_size, self.spacing_mm = patch_size, (x, y, z)
        self.normalisation = tuple(map(ChannelNormalisation.from_json, normalisation))
        self.label_values, self.regions = np.array(label_values, np.int32), tuple(regions)

    def segment_file(self, image: str | Sequence[str], output_dir: str) -> str:
        """Write the label map of an image, on the image's grid; return its path.

        Args:
            image: A file with all channels, or a file for each channel; a folder is a DICOM series.
            output_dir: Folder for the label map, which has the name of the image's first file, with
                another suffix if its format holds no labels.

        Raises:
            DatasetError: if the image cannot be read or does not fit this model.
        """
        files = tuple(map(Path, [image] if isinstance(image, str) else image))
        target = Path(output_dir) / label_name(files[0])
        if target.resolve() == files[0].resolve():
            raise DatasetError(f"{target} is the image itself. Choose another output_dir.")
        volume = with_channels(read_image(files), len(self.normalisation))
        self._check(volume, files[0])
        labels_XYZ = self.label_values[self.segment(volume)]
        target.parent.mkdir(parents=True, exist_ok=True)
        write_label(target, labels_XYZ, volume.geometry, volume.placement)
        return str(target)

    def segment(self, volume: Volume) -> UInt8[np.ndarray, "x y z"]:
        """Return the number of every voxel's label, on canonical voxels."""
        labels_XYZ = np.empty(volume.geometry.canonical_shape, np.uint8)
        plane = PlaneTransform.of(
            volume.geometry,
            self.slice_axis,
            slice_size=self.slice_size,
            patch_size=self.patch_size,
            spacing_mm=self.spacing_mm,
        )
        for place, means_BKHW in predicted_blocks(
            volume.voxels,
            plane,
            normalisation=self.normalisation,
            context=self.context,
            patch_size=self.patch_size,
            predict=partial(mean_probabilities, self.members, of_regions=bool(self.regions)),
        ):
            slices_across(labels_XYZ, self.slice_axis, place)[...] = predicted_labels(
                means_BKHW, self.regions
            )
        return labels_XYZ

    def _check(self, volume: Volume, path: Path) -> None:
        found, expected = len(volume.voxels), len(self.normalisation)
        if found != expected:
            raise DatasetError(
                f"{path} has {found} channels, and the model was trained on {expected}. Give it "
                "these, in the order of configs/metadata.json."
            )
        schemes = [each.scheme for each in self.normalisation]
        check_intensities(volume.voxels, schemes, str(path))
