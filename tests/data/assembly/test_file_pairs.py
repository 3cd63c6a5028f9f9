"""Images and masks are paired by every way in which people name them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbnas.data.assembly.file_pairs import pair_files, several_masks
from mbnas.errors import DatasetError

NAMINGS = {
    "equal": ("{}.jpg", "{}.png"),
    "after": ("ISIC_{}.jpg", "ISIC_{}_segmentation.png"),
    "before": ("{}.png", "mask_{}.png"),
    "around": ("x{}.png", "a_x{}_gt.bmp"),
    "both": ("img_{}.png", "mask_{}.png"),
    "end": ("{}_training.tif", "{}_manual1.tif"),
}


@pytest.mark.parametrize("naming", NAMINGS)
@given(numbers=st.sets(st.integers(0, 400), min_size=2, max_size=20))
def test_each_image_gets_the_mask_of_its_number(naming, numbers):
    image, mask = NAMINGS[naming]
    found = pair_files([image.format(n) for n in numbers], [mask.format(n) for n in numbers])
    assert {each.image: each.mask for each in found.pairs} == {
        image.format(n): mask.format(n) for n in numbers
    }
    assert found.without_mask == found.without_image == ()


def test_names_that_begin_alike_are_not_confused():
    found = pair_files(["a1.png", "a10.png"], ["a10_m.png", "a1_m.png"])
    assert [(each.case, each.mask) for each in found.pairs] == [
        ("a1", "a1_m.png"),
        ("a10", "a10_m.png"),
    ]


def test_what_has_no_partner_is_told():
    found = pair_files(["a.png", "b.png"], ["b.png", "c.png"])
    assert (found.without_mask, found.without_image) == (("a.png",), ("c.png",))


def test_a_second_observer_is_told():
    masks = [f"{n}_{who}.png" for n in "ab" for who in ("1stHO", "2ndHO")]
    found = pair_files(["a.jpg", "b.jpg"], masks)
    assert [each.mask for each in found.pairs] == ["a_1stHO.png", "b_1stHO.png"]
    assert several_masks(found) == {"a": ["a_2ndHO.png"], "b": ["b_2ndHO.png"]}


def test_names_that_have_nothing_in_common_are_refused():
    with pytest.raises(DatasetError, match=r"images are named a\.png, masks 1\.png"):
        pair_files(["a.png"], ["1.png"])


def test_two_images_of_one_name_are_refused():
    with pytest.raises(DatasetError, match="two images of one name"):
        pair_files(["a.png", "a.jpg"], ["a.png"])
