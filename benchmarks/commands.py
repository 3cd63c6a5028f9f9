"""Whole commands, as a user types them: from the start of their process to its end."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

SCRIPTS = Path(sys.executable).parent
"""Where the commands are that belong to this Python: mbnas and nnU-Net's."""


def script(name: str) -> str:
    """Return a command's file.

    Raises:
        FileNotFoundError: if it is not installed beside this Python.
    """
    if not (SCRIPTS / name).is_file():
        raise FileNotFoundError(
            f"{SCRIPTS / name} is not there: this benchmark needs it. "
            "Install mbnas with what it is measured against: pip install 'mbnas[nnunet]'."
        )
    return str(SCRIPTS / name)


def run(command: Sequence[str], variables: Mapping[str, str] | None = None) -> str:
    """Run a command to its end and return what it printed.

    Args:
        command: Its file and arguments.
        variables: Of the environment, over those that are here.

    Raises:
        RuntimeError: if it fails; the message ends with its last words.
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
    """Return a command as what :func:`measuring.interleaved` runs."""
    return lambda: run(command, variables)


def threads_of(threads: int) -> dict[str, str]:
    """Return the variables by which a command's libraries are told how many threads to use."""
    return {f"{library}_NUM_THREADS": str(threads) for library in ("OMP", "MKL", "OPENBLAS")}
