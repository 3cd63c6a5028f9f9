"""Gives grey pictures the channels of coloured ones, and the reverse where no colour is lost.

Sets of pictures mix both: some programs save grey as three equal channels.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mbnas.data.images.volume import Volume

_NUM_COLOURS = 3


def with_channels(volume: Volume, num_channels: int) -> Volume:
    """Return a picture with another number of channels, if it is grey; otherwise the same image.

    Args:
        volume: A picture or a volume; a volume is not changed.
        num_channels: Wanted: a grey picture gets three equal channels for 3, and one of its three
            equal channels is left for 1.
    """
    found = len(volume.voxels)
    if volume.geometry.unit != "pixels" or {found, num_channels} != {1, _NUM_COLOURS}:
        return volume
    if found == 1:
        return replace(volume, voxels=np.repeat(volume.voxels, _NUM_COLOURS, axis=0))
    is_grey = bool((volume.voxels == volume.voxels[:1]).all())
    return replace(volume, voxels=volume.voxels[:1]) if is_grey else volume
