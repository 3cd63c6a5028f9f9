"""Items in their order, each with its result or its error, and few of them at a time."""

import threading

import pytest

from mbnas.errors import DatasetError
from mbnas.prediction.cases.pipeline import overlapped


@pytest.mark.parametrize("workers", [1, 3])
def test_items_keep_their_order_and_errors_stay_their_own(workers):
    def read(item):
        if item == 2:
            raise DatasetError("unreadable")
        return item * 10

    def work(item, value):
        if item == 4:
            raise DatasetError("unworkable")
        return value + 1

    def write(item, made):
        if item == 6:
            raise DatasetError("unwritable")
        return made

    found = list(overlapped(range(9), read, work, write, workers=workers))
    said = {item: str(value) for item, value in found if isinstance(value, DatasetError)}
    assert said == {2: "unreadable", 4: "unworkable", 6: "unwritable"}
    made = {item: value for item, value in found if item not in said}
    assert made == {item: item * 10 + 1 for item in (0, 1, 3, 5, 7, 8)}
    assert list(made) == sorted(made)


@pytest.mark.parametrize("workers", [1, 2])
def test_so_many_are_held_at_a_time_and_no_more(workers):
    lock, held, most = threading.Lock(), set(), 0

    def read(item):
        nonlocal most
        with lock:
            held.add(item)
            most = max(most, len(held))
        return item

    def write(item, made):
        with lock:
            held.discard(item)

    list(overlapped(range(40), read, lambda item, value: value, write, workers=workers))
    assert held == set()
    assert most <= 2 * workers + 2


def test_reading_goes_on_while_something_is_worked_on():
    second_is_read = threading.Event()

    def read(item):
        if item == 1:
            second_is_read.set()

    def work(item, value):
        assert second_is_read.wait(30)

    assert len(list(overlapped(range(2), read, work, lambda item, made: None, workers=1))) == 2


def test_an_error_that_is_no_ones_ends_everything():
    def read(item):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(overlapped(range(3), read, lambda *_: None, lambda *_: None, workers=1))
