"""Live curves of a study: ``--log tensorboard``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from mbnas.report.live.event_file import check_installed
from mbnas.report.live.tensorboard import TensorBoardLog
from mbnas.study.configuration import Configuration
from mbnas.study.drive.evaluation_request import Watch
from mbnas.study.open_study import OpenStudy
from mbnas.study.progress.search_status import read_status


def check_log(configuration: Configuration) -> None:
    """Check that the log of a configuration can be written.

    Raises:
        UsageError: if its package is not installed.
    """
    if configuration.run.log == "tensorboard":
        check_installed()


@contextmanager
def logged(held: OpenStudy) -> Iterator[Watch | None]:
    """Keep the log that a study asks for, if any; yields what to call after each training."""
    study = held.study
    if study.configuration.run.log is None:
        yield None
        return
    with TensorBoardLog(
        study.log,
        held.ledger,
        class_names=json.loads(held.ledger.facts()["classes"]),
        read_status=lambda: read_status(held.ledger, study.configuration),
    ) as log:
        yield log.watch
