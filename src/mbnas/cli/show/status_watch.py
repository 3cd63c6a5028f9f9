"""``mbnas status --watch``: the status of a search until it ends."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live

from mbnas.cli.show.printing import score_text
from mbnas.cli.terminal import Terminal, headed, table, words
from mbnas.errors import UsageError
from mbnas.escaping import visible
from mbnas.study.directory import Study
from mbnas.study.progress.watch import WatchedStatus, watch_status
from mbnas.wording import counted, duration_text


def watch(study: Study, *, interval_s: float, as_json: bool) -> int:
    """Show the status of a search until it ends or Ctrl-C is pressed.

    At a terminal, the status is redrawn in place; elsewhere each change is printed as a line.

    Args:
        study: Another process may be writing it.
        interval_s: Seconds between two looks.
        as_json: Whether to print each change as a line of JSON.

    Raises:
        UsageError: if the interval is not above zero.
    """
    if not 0 < interval_s < float("inf"):
        raise UsageError(f"--interval (={interval_s:g}) must be above 0 seconds.")
    watched = watch_status(study, clock=time.time, pause=lambda: time.sleep(interval_s))
    try:
        if as_json:
            _print_json(study.path, watched)
        elif _screen().is_terminal:
            _draw(study.path, watched)
        else:
            _print_lines(study.path, watched)
    except KeyboardInterrupt as interrupt:
        if type(interrupt) is not KeyboardInterrupt:  # SIGTERM, which the command line handles
            raise
        return 130
    return 0


def _print_json(path: Path, watched: Iterator[WatchedStatus]) -> None:
    for seen in watched:
        if seen.is_new:
            print(json.dumps(watched_as_json(path, seen)), flush=True)


def _print_lines(path: Path, watched: Iterator[WatchedStatus]) -> None:
    for seen in watched:
        if seen.is_new:
            line = f"{_moment(seen.at_s)} {path}: {'; '.join(_words(seen))}"
            print(visible(line), flush=True)


def _screen() -> Console:
    """Return the console on standard output, which crops lines as redrawing in place needs."""
    screen = Terminal()
    screen.soft_wrap = False
    return screen


def _draw(path: Path, watched: Iterator[WatchedStatus]) -> None:
    with Live(console=_screen(), auto_refresh=False) as live:
        for seen in watched:
            live.update(_picture(path, seen), refresh=True)


def _words(seen: WatchedStatus) -> Iterator[str]:
    """Yield phrases about a search, most important first."""
    status = seen.status
    done, asked = len(status.complete), len(status.evaluations)
    of = f" of {counted(status.budget, 'network')}" if status.spent is None else " networks"
    yield (
        f"{status.state}, {done}{of} evaluated"
        + (f", {asked - done} under way" if asked > done else "")
    )
    best = status.best
    if best is not None:
        yield f"best {score_text(best.score)} (network {best.record.number})"
    yield counted(seen.num_trainings, "training")
    if seen.num_failed:
        yield f"{seen.num_failed} failed"
    if seen.num_lost_runs:
        yield f"{counted(seen.num_lost_runs, 'run')} lost"
    if seen.time_left is not None:
        yield f"{seen.time_left.trainings_per_hour:.3g} trainings per hour"
        yield f"about {duration_text(seen.time_left.left_s)} left"


def _picture(path: Path, seen: WatchedStatus) -> RenderableType:
    status, time_left = seen.status, seen.time_left
    first, *others = _words(seen)
    parts: list[RenderableType] = [
        headed(path, f": {first}"),
        words("; ".join(others)),
    ]
    if status.best is not None:
        parts.append(words(str(status.best.genotype), style="dim"))
    if time_left is not None:
        parts.append(
            words(
                "Time left: for the rest of the budget, with as many trainings per network and at "
                f"the same rate as since {_moment(time_left.since_s)[11:16]} UTC"
                + ("." if status.spent is None else ", or until the time is over."),
                style="dim",
            )
        )
    if seen.num_failed or seen.num_lost_runs:
        parts.append(words(f"Why: mbnas trainings {path}", style="dim"))
    return Group(*parts, *([_last(seen)] if seen.last else []))


def _last(seen: WatchedStatus) -> RenderableType:
    numbers = {each.record.network: each.record.number for each in seen.status.evaluations}
    rows = table(
        "network", "fold", "initialisation", "search score", "took", "worker", words_in=(0, 5)
    )
    for each in seen.last:
        rows.add_row(
            str(numbers.get(each.key.network, "–")),
            str(each.key.fold),
            str(each.key.initialisation),
            "failed" if each.error else score_text(each.score),
            duration_text(each.wall_s),
            words(each.worker),
        )
    return rows


def _moment(at_s: float) -> str:
    return f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%dT%H:%M:%SZ}"


def watched_as_json(path: Path, seen: WatchedStatus) -> dict[str, Any]:
    """Return a glance with stable keys."""
    status, time_left, best = seen.status, seen.time_left, seen.status.best
    numbers = {each.record.network: each.record.number for each in status.evaluations}
    return {
        "at": _moment(seen.at_s),
        "study": str(path),
        "state": status.state,
        "budget": status.budget,
        "evaluated": len(status.complete),
        "under_way": len(status.evaluations) - len(status.complete),
        "trainings": seen.num_trainings,
        "trainings_failed": seen.num_failed,
        "runs_failed": seen.num_lost_runs,
        "trainings_per_hour": None if time_left is None else time_left.trainings_per_hour,
        "left_s": None if time_left is None else time_left.left_s,
        "best": None
        if best is None
        else {
            "number": best.record.number,
            "genotype": str(best.genotype),
            "score": best.score,
        },
        "last": [
            {
                "evaluation": numbers.get(each.key.network),
                "digest": each.key.network,
                "fold": each.key.fold,
                "initialisation": each.key.initialisation,
                "score": each.score,
                "error": each.error,
                "wall_s": each.wall_s,
                "worker": each.worker,
            }
            for each in seen.last
        ],
    }
