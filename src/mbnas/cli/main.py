"""The entry point: run a command, and print an error as one sentence.

Results go to standard output, progress to standard error. Exit status: 0 done, 1 failed,
2 misused, 130 after Ctrl-C, 143 after SIGTERM, 141 if the reader of a pipe ended.
"""

from __future__ import annotations

import argparse
import errno
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from mbnas.cli.arguments import parse
from mbnas.cli.streams import BROKEN_PIPE, silence, standard_streams
from mbnas.data.images.memory_limit import limited_to
from mbnas.errors import MbnasError
from mbnas.escaping import in_message
from mbnas.machine.files import refusal, refusal_to_print

_RESUMABLE = (
    "search",
    "compare",
    "reproduce",
    "demo",
    "download",
    "train",
    "predict",
    "nnunet",
)


class Terminated(KeyboardInterrupt):
    """SIGTERM, which batch systems send before they kill a job."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status.

    Args:
        arguments: Those after ``mbnas`` on the command line; ``None`` for those of the process.
    """
    try:
        with standard_streams():
            return _run(parse(sys.argv[1:] if arguments is None else arguments))
    except BrokenPipeError:
        for stream in (sys.stdout, sys.stderr):
            silence(stream)
        return BROKEN_PIPE
    except OSError as error:
        return _fail(str(refusal_to_print(error)), 1)


def _run(parsed: argparse.Namespace) -> int:
    previous = signal.signal(signal.SIGTERM, _terminate)
    try:
        with limited_to(getattr(parsed, "max_volume_gib", None)):
            status: int = parsed.command(parsed)
    except MbnasError as error:
        return _fail(str(error), error.exit_status)
    except Terminated:
        return _fail(f"Ended by SIGTERM.{_how_to_resume(parsed.command_name)}", 143)
    except KeyboardInterrupt:
        return _fail(f"Stopped.{_how_to_resume(parsed.command_name)}", 130)
    except BrokenPipeError:
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            where = error.filename
            refused = refusal(Path(where), error) if where else refusal_to_print(error)
            return _fail(str(refused), 1)
        where = f" {error.filename}" if error.filename else ""
        return _fail(f"The system refused{where}: {error.strerror or error}.", 1)
    else:
        return status
    finally:
        signal.signal(signal.SIGTERM, previous)


def _fail(message: str, status: int) -> int:
    print(f"mbnas: {in_message(message)}", file=sys.stderr)
    return status


def _how_to_resume(command: str) -> str:
    return " Run the same command again to resume." if command in _RESUMABLE else ""


def _terminate(signum: int, frame: FrameType | None) -> None:
    raise Terminated
