"""The timeline of workers: the value, with any clocks, and its chart."""

import random
import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbnas.report.charts.time_axis import TimeAxis
from mbnas.report.charts.timeline_chart import (
    MOST_BARS,
    MOST_ROWS,
    _bins,
    draw_timeline,
    draw_timeline_key,
    is_drawn_separately,
)
from mbnas.report.page.sections.timeline_section import timeline_section
from mbnas.results.timeline import KINDS, Bar, Timeline, TimelineRow, timeline_of
from mbnas.study.progress.time_account import time_account
from mbnas.training.training_record import LostRunRecord, TrainingKey, TrainingRecord

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def key(network, initialisation=0):
    return TrainingKey(network=network, protocol="p", fold=0, initialisation=initialisation)


def training(start_s=0.0, network="a", worker="node:1 cpu", initialisation=0, **changes):
    values = {
        "key": key(network, initialisation),
        "score": 0.8,
        "wall_s": 100.0,
        "worker": worker,
        "started_at": (NOON + timedelta(seconds=start_s)).isoformat(timespec="seconds"),
    }
    return TrainingRecord(**(values | changes))


def failure(start_s=0.0, **changes):
    values = {
        "key": key("a"),
        "kind": "worker died",
        "reason": "It was killed.",
        "wall_s": 30.0,
        "worker": "node:1 cpu",
        "started_at": (NOON + timedelta(seconds=start_s)).isoformat(timespec="seconds"),
    }
    return LostRunRecord(**(values | changes))


def read(trainings, failures=()):
    return timeline_of(trainings, failures, numbers={"a": 1, "b": 2})


def rectangles(svg):
    """The bars of a picture: class and numbers."""
    found = (each for each in ET.fromstring(svg).iter() if each.tag == "rect")
    return [
        (each.get("class"), *(float(each.get(name)) for name in ("x", "y", "width", "height")))
        for each in found
    ]


# The value


def test_every_run_is_a_bar_of_its_kind():
    failed = {"score": None, "error": "The loss was not finite."}
    found = read(
        [
            training(0, "a"),
            training(100, "b", collapsed=(1,)),
            training(200, "c"),
            training(300, "b", initialisation=1, **failed),
            training(400, "c", initialisation=1000),  # a comparison's, and so asked for
        ],
        [failure(500)],
    )
    (row,) = found.rows
    assert [bar.kind for bar in row.bars] == [
        "scored", "collapsed", "ahead", "failed", "scored", "lost",
    ]  # fmt: skip
    assert [bar.start_s - NOON.timestamp() for bar in row.bars] == [0, 100, 200, 300, 400, 500]
    assert row.bars[0].what == "network 1, fold 0, initialisation 0: search score 0.800"
    assert row.bars[4].what == "network c, fold 0, fresh initialisation 1000: search score 0.800"
    assert row.bars[5].what == "network 1, fold 0, initialisation 0: worker died"
    assert found.kinds == KINDS


def test_a_worker_that_comes_after_another_continues_its_row():
    found = read(
        [
            training(0, worker="node:1 cuda:0"),
            training(0, worker="node:2 cuda:1"),
            training(99, worker="node:3 cuda:0"),  # moments are in whole seconds
            training(150, worker="node:4 cuda:0"),
            training(0, worker="somewhere"),
        ]
    )
    assert [(row.name, len(row.bars)) for row in found.rows] == [
        ("node cuda:0, 1", 2),
        ("node cuda:0, 2", 1),
        ("node cuda:1", 1),
        ("somewhere", 1),
    ]


def test_trainings_of_other_studies_are_not_shown():
    found = read([training(), training(borrowed=True)])
    assert (found.num_bars, found.num_elsewhere) == (1, 1)


def test_only_long_gaps_are_left_out():
    begin = NOON.timestamp()
    found = read([training(0), training(110), training(240), training(50_000)])
    assert found.stretches == ((begin, begin + 340), (begin + 50_000, begin + 50_100))


@pytest.mark.parametrize("started_at", ["", "just now", "9999-12-31T23:59:59+00:00"])
def test_a_run_without_a_date_is_counted(started_at):
    found = read([training(), training(started_at=started_at)])
    assert (found.num_bars, found.num_undated) == (1, 1)


def test_a_study_without_a_run_has_an_empty_timeline():
    found = read([])
    assert (found.rows, found.stretches, found.kinds) == ((), (), ())


# The axis

stretches = st.lists(st.floats(0, 1e6), min_size=2, max_size=40, unique=True).map(
    lambda moments: list(zip(*[iter(sorted(moments))] * 2, strict=False))
)


@given(stretches, st.lists(st.floats(-1e6, 2e6), max_size=20))
def test_moments_keep_their_order_on_the_axis_and_stay_on_it(found, moments):
    axis = TimeAxis.over(found, left=10.0, right=300.0)
    places = [axis.x(moment) for moment in sorted(moments)]
    assert all(10.0 <= place <= 300.001 for place in places)
    assert all(before <= after + 1e-6 for before, after in pairwise(places))


# The picture

moments = st.sampled_from(
    ["1970-01-01T00:00:00+00:00", "2026-03-01T12:00:00", "2026-02-28T12:00:00+05:00", "nothing"]
) | st.datetimes().map(lambda moment: moment.isoformat())
fields = st.fixed_dictionaries(
    {
        "network": st.sampled_from("abc"),
        "worker": st.sampled_from(["node:1 cpu", "node:2 cpu", "x" * 50, "", "<b>:1 cuda:0"]),
        "started_at": moments,
        "wall_s": st.floats(allow_nan=True, allow_infinity=True),
    }
)


