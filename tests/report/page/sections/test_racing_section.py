"""What racing saved or would have saved, as text and as a table."""

from dataclasses import replace

import pytest

from mbnas.report.charts.search_chart import draw_key, draw_progress
from mbnas.report.page.network_panel import problems_of
from mbnas.report.page.sections.racing_section import racing_section, racing_text
from mbnas.report.page.study_page import render_page
from mbnas.results.evaluation_summary import Dropped
from mbnas.results.search_summary import RacingSummary
from mbnas.study.progress.racing_account import RacingAccount

ACCOUNT = RacingAccount(
    threshold=0.05,
    num_raced=20,
    dropped=(2, 3, 5, 8),
    num_trainings=189,
    num_saved=24,
    saved_s=5400.0,
    num_accepted=4,
    changed=(),
)


def words(mode="shadow", **changes):
    return racing_text(RacingSummary(mode=mode, chosen=replace(ACCOUNT, **changes)))


def test_a_shadow_race_says_what_it_would_have_saved_and_changed():
    assert words() == (
        "At a threshold of 0.05, racing would have dropped 4 of 20 networks that had an incumbent "
        "to beat, and would have saved 24 of 189 trainings (13 %), about 1 h 30 min of a worker’s "
        "time. Of 4 networks that the search accepted it would have dropped none."
    )


@pytest.mark.parametrize(
    ("changed", "end"), [((5,), "1: evaluation 5."), ((5, 8), "2: evaluations 5, 8.")]
)
def test_it_names_the_decisions_that_it_would_have_changed(changed, end):
    assert words(changed=changed).endswith(f"it would have dropped {end}")


def test_it_states_if_no_network_was_accepted_or_raced():
    assert words(num_accepted=0).endswith("so racing would have changed nothing.")
    assert words(num_raced=0) == "No network had an incumbent to beat yet."


def test_a_race_does_not_claim_to_know_what_it_changed():
    said = words("on")
    assert said.startswith("At a threshold of 0.05, racing dropped 4 of 20 networks")
    assert "saved 24 of 189 trainings" in said
    assert said.endswith("Only a search with --racing shadow shows what it changed.")


def test_a_shadow_race_has_a_curve_with_its_own_threshold_marked():
    curve = tuple(replace(ACCOUNT, threshold=each) for each in (0.01, 0.05, 0.1))
    section = racing_section(RacingSummary(mode="shadow", chosen=ACCOUNT, curve=curve))
    assert section.count("<tr") == 4
    assert section.count('class="strong"') == 1
    assert racing_section(None) is None


def test_dropped_networks_are_drawn_at_their_expected_score(study, evaluation):
    dropped = evaluation(2, None, trainings=(), dropped=Dropped(after=3, of=9, expected=0.71))
    summary = study(
        evaluations=(evaluation(1, 0.8), dropped),
        racing=RacingSummary(mode="on", chosen=ACCOUNT),
    )
    assert problems_of(dropped) == ["dropped after 3 of 9 trainings, expected 0.710"]
    assert 'class="point dropped"' in draw_progress(summary, "broad")
    assert "dropped early, expected score" in draw_key(summary)
    assert "no score" not in draw_key(summary)
    assert 'id="racing"' in render_page(summary)


def test_a_network_dropped_for_a_failed_training_has_no_place_on_the_axis(study, evaluation):
    failed = evaluation(2, None, dropped=Dropped(after=3, of=9, expected=None))
    drawn = draw_progress(study(evaluations=(evaluation(1), failed)), "broad")
    assert 'class="point failed"' in drawn
    assert str(failed.dropped) == "dropped after 3 of 9 trainings"
