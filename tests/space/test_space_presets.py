"""Presets of spaces stand for settings that a space can have."""

import pytest

from mbnas.cli.shared_options import PAPER_SPACES
from mbnas.cli.shared_options import SPACES as OFFERED
from mbnas.space.four_spaces import SPACE_NAMES, SpaceSettings
from mbnas.space.space_presets import SPACE_PRESETS, SPACES, space_layer
from mbnas.study.configuration_layers import build, merge


def test_the_command_line_offers_all_spaces():
    assert (PAPER_SPACES, OFFERED) == (SPACE_NAMES, SPACES)


@pytest.mark.parametrize("name", SPACES)
def test_a_name_is_a_layer_of_settings_of_a_space(name):
    space = build(merge({"dataset": "/data"}, space_layer(name))).space
    expected = SpaceSettings(name=name) if name in SPACE_NAMES else SpaceSettings()
    assert space.searched.num_topologies == expected.searched.num_topologies


def test_the_modern_space_contains_the_papers():
    modern = build(merge({"dataset": "/data"}, space_layer("modern"))).space.searched
    paper = SpaceSettings().searched
    assert set(paper.blocks) < set(modern.blocks)
    assert all(
        paper.genotype_at(index) in modern for index in range(0, paper.count, paper.count // 7)
    )


def test_the_count_of_the_modern_space_in_the_docs():
    modern = build(merge({"dataset": "/data"}, space_layer("modern"))).space.searched
    assert modern.count == 317_028_492_995_514_254_640


def test_a_layer_does_not_change_the_preset():
    space_layer("modern")["space"]["num_nodes"] = 3
    assert "num_nodes" not in SPACE_PRESETS["modern"]
