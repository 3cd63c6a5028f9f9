import pytest

from mbnas.errors import ConfigurationError
from mbnas.space.cost_limits import CostLimits
from mbnas.space.genotype import Genotype

GENOTYPE = Genotype.parse("0vgg3")


def costs(**values):
    return lambda _, name: values[name]


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({}, 0.0),
        ({"max_parameters": 100}, 0.0),
        ({"max_parameters": 80}, 0.25),
        ({"max_macs": 40, "max_parameters": 80}, 1.0),
        ({"max_macs": 80, "max_parameters": 200}, 0.0),
    ],
)
def test_the_excess_is_that_of_the_limit_exceeded_most(limits, expected):
    cost_of = costs(parameters=100.0, macs=80.0)
    assert CostLimits(**limits).excess(GENOTYPE, cost_of) == pytest.approx(expected)


def test_the_first_broken_limit_is_named():
    cost_of = costs(parameters=2e6, macs=8e9)
    limits = CostLimits(max_parameters=3_000_000, max_macs=4_000_000_000)
    expected = "8 G multiply-accumulates, more than search.max_macs (=4 G)"
    assert limits.broken_by(GENOTYPE, cost_of) == expected
    assert CostLimits().broken_by(GENOTYPE, cost_of) is None


def test_a_limit_is_1_or_more():
    with pytest.raises(ConfigurationError, match=r"search.max_macs \(=0\) must be 1 or more"):
        CostLimits(max_macs=0)
