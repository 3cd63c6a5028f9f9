import numpy as np

from mbnas.data.images.geometry import Geometry
from mbnas.data.images.grey_or_colours import with_channels
from mbnas.data.images.volume import Placement, Volume


def image(voxels, geometry):
    return Volume(voxels=voxels, geometry=geometry, placement=Placement(format="PNG", fields={}))


def test_a_grey_picture_has_three_equal_channels_and_back():
    grey = image(np.random.default_rng(0).random((1, 4, 3, 1), np.float32), Geometry.picture(4, 3))
    coloured = with_channels(grey, 3)
    assert coloured.voxels.shape == (3, 4, 3, 1)
    assert np.array_equal(with_channels(coloured, 1).voxels, grey.voxels)


def test_colours_and_volumes_are_not_changed():
    voxels = np.random.default_rng(0).random((3, 4, 3, 1), np.float32)
    coloured = image(voxels, Geometry.picture(4, 3))
    assert with_channels(coloured, 1) is coloured
    volume = image(voxels[:1], Geometry.canonical((4, 3, 1), (1.0, 1.0, 1.0)))
    assert with_channels(volume, 3) is volume
