"""A Ray cluster to train on: joined or started, quiet, and how many trainings it holds.

Ray is imported when it is first asked for: it takes half a second, and most runs do not need it.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from mbnas.errors import StudyError, UsageError

_LOGGER = logging.getLogger(__name__)
_CLIENT = "ray://"
_PATIENCE_S = 10.0

MAX_RETRIES = 3
"""How often Ray runs a call again whose worker or node was lost."""


def import_ray() -> Any:
    """Return the module ``ray``, set to send no statistics and to give up on full memory.

    Raises:
        UsageError: if it is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Ray counts these apart: a training that is too large for every node must end some time.
    os.environ.setdefault("RAY_task_oom_retries", str(MAX_RETRIES))
    try:
        return import_module("ray")
    except ImportError as error:
        raise UsageError(
            f"Ray cannot be imported ({error}): install it with pip install 'mbnas[ray]', or "
            "leave --executor ray out."
        ) from error


@contextmanager
def connected(address: str | None, *, local_cpus: int | None = None) -> Iterator[None]:
    """Be connected to a Ray cluster meanwhile; who was connected before stays so after.

    Args:
        address: ``auto`` for the cluster that this machine is part of, or ``host:port``; without
            one it is ``RAY_ADDRESS`` of the environment, or else a cluster of this machine
            alone that starts here and ends with it.
        local_cpus: Cores of a cluster that starts here; as many as there are if ``None``.

    Raises:
        UsageError: if Ray is not installed.
        StudyError: if the cluster cannot be reached.
    """
    ray = import_ray()
    if ray.is_initialized():
        yield
        return
    address = address or os.environ.get("RAY_ADDRESS") or "local"
    if address.startswith(_CLIENT):
        raise UsageError(
            f"The address {address} is of Ray's client, which is not supported: run mbnas on a "
            "machine of the cluster, with --address auto."
        )
    settings = {"num_cpus": local_cpus, "include_dashboard": False} if address == "local" else {}
    with _signals_kept():
        try:
            _check_answers(address)
            ray.init(
                address=address, log_to_driver=False, logging_level=logging.CRITICAL, **settings
            )
        except (RuntimeError, ValueError, OSError, ray.exceptions.RayError) as error:
            raise StudyError(_unreachable(address, error)) from error
    _keep_reports_from_standard_output()
    try:
        yield
    finally:
        ray.shutdown()


def _check_answers(address: str) -> None:
    """Raise an ``OSError`` if nothing listens at ``host:port``: Ray would wait for minutes."""
    host, _, port = address.rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE_S).close()


def _unreachable(address: str, error: Exception) -> str:
    reason = " ".join(str(error).split()).partition(". ")[0].rstrip(".")
    if address == "local":
        return f"No Ray cluster could be started on this machine: {reason}."
    return (
        f"The Ray cluster at {address} cannot be joined: {reason}. It takes a machine on which "
        "ray start has run, the versions of Ray and Python of its head, and where its head asks "
        "for one, RAY_AUTH_MODE=token and its token."
    )


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Keep what this process does on SIGTERM: Ray would exit, with everything left as it is."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _keep_reports_from_standard_output() -> None:
    """Log what Ray's nodes report of themselves; Ray prints it where results go, unasked."""
    module: Any = sys.modules["ray._private.worker"]
    module.print_to_stdstream = _log_report


def _log_report(data: dict[str, Any], *_: object, **__: object) -> None:
    for line in data["lines"]:
        _LOGGER.info("%s", line)


def cluster_slots(*, cpus: int, gpus: float) -> int:
    """Return how many calls the connected cluster holds at the same time, 0 or more.

    Args:
        cpus: What a call takes of a node's cores, 1 or more.
        gpus: What it takes of a node's GPUs, whole ones or a share of one.
    """
    nodes = [node["Resources"] for node in import_ray().nodes() if node["Alive"]]
    return sum(_slots_of_node(node, cpus, gpus) for node in nodes)


def _slots_of_node(resources: dict[str, float], cpus: int, gpus: float) -> int:
    """Return how many calls a node holds; a share of a GPU comes from one GPU alone.

    >>> _slots_of_node({"CPU": 8.0, "GPU": 2.0}, cpus=1, gpus=0.4)
    4
    >>> _slots_of_node({"CPU": 3.0}, cpus=2, gpus=0.0)
    1
    """
    by_cpus = int(resources.get("CPU", 0.0)) // cpus
    num_gpus = int(resources.get("GPU", 0.0))
    if gpus == 0:
        return by_cpus
    return min(by_cpus, num_gpus * int(1 / gpus) if gpus < 1 else int(num_gpus / gpus))
