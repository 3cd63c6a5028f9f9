"""A Ray cluster to train on: how to join or start it, and how many calls run there at a time.

Ray is imported on first use: the import takes half a second, and most runs do not need it.
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
_CONNECT_TIMEOUT_S = 10.0

MAX_RETRIES = 3
"""How often Ray reruns a call whose worker or node was lost."""


def import_ray() -> Any:
    """Return the module ``ray``, set to send no usage statistics and to limit reruns.

    Raises:
        UsageError: if it is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Ray counts reruns for lack of memory separately, by default without limit.
    os.environ.setdefault("RAY_task_oom_retries", str(MAX_RETRIES))
    try:
        return import_module("ray")
    except ImportError as error:
        raise UsageError(
            f"Ray cannot be imported ({error}): install it with pip install 'mbnas[ray]', or "
            "leave --executor ray out."
        ) from error


def check_cluster(address: str | None) -> None:
    """Raise if the cluster that is named cannot be joined: join it, and leave it again.

    A new cluster on this machine is not started for that.

    Args:
        address: As for :func:`connected`, as are the errors.
    """
    import_ray()
    if _place(address) != "local":
        with connected(address):
            pass


@contextmanager
def connected(address: str | None, *, local_cpus: int | None = None) -> Iterator[None]:
    """Connect to a Ray cluster meanwhile; a connection that exists already is used and kept.

    Args:
        address: ``auto`` for the cluster that this machine is part of, or ``host:port``. By
            default the environment variable ``RAY_ADDRESS``; without it, a new cluster on this
            machine, which ends with the context.
        local_cpus: Cores of a new cluster; by default all.

    Raises:
        UsageError: if Ray is not installed.
        StudyError: if the cluster cannot be reached.
    """
    ray = import_ray()
    if ray.is_initialized():
        yield
        return
    address = _place(address)
    if address.startswith(_CLIENT):
        raise UsageError(
            f"The address {address} belongs to the Ray client, which is not supported: run mbnas "
            "on a machine of the cluster, with --address auto."
        )
    settings = {"num_cpus": local_cpus, "include_dashboard": False} if address == "local" else {}
    with _sigterm_handler_kept(), _sigterm_blocked():
        try:
            _check_reachable(address)
            ray.init(
                address=address, log_to_driver=False, logging_level=logging.CRITICAL, **settings
            )
        except (RuntimeError, ValueError, OSError, ray.exceptions.RayError) as error:
            raise StudyError(_unreachable_message(address, error)) from error
    _log_node_reports()
    try:
        yield
    finally:
        ray.shutdown()


def _place(address: str | None) -> str:
    return address or os.environ.get("RAY_ADDRESS") or "local"


def _check_reachable(address: str) -> None:
    """Raise an ``OSError`` if nothing listens at ``host:port``; Ray would wait for minutes."""
    host, _, port = address.rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_TIMEOUT_S).close()


def _unreachable_message(address: str, error: Exception) -> str:
    reason = " ".join(str(error).split()).partition(". ")[0].rstrip(".")
    if address == "local":
        return f"No Ray cluster could be started on this machine: {reason}."
    return (
        f"The Ray cluster at {address} cannot be joined: {reason}. Run ray start on this "
        "machine first, use the same versions of Ray and Python as the head node, and if the head "
        "node requires a token, set RAY_AUTH_MODE=token and the token."
    )


@contextmanager
def _sigterm_handler_kept() -> Iterator[None]:
    """Restore this process's SIGTERM handler; Ray installs one that exits without clean-up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _sigterm_blocked() -> Iterator[None]:
    """Block SIGTERM meanwhile; the daemons of a cluster that is started inherit the block.

    Batch systems send SIGTERM to all processes of a job. If a daemon ended by it, Ray would end
    this process with status 1 before it could close its study. Ray kills its daemons in the end.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _log_node_reports() -> None:
    """Log the messages of Ray's nodes; by default Ray prints them to standard output."""
    module: Any = sys.modules["ray._private.worker"]
    module.print_to_stdstream = _log_report


def _log_report(data: dict[str, Any], *_: object, **__: object) -> None:
    for line in data["lines"]:
        _LOGGER.info("%s", line)


def cluster_slots(*, cpus: int, gpus: float) -> int:
    """Return how many calls can run on the connected cluster at the same time, 0 or more.

    Args:
        cpus: Cores of a node that a call takes, 1 or more.
        gpus: GPUs of a node that a call takes, whole ones or a share of one.
    """
    nodes = [node["Resources"] for node in import_ray().nodes() if node["Alive"]]
    return sum(_slots_of_node(node, cpus, gpus) for node in nodes)


def _slots_of_node(resources: dict[str, float], cpus: int, gpus: float) -> int:
    """Return how many calls can run on a node; a share of a GPU is always of a single GPU.

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
