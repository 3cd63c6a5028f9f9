"""What mattered in a search, drawn."""

from xml.etree import ElementTree as ET

import pytest

from mbnas.report.charts.effects_chart import choice_groups, draw_choices, draw_path, path_rows
from mbnas.results.explanation.choices import OVER_DEEPER, Choice
from mbnas.results.explanation.findings import AblationPath, ChoiceEffect, Effect, PathStep
from mbnas.space.genotype import unet_genotype


def effect(mean, half=0.005):
    return Effect(mean=mean, sd=half / 2, low=mean - half, high=mean + half)


def choices(*found):
    return [
        ChoiceEffect(choice=Choice(kind, value), effect=effect(mean), num_networks=9)
        for kind, value, mean in found
    ]


CHOICES = choices(
    ("depth", 10, 0.0),
    ("depth", 9, 0.01),
    ("block", "vgg", -0.01),
    ("block", "dense", 0.01),
    ("skip", OVER_DEEPER, 0.001),
    ("kernel", 5, -0.001),
    ("kernel", 3, 0.001),
)


def path(*gains, is_chosen=True):
    unet = unet_genotype(2)
    return AblationPath(
        reference=unet,
        target=unet,
        is_chosen=is_chosen,
        steps=tuple(
            PathStep(change=f"step <{number}>", network=unet, is_scored=True, gain=effect(gain))
            for number, gain in enumerate(gains)
        ),
        total=effect(sum(gains)),
    )


def test_choices_are_grouped_and_ordered():
    assert [(heading, [row.name for row in rows]) for heading, rows in choice_groups(CHOICES)] == [
        ("Block in a node", ["dense", "vgg"]),
        ("Kernel in a node", ["kernel 3", "kernel 5"]),
        ("Skip in a node", ["a skip over deeper levels"]),
        ("Depth", ["9 levels", "10 levels"]),
    ]


@pytest.mark.parametrize("shape", ["broad", "narrow"])
def test_every_choice_has_a_row_and_a_tooltip_in_the_words_of_the_table(shape):
    chart = ET.fromstring(draw_choices(CHOICES, shape))
    rows = [each for each in chart.iter("g") if each.get("class", "").startswith("effect ")]
    assert len(rows) == len(CHOICES)
    first = "block dense in a node: +0.0100 Dice, 95 % interval +0.0050 to +0.0150, pays"
    assert rows[0].find("title").text == first
    assert chart.find("desc").text.startswith(
        "Of 7 effects, 2 shown to pay, 1 shown to cost, and 4 that cannot be told from 0."
    )


def test_steps_begin_where_the_one_before_ended_and_the_last_row_is_all_of_them():
    rows = path_rows(path(0.02, -0.01, 0.03))
    assert [row.name for row in rows] == [
        "the U-Net",
        *("step <0>", "step <1>", "step <2>"),
        "the chosen network, all steps",
    ]
    assert [row.start for row in rows] == pytest.approx([0, 0, 0.02, 0.01, 0])
    assert [row.end for row in rows] == pytest.approx([0, 0.02, 0.01, 0.04, 0.04])


@pytest.mark.parametrize("shape", ["broad", "narrow"])
def test_a_path_says_where_it_leads(shape):
    chart = draw_path(path(0.0), shape)
    assert "From the U-Net to the chosen network, step by step" in chart
    assert "gain over the U-Net in Dice" in chart
    assert "&lt;0&gt;" in chart
    other = draw_path(path(0.01, is_chosen=False), shape)
    assert "the network of the highest estimate, all steps" in other
