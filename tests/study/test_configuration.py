"""Configurations: layers, text and back, and errors."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbnas.errors import ConfigurationError
from mbnas.study.configuration import Configuration
from mbnas.study.configuration_layers import (
    assignment_layer,
    build,
    check_effects,
    differences,
    merge,
    preset_layer,
)
from mbnas.study.configuration_toml import parse_toml, read_toml

KEYS = st.sampled_from("abc")
LAYERS = st.dictionaries(KEYS, st.integers() | st.dictionaries(KEYS, st.integers()), max_size=3)


def test_a_preset_sets_its_keys_and_leaves_the_rest():
    built = build(merge(preset_layer("quick"), {"dataset": "/data"}))
    assert (built.protocol.name, built.protocol.folds, built.training.batch_size) == ("quick", 3, 8)
    assert built.augmentation == Configuration(dataset="").augmentation


def test_later_layers_replace_earlier_ones():
    below = {"dataset": "/data", "training": {"epochs": 7, "batch_size": 5}}
    built = build(merge(preset_layer("paper"), below, {"training": {"epochs": 9}}))
    assert (built.training.epochs, built.training.batch_size) == (9, 5)
    assert built.training.loss == "dice"


@given(LAYERS, LAYERS, LAYERS)
def test_merging_is_associative_and_does_not_change_layers(first, second, third):
    kept = str((first, second, third))
    assert merge(first, second, third) == merge(merge(first, second), third)
    assert merge(first, second).keys() == first.keys() | second.keys()
    assert str((first, second, third)) == kept


def test_merging_a_layer_with_itself_is_that_layer():
    layer = preset_layer("quick")
    assert merge(layer, layer) == layer


@given(
    seed=st.integers(0, 2**40),
    folds=st.integers(2, 9),
    kernels=st.lists(st.sampled_from([1, 3, 5, 7]), min_size=1, unique=True),
    learning_rate=st.floats(1e-9, 1.0),
    steps=st.none() | st.integers(1, 100),
    pattern=st.none() | st.text(st.characters(codec="utf-8"), max_size=20),
    searcher=st.sampled_from(["local", "random", "evolution"]),
    name=st.sampled_from(["mixed", "micro"]),
    topologies=st.none() | st.integers(1, 100),
)
def test_a_configuration_survives_the_round_trip_through_text(
    seed, folds, kernels, learning_rate, steps, pattern, searcher, name, topologies
):
    made = build(
        {
            "dataset": "/a b/ö",
            "seed": seed,
            "data": {"patient_pattern": pattern},
            "protocol": {"folds": folds},
            "training": {"learning_rate": learning_rate, "steps_per_epoch": steps},
            "space": {"name": name, "kernels": kernels},
            "search": {"searcher": searcher, "topology_evaluations": topologies},
        }
    )
    assert build(parse_toml(made.to_toml(), source="study.toml")) == made


@pytest.mark.parametrize("preset", ["paper", "quick"])
def test_presets_survive_the_round_trip_through_text(preset):
    made = build(merge(preset_layer(preset), {"dataset": "/data"}))
    assert build(parse_toml(made.to_toml(), source="study.toml")) == made


def test_differences_are_named_by_key():
    old, new = Configuration(dataset="/a"), build({"dataset": "/a", "training": {"epochs": 3}})
    assert differences(old, new) == {"training.epochs": (100, 3)}
    assert differences(old, old) == {}


# --set


@pytest.mark.parametrize(
    ("text", "layer"),
    [
        ("seed=3", {"seed": 3}),
        ("training.loss=dice", {"training": {"loss": "dice"}}),
        ('training.loss="dice"', {"training": {"loss": "dice"}}),
        ("training.learning_rate=1e-3", {"training": {"learning_rate": 0.001}}),
        ("space.kernels=[3, 5]", {"space": {"kernels": [3, 5]}}),
        ("data.allow_empty_cases=true", {"data": {"allow_empty_cases": True}}),
        ("data.patient_pattern=a=b", {"data": {"patient_pattern": "a=b"}}),
        ("training . epochs = 5", {"training": {"epochs": 5}}),
    ],
)
def test_an_assignment_is_a_layer(text, layer):
    assert assignment_layer(text) == layer


def test_a_value_of_several_lines_is_a_plain_word():
    layer = assignment_layer("data.patient_pattern=1\nvalue2 = 3")
    assert layer == {"data": {"patient_pattern": "1\nvalue2 = 3"}}


def test_an_assignment_needs_an_equals_sign():
    with pytest.raises(ConfigurationError, match=r"--set training\.epochs has no value: write"):
        assignment_layer("training.epochs")


# Errors


@pytest.mark.parametrize(
    ("key", "nearest"),
    [
        ("training.epoch", "training.epochs"),
        ("trainig.epochs", "training.epochs"),
        ("epochs", "training.epochs"),
        ("slice_size", "preparation.slice_size"),
        ("search.evaluation", "search.evaluations"),
        ("space.nam", "space.name"),
        ("sed", "seed"),
    ],
)
def test_an_unknown_key_names_the_nearest(key, nearest):
    with pytest.raises(ConfigurationError) as raised:
        build(merge({"dataset": "/data"}, assignment_layer(f"{key}=1")))
    message = str(raised.value)
    assert message.startswith("The configuration key ")
    assert message.endswith(f" does not exist; the nearest is {nearest}.")


def test_a_key_unlike_all_others_names_none():
    with pytest.raises(ConfigurationError, match="key qqqqqqq does not exist; mbnas settings"):
        build({"dataset": "/data", "qqqqqqq": 1})


@pytest.mark.parametrize(
    ("assignment", "sentence"),
    [
        ("training.epochs=0", r"training\.epochs \(=0\) must be 1 or more\."),
        ("training.epochs=many", r"training\.epochs \(='many'\) must be of type int\."),
        ("training.epochs=true", r"training\.epochs \(=True\) must be of type int\."),
        ("training.epochs=1.5", r"training\.epochs \(=1\.5\) must be of type int\."),
        ("training.learning_rate=0", r"training\.learning_rate \(=0\.0\) must be above 0 and"),
        ("training.learning_rate=nan", r"training\.learning_rate \(=nan\) must be above 0"),
        ("training.loss=focal", r"training\.loss \(='focal'\) must be dice or dice\+cross-entropy"),
        ("protocol.folds=1", r"protocol\.folds \(=1\) must be 2 or more\."),
        ("protocol.scored_fraction=0", r"scored_fraction \(=0\.0\) must be above 0"),
        ("search.searcher=climb", r"search\.searcher \(='climb'\) must be one of local, random, "),
        ("search.proposal_size=0", r"search\.proposal_size \(=0\) must be 1 or more\."),
        ("search.proposal_size=1001", r"search\.proposal_size \(=1001\) must be 1000 or less\."),
        ("search.proposal_size=4", r"\(=4\) has no effect on the searcher local, which chooses"),
        ("search.topology_evaluations=0", r"topology_evaluations \(=0\) must be 1 or more\."),
        ("search.start=u-net", r"search\.start \(=u-net\) must be random, unet or a genotype\. "),
        ("search.start=0vgg3", r"search\.start \(=0vgg3\) must be in the mixed space, .*1 nodes"),
        (
            "space.name=marco",
            r"space\.name \(='marco'\) must be mixed or macro or micro or bilevel",
        ),
        ("search.evaluations=0", r"search\.evaluations \(=0\) must be 1 or more\."),
        ("run.workers=0", r"run\.workers \(=0\) must be 1 or more\."),
        ("run.patience_s=0", r"run\.patience_s \(=0\.0\) must be above 0\."),
        ("run.patience_s=nan", r"run\.patience_s \(=nan\) must be above 0\."),
        ("data.max_patients=1", r"data\.max_patients \(=1\) must be 2 or more\."),
        ("space.kernels=3", r"space\.kernels \(=3\) must be a list"),
        ("space.kernels=[4]", r"kernel \(=4\) must be odd"),
        ("training=5", r"training \(=5\) must be a section of keys\."),
        ("dataset=5", r"dataset \(=5\) must be of type str\."),
    ],
)
def test_each_wrong_value_has_a_message(assignment, sentence):
    with pytest.raises(ConfigurationError, match=sentence):
        build(merge({"dataset": "/data"}, assignment_layer(assignment)))


def test_the_dataset_has_no_default():
    with pytest.raises(ConfigurationError, match="dataset is missing"):
        build({})


def test_an_unknown_protocol_names_the_two_that_exist():
    with pytest.raises(ConfigurationError, match="no protocol 'fast': use paper or quick"):
        preset_layer("fast")


def test_a_file_that_is_not_toml_is_named(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("epochs: 3")
    with pytest.raises(ConfigurationError, match=r"mine\.toml is not valid TOML: "):
        read_toml(file)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"mine\.toml cannot be read: "):
        read_toml(tmp_path / "mine.toml")


def test_a_file_is_a_layer(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("seed = 2\n[training]\nepochs = 3\n")
    assert read_toml(file) == {"seed": 2, "training": {"epochs": 3}}


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (
            {"run": {"workers": 4, "executor": "inline"}},
            r"run\.workers \(=4\) has no effect with run\.executor=inline",
        ),
        ({"run": {"address": "auto"}}, r"with run\.executor=processes: add --executor ray"),
        ({"run": {"gpu_share": 0.5}}, r"run\.gpu_share \(=0\.5\) has no effect"),
        ({"search": {"topology_evaluations": 5}}, r"in the mixed space: add --space bilevel"),
    ],
)
def test_what_has_no_effect_is_refused_if_it_is_asked_for(asked, told):
    configuration = build({"dataset": "data"} | asked)
    with pytest.raises(ConfigurationError, match=told):
        check_effects(asked, configuration)
    check_effects({}, configuration)


@pytest.mark.parametrize(
    "asked",
    [
        {"run": {"workers": 1, "executor": "inline"}},
        {"run": {"workers": 4}},
        {"run": {"workers": None, "executor": "inline"}},
        {"run": {"address": "auto", "gpu_share": 0.5, "executor": "ray"}},
        {"search": {"topology_evaluations": 5}, "space": {"name": "bilevel"}},
    ],
)
def test_what_has_an_effect_is_accepted(asked):
    check_effects(asked, build({"dataset": "data"} | asked))
