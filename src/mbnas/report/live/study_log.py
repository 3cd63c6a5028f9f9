"""The live log that a study asks for: ``--log tensorboard``, ``wandb`` or ``mlflow``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from mbnas.report.live.background_log import BackgroundLog, Tell
from mbnas.report.live.mlflow_sink import MlflowSink
from mbnas.report.live.run_sink import LoggedStudy, RunSink, needed_module
from mbnas.report.live.run_writer import RunWriter
from mbnas.report.live.tensorboard_sink import TensorBoardSink
from mbnas.report.live.wandb_sink import WandbSink
from mbnas.study.configuration import Configuration
from mbnas.study.directory import Study
from mbnas.study.drive.evaluation_request import Watch
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.open_study import OpenStudy
from mbnas.study.progress.search_status import read_status

_SERVICES: dict[str, tuple[str, Callable[[Study, LoggedStudy, Tell], RunSink]]] = {
    "wandb": ("Weights & Biases", lambda study, named, tell: WandbSink(study.log, named, tell)),
    "mlflow": ("MLflow", lambda study, named, tell: MlflowSink(study.log, named)),
}


def check_log(configuration: Configuration) -> None:
    """Check that the log of a configuration can be written, before anything is trained.

    Raises:
        UsageError: if its package is not installed.
    """
    log = configuration.run.log
    if log is not None:
        needed_module(log, log=log)


@contextmanager
def logged(held: OpenStudy, *, warn: Tell) -> Iterator[Watch | None]:
    """Keep the log that a study asks for, if any; yields what to call after each training.

    Args:
        held: The study.
        warn: Told what the user should know, such as that a service does not answer.

    Raises:
        WriteError: if files for TensorBoard cannot be written.
    """
    study = held.study
    log = study.configuration.run.log
    if log is None:
        yield None
    elif log == "tensorboard":
        with closing(TensorBoardSink(study.log)) as sink:
            writer = _writer(study, held.ledger, sink)
            writer.write_all()
            yield writer.watch
            writer.write_evaluations()
    else:
        title, make_sink = _SERVICES[log]

        @contextmanager
        def opened(tell: Tell) -> Iterator[RunWriter]:
            """In the thread that writes: SQLite wants a connection for each."""
            with (
                Ledger.open(study.ledger, read_only=True) as ledger,
                closing(make_sink(study, logged_study(study, ledger), tell)) as sink,
            ):
                yield _writer(study, ledger, sink)

        with BackgroundLog(title, opened, warn=warn) as background:
            yield background.watch


def logged_study(study: Study, ledger: Ledger) -> LoggedStudy:
    """Return how a study is named where its runs are shown.

    A part of an experiment is named with the experiment. The key is that of the protocol, which
    has the data and the seed, and of what is searched how; a search that is resumed keeps it.
    """
    path = study.path.resolve()
    name = f"{path.parent.name}-{path.name}" if study.slices.is_symlink() else path.name
    configuration = study.configuration
    searched = (
        name, ledger.facts()["protocol"], configuration.search.searcher, repr(configuration.space)
    )  # fmt: skip
    return LoggedStudy(name=name, key=hashlib.sha256("\n".join(searched).encode()).hexdigest()[:12])


def _writer(study: Study, ledger: Ledger, sink: RunSink) -> RunWriter:
    return RunWriter(
        sink,
        ledger,
        class_names=json.loads(ledger.facts()["classes"]),
        read_status=lambda: read_status(ledger, study.configuration),
    )
