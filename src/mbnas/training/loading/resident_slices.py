"""All slices of a study in the training device's memory.

Shape suffixes: N slices, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from mbnas.training.loading.slice_source import Batch, WholeSlices


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidentSlices(WholeSlices):
    """Prepared slices as tensors on the training device.

    Attributes:
        images_NCHW: Normalised intensities, in float32 or float16.
    """

    images_NCHW: Float[Tensor, "slice channel height width"]

    @property
    def device(self) -> torch.device:
        """The device of the slices and their batches."""
        return self.images_NCHW.device

    @property
    def num_channels(self) -> int:
        """Number of channels of an image."""
        return int(self.images_NCHW.shape[1])

    def fetch(self, batches: Iterable[Int[np.ndarray, " batch"]]) -> Iterator[Batch]:
        """Yield the slices of every batch, in order, without waiting for the device."""
        known = list(batches)
        if not known:
            return
        sizes = [len(batch) for batch in known]
        together = np.concatenate(known)
        indices_of_all = torch.from_numpy(together).to(self.device)
        if not self.context:
            for indices in torch.split(indices_of_all, sizes):
                yield self.images_NCHW[indices].float(), self.labels_NHW[indices]
            return
        seen_of_all = torch.from_numpy(self.seen(together)).to(self.device)
        for indices, seen in zip(
            torch.split(indices_of_all, sizes), torch.split(seen_of_all, sizes), strict=True
        ):
            images_BCHW = self.images_NCHW[seen].flatten(1, 2)
            yield images_BCHW.float(), self.labels_NHW[indices]
