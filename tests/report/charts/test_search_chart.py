from xml.etree import ElementTree as ET

import pytest

from mbnas.report.charts.search_chart import draw_key, draw_progress

SHAPES = ("broad", "narrow")


def points_of(chart: str) -> list[ET.Element]:
    return list(ET.fromstring(chart).iter("a"))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("num_evaluations", [0, 1, 2, 19, 20])
def test_every_evaluation_is_a_point_inside_the_picture(study, evaluation, shape, num_evaluations):
    summary = study(
        *(evaluation(n, None if n % 7 == 3 else n % 5 / 5) for n in range(1, num_evaluations + 1))
    )

    chart = draw_progress(summary, shape)

    _, _, width, height = map(float, ET.fromstring(chart).get("viewBox", "").split())
    points = points_of(chart)
    assert [point.get("data-number") for point in points] == [
        str(e.number) for e in summary.evaluations
    ]
    for point in points:
        assert 0 < float(point.get("data-x", "")) < width
        assert 0 < float(point.get("data-y", "")) < height


def test_a_better_score_is_higher_and_improvements_are_marked(study, evaluation):
    summary = study(*(evaluation(n, score) for n, score in enumerate((0.8, 0.82, 0.81), start=1)))

    points = points_of(draw_progress(summary, "broad"))

    first, second, third = (float(point.get("data-y", "")) for point in points)
    assert second < third < first
    assert ["improved" in point.get("class", "") for point in points] == [True, True, False]


def test_equal_scores_do_not_divide_by_zero(study, evaluation):
    chart = draw_progress(study(evaluation(1, 0.8), evaluation(2, 0.8)), "broad")

    assert len(points_of(chart)) == 2


def test_an_outlier_far_below_is_drawn_on_the_edge(study, evaluation):
    scores = (0.80, 0.81, 0.82, 0.83, 0.1)
    summary = study(*(evaluation(n, score) for n, score in enumerate(scores, start=1)))

    heights = [float(p.get("data-y", "")) for p in points_of(draw_progress(summary, "broad"))]

    assert heights[0] - heights[3] > 150
    assert heights[4] > heights[0]
    assert "below the axis" in draw_key(summary)


def test_the_key_names_only_what_occurs(study, evaluation):
    key = draw_key(study(evaluation(1, 0.8, incumbent="0vgg3")))

    assert "best so far" in key
    for absent in ("collapsed", "no score", "below", "new start", "U-Net"):
        assert absent not in key
