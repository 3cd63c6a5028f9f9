"""The largest component of every class stays; everything else becomes background."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy.ndimage import label

from mbnas.prediction.largest_component import keep_largest


def test_corners_connect_and_classes_do_not():
    classes = np.zeros((5, 5, 5), np.uint8)
    classes[0, 0, 0] = classes[1, 1, 1] = classes[2, 2, 2] = 1
    classes[2, 2, 3] = classes[2, 2, 4] = 3
    classes[4, 4, :2] = 1
    classes[4, 0, 0] = 3
    kept = keep_largest(classes)
    assert np.argwhere(kept == 1).tolist() == [[0, 0, 0], [1, 1, 1], [2, 2, 2]]
    assert np.argwhere(kept == 3).tolist() == [[2, 2, 3], [2, 2, 4]]
    assert not np.isin(kept, [0, 1, 3], invert=True).any()


@given(npst.arrays(np.uint8, (4, 4, 4), elements=st.integers(0, 3)))
def test_one_component_of_the_largest_size_stays_of_every_class(classes):
    kept = keep_largest(classes)
    assert np.array_equal(keep_largest(kept), kept)
    for number in (1, 2, 3):
        components, count = label(classes == number, np.ones((3, 3, 3)))
        sizes = np.bincount(components.ravel(), minlength=1)[1:]
        assert (kept == number).sum() == (sizes.max() if count else 0)
        assert (classes[kept == number] == number).all()
