"""Which worker ran what and when, as a value.

Moments are by the clock of the machine where a training ran, and clocks disagree and jump. So
nothing here assumes an order of moments: they are kept as recorded. Long gaps in which nothing
ran, such as those between two runs of a search or between clocks set to different years, are
left out.
"""

from __future__ import annotations

import heapq
import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from mbnas.study.progress.time_account import is_ahead
from mbnas.study.progress.time_left import seconds_of
from mbnas.training.training_record import LostRunRecord, TrainingRecord
from mbnas.wording import score_text

Kind = Literal["scored", "collapsed", "ahead", "failed", "lost"]
KINDS: tuple[Kind, ...] = ("scored", "collapsed", "ahead", "failed", "lost")

_LONGEST_S = 1e8  # three years: a duration beyond is a mistake
_LAST_S = 2e11  # in the year 8307; datetime ends in 9999
_SHORT_GAP_S, _SHORT_GAP_SHARE = 30.0, 0.05
_SLACK_S = 2.0  # moments are in whole seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One run of a training.

    Attributes:
        start_s: When it began, in seconds since 1970.
        duration_s: How long it took, 0 or more.
        kind: Its outcome: a score, that of a collapsed training or of a network that no
            evaluation asked for, a failed training, or a lost run.
        what: Which training, and its outcome, as text.
    """

    start_s: float
    duration_s: float
    kind: Kind
    what: str

    @property
    def end_s(self) -> float:
        """When it ended."""
        return self.start_s + self.duration_s


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineRow:
    """What one worker and those that replaced it ran, in order."""

    name: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Which worker ran what and when.

    Attributes:
        rows: By name.
        stretches: Begin and end of the times in which something ran, in order; the gaps
            between them are not shown.
        num_undated: Runs whose start is not known.
        num_elsewhere: Trainings that other studies ran.
    """

    rows: tuple[TimelineRow, ...]
    stretches: tuple[tuple[float, float], ...]
    num_undated: int = 0
    num_elsewhere: int = 0

    @property
    def num_bars(self) -> int:
        """How many runs it shows."""
        return sum(len(row.bars) for row in self.rows)

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds that occur, in the order of :data:`KINDS`."""
        found = {bar.kind for row in self.rows for bar in row.bars}
        return tuple(kind for kind in KINDS if kind in found)


def timeline_of(
    trainings: Iterable[TrainingRecord],
    lost_runs: Iterable[LostRunRecord],
    *,
    numbers: Mapping[str, int],
) -> Timeline:
    """Return the timeline of a study.

    Args:
        trainings: All of the study's; epochs and volumes may be absent.
        lost_runs: All lost runs.
        numbers: Of the evaluations, by the network's digest.
    """
    trainings = tuple(trainings)
    own = [each for each in trainings if not each.borrowed]
    by_worker: dict[str, list[Bar]] = defaultdict(list)
    num_undated = 0
    runs: list[TrainingRecord | LostRunRecord] = [*own, *lost_runs]
    for record in runs:
        start_s = seconds_of(record.started_at)
        if start_s is None or not abs(start_s) < _LAST_S:
            num_undated += 1
        else:
            by_worker[record.worker].append(_bar(record, start_s, numbers))
    rows = _rows(by_worker)
    return Timeline(
        rows=rows,
        stretches=_stretches([bar for row in rows for bar in row.bars]),
        num_undated=num_undated,
        num_elsewhere=len(trainings) - len(own),
    )


def _bar(record: TrainingRecord | LostRunRecord, start_s: float, numbers: Mapping[str, int]) -> Bar:
    kind, outcome = _kind(record, numbers), _outcome(record)
    duration_s = record.wall_s if math.isfinite(record.wall_s) else 0.0
    return Bar(
        start_s=start_s,
        duration_s=min(max(duration_s, 0.0), _LONGEST_S),
        kind=kind,
        what=f"{_which(record, numbers)}: {outcome}",
    )


def _kind(record: TrainingRecord | LostRunRecord, asked: Collection[str]) -> Kind:
    if isinstance(record, LostRunRecord):
        return "lost"
    if record.error is not None:
        return "failed"
    if is_ahead(record, asked):
        return "ahead"
    return "collapsed" if record.collapsed else "scored"


def _which(record: TrainingRecord | LostRunRecord, numbers: Mapping[str, int]) -> str:
    key = record.key
    number = numbers.get(key.network)
    network = f"network {key.network[:8]}" if number is None else f"network {number}"
    fresh = "fresh " if key.is_fresh else ""
    return f"{network}, fold {key.fold}, {fresh}initialisation {key.initialisation}"


def _outcome(record: TrainingRecord | LostRunRecord) -> str:
    if isinstance(record, LostRunRecord):
        return record.kind
    if record.error is not None:
        return "failed"
    return f"search score {score_text(record.score)}" + (", collapsed" if record.collapsed else "")


def _rows(by_worker: Mapping[str, Sequence[Bar]]) -> tuple[TimelineRow, ...]:
    """Return rows by place; a worker that begins after another's end continues its row."""
    by_place: dict[str, list[list[Bar]]] = defaultdict(list)
    for worker, bars in by_worker.items():
        by_place[_place(worker)].append(sorted(bars, key=lambda bar: bar.start_s))
    rows = []
    for place in sorted(by_place):
        at_place = _joined(sorted(by_place[place], key=lambda bars: bars[0].start_s))
        for number, bars in enumerate(at_place, start=1):
            name = place if len(at_place) == 1 else f"{place}, {number}"
            rows.append(TimelineRow(name=name, bars=tuple(bars)))
    return tuple(rows)


def _joined(workers: Iterable[list[Bar]]) -> list[list[Bar]]:
    rows: list[list[Bar]] = []
    free: list[tuple[float, int]] = []  # when each row's last worker ended
    for bars in workers:
        end_s = max(bar.end_s for bar in bars)
        if free and free[0][0] <= bars[0].start_s + _SLACK_S:
            _, row = heapq.heappop(free)
            rows[row] += bars
        else:
            row = len(rows)
            rows.append(list(bars))
        heapq.heappush(free, (end_s, row))
    return rows


def _place(worker: str) -> str:
    """Return a worker's machine and device, without the number of its process.

    >>> _place("node7:4711 cuda:1"), _place("somewhere")
    ('node7 cuda:1', 'somewhere')
    """
    host, _, device = worker.partition(" ")
    name, colon, number = host.rpartition(":")
    return f"{name} {device}".strip() if colon and number.isdigit() else worker


def _stretches(bars: Sequence[Bar]) -> tuple[tuple[float, float], ...]:
    """Return the times in which anything ran; short gaps between them are included."""
    merged: list[list[float]] = []
    for bar in sorted(bars, key=lambda bar: bar.start_s):
        if merged and bar.start_s <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], bar.end_s)
        else:
            merged.append([bar.start_s, bar.end_s])
    worked_s = sum(end - begin for begin, end in merged)
    longest_gap_s = max(_SHORT_GAP_S, _SHORT_GAP_SHARE * worked_s)
    stretches: list[tuple[float, float]] = []
    for begin, end in merged:
        if stretches and begin - stretches[-1][1] <= longest_gap_s:
            stretches[-1] = (stretches[-1][0], end)
        else:
            stretches.append((begin, end))
    return tuple(stretches)
