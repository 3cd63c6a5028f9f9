"""What every executor does. A test class inherits it and has a fixture ``executor``.

The calls are functions of the standard library, which every process can unpickle.
"""

import operator
import time
from concurrent.futures import wait

import pytest


class ExecutorContract:
    """The behaviour of an executor with one slot or more."""

    def test_a_future_gets_the_result(self, executor):
        assert executor.submit(operator.truediv, 1, 4).result() == 0.25

    def test_keyword_arguments_arrive(self, executor):
        assert executor.submit(sorted, [1, 3, 2], reverse=True).result() == [3, 2, 1]

    def test_a_future_gets_the_exception_and_the_next_call_works(self, executor):
        failed = executor.submit(operator.truediv, 1, 0)
        with pytest.raises(ZeroDivisionError, match="division by zero") as caught:
            failed.result()
        assert type(caught.value) is ZeroDivisionError
        assert executor.submit(abs, -1).result() == 1

    def test_many_calls_each_get_their_own_result(self, executor):
        futures = [executor.submit(abs, -number) for number in range(200)]
        assert [future.result() for future in futures] == list(range(200))

    def test_map_keeps_the_order(self, executor):
        assert list(executor.map(abs, range(-20, 0))) == list(range(20, 0, -1))

    def test_large_arguments_and_results_travel(self, executor):
        data = bytes(5_000_000)
        assert executor.submit(bytes, data).result() == data

    def test_shutdown_finishes_the_accepted_calls(self, executor):
        futures = [executor.submit(abs, -number) for number in range(20)]
        executor.shutdown()
        assert [future.result(timeout=0) for future in futures] == list(range(20))

    def test_shutdown_with_cancellation_leaves_no_future_unfinished(self, executor):
        futures = [executor.submit(time.sleep, 0.05) for _ in range(20)]
        executor.shutdown(cancel_futures=True)
        assert not wait(futures, timeout=0).not_done

    def test_no_call_is_accepted_after_shutdown(self, executor):
        executor.shutdown()
        executor.shutdown()
        with pytest.raises(RuntimeError, match="accepts no more calls"):
            executor.submit(abs, 1)
