"""``mbnas report``."""

from __future__ import annotations

import argparse

from mbnas.actions.report_study import report_study
from mbnas.actions.serve_report import served_report
from mbnas.cli.show.messages import say
from mbnas.cli.show.printing import print_path
from mbnas.errors import UsageError
from mbnas.study.directory import Study


def report(arguments: argparse.Namespace) -> int:
    """Write a study's report and print its path, or serve it; a search may be running."""
    study = Study.open(arguments.study)
    if arguments.live:
        return _serve(study, port=arguments.port or 0)
    if arguments.port is not None:
        raise UsageError("--port is for a page that is served: add --live, or leave it out.")
    path = report_study(study)
    say("Open it in a browser; it needs no network.")
    print_path(path)
    return 0


def _serve(study: Study, *, port: int) -> int:
    """Serve the page until Ctrl-C is pressed."""
    with served_report(study, port=port) as server:
        say("Open this address on this machine; Ctrl-C ends it, and does not stop the search.")
        print(server.address, flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt as interrupt:
            if type(interrupt) is not KeyboardInterrupt:  # SIGTERM, which the command line handles
                raise
    return 130
