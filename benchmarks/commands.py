"""Run whole commands as a user does, from the start of their process to its end."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

SCRIPTS = Path(sys.executable).parent
"""Folder of the commands of this Python: mbnas and nnU-Net's."""


def script(name: str) -> str:
    """Return a command's file.

    Raises:
        FileNotFoundError: if it is not installed with this Python.
    """
    if not (SCRIPTS / name).is_file():
        raise FileNotFoundError(
            f"{SCRIPTS / name} does not exist, but this benchmark needs it. "
            "Install what mbnas is compared with: pip install 'mbnas[nnunet]'."
        )
    return str(SCRIPTS / name)


def run(command: Sequence[str], variables: Mapping[str, str] | None = None) -> str:
    """Run a command to its end and return what it printed.

    Args:
        command: Its file and arguments.
        variables: Environment variables, in addition to the present ones.

    Raises:
        RuntimeError: if it fails; the message ends with the end of its output.
    """
    done = subprocess.run(
        command,
        env={**os.environ, **(variables or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise RuntimeError(
            f"{' '.join(command)} ended with status {done.returncode}:\n{done.stdout[-2000:]}"
        )
    return done.stdout


def arm(command: Sequence[str], variables: Mapping[str, str] | None = None) -> Callable[[], object]:
    """Return a command as an arm for :func:`measuring.interleaved`."""
    return lambda: run(command, variables)


def threads_of(threads: int) -> dict[str, str]:
    """Return the variables that set the number of threads of a command's libraries."""
    return {f"{library}_NUM_THREADS": str(threads) for library in ("OMP", "MKL", "OPENBLAS")}
