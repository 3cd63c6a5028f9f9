"""A thread that fills slots: in order, as far ahead as there are slots, and ended."""

import threading

import pytest

from mbnas.training.loading.read_ahead import ReadAhead


def fill_with_squares(number, slot):
    slot[0] = number**2


def test_slots_come_in_order_and_are_reused():
    slots, seen, used = [[None] for _ in range(3)], [], set()
    with ReadAhead(fill_with_squares, 50, slots) as filled:
        for _ in range(50):
            slot = filled.take()
            seen.append(slot[0])
            used.add(id(slot))
            filled.give_back(slot)
    assert seen == [number**2 for number in range(50)]
    assert used <= {id(slot) for slot in slots}


def test_it_reads_ahead_as_many_items_as_there_are_slots():
    begun, third = [], threading.Event()

    def fill(number, slot):
        begun.append(number)
        if number == 2:
            third.set()

    with ReadAhead(fill, 50, [[], [], []]) as filled:
        assert third.wait(60)  # nobody has asked for anything
        filled.give_back(filled.take())
        for _ in range(3):
            filled.take()
    assert begun == [0, 1, 2, 3]


@pytest.mark.parametrize("taken", [0, 1, 5])
def test_leaving_ends_the_thread(taken):
    before = threading.active_count()
    with ReadAhead(fill_with_squares, 10**9, [[None], [None]]) as filled:
        for _ in range(taken):
            filled.give_back(filled.take())
    assert threading.active_count() == before


def test_an_error_in_filling_is_raised_after_all_filled_slots():
    def fill(number, slot):
        if number == 2:
            raise OSError("The disk is gone.")

    before = threading.active_count()
    with ReadAhead(fill, 5, [[], [], [], []]) as filled:
        filled.take()
        filled.take()
        with pytest.raises(OSError, match="The disk is gone"):
            filled.take()
    assert threading.active_count() == before
