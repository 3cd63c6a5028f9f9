"""Slices of which trainings see patches, predicted by overlapping tiles.

Shape suffixes: N slices, B batch, C channels, K classes, H height, W width, S side of a patch.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from jaxtyping import Float, Float32, Int, UInt8
from torch import Tensor

from mbnas.data.datasets.label_scheme import IGNORED
from mbnas.data.slices.tiles import tile_corners, tile_weights, total_weights
from mbnas.network.interface import Interface
from mbnas.training.loading.patch_sampler import PatchSampler
from mbnas.training.loading.slice_source import LogitsOf, PredictedBatch, SliceSource
from mbnas.training.loading.target_masks import labels_of, probabilities_of


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchSource(SliceSource):
    """Slices that differ in size, one after another in flat tensors.

    Attributes:
        images: Normalised intensities of all slices, in float32 or float16.
        labels: Prepared labels of all slices (:mod:`mbnas.data.datasets.label_scheme`).
        channels: Number of channels of an image.
        sampler: Draws patches.
    """

    images: Float[Tensor, " value"]
    labels: UInt8[Tensor, " pixel"]
    channels: int
    sampler: PatchSampler

    @property
    def num_channels(self) -> int:
        """Number of channels of an image."""
        return self.channels

    @property
    def interface(self) -> Interface:
        """What a network for patches must fit."""
        return Interface(
            in_channels=self.in_channels,
            num_classes=self.num_classes,
            size=self.sampler.patch_size,
        )

    @property
    def window_size(self) -> int:
        """Side of the windows that patches are sampled from."""
        return self.sampler.window_size

    @property
    def patches(self) -> PatchSampler | None:
        """What draws the patches."""
        return self.sampler

    def label_pixels(self, slices: Int[np.ndarray, " chosen"]) -> Int[np.ndarray, "chosen labels"]:
        """Return how many pixels each label has in each slice, background first."""
        return self.sampler.foreground.label_pixels(slices, 1 + self.targets.num_labels)

    @property
    def outside(self) -> int:
        """The label of pixels outside a slice."""
        return IGNORED if self.targets.ignores else 0

    def predicted(
        self, logits_of: LogitsOf, slices: Int[np.ndarray, " chosen"], *, at_once: int
    ) -> Iterator[PredictedBatch]:
        """Yield what a network predicts for each slice, in order, and its reference.

        Probabilities are averaged over the slice's tiles by their weights. The results are
        those of :func:`mbnas.prediction.volume_inference.predicted_by_tiles`.
        """
        side = self.sampler.patch_size
        weights_SS = torch.from_numpy(tile_weights(side).copy()).to(self.device)
        tiles = self._tiles(slices)
        total_KHW: Tensor | None = None
        while group := tuple(islice(tiles, at_once)):
            logits_BKSS = logits_of(torch.stack([tile_CSS for _, _, tile_CSS in group]))
            maps_BKSS = probabilities_of(logits_BKSS, self.targets) * weights_SS
            for (number, (row, column), _), map_KSS in zip(group, maps_BKSS, strict=True):
                frame = self.sampler.places.frame(number)
                if total_KHW is None:
                    total_KHW = map_KSS.new_zeros(len(map_KSS), *frame)
                total_KHW[:, row : row + side, column : column + side] += map_KSS
                if (row + side, column + side) == frame:  # the slice's last tile
                    total_KHW /= torch.from_numpy(total_weights(frame, side).copy()).to(self.device)
                    predicted_1HW = labels_of(total_KHW[None], self.targets)
                    yield predicted_1HW, self.labels_on_device(number)[None]
                    total_KHW = None

    def stored_image(self, number: int) -> Float[Tensor, "channels height width"]:
        """Return the image of a slice as a view."""
        places, channels = self.sampler.places, self.channels
        pixels = places.pixels(number)
        values = self.images[channels * pixels.start : channels * pixels.stop]
        return values.view(channels, *places.frame(number))

    def stored_labels(self, number: int) -> UInt8[Tensor, "height width"]:
        """Return the labels of a slice as a view."""
        places = self.sampler.places
        return self.labels[places.pixels(number)].view(places.frame(number))

    @abstractmethod
    def image_on_device(self, number: int) -> Float32[Tensor, "channels height width"]:
        """Return the image of a slice on the device, without neighbours."""

    @abstractmethod
    def labels_on_device(self, number: int) -> UInt8[Tensor, "height width"]:
        """Return the labels of a slice on the device."""

    def _tiles(
        self, slices: Int[np.ndarray, " chosen"]
    ) -> Iterator[tuple[int, tuple[int, int], Tensor]]:
        """Yield the slice, the corner and the image of each tile of some slices."""
        side = self.sampler.patch_size
        for number in slices.tolist():
            (seen,) = self.seen(np.array([number])).tolist()
            image_CHW = torch.cat([self.image_on_device(each) for each in seen])
            for row, column in tile_corners(self.sampler.places.frame(number), side):
                tile_CSS = image_CHW[:, row : row + side, column : column + side]
                yield number, (row, column), tile_CSS


def read_windows(
    source: PatchSource,
    windows_B3: Int[np.ndarray, "batch 3"],
    images_BCWW: Tensor,
    labels_BWW: Tensor,
) -> None:
    """Read windows of slices in host memory into tensors there; images are 0 outside of slices.

    Args:
        source: Its tensors are in host memory.
        windows_B3: Slice, first row and first column of each window.
        images_BCWW: For the images.
        labels_BWW: For the labels.
    """
    images_BCWW.zero_()
    labels_BWW.fill_(source.outside)
    side = labels_BWW.shape[-1]
    seen_BN, channels = source.seen(windows_B3[:, 0]), source.channels
    order = np.argsort(windows_B3[:, 0], kind="stable")  # in the order of the files
    for place in order.tolist():
        number, *corner = windows_B3[place].tolist()
        labels_HW = source.stored_labels(number)
        inside, target = [], []
        for start, length in zip(corner, labels_HW.shape, strict=True):
            first, last = max(start, 0), min(start + side, length)
            inside.append(slice(first, last))
            target.append(slice(first - start, last - start))
        for first, each in zip(
            range(0, len(seen_BN[place]) * channels, channels), seen_BN[place].tolist(), strict=True
        ):
            read_CHW = source.stored_image(each)[:, inside[0], inside[1]]
            images_BCWW[place, first : first + channels, target[0], target[1]] = read_CHW
        labels_BWW[place][target[0], target[1]] = labels_HW[inside[0], inside[1]]
