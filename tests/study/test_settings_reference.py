"""The reference of settings: complete, true to the classes, with examples that work."""

import runpy
from dataclasses import asdict
from pathlib import Path

import pytest

from mbnas.errors import ConfigurationError
from mbnas.study.configuration import Configuration
from mbnas.study.configuration_layers import assignment_layer, build, merge
from mbnas.study.configuration_toml import flatten
from mbnas.study.settings_reference import all_settings, settings_like
from mbnas.training.protocol import PRESETS

SETTINGS = {each.key: each for each in all_settings()}
DOCS = Path(__file__).parents[2] / "docs"
NEEDED = {
    "preparation.patch_size": ['space.name="mixed"'],
    "space.expansions": ['space.blocks=["vgg", "convnext"]'],
    "search.proposal_size": ['search.searcher="bayesian"'],
    "search.topology_evaluations": ['space.name="bilevel"'],
}
"""What an example of a key needs besides."""


def built(*assignments):
    return build(merge({"dataset": "/data"}, *map(assignment_layer, assignments)))


def test_every_setting_is_described_in_order():
    assert list(SETTINGS) == [key for key, _ in flatten(asdict(Configuration(dataset="")))]


@pytest.mark.parametrize("key", SETTINGS)
def test_a_setting_has_a_meaning_in_plain_text(key):
    assert SETTINGS[key].meaning
    assert not {"``", ":mod:", ":class:", ":data:"} & set(SETTINGS[key].meaning.split())
    assert SETTINGS[key].summary.endswith(".")


@pytest.mark.parametrize("key", SETTINGS)
def test_an_example_sets_another_value(key):
    example = built(*NEEDED.get(key, ()), f"{key}={SETTINGS[key].example}")
    values = dict(flatten(asdict(example)))
    assert values[key] != dict(flatten(asdict(Configuration(dataset=""))))[key]


@pytest.mark.parametrize("key", [key for key in SETTINGS if SETTINGS[key].default is not None])
def test_a_default_is_what_a_configuration_has_without_it(key):
    assert built(f"{key}={SETTINGS[key].default}") == built()


def test_the_presets_are_those_of_the_protocols():
    told = {
        name: {key: each.presets[name] for key, each in SETTINGS.items() if name in each.presets}
        for name in PRESETS
    }
    for name, preset in PRESETS.items():
        assert told[name].keys() == {key for key, _ in flatten(preset)}
        assert built(*(f"{key}={value}" for key, value in told[name].items())) == build(
            merge({"dataset": "/data"}, preset)
        )


@pytest.mark.parametrize(
    ("typed", "keys"),
    [
        ("training.epochs", ["training.epochs"]),
        ("epochs", ["training.epochs"]),
        ("data", [key for key in SETTINGS if key.startswith("data.")]),
    ],
)
def test_settings_are_found_by_key_section_or_name(typed, keys):
    assert [each.key for each in settings_like(typed)] == keys


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("training.epoch", "the nearest is training.epochs"),
        ("trainin", "the nearest is training"),
        ("data.xx", "data has max_patients, patient_pattern, patient_table, allow_empty_cases"),
        ("zzz", "mbnas settings lists all keys"),
    ],
)
def test_an_unknown_key_is_refused_with_what_helps(typed, message):
    with pytest.raises(ConfigurationError, match=f"{typed} does not exist; {message}"):
        settings_like(typed)


def test_the_page_of_the_docs_is_up_to_date():
    written = runpy.run_path(str(DOCS / "write_settings.py"))["page"]()
    assert (DOCS / "settings.md").read_text(encoding="utf-8") == written
