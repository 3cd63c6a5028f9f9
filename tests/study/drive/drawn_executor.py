"""An executor whose calls end one by one, in a drawn order or in their own."""

from collections import deque
from concurrent.futures import Executor, Future


class Cut(BaseException):
    """The end of a process, as a test simulates it."""


class DrawnExecutor(Executor):
    """Finishes one call whenever one is waited for; it is a worker pool's ``completions`` too.

    Args:
        rng: Draws which call ends; ``None`` ends the first.

    Attributes:
        num_waiting: How many calls were open, each time that one was waited for.
    """

    def __init__(self, rng=None):
        self._rng = rng
        self._calls = []
        self._done = deque()
        self.num_waiting = []

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        self._calls.append((future, fn, args))
        return future

    def put(self, future):
        self._done.append(future)

    def get(self):
        while not self._done:
            self._calls = [call for call in self._calls if not call[0].cancelled()]
            self.num_waiting.append(len(self._calls))
            number = 0 if self._rng is None else self._rng.integers(len(self._calls))
            future, function, given = self._calls.pop(number)
            try:
                future.set_result(function(*given))
            except Exception as error:
                future.set_exception(error)
        return self._done.popleft()
