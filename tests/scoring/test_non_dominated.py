import numpy as np
import pytest

from mbnas.scoring.non_dominated import non_dominated


def beats(a, b):
    """The definition, written out."""
    return all(x <= y for x, y in zip(a, b, strict=True)) and any(
        x < y for x, y in zip(a, b, strict=True)
    )


@pytest.mark.parametrize("num_costs", [1, 2, 3])
@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_definition(num_costs, seed):
    """Few distinct values, so that there are equals."""
    rng = np.random.default_rng(seed)
    costs = rng.integers(0, 5, (40, num_costs)).astype(float)
    scores = rng.integers(0, 5, 40).astype(float)
    points = np.column_stack([costs, -scores]).tolist()
    expected = {i for i, a in enumerate(points) if not any(beats(b, a) for b in points)}
    found = non_dominated(costs.tolist(), scores.tolist())
    assert set(found) == expected
    assert len(found) == len(expected)
    assert [points[i] for i in found] == sorted(points[i] for i in found)


def test_one_point_is_a_front_and_none_is_none():
    assert non_dominated([[3.0]], [0.5]) == (0,)
    assert non_dominated([], []) == ()
