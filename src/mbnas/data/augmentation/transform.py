"""Augmentation of a whole batch at once, on any device.

Images and labels are each sampled once, on one grid. The parameters were drawn before, so
that applying them is deterministic.

Shape suffixes: B batch, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor
from torch.nn import functional

from mbnas.data.augmentation.parameters import AugmentationParameters, sampling_matrices


def apply_augmentation(
    parameters: AugmentationParameters,
    images_BCHW: Float[Tensor, "batch channels side side"],
    labels_BHW: UInt8[Tensor, "batch side side"],
) -> tuple[Float[Tensor, "batch channels side side"], UInt8[Tensor, "batch side side"]]:
    """Return transformed images and labels, on their device.

    Args:
        parameters: Parameters for the slices and channels of the batch.
        images_BCHW: Square slices, as a rotation would shear others.
        labels_BHW: Class indices of the same slices.
    """
    return augment(
        torch.from_numpy(sampling_matrices(parameters)).to(images_BCHW),
        torch.from_numpy(parameters.brightness).to(images_BCHW),
        images_BCHW,
        labels_BHW,
    )


def augment(
    matrices_B23: Float[Tensor, "batch 2 3"],
    brightness_BC: Float[Tensor, "batch channels"],
    images_BCHW: Float[Tensor, "batch channels side side"],
    labels_BHW: UInt8[Tensor, "batch side side"],
    size: int | None = None,
    *,
    outside: int = 0,
) -> tuple[Float[Tensor, "batch channels size size"], UInt8[Tensor, "batch size size"]]:
    """Return transformed images and labels, with parameters that are on their device.

    Images are sampled bilinearly and labels at the nearest pixel, on one grid. Pixels
    from outside the slice are 0, as in the padding of prepared slices. Patches are sampled from
    larger windows, so that their borders do not show.

    Args:
        matrices_B23: Maps from output to input coordinates, as for ``affine_grid``.
        brightness_BC: Offset of every channel.
        images_BCHW: Square slices, as a rotation would shear others.
        labels_BHW: Prepared labels of the same slices.
        size: Side of the output; by default that of the slices.
        outside: The label of pixels from outside the slice.
    """
    grid_BHW2 = sampling_grid(matrices_B23, size or images_BCHW.shape[-1])
    moved_BCHW = functional.grid_sample(images_BCHW, grid_BHW2, align_corners=False)
    labels_B1HW = labels_BHW[:, None].to(images_BCHW.dtype)
    if outside:  # a sample from outside is 0, so labels are counted from that label
        labels_B1HW -= outside
    moved_labels_B1HW = functional.grid_sample(
        labels_B1HW, grid_BHW2, mode="nearest", align_corners=False
    )
    if outside:
        moved_labels_B1HW += outside
    moved_BCHW += brightness_BC[:, :, None, None]
    return moved_BCHW, moved_labels_B1HW[:, 0].to(torch.uint8)


def mirror_labels(
    labels_BHW: UInt8[Tensor, "batch side side"],
    mirrored_B: Bool[Tensor, " batch"],
    mirrored_classes: Sequence[int],
) -> UInt8[Tensor, "batch side side"]:
    """Return labels with exchanged classes in the slices that are mirrored.

    Args:
        labels_BHW: Prepared labels.
        mirrored_B: Which slices are flipped left to right.
        mirrored_classes: The class that the background and each class becomes.
    """
    others = range(len(mirrored_classes), 256)  # such as that of ignored pixels
    in_mirror_L = torch.tensor(
        [*mirrored_classes, *others], dtype=torch.uint8, device=labels_BHW.device
    )
    swapped_BHW = in_mirror_L[labels_BHW.long()]
    return torch.where(mirrored_B[:, None, None], swapped_BHW, labels_BHW)


def sampling_grid(
    matrices_B23: Float[Tensor, "batch 2 3"], side: int
) -> Float[Tensor, "batch side side 2"]:
    """Return where each output pixel is sampled from, as ``affine_grid`` does for square slices.

    Instead of matrix products with two columns it makes three passes over planes of x and y,
    in half of the time or less, and gives the same values but for the last bits.
    """
    centres_S = torch.linspace(-1, 1, side, device=matrices_B23.device) * (side - 1) / side
    across, down, offset = matrices_B23[..., None, None].unbind(2)
    planes_B2HW = across * centres_S + down * centres_S[:, None]
    planes_B2HW += offset
    return planes_B2HW.permute(0, 2, 3, 1)
