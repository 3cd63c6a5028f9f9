"""Trainings on a Ray cluster whose nodes need not share a disk with the driver.

Prepared slices are put into Ray's object store once. A node that has the driver's folder reads
it; any other node unpacks them once into its own folder.
"""

from __future__ import annotations

import math
import os
import socket
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from mbnas.errors import ConfigurationError, StudyError, WriteError
from mbnas.machine.files import writing
from mbnas.machine.folders import making_folder
from mbnas.machine.heartbeat import ending_if_silent
from mbnas.training.task import TrainingTask
from mbnas.version import __version__
from mbnas.workers.ray.cluster import MAX_RETRIES, import_ray
from mbnas.workers.ray.ray_executor import RayExecutor

Files = Mapping[str, UInt8[np.ndarray, " byte"]]
"""The files of a folder and its subfolders, by relative path."""


class TrainingsOnRay(RayExecutor):
    """A :class:`RayExecutor` that also sends the slices of training tasks, once.

    A positional argument that is a :class:`TrainingTask` reaches the function with the slices and
    the device of the node.

    Args:
        slots: As for :class:`RayExecutor`, as are all but the last.
        patience_s: A worker without a heartbeat (:mod:`mbnas.machine.heartbeat`) for this many
            seconds ends itself, and its call is run again as after any lost worker. By default,
            workers never end themselves.
    """

    def __init__(
        self,
        slots: Callable[[], int],
        *,
        cpus: int = 1,
        gpus: Callable[..., float] | None = None,
        max_retries: int = MAX_RETRIES,
        patience_s: float = math.inf,
    ) -> None:
        super().__init__(slots, cpus=cpus, gpus=gpus, max_retries=max_retries)
        self._patience_s = patience_s
        self._stored: dict[Path, Any] = {}

    def _to_send(
        self, function: Callable[..., Any], args: tuple[Any, ...]
    ) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        sent = tuple(map(self._with_slices, args))
        return partial(_call_here, function, self._patience_s), sent

    def _with_slices(self, argument: Any) -> Any:
        """Return an argument as it is sent: tasks, one or several, with their slices."""
        match argument:
            case TrainingTask():
                return SentTask(task=argument, files=self._in_store(argument.slices))
            case tuple():
                return tuple(map(self._with_slices, argument))
            case _:
                return argument

    def _in_store(self, slices: Path) -> Any:
        """Return the reference of a folder's files; put them into the store the first time."""
        if slices not in self._stored:
            self._stored[slices] = import_ray().put(read_files(slices))
        return self._stored[slices]


@dataclass(frozen=True, slots=True, kw_only=True)
class SentTask:
    """A training task as it is sent to a node.

    Attributes:
        task: The driver's task.
        files: Ray's reference to the :data:`Files` of its slices.
        version: Of the driver's mbnas.
    """

    task: TrainingTask
    files: Any
    version: str = __version__

    def here(self) -> TrainingTask:
        """Return the task with the slices and the device of this node.

        Raises:
            ConfigurationError: if this node has another version of mbnas.
            StudyError: if the slices cannot be written here.
        """
        if self.version != __version__:
            raise ConfigurationError(
                f"{socket.gethostname()} has mbnas {__version__} and the search runs "
                f"{self.version}: install one version on all nodes."
            )
        slices = self.task.slices
        if not slices.exists():
            slices = unpacked(slices.name, lambda: import_ray().get(self.files))
        # A Ray task sees only its own GPUs, numbered from 0.
        device = "cuda" if self.task.device.startswith("cuda") else self.task.device
        return replace(self.task, slices=slices, device=device)


def _call_here(function: Callable[..., Any], patience_s: float, *args: Any, **kwargs: Any) -> Any:
    with ending_if_silent(patience_s):
        return function(*map(_here, args), **kwargs)


def _here(argument: Any) -> Any:
    match argument:
        case SentTask():
            return argument.here()
        case tuple():
            return tuple(map(_here, argument))
        case _:
            return argument


def read_files(folder: Path) -> Files:
    """Return the bytes of all files of a folder and its subfolders."""
    files = sorted(each for each in folder.rglob("*") if each.is_file())
    return {str(each.relative_to(folder)): np.fromfile(each, dtype=np.uint8) for each in files}


def unpacked(digest: str, fetch: Callable[[], Files]) -> Path:
    """Return this node's folder of prepared slices, made the first time.

    It is in the system's temporary directory, belongs to this user only, and stays for later
    searches. Of several processes that ask at once, one makes it and the others wait.

    Args:
        digest: The folder's name, which identifies its content.
        fetch: Returns the files.

    Raises:
        StudyError: if the folder cannot be made.
    """
    place = Path(tempfile.gettempdir(), f"mbnas-{os.getuid()}")
    try:
        with writing(place):
            place.mkdir(mode=0o700, exist_ok=True)
            if place.stat().st_uid != os.getuid():
                raise PermissionError(0, "it belongs to someone else")
        with making_folder(place / digest) as folder:
            if folder is not None:
                _write(fetch(), folder)
    except WriteError as error:
        raise StudyError(
            f"{socket.gethostname()} cannot keep the prepared slices. {error} Or set TMPDIR before "
            "Ray is started there."
        ) from error
    return place / digest


def _write(files: Files, folder: Path) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        content.tofile(path)
