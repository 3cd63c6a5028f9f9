"""Spawned processes that do not run the program again that starts them.

``multiprocessing`` imports the main module of a program in every process that it spawns. A script
without ``if __name__ == "__main__"`` then begins again in each of them. What mbnas calls in its
processes is in importable modules, so its processes leave the main module out, and scripts,
notebooks and prompts may start them.

joblib starts its workers in the same way (``loky.backend.popen_loky_posix``).
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable
from functools import partial
from multiprocessing import popen_spawn_posix, reduction, resource_tracker, spawn, util
from multiprocessing.context import SpawnContext, SpawnProcess, set_spawning_popen
from multiprocessing.process import BaseProcess
from typing import ClassVar

_OF_MAIN = ("init_main_from_name", "init_main_from_path")


class _Popen(popen_spawn_posix.Popen):
    """The start of a process, as in the standard library but for the main module."""

    _fds: list[int]

    def _launch(self, process_obj: BaseProcess) -> None:
        tracker = resource_tracker.getfd()
        assert tracker is not None
        self._fds.append(tracker)
        request = io.BytesIO()
        preparation = spawn.get_preparation_data(process_obj.name)
        for key in _OF_MAIN:
            preparation.pop(key, None)
        set_spawning_popen(self)
        try:
            reduction.dump(preparation, request)
            reduction.dump(process_obj, request)
        finally:
            set_spawning_popen(None)
        self.sentinel, alive = os.pipe()  # its end is closed by the end of the process
        ours: list[int] = [self.sentinel]
        theirs: list[int] = [alive]
        try:
            reading, writing = os.pipe()
            ours.append(writing)
            theirs.append(reading)
            self._fds += theirs
            command = spawn.get_command_line(tracker_fd=tracker, pipe_handle=reading)
            self.pid = util.spawnv_passfds(os.fsencode(spawn.get_executable()), command, self._fds)
            with open(writing, "wb", closefd=False) as pipe:
                pipe.write(request.getbuffer())
        finally:
            self.finalizer = util.Finalize(self, partial(_close, ours))
            _close(theirs)


def _close(descriptors: Iterable[int]) -> None:
    for each in descriptors:
        os.close(each)


class _Process(SpawnProcess):
    @staticmethod
    def _Popen(process_obj: BaseProcess) -> _Popen:  # noqa: N802  (the standard library's name)
        return _Popen(process_obj)


class _Context(SpawnContext):
    Process: ClassVar[type[SpawnProcess]] = _Process


SPAWNED = _Context()
"""Starts processes. What they are given must be importable without the main module."""