@given(st.lists(fields, max_size=12), st.sampled_from(["broad", "narrow"]))
def test_jumping_clocks_and_impossible_durations_are_drawn(found, shape):
    timeline = read([training(**each) for each in found])
    assert timeline.num_bars + timeline.num_undated == len(found)
    if not timeline.num_bars:
        return
    svg = draw_timeline(timeline, shape)
    assert len(rectangles(svg)) == timeline.num_bars
    for _, x, _, width, _ in rectangles(svg):
        assert x >= 0
        assert width > 0
    assert "nan" not in re.sub("<title>.*?</title>", "", svg)


def test_bars_have_the_start_and_duration_of_their_runs():
    timeline = read([training(0, wall_s=100.0), training(100, wall_s=300.0)])
    (_, first, _, short, _), (_, second, _, long, _) = rectangles(draw_timeline(timeline, "broad"))
    assert second - first == pytest.approx(short, abs=1.0)
    assert long == pytest.approx(3 * short, abs=3.0)


def test_the_key_names_only_what_occurs():
    said = draw_timeline_key(read([training()]))
    assert "scored" in said
    assert "failed" not in said
    assert "ahead" not in said


def many(num_trainings, num_workers):
    """A search of many trainings of 100 s, each worker without a pause."""
    return [
        training(100 * (number // num_workers), worker=f"node{number % num_workers:04d}:1 cuda:0")
        for number in range(num_trainings)
    ]


@pytest.mark.parametrize(
    ("num_trainings", "num_workers"), [(MOST_BARS + 1, 4), (MOST_ROWS + 1, MOST_ROWS + 1)]
)
def test_many_runs_are_drawn_as_the_number_of_busy_workers(num_trainings, num_workers):
    timeline = read(many(num_trainings, num_workers))
    assert not is_drawn_separately(timeline)
    svg = draw_timeline(timeline, "broad")
    words = re.findall(r"workers busy on average: ([\d.]+) scored", svg)
    assert {float(each) for each in words[:-1]} == {num_workers}


def test_a_hundred_thousand_trainings_on_a_thousand_workers_fit_a_page():
    trainings = many(100_000, 1000)
    timeline = read(trainings)
    account = time_account(trainings, (), asked={"a"}, evaluated={"a"})
    section = timeline_section(timeline, account, is_finished=True)
    assert len(timeline.rows) == 1000
    assert len(section.encode()) < 120_000


# The section


def section_of(trainings, failures=(), *, is_finished=True, **changes):
    account = time_account(trainings, failures, asked={"a", "b"}, evaluated={"a"}, **changes)
    made = timeline_section(read(trainings, failures), account, is_finished=is_finished)
    return re.sub(r"<[^>]+>", " ", re.sub(r"<title>.*?</title>", "", made))


def test_a_study_that_ran_nothing_has_no_section():
    assert timeline_section(None, None, is_finished=False) is None
    nothing = time_account((), (), asked=(), evaluated=())
    assert timeline_section(read([]), nothing, is_finished=False) is None


def test_the_section_shows_spent_saved_and_wasted_time():
    said = section_of(
        [training(0), training(100, "c"), training(200, "b", borrowed=True, wall_s=60.0)],
        [failure(300)],
        asked_again=3,
        dropped={"a": 2},
    )
    assert "Spent 3 min 50 s total of 3 runs" in re.sub(r"\s+", " ", said)
    assert "1 training was run for another study of the experiment and reused here" in said
    assert "asked 3 times for a network" in said
    assert "that saved 5 min." in said  # three times the one evaluation's 100 s
    assert "Racing left out 2 trainings" in said
    assert "that saved 3 min 20 s." in said
    assert "1 run failed or was lost, after 30 s." in said
    assert "the search might have asked for but did not." in said
    assert "Not shown: 1 training of other studies." in said


def test_a_running_search_may_still_ask_for_lookahead_trainings():
    said = section_of([training(0), training(100, "c")], is_finished=False)
    assert "has not asked for yet" in said


def test_empty_parts_of_the_account_are_left_out():
    said = section_of([training(0)])
    assert "Saved" not in said
    assert "Wasted" not in said
    assert "Racing" not in said
    assert "dashed" not in said


def test_hours_are_gpu_hours_if_all_trainings_ran_on_gpus():
    long = {"wall_s": 720_000.0}
    assert "200 GPU-hours" in section_of([training(worker="node:1 cuda:0", **long)])
    assert "200 worker-hours" in section_of([training(worker="node:1 cpu", **long)])


def test_busy_workers_add_up_to_the_duration_of_the_runs():
    """Brute force: what each short time holds of every bar."""
    drawn = random.Random(0)
    bars = [
        Bar(
            start_s=1e9 + drawn.uniform(0, 5000),
            duration_s=drawn.choice([0.5, 40.0, 3000.0]),
            kind=drawn.choice(KINDS),
            what="",
        )
        for _ in range(300)
    ]
    end_s = max(bar.end_s for bar in bars)
    timeline = Timeline(
        rows=(TimelineRow(name="here", bars=tuple(bars)),), stretches=((1e9, end_s),)
    )
    axis = TimeAxis.over(timeline.stretches, left=0.0, right=900.0)
    bins = _bins(timeline, axis, 60)
    assert len(bins) == 60
    for each in bins:
        for kind in KINDS:
            shared_s = sum(
                max(0.0, min(bar.end_s, each.end_s) - max(bar.start_s, each.begin_s))
                for bar in bars
                if bar.kind == kind
            )
            assert each.busy[kind] == pytest.approx(shared_s / (each.end_s - each.begin_s))
