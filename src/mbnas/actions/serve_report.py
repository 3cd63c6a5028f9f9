"""The page of a study, served on this machine and renewed while its search runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from mbnas.report.live.live_page import LivePage
from mbnas.report.live.page_server import PageServer, watch
from mbnas.report.page.study_page import render_page
from mbnas.results.read_search import read_search
from mbnas.study.directory import Study
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.lock import holder_of

_INTERVAL_S = 1.0


@contextmanager
def served_report(
    study: Study, *, port: int = 0, interval_s: float = _INTERVAL_S
) -> Iterator[PageServer]:
    """Serve a study's page while the context lasts; nothing is written to the study.

    Yields the server, whose ``serve_forever`` answers requests.

    Args:
        study: Its directory and configuration; another process may be writing it.
        port: On the loopback address; 0 for any free one.
        interval_s: Between two looks at the ledger.

    Raises:
        UsageError: if the port cannot be used.
        StudyError: if the ledger cannot be read.
    """
    with PageServer(LivePage(partial(_render, study)), port=port) as server:
        watching = partial(_watch, study, server.page, server.closing, interval_s=interval_s)
        thread = threading.Thread(target=watching, name="watches the ledger", daemon=True)
        thread.start()
        yield server
    thread.join()


def _render(study: Study, number: int) -> str:
    with Ledger.open(study.ledger, read_only=True) as ledger:
        return render_page(read_search(study, ledger), edition=number)


def _watch(study: Study, page: LivePage, stop: threading.Event, *, interval_s: float) -> None:
    with Ledger.open(study.ledger, read_only=True) as ledger:
        watch(page, _version(study, ledger), stop, interval_s=interval_s)


def _version(study: Study, ledger: Ledger) -> Callable[[], object]:
    """Return a function whose value changes with the ledger, and when its writer begins or ends."""
    return lambda: (ledger.data_version(), holder_of(study.path) is None)
