import numpy as np
import pytest

from mbnas.errors import FigureError
from mbnas.report.figures.progress_figure import Run, draw_progress, progress_band


def run(*scores, label="local", each_s=60.0):
    return Run(label=label, scores=scores, training_s=(each_s,) * len(scores))


def test_the_best_so_far_begins_with_the_first_score():
    course = progress_band([run(None, 0.5, 0.4, None, 0.7)], over_time=False)
    assert course.places.tolist() == [2, 3, 4, 5]
    assert course.median.tolist() == [0.5, 0.5, 0.5, 0.7]
    assert np.array_equal(course.low, course.high)


def test_a_band_ends_with_the_shortest_run():
    runs = [run(0.1, 0.4, 0.2), run(0.3, 0.2, 0.5, 0.9), run(0.2, 0.2, 0.2, 0.2)]
    course = progress_band(runs, over_time=False)
    assert course.places.tolist() == [1, 2, 3]
    assert course.low.tolist() == [0.1, 0.2, 0.2]
    assert course.median.tolist() == [0.2, 0.3, 0.4]
    assert course.high.tolist() == [0.3, 0.4, 0.5]


def test_over_time_a_score_holds_until_the_next():
    course = progress_band(
        [run(0.1, 0.4, each_s=10.0), run(0.2, 0.3, 0.5, each_s=7.0)], over_time=True
    )
    assert course.places.tolist() == [10, 14, 20]
    assert course.low.tolist() == [0.1, 0.1, 0.3]
    assert course.high.tolist() == [0.2, 0.3, 0.4]


@pytest.mark.parametrize("runs", [[run()], [run(None, None)], [run(0.5), run()]])
def test_a_run_without_a_score_has_no_figure(runs):
    with pytest.raises(FigureError, match="local has no score yet"):
        draw_progress(runs)


def test_runs_without_a_common_range_have_no_figure():
    with pytest.raises(FigureError, match="share no range"):
        progress_band([run(0.5, each_s=1.0), run(0.5, each_s=2.0)], over_time=True)


def test_every_run_needs_its_times():
    with pytest.raises(ValueError, match="as many times"):
        Run(label="local", scores=(0.5,), training_s=())


def test_a_single_search_shows_every_network(words):
    figure = draw_progress([run(0.80, 0.81, 0.82, 0.815, None, 0.805, 0.3, each_s=7200.0)])
    assert {"local, best so far", "network", "below the axis", "no score"} <= set(words(figure))
    assert {"search score (validation Dice)", "evaluated networks", "training time (h)"} <= set(
        words(figure)
    )
    for axes in figure.axes:
        counts = {line.get_label(): len(line.get_xdata()) for line in axes.lines}
        assert (counts["network"], counts["below the axis"], counts["no score"]) == (5, 1, 1)


def test_runs_of_a_label_are_one_line_in_a_band(words):
    runs = [run(0.5, 0.6), run(0.4, 0.7), run(0.3, 0.3, label="random")]
    figure = draw_progress(runs)
    assert {"local (2 runs: median, range)", "random"} <= set(words(figure))
    for axes in figure.axes:
        assert len(axes.lines) == 2
        assert len(axes.collections) == 1
        assert axes.lines[0].get_linestyle() != axes.lines[1].get_linestyle()


@pytest.mark.parametrize("num_labels", [1, 2, 6])
def test_texts_do_not_overlap(num_labels, assert_legible):
    runs = [run(0.5, 0.6, 0.7, label=f"search number {i}") for i in range(num_labels)]
    assert_legible(draw_progress(runs))
