from datetime import UTC, datetime

import pytest

from mbnas.network.cost.complexity import Complexity
from mbnas.study.progress.forecast import (
    Forecast,
    TrainingSpeed,
    end_text,
    forecast,
    forecast_text,
    speed_of_steps,
    speed_of_trainings,
)

NOW = datetime(2026, 11, 28, 11, 40, tzinfo=UTC)  # a Saturday


def cost(activations, macs=1):
    return Complexity(parameters=1, multiply_accumulates=int(macs), activations=int(activations))


def speed(workers=1):
    return TrainingSpeed(s_per_activation=1e-6, workers=workers, basis="3 trainings")


def test_the_time_is_that_of_all_trainings_over_the_workers():
    """6 networks of 10 trainings at 3 s, on 4 workers."""
    mean_s = speed().mean_s([cost(2e6), cost(4e6)])
    found = forecast(speed(workers=4), mean_s, num_networks=6.0, num_trainings=10)
    assert found.seconds == pytest.approx(6 * 10 * 3 / 4)
    assert found.network_s == pytest.approx(7.5)
    assert found.networks_within(0.01) == 4  # 36 s


def test_more_workers_than_trainings_do_not_help():
    found = forecast(speed(workers=64), 5.0, num_networks=3.0, num_trainings=1)
    assert found.seconds == pytest.approx(5)


def test_earlier_trainings_weigh_by_their_networks():
    found = speed_of_trainings([(10.0, cost(1e6, macs=7)), (50.0, cost(9e6))], workers=2)
    assert found.training_s(cost(1e6)) == pytest.approx(6)
    assert (found.workers, found.basis) == (2, "2 trainings")
    assert speed_of_trainings([], workers=2) is None
    assert speed_of_trainings([(0.0, cost(1e6))], workers=2) is None


def test_the_parts_of_the_time_are_told_by_networks_of_several_costs():
    costs = [cost(2e6, 9e7), cost(4e6, 1e7), cost(8e6, 4e7), cost(3e6, 6e7), cost(5e6, 2e7)]
    ended = [
        (7.0 + each.activations / 1e6 + each.multiply_accumulates / 1e7, each) for each in costs
    ]
    found = speed_of_trainings(ended, workers=1)
    assert found.base_s == pytest.approx(7)
    assert found.training_s(cost(32e6, 5e7)) == pytest.approx(44)
    assert found.scaled(2).training_s(cost(32e6, 5e7)) == pytest.approx(88)
    assert speed_of_trainings(ended[:4], workers=1).base_s == 0  # too few to tell


def test_a_time_that_falls_with_cost_is_taken_to_be_constant():
    ended = [(20.0 - each, cost(1e6 * each, 1e6 * each)) for each in range(1, 7)]
    found = speed_of_trainings(ended, workers=1)
    assert found.s_per_activation == found.s_per_mac == 0
    assert found.training_s(cost(1e9, 1e9)) == pytest.approx(16.5)


def test_measured_steps_give_the_time_that_they_were_measured_to_take():
    """A network of 9 trainings took 90 s on 2 workers: each worker needs 20 s for a training."""
    found = speed_of_steps(90.0, cost=cost(4e6), num_trainings=9, measured_workers=2, workers=2)
    training_s = found.training_s(cost(4e6))
    assert training_s == pytest.approx(20)
    whole = forecast(found, training_s, num_networks=1.0, num_trainings=9)
    assert whole.seconds == pytest.approx(90)


def test_a_longer_plan_takes_longer():
    assert speed().scaled(2.5).training_s(cost(2e6)) == pytest.approx(5)


@pytest.mark.parametrize(
    ("num_networks", "network_s", "expected"),
    [
        (
            150,
            528.0,
            "150 networks: about 22 h, until Sunday 9:40 (by x); --hours 8 fits about 54.",
        ),
        (
            150,
            100.0,
            "150 networks: about 4 h 10 min, until 15:50 (by x); --hours 2 fits about 72.",
        ),
        (1, 100.0, "1 network: about 2 min, until 11:41 (by x)."),
        (2, 9000.0, "2 networks: about 5 h, until 16:40 (by x)."),
        (
            10,
            2e5,
            (
                "10 networks: about 23 d 4 h, until 21 December, 15:13 (by x); "
                "--hours 168 fits about 3."
            ),
        ),
    ],
)
def test_the_sentence(num_networks, network_s, expected):
    found = Forecast(
        num_networks=float(num_networks), network_s=network_s, training_s=1.0, basis="x"
    )
    assert forecast_text(found, NOW, offer_less=True) == expected


def test_what_is_counted_and_whether_less_is_offered_are_the_callers_choice():
    found = Forecast(num_networks=5.0, network_s=7200.0, training_s=1.0, basis="x")
    expected = "5 trainings: about 10 h, until 21:40 (by x)."
    assert forecast_text(found, NOW, what="training") == expected


def test_a_day_in_a_week_is_a_date():
    assert end_text(datetime(2026, 12, 5, 9, 5, tzinfo=UTC), NOW) == "5 December, 9:05"
    assert end_text(datetime(2026, 11, 29, 0, 0, tzinfo=UTC), NOW) == "Sunday 0:00"
