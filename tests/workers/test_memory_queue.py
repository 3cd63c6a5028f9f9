"""Which call gets the memory of which device, and that every call gets its turn."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbnas.workers.memory_queue import Demand, DeviceMemory, MemoryQueue


def demand(memory_bytes=0, *, alone=False):
    return Demand(memory_bytes=memory_bytes, alone=alone)


def queue_of(device_memory_bytes, *demands):
    """A queue of calls that are named by letters, in order."""
    queue = MemoryQueue(device_memory_bytes)
    for name, needed in zip("abcdefghij", demands, strict=False):
        queue.append(name, needed)
    return queue


def test_a_demand_is_not_negative():
    with pytest.raises(ValueError, match=r"memory_bytes \(=-1\) must be 0 or more"):
        demand(-1)


@pytest.mark.parametrize(
    ("memory_bytes", "running", "further", "fits"),
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
def test_which_calls_fit_next_to_running_ones(memory_bytes, running, further, fits):
    memory = DeviceMemory(memory_bytes)
    for each in running:
        memory.acquire(each)
    assert memory.fits(further) is fits


def test_memory_is_released():
    memory = DeviceMemory(10)
    memory.acquire(demand(6))
    memory.acquire(demand(4))
    assert not memory.fits(demand(5))
    memory.release(demand(6))
    assert memory.fits(demand(6))


def test_calls_that_fit_start_in_order():
    queue = queue_of([10], demand(4), demand(4), demand(4))
    assert [queue.take(0) for _ in range(3)] == ["a", "b", None]
    queue.release(0, demand(4))
    assert (queue.take(0), len(queue)) == ("c", 0)


def test_a_call_that_was_passed_over_is_next_and_blocks_later_ones():
    queue = queue_of([10], demand(4), demand(8), demand(4), demand(1))
    assert [queue.take(0) for _ in range(2)] == ["a", "c"]  # c passed b over
    assert queue.take(0) is None  # d would fit, but b is next
    queue.release(0, demand(4))
    assert queue.take(0) is None
    queue.release(0, demand(4))
    assert [queue.take(0) for _ in range(2)] == ["b", "d"]


def test_a_call_that_must_run_alone_waits_for_an_empty_device_and_keeps_it():
    alone = demand(1, alone=True)
    queue = queue_of([10], demand(4), alone, demand(4), demand(1))
    assert [queue.take(0) for _ in range(3)] == ["a", "c", None]
    queue.release(0, demand(4))
    queue.release(0, demand(4))
    assert [queue.take(0) for _ in range(2)] == ["b", None]
    queue.release(0, alone)
    assert queue.take(0) == "d"


def test_a_call_that_is_next_on_one_device_blocks_no_other_device():
    queue = queue_of([10, 10], demand(4), demand(4), demand(8), *[demand(4)] * 4)
    assert [queue.take(0), queue.take(1)] == ["a", "b"]
    assert [queue.take(0), queue.take(0)] == ["d", None]  # c is next on device 0
    assert [queue.take(1), queue.take(1)] == ["e", None]  # and only there
    queue.release(1, demand(4))
    assert queue.take(1) == "f"
    assert queue.take(0) is None


def test_a_call_that_is_next_on_one_device_may_start_on_another():
    queue = queue_of([10, 10], demand(4), demand(8), demand(4), demand(2))
    assert [queue.take(0), queue.take(0)] == ["a", "c"]  # b is next on device 0
    assert queue.take(1) == "b"
    assert queue.take(0) == "d"


def test_a_withdrawn_call_is_no_longer_next():
    queue = queue_of([10], demand(4), demand(8), demand(4), demand(2))
    assert [queue.take(0), queue.take(0), queue.take(0)] == ["a", "c", None]
    assert queue.withdraw(lambda name: name == "b") == ["b"]
    assert queue.take(0) == "d"


DEMANDS = st.builds(Demand, memory_bytes=st.integers(0, 12), alone=st.booleans())


@given(
    device_memory_bytes=st.lists(st.one_of(st.none(), st.integers(1, 10)), min_size=1, max_size=3),
    demands=st.lists(DEMANDS, max_size=25),
    slots=st.integers(1, 4),
    moves=st.randoms(use_true_random=False),
)
def test_every_call_runs_once_within_the_memory_and_none_waits_forever(
    device_memory_bytes, demands, slots, moves
):
    devices = range(len(device_memory_bytes))
    queue, running = MemoryQueue(device_memory_bytes), {device: [] for device in devices}
    for number, needed in enumerate(demands):
        queue.append(number, needed)
    started = []
    while len(started) < len(demands) or any(running.values()):
        device = moves.choice(devices)
        if running[device] and moves.random() < 0.5:
            queue.release(device, demands[running[device].pop(0)])
        elif len(running[device]) < slots and (call := queue.take(device)) is not None:
            started.append((device, call))
            running[device].append(call)
        else:  # some call runs and may end, or no call is left
            assert any(running.values()) or len(started) == len(demands)
        assert_within(device_memory_bytes[device], [demands[number] for number in running[device]])
    assert sorted(call for _, call in started) == list(range(len(demands)))
    assert len(queue) == 0
    for call in range(len(demands)):
        assert min(later_calls_before(call, started, device) for device in devices) <= 2


def assert_within(memory_bytes, demands):
    """Calls may run together on a device; a single one always may."""
    if len(demands) > 1:
        assert not any(each.alone for each in demands)
        assert memory_bytes is None or sum(each.memory_bytes for each in demands) <= memory_bytes


def later_calls_before(call, started, device):
    """Count the calls that a device started before an earlier one that was the first to wait."""
    order = [number for _, number in started]
    first = max((order.index(earlier) + 1 for earlier in range(call)), default=0)
    return sum(where == device for where, _ in started[first : order.index(call)])
