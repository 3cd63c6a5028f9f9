"""What is said of a search before it begins."""

import pytest

from mbnas.actions.forecast_message import forecast_message
from mbnas.study.progress.forecast import Forecast

FOUND = Forecast(num_networks=20.0, network_s=360.0, training_s=120.0, basis="12 trainings")


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        (2.0, "2 h fit about 20 networks, the confirmation included (by 12 trainings)."),
        (
            0.5,
            (
                "0.5 h fit about 5 networks (by 12 trainings), and are too short to confirm one: "
                "the result will be the highest of noisy scores. --hours 0.7 would do."
            ),
        ),
    ],
)
def test_a_time_too_short_to_confirm_is_told_beforehand(hours, expected):
    assert forecast_message(FOUND, hours=hours, least_hours=0.61) == expected
