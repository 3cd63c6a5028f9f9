"""What is said of a search before it begins."""

from mbnas.actions.forecast_message import forecast_message
from mbnas.study.progress.forecast import Forecast

FOUND = Forecast(num_networks=20.0, network_s=360.0, training_s=120.0, basis="12 trainings")


def test_a_limited_time_is_told_as_the_networks_that_fit():
    told = "2 h fit about 20 networks, those confirmed included (by 12 trainings)."
    assert forecast_message(FOUND, hours=2.0) == told


def test_a_search_that_is_resumed_is_told_what_is_left():
    told = "The 0.5 h left of 2 h fit about 5 networks, those confirmed included (by 12 trainings)."
    assert forecast_message(FOUND, hours=2.0, spent_hours=1.5) == told
    assert "0 h left of 2 h fit about 0 networks" in forecast_message(
        FOUND, hours=2.0, spent_hours=3.0
    )
