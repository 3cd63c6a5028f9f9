"""A model is named by its folder or by its study; whatever is wrong says what there is."""

import pytest

from mbnas.errors import ModelError
from mbnas.prediction.model.find_model import find_model, has_model
from mbnas.prediction.model.model_card import CARD


def study_with(folder, *names):
    for name in names:
        (folder / "weights" / name).mkdir(parents=True)
        (folder / "weights" / name / CARD).write_text("{}")
    return folder


def test_a_study_has_one_model_or_a_best(tmp_path):
    one = study_with(tmp_path / "one", "unet")
    assert find_model(one) == one / "weights/unet"
    assert find_model(one / "weights/unet") == one / "weights/unet"
    two = study_with(tmp_path / "two", "unet", "best")
    assert find_model(two) == two / "weights/best"
    assert find_model(two, "unet") == two / "weights/unet"


def test_a_model_that_is_still_trained_is_none_yet(tmp_path):
    (tmp_path / "weights/best").mkdir(parents=True)
    assert not has_model(tmp_path)
    assert has_model(study_with(tmp_path, "unet"))
    assert not has_model(study_with(tmp_path / "two", "unet", "resunet"))  # none without a name


@pytest.mark.parametrize(
    ("place", "name", "words"),
    [
        ("several", None, "2 models, none of them called best: name one of resunet, unet"),
        ("several", "vgg", "no trained model vgg: there is resunet, unet"),
        ("several", "../several/weights/unet", "no trained model ../several"),
        ("several/weights/unet", "unet", "is itself a model"),
        ("empty", None, "Train one with: mbnas train"),
        ("absent", None, "is not a folder"),
    ],
)
def test_what_cannot_be_chosen_says_what_there_is(tmp_path, place, name, words):
    study_with(tmp_path / "several", "unet", "resunet")
    (tmp_path / "several/weights/.partial").mkdir()
    (tmp_path / "several/weights/.partial" / CARD).write_text("{}")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match=words):
        find_model(tmp_path / place, name)
