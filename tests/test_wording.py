"""Counts as text, at the boundaries of every unit."""

from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbnas.wording import count_text

SIZES = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (None, "–"),
        (0, "0"),
        (999, "999"),
        (1000, "1 k"),
        (1004, "1 k"),
        (1006, "1.01 k"),
        (9994, "9.99 k"),
        (9996, "10 k"),
        (99_960, "100 k"),
        (999_499, "999 k"),
        (999_501, "1 M"),
        (999_999, "1 M"),
        (1_000_000, "1 M"),
        (1_871_747, "1.87 M"),
        (999_499_999, "999 M"),
        (999_999_999, "1 G"),
        (1_000_000_000, "1 G"),
        (999_999_999_999, "1 T"),
        (10**12, "1 T"),
        (5_250_000_000_000_000, "5250 T"),
    ],
)
def test_a_count_at_every_border(count, text):
    assert count_text(count) == text


@given(st.integers(0, 10**15 - 1))
def test_a_count_is_right_to_three_digits_and_never_in_powers_of_ten(count):
    number, _, unit = count_text(count).partition(" ")
    shown = Decimal(number) * SIZES[unit]
    assert "e" not in number
    if count < 1000:
        assert shown == count
    else:
        digit = Decimal(10) ** (len(str(count)) - 3)
        assert abs(shown - count) <= digit / 2
        assert shown == (Decimal(count) / digit).quantize(1, ROUND_HALF_EVEN) * digit or (
            abs(shown - count) == digit / 2
        )
