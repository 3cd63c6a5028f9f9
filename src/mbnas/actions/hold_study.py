"""A study that this process holds, with what its preparation says told as events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from mbnas.actions.events import Message, Watch, counted_by, warning
from mbnas.network.architecture import Architecture
from mbnas.study.begin_or_resume import opened
from mbnas.study.directory import Study
from mbnas.study.open_study import OpenStudy


@contextmanager
def holding(
    study: Study, *, command: str, watch: Watch, networks: Iterable[Architecture] = ()
) -> Iterator[OpenStudy]:
    """Hold a study, and prepare its slices if they are missing.

    Args:
        study: To begin or resume.
        command: What the user started, shown to users who find the study in use.
        watch: Told of the preparation, and what a user should know of the data.
        networks: As for :func:`~mbnas.study.begin_or_resume.opened`.

    Raises:
        MbnasError: as :func:`~mbnas.study.begin_or_resume.opened` does.
    """
    with opened(
        study,
        command=command,
        networks=networks,
        progress=counted_by(watch, "preparing"),
        warn=warning(watch),
        tell=lambda text: watch(Message(text=text)),
    ) as held:
        yield held
