"""Which cases and patients to show: the worst, the median and the best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mbnas.scoring.overlap import mean_defined

MOST_SLICES = 24
FEWEST_SLICES = 10
PAGE_BYTES = 3_000_000
"""Of all slices on the page before they are cropped; a grey pixel takes about a byte."""

COLOURED_BYTES = 2
"""What a coloured pixel takes, about."""


def order_by_mean_dice(dice: Sequence[tuple[float | None, ...]]) -> tuple[int, ...]:
    """Return the numbers of cases by mean Dice over networks, the worst first.

    Cases without a Dice come last.

    >>> order_by_mean_dice([(0.9, 0.8), (None, None), (0.7, None)])
    (2, 0, 1)
    """
    means = [mean_defined(each) for each in dice]
    return tuple(sorted(range(len(means)), key=lambda n: (means[n] is None, means[n] or 0.0)))


def spread_over_order(num_cases: int, most: int) -> tuple[int, ...]:
    """Return which places of an order to show: most from the start, a few from middle and end.

    >>> spread_over_order(5, 8), spread_over_order(40, 8)
    ((0, 1, 2, 3, 4), (0, 1, 2, 3, 19, 20, 38, 39))
    """
    if num_cases <= most:
        return tuple(range(num_cases))
    few = most // 4
    num_worst = most - 2 * few
    middle = max(num_worst, (num_cases - few) // 2)
    return (
        *range(num_worst),
        *range(middle, middle + few),
        *range(num_cases - few, num_cases),
    )


def page_capacity(
    num_cases: int, side: int, *, most_slices: int = MOST_SLICES, pixel_bytes: int = 1
) -> tuple[int, int]:
    """Return how many cases fit on the page, and how many slices of each.

    >>> page_capacity(20, 64), page_capacity(32, 128), page_capacity(32, 256)
    ((20, 24), (18, 10), (4, 11))
    >>> page_capacity(28, 500, most_slices=1, pixel_bytes=COLOURED_BYTES)
    (6, 1)

    Args:
        num_cases: Number of all cases.
        side: Of a slice on the page, in pixels.
        most_slices: Slices of the case that has most of them.
        pixel_bytes: What a pixel takes of the page.
    """
    slice_bytes = pixel_bytes * side**2
    fewest = min(FEWEST_SLICES, most_slices)
    cases = max(1, min(num_cases, PAGE_BYTES // (fewest * slice_bytes)))
    slices = max(fewest, PAGE_BYTES // (cases * slice_bytes))
    return cases, min(MOST_SLICES, most_slices, slices)


def best_median_worst(means: Sequence[Mapping[str, float]]) -> tuple[tuple[str, str], ...]:
    """Return the best, the median and the worst patient by mean Dice over networks, with titles.

    >>> best_median_worst([{"a": 0.9, "b": 0.5, "c": 0.7}, {"a": 0.8, "b": 0.6, "c": 0.7}])
    (('best', 'a'), ('median', 'c'), ('worst', 'b'))

    Args:
        means: Dice of every patient, by network; patients whom a network lacks are left out.
    """
    common = set.intersection(*map(set, means)) if means else set()
    order = sorted(common, key=lambda who: (-sum(of[who] for of in means), who))
    if len(order) < 3:
        return tuple(zip(("best", "worst"), order, strict=False))
    return (("best", order[0]), ("median", order[(len(order) - 1) // 2]), ("worst", order[-1]))
