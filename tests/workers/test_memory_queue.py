"""Who is let into which room: what fits, what is next, and that every call's turn comes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbnas.workers.memory_queue import Demand, DeviceMemory, MemoryQueue


def demand(memory_bytes=0, *, alone=False):
    return Demand(memory_bytes=memory_bytes, alone=alone)


def line_of(room_bytes, *demands):
    """A line of calls that are named by letters, in their order."""
    line = MemoryQueue(room_bytes)
    for name, needed in zip("abcdefghij", demands, strict=False):
        line.append(name, needed)
    return line


def test_a_demand_is_not_less_than_nothing():
    with pytest.raises(ValueError, match=r"memory_bytes \(=-1\) must be 0 or more"):
        demand(-1)


@pytest.mark.parametrize(
    ("room", "inside", "further", "fits"),
    [
        (10, [], demand(11), True),
        (10, [], demand(3, alone=True), True),
        (10, [demand(4)], demand(6), True),
        (10, [demand(4), demand(3)], demand(4), False),
        (10, [demand(11)], demand(0), False),
        (10, [demand(1)], demand(1, alone=True), False),
        (10, [demand(1, alone=True)], demand(1), False),
        (None, [demand(10**15)] * 3, demand(10**15), True),
        (None, [demand(0)], demand(0, alone=True), False),
    ],
)
def test_what_fits_beside_what_runs(room, inside, further, fits):
    room = DeviceMemory(room)
    for each in inside:
        room.enter(each)
    assert room.holds(further) is fits


def test_what_a_call_had_is_given_back():
    room = DeviceMemory(10)
    room.enter(demand(6))
    room.enter(demand(4))
    assert not room.holds(demand(5))
    room.leave(demand(6))
    assert room.holds(demand(6))


def test_calls_that_fit_enter_in_their_order():
    line = line_of([10], demand(4), demand(4), demand(4))
    assert [line.take(0) for _ in range(3)] == ["a", "b", None]
    line.leave(0, demand(4))
    assert (line.take(0), len(line)) == ("c", 0)


def test_a_call_that_was_passed_over_is_next_and_keeps_later_ones_out():
    line = line_of([10], demand(4), demand(8), demand(4), demand(1))
    assert [line.take(0) for _ in range(2)] == ["a", "c"]  # c passed b over
    assert line.take(0) is None  # d would fit, but b is next
    line.leave(0, demand(4))
    assert line.take(0) is None
    line.leave(0, demand(4))
    assert [line.take(0) for _ in range(2)] == ["b", "d"]


def test_a_call_that_wants_to_be_alone_waits_for_an_empty_room_and_keeps_it():
    alone = demand(1, alone=True)
    line = line_of([10], demand(4), alone, demand(4), demand(1))
    assert [line.take(0) for _ in range(3)] == ["a", "c", None]
    line.leave(0, demand(4))
    line.leave(0, demand(4))
    assert [line.take(0) for _ in range(2)] == ["b", None]
    line.leave(0, alone)
    assert line.take(0) == "d"


def test_a_call_that_is_next_in_one_room_keeps_no_other_from_working():
    line = line_of([10, 10], demand(4), demand(4), demand(8), *[demand(4)] * 4)
    assert [line.take(0), line.take(1)] == ["a", "b"]
    assert [line.take(0), line.take(0)] == ["d", None]  # c is next in room 0
    assert [line.take(1), line.take(1)] == ["e", None]  # and only there
    line.leave(1, demand(4))
    assert line.take(1) == "f"
    assert line.take(0) is None


def test_a_call_that_is_next_in_one_room_may_enter_another_that_it_fits_into():
    line = line_of([10, 10], demand(4), demand(8), demand(4), demand(2))
    assert [line.take(0), line.take(0)] == ["a", "c"]  # b is next in room 0
    assert line.take(1) == "b"
    assert line.take(0) == "d"


def test_a_call_that_is_withdrawn_is_next_no_more():
    line = line_of([10], demand(4), demand(8), demand(4), demand(2))
    assert [line.take(0), line.take(0), line.take(0)] == ["a", "c", None]
    assert line.withdraw(lambda name: name == "b") == ["b"]
    assert line.take(0) == "d"


DEMANDS = st.builds(Demand, memory_bytes=st.integers(0, 12), alone=st.booleans())


@given(
    room_bytes=st.lists(st.one_of(st.none(), st.integers(1, 10)), min_size=1, max_size=3),
    demands=st.lists(DEMANDS, max_size=25),
    slots=st.integers(1, 4),
    moves=st.randoms(use_true_random=False),
)
def test_every_call_runs_once_no_room_overflows_and_every_turn_comes(
    room_bytes, demands, slots, moves
):
    rooms = range(len(room_bytes))
    line, inside = MemoryQueue(room_bytes), {room: [] for room in rooms}
    for number, needed in enumerate(demands):
        line.append(number, needed)
    started = []
    while len(started) < len(demands) or any(inside.values()):
        room = moves.choice(rooms)
        if inside[room] and moves.random() < 0.5:
            line.leave(room, demands[inside[room].pop(0)])
        elif len(inside[room]) < slots and (call := line.take(room)) is not None:
            started.append((room, call))
            inside[room].append(call)
        else:  # there is always a call that runs and may end, or none is left
            assert any(inside.values()) or len(started) == len(demands)
        assert_within(room_bytes[room], [demands[number] for number in inside[room]])
    assert sorted(call for _, call in started) == list(range(len(demands)))
    assert len(line) == 0
    for call in range(len(demands)):
        assert min(later_calls_before(call, started, room) for room in rooms) <= 2


def assert_within(room_bytes, demands):
    """Whether calls may be in a room together; a single one always may."""
    if len(demands) > 1:
        assert not any(each.alone for each in demands)
        assert room_bytes is None or sum(each.memory_bytes for each in demands) <= room_bytes


def later_calls_before(call, started, room):
    """How many calls a room let in before an earlier one that was the first of the line."""
    order = [number for _, number in started]
    first = max((order.index(earlier) + 1 for earlier in range(call)), default=0)
    return sum(where == room for where, _ in started[first : order.index(call)])
