"""All slices of a study in the training device's memory, from which patches are taken.

Shape suffixes: B batch, C channels, W side of a window.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, Int, UInt8
from torch import Tensor

from mbnas.training.loading.patch_source import PatchSource, read_windows
from mbnas.training.loading.slice_source import Batch


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidentPatches(PatchSource):
    """Prepared slices of different sizes as flat tensors on the training device."""

    @property
    def device(self) -> torch.device:
        """The device of the slices and their batches."""
        return self.images.device

    def fetch(self, batches: Iterable[Int[np.ndarray, "batch 3"]]) -> Iterator[Batch]:
        """Yield the windows of every batch, in order, without waiting for the device."""
        known = list(batches)
        if self.device.type == "cpu":
            for windows_B3 in known:
                yield self._copied(windows_B3)
        elif known:
            yield from self._gathered(known)

    def image_on_device(self, number: int) -> Float32[Tensor, "channels height width"]:
        """Return the image of a slice."""
        return self.stored_image(number).float()

    def labels_on_device(self, number: int) -> UInt8[Tensor, "height width"]:
        """Return the labels of a slice."""
        return self.stored_labels(number)

    def _copied(self, windows_B3: Int[np.ndarray, "batch 3"]) -> Batch:
        """Return windows that are copied one after another."""
        shape_WW = (self.window_size, self.window_size)
        images_BCWW = torch.empty(
            len(windows_B3), self.in_channels, *shape_WW, dtype=self.images.dtype
        )
        labels_BWW = torch.empty(len(windows_B3), *shape_WW, dtype=torch.uint8)
        read_windows(self, windows_B3, images_BCWW, labels_BWW)
        return images_BCWW.float(), labels_BWW

    def _gathered(self, known: list[Int[np.ndarray, "_ 3"]]) -> Iterator[Batch]:
        """Yield windows whose pixels are gathered by a few operations for a whole batch.

        A device that is far faster than its host would wait for single copies.
        """
        places = self.sampler.places
        together_B3 = np.concatenate(known)
        number_B = together_B3[:, 0]
        facts = [
            places.first_pixel_N[number_B],
            places.height_N[number_B],
            places.width_N[number_B],
            *together_B3[:, 1:].T,
            *places.first_pixel_N[self.seen(number_B)].T,
        ]
        facts_BF = torch.from_numpy(np.stack(facts, axis=1)).to(self.device)
        along_W = torch.arange(self.window_size, device=self.device)
        for of_batch_BF in torch.split(facts_BF, [len(batch) for batch in known]):
            first, height, width, row, column, *seen = of_batch_BF.T[..., None, None]
            rows, columns = row + along_W[:, None], column + along_W
            is_inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
            pixel_BWW = torch.where(is_inside, rows * width + columns, 0)
            images_BCWW = torch.stack(
                [
                    self.images[self.channels * first_seen + channel * height * width + pixel_BWW]
                    for first_seen in seen
                    for channel in range(self.channels)
                ],
                dim=1,
            ).float()
            labels_BWW = torch.where(is_inside, self.labels[first + pixel_BWW], self.outside)
            yield images_BCWW * is_inside[:, None], labels_BWW
