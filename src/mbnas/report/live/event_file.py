"""A file of scalar curves for TensorBoard, written by the calling thread.

TensorBoard's own writer starts a thread, which prints a traceback if the disk is full.
"""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from mbnas.machine.files import writing
from mbnas.report.live.run_sink import needed_module


class EventFile:
    """Curves that grow point by point, in a folder that TensorBoard shows as one run.

    Args:
        folder: Created if it does not exist; it must not hold another event file.

    Raises:
        UsageError: if the package tensorboard is not installed.
        WriteError: if it cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._events, records = _modules()
        self._path = folder / f"events.out.tfevents.{time.time():010.0f}.{socket.gethostname()}"
        with writing(self._path):
            folder.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("wb")
        self._records = records.RecordWriter(self._file)
        self._write(self._events.Event(wall_time=time.time(), file_version="brain.Event:2"))

    def add(self, tag: str, value: float, step: int) -> None:
        """Add a point to the curve ``tag``."""
        event = self._events.Event(wall_time=time.time(), step=step)
        event.summary.value.add(tag=tag, simple_value=value)
        self._write(event)

    def flush(self) -> None:
        """Write all points to the file, so that TensorBoard can read them.

        Raises:
            WriteError: if they cannot be written.
        """
        with writing(self._path):
            self._file.flush()

    def close(self) -> None:
        """Flush and close the file; it is closed even if it cannot be flushed.

        Raises:
            WriteError: if points cannot be written.
        """
        with writing(self._path):
            self._file.close()

    def abandon(self) -> None:
        """Close the file, whether or not the last points can be written."""
        with suppress(OSError):
            self._file.close()

    def _write(self, event: Any) -> None:
        with writing(self._path):
            self._records.write(event.SerializeToString())


def _modules() -> tuple[Any, Any]:
    """Return TensorBoard's modules of events and of records, which are an optional dependency."""
    return (
        needed_module("tensorboard.compat.proto.event_pb2", log="tensorboard"),
        needed_module("tensorboard.summary.writer.record_writer", log="tensorboard"),
    )
