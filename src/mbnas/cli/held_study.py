"""A study that a command holds, with the progress of its preparation on standard error."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from mbnas.cli.show.messages import counting, say, warn
from mbnas.study.begin_or_resume import opened
from mbnas.study.directory import Study
from mbnas.study.open_study import OpenStudy
from mbnas.study.progress.search_status import SearchStatus, read_status


@contextmanager
def holding(study: Study) -> Iterator[OpenStudy]:
    """Hold a study, and prepare its slices if they are missing."""
    with ExitStack() as stack:
        with counting("Preparing volumes") as progress:
            held = stack.enter_context(
                opened(study, command=command_line(), progress=progress, warn=warn, tell=say)
            )
        yield held


def status_of(held: OpenStudy) -> SearchStatus:
    """Return the search status of an open study."""
    return read_status(held.ledger, held.configuration)


def command_line() -> str:
    """Return the command that the user typed."""
    return shlex.join(["mbnas", *sys.argv[1:]])
