import pytest

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
        ({"max_latency_ms": 4.0}, 0.5),
        ({"max_latency_ms": 4.0, "max_macs": 100}, 0.5),
        ({"max_latency_ms": 12.0, "max_macs": 64}, 0.25),
    ],
)
def test_the_excess_is_that_of_the_limit_exceeded_most(limits, expected):
    cost_of = costs(parameters=100.0, macs=80.0, latency=6.0)
    assert CostLimits(**limits).excess(GENOTYPE, cost_of) == pytest.approx(expected)


def test_latency_is_not_asked_for_where_another_limit_is_exceeded():
    limits = CostLimits(max_parameters=10, max_latency_ms=1.0)
    assert limits.excess(GENOTYPE, costs(parameters=20.0)) == 1.0  # KeyError if it were asked for


def test_the_first_broken_limit_is_named():
    cost_of = costs(parameters=2e6, macs=8e9, latency=12.34)
    limits = CostLimits(max_parameters=3_000_000, max_macs=4_000_000_000, max_latency_ms=1.0)
    expected = "8 G multiply-accumulates, more than search.max_macs (=4 G)"
    assert limits.broken_by(GENOTYPE, cost_of) == expected
    timed = CostLimits(max_latency_ms=10.0)
    assert timed.broken_by(GENOTYPE, cost_of) == "12.3 ms, more than search.max_latency_ms (=10 ms)"
    assert CostLimits().broken_by(GENOTYPE, cost_of) is None
