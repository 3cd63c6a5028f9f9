"""mbnas's augmentation as transforms of the other libraries, with the same probabilities.

Scaling, shifting, rotation and brightness each touch half of the slices, and half are flipped.
The ranges are those of
:class:`mbnas.data.augmentation.parameters.AugmentationSettings`. Where a library cannot do the
same, :data:`DIFFERENCES` says so.
"""

from __future__ import annotations

import math
from typing import Any

from batchgeneratorsv2.transforms.intensity.brightness import BrightnessAdditiveTransform
from batchgeneratorsv2.transforms.spatial.mirroring import MirrorTransform
from batchgeneratorsv2.transforms.spatial.spatial import SpatialTransform
from batchgeneratorsv2.transforms.utils.compose import ComposeTransforms
from batchgeneratorsv2.transforms.utils.random import RandomTransform
from batchgeneratorsv2.transforms.utils.remove_label import RemoveLabelTansform
from monai.transforms import Compose, RandAffined, RandFlipd, RandShiftIntensityd

from mbnas.data.augmentation.parameters import AugmentationSettings

DIFFERENCES = (
    (
        "nnU-Net's transforms shift every slice, not half of them, which costs no more; brightness "
        "is drawn from a normal distribution of the same standard deviation, as there is no "
        "uniform one; and a slice that is neither scaled nor rotated is copied, not sampled."
    ),
    (
        "MONAI draws the scale of each axis by itself, and a slice is sampled once for each of "
        "scaling, shifting and rotation that it undergoes: composed lazily, into one sampling, "
        "they fail in MONAI 1.6.1 on slices. Its metadata are switched off, which makes it faster."
    ),
    "The DataLoader's transforms are mbnas's own, on one slice at a time.",
)
"""What is not the same, for the page."""


def of_monai(settings: AugmentationSettings, side: int, flip_dim: int) -> Compose:
    """Return MONAI's transforms of a dictionary of ``image`` and ``label``."""
    affine: dict[str, Any] = {
        "keys": ("image", "label"),
        "prob": settings.probability,
        "mode": ("bilinear", "nearest"),
        "padding_mode": "zeros",
    }
    return Compose(
        [
            RandAffined(scale_range=(settings.scale,) * 2, **affine),
            RandAffined(translate_range=(settings.shift * side,) * 2, **affine),
            RandAffined(rotate_range=math.radians(settings.rotation_degrees), **affine),
            RandFlipd(keys=("image", "label"), prob=0.5, spatial_axis=flip_dim),
            RandShiftIntensityd(
                keys="image",
                offsets=settings.brightness,
                prob=settings.probability,
                channel_wise=True,
            ),
        ]
    )


def of_nnunet(settings: AugmentationSettings, side: int, flip_dim: int) -> ComposeTransforms:
    """Return batchgeneratorsv2's transforms of one slice."""
    rotation = math.radians(settings.rotation_degrees)
    spatial = SpatialTransform(
        (side, side),
        patch_center_dist_from_border=round(side * (0.5 - settings.shift)),
        random_crop=True,
        p_rotation=settings.probability,
        rotation=(-rotation, rotation),
        p_scaling=settings.probability,
        scaling=(1 - settings.scale, 1 + settings.scale),
        p_synchronize_scaling_across_axes=1,
        mode_seg="nearest",
    )
    brightness = BrightnessAdditiveTransform(
        0.0, settings.brightness / math.sqrt(3), synchronize_channels=False
    )
    return ComposeTransforms(
        [
            spatial,
            RandomTransform(brightness, apply_probability=settings.probability),
            MirrorTransform(allowed_axes=(flip_dim,)),
            RemoveLabelTansform(-1, 0),  # as nnU-Net's own transforms end
        ]
    )
