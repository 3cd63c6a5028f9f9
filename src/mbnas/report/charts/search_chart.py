"""The progress of a search as a chart: every score, and the best so far as a step line.

Each network is a link that the page's script turns into a tooltip and a pinned drawing.
The chart is complete without the script and on paper. Colours are the page's.
"""

from __future__ import annotations

from typing import Literal

from mbnas.report.charts.axes import BESIDE, Frame, line, score_range, staircase
from mbnas.report.charts.marks import (
    draw_signs,
    path_of_low,
    path_of_network,
    path_of_none,
    path_of_start,
)
from mbnas.report.markup import Markup, element
from mbnas.results.evaluation_summary import EvaluationSummary
from mbnas.results.search_summary import SearchSummary
from mbnas.wording import score_text

_LONG_AHEAD = 4  # the axis spans at most this many times the evaluations so far


def draw_progress(summary: SearchSummary, shape: Literal["broad", "narrow"]) -> Markup:
    """Return an SVG element that shows the progress of the search.

    Scores far below the rest, such as those of collapsed trainings, would flatten everything
    else. They are drawn on the lower edge and marked as below it.

    Args:
        summary: Of the study; a study without a score gives an empty pair of axes.
        shape: For a desktop screen and paper, or for a phone.
    """
    width, height = BESIDE[shape]
    frame = _frame_around(summary, width=width, height=height)
    improved = {evaluation.number for evaluation in summary.improvements}
    return element(
        "svg",
        element("title", "Score of every evaluation and the best so far"),
        *frame.axes(_words(frame, summary), "search score (validation Dice)"),
        _draw_unet(frame, summary),
        _draw_best_so_far(frame, summary),
        _draw_crowd(frame, summary),
        *(_draw_point(frame, e, e.number in improved) for e in summary.shown),
        class_=f"chart {shape}",
        viewBox=f"0 0 {width:g} {height:g}",
        role="group",
        aria_label="Score of every evaluation and the best so far",
    )


def draw_key(summary: SearchSummary) -> Markup:
    """Return the key of the marks that occur in the chart."""
    frame = _frame_around(summary, width=100.0, height=100.0)
    done = summary.evaluations
    unet = None if summary.unet is None else summary.unet.score
    signs = (
        (True, "point", path_of_network(10.0, 7.0), "network"),
        (bool(summary.improvements), "point improved", path_of_network(10.0, 7.0), "new best"),
        (bool(summary.improvements), "best-so-far", "M1 11H10V3H19", "best so far"),
        (unet is not None, "unet", "M0 7H20", f"standard U-Net, {score_text(unet)}"),
        (any(e.is_start for e in done), "point", path_of_start(10.0, 7.0), "new start"),
        (
            any(e.num_collapsed for e in done),
            "point collapsed",
            path_of_network(10.0, 7.0),
            "a training collapsed",
        ),
        (
            any(_is_below(frame, e) for e in done),
            "point",
            path_of_low(10.0, 7.0),
            "below the axis",
        ),
        (
            any(_expected(e) is not None for e in done),
            "point dropped",
            path_of_network(10.0, 7.0),
            "dropped early, expected score",
        ),
        (
            any(_height(e) is None for e in done),
            "point failed",
            path_of_none(10.0, 7.0),
            "no score",
        ),
    )
    return draw_signs(signs)


def _frame_around(summary: SearchSummary, *, width: float, height: float) -> Frame:
    """Return the frame around the scores except outliers far below."""
    done = summary.evaluations[-1].number if summary.evaluations else 0
    last = max(done, min(summary.budget, max(20, _LONG_AHEAD * done)), 1)
    scores = [score for score in map(_height, summary.evaluations) if score is not None]
    if summary.unet is not None and summary.unet.score is not None:
        scores.append(summary.unet.score)
    low, high = score_range(scores)
    return Frame(width=width, height=height, last=last, low=low, high=high, inset=8.0)


def _is_below(frame: Frame, evaluation: EvaluationSummary) -> bool:
    height = _height(evaluation)
    return height is not None and height < frame.low


def _words(frame: Frame, summary: SearchSummary) -> str:
    return "evaluation" if frame.last >= summary.budget else f"evaluation, of {summary.budget}"


def _draw_unet(frame: Frame, summary: SearchSummary) -> Markup | None:
    if summary.unet is None or summary.unet.score is None:
        return None
    y = frame.y(summary.unet.score)
    return line("unet", frame.left, y, frame.right, y)


def _draw_best_so_far(frame: Frame, summary: SearchSummary) -> Markup | None:
    steps = [(each.number, each.score or 0.0) for each in summary.improvements]
    if not steps:
        return None
    path = staircase(frame, steps, summary.evaluations[-1].number)
    return element("path", class_="best-so-far", d=path)


def _draw_crowd(frame: Frame, summary: SearchSummary) -> Markup | None:
    """Return a dot for every network without a mark of its own; dots in one place are merged."""
    singly = {evaluation.number for evaluation in summary.shown}
    if len(singly) == len(summary.evaluations):
        return None
    places = {
        f"M{frame.x(each.number):.0f} {frame.y(max(height, frame.low)):.0f}h0"
        for each in summary.evaluations
        if each.number not in singly and (height := _height(each)) is not None
    }
    return element("path", class_="crowd", d="".join(sorted(places)))


def _draw_point(frame: Frame, evaluation: EvaluationSummary, improved: bool) -> Markup:
    kinds = ["point"]
    kinds += ["improved"] if improved else []
    height = _height(evaluation)
    kinds += ["failed"] if height is None else []
    kinds += ["dropped"] if evaluation.dropped and height is not None else []
    kinds += ["collapsed"] if evaluation.num_collapsed else []
    x = frame.x(evaluation.number)
    y = frame.floor - 7
    if height is None:
        path = path_of_none(x, y)
    elif _is_below(frame, evaluation):
        path = path_of_low(x, y)
    else:
        y = frame.y(height)
        path = path_of_start(x, y) if evaluation.is_start else path_of_network(x, y)
    return element(
        "a",
        _whisker(frame, evaluation, x),
        element("path", d=path),
        class_=" ".join(kinds),
        href=f"#evaluation-{evaluation.number}",
        data_number=evaluation.number,
        data_x=x,
        data_y=y,
        aria_label=f"Evaluation {evaluation.number}, {evaluation.why}: "
        + str(evaluation.dropped or f"score {score_text(evaluation.score, evaluation.sd)}"),
    )


def _expected(evaluation: EvaluationSummary) -> float | None:
    return None if evaluation.dropped is None else evaluation.dropped.expected


def _height(evaluation: EvaluationSummary) -> float | None:
    """Return the score at which a network is drawn: its own, or the one expected of it."""
    return _expected(evaluation) if evaluation.score is None else evaluation.score


def _whisker(frame: Frame, evaluation: EvaluationSummary, x: float) -> Markup | None:
    """Return a line of one standard deviation to either side, if it can be shown."""
    score, sd = evaluation.score, evaluation.sd
    if score is None or sd is None or _is_below(frame, evaluation):
        return None
    return line("whisker", x, max(frame.y(min(score + sd, 1.0)), 2.0), x, frame.y(score - sd))
