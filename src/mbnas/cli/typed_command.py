"""The command that the user typed, which a study's lock shows to others."""

from __future__ import annotations

import shlex
import sys


def command_line() -> str:
    """Return the command that the user typed."""
    return shlex.join(["mbnas", *sys.argv[1:]])
