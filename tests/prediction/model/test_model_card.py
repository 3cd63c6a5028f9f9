"""A card keeps everything, and anything else is refused in words."""

import json
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbnas.errors import ModelError
from mbnas.prediction.model.members import load_members
from mbnas.prediction.model.model_card import CARD, ModelCard, checked_file, read_card
from mbnas.prediction.model.torch_members import load_network

from ..conftest import CT, Z_SCORE, card_of, write_model


def test_a_card_comes_back_as_it_was(model):
    folder, card = model
    assert read_card(folder) == card
    two = card_of(channels=("CT", "MRI"), normalisation=(CT, Z_SCORE))
    assert ModelCard.from_json(two.to_json()) == two


def test_a_folder_without_a_card_is_no_model(tmp_path):
    with pytest.raises(ModelError, match="holds no finished model"):
        read_card(tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"slice_axis": 3}, "slice_axis"),
        ({"members": []}, "members"),
        ({"spacing_mm": [1, 1, 0]}, "spacing_mm"),
        ({"format_version": 99}, "format_version is 99"),
        ({"format": "pickle"}, "format"),
        ({"normalisation": []}, "normalisation"),
        ({"members": [{"file": "../x", "sha256": "", "fold": 0, "unseen": []}]}, "plain name"),
        ({"members": [{"file": "/etc/x", "sha256": "", "fold": 0, "unseen": []}]}, "plain name"),
    ],
)
def test_a_value_that_cannot_be_is_named(model, change, words):
    folder, _ = model
    facts = json.loads((folder / CARD).read_text())
    (folder / CARD).write_text(json.dumps(facts | change))
    with pytest.raises(ModelError, match=words):
        read_card(folder)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(data=st.data())
def test_whatever_a_card_holds_is_read_or_refused(data):
    facts = json.loads(card_of().to_json())
    key = data.draw(st.sampled_from(sorted(facts)))
    facts[key] = data.draw(JSON)
    with suppress(ModelError):
        ModelCard.from_json(json.dumps(facts))


@given(st.binary(max_size=50))
def test_bytes_are_no_card(content):
    with pytest.raises(ModelError):
        ModelCard.from_json(content)


def test_a_damaged_file_is_refused(model):
    folder, card = model
    path = folder / card.members[0].file
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelError, match="damaged or of another model"):
        checked_file(folder, card.members[0])
    path.unlink()
    with pytest.raises(ModelError, match="cannot be read"):
        checked_file(folder, card.members[0])


def test_weights_of_another_network_are_refused(model, tmp_path):
    folder, card = model
    other = write_model(tmp_path / "other", card_of(base_channels=16))
    with pytest.raises(ModelError, match="of another network"):
        load_network(folder, replace(card, base_channels=16), card.members[0])
    with pytest.raises(ModelError, match="cannot be built"):
        load_network(folder, replace(card, network="0nothing3"), card.members[0])
    assert other.base_channels == 16


def test_a_module_is_not_imported_unless_trusted(model):
    folder, card = model
    foreign = replace(card, network="module:antigravity:fly#00000000")
    with pytest.raises(ModelError, match="--trust-module"):
        load_members(folder, foreign)


@pytest.mark.parametrize("mirrored", [(0, 1), (0, 1, 3), (1, 0, 2), (2, 1, 0), (0, 1, 1)])
def test_classes_that_are_no_pairs_are_refused(mirrored):
    with pytest.raises(ModelError, match="mirrored_classes must be pairs that change places"):
        card_of(mirrored_classes=mirrored)


def test_pairs_of_classes_are_kept():
    card = card_of(mirrored_classes=(0, 2, 1))
    assert ModelCard.from_json(card.to_json()) == card
