"""Numbers and times as text, for reports and messages."""

from __future__ import annotations

from datetime import datetime

NOTHING = "–"


def score_text(score: float | None, sd: float | None = None) -> str:
    """Return a score as text, with its standard deviation if given.

    >>> score_text(0.85661, 0.0123)
    '0.857 ± 0.012'
    >>> score_text(None)
    '–'
    """
    if score is None:
        return NOTHING
    return f"{score:.3f}" if sd is None else f"{score:.3f} ± {sd:.3f}"


def difference_text(difference: float) -> str:
    """Return a difference of scores as text, with its sign.

    >>> difference_text(-0.0061)
    '−0.006'
    """
    return f"{difference:+.3f}".replace("-", "−")


def count_text(count: int | None) -> str:
    """Return a large count as text, rounded to three digits.

    >>> [count_text(count) for count in (0, 940, 999_999, 7_763_041, 12_345_678_901)]
    ['0', '940', '1 M', '7.76 M', '12.3 G']
    """
    if count is None:
        return NOTHING
    if count < 1000:
        return str(count)
    for unit, size in (("k", 1e3), ("M", 1e6), ("G", 1e9), ("T", 1e12)):
        value = float(f"{count / size:.3g}")
        if value < 1000 or unit == "T":
            return f"{value:g} {unit}"
    raise AssertionError("unreachable: the last unit fits every count")


def duration_text(seconds: float | None) -> str:
    """Return a duration as text, in its two largest units.

    >>> [duration_text(seconds) for seconds in (4.2, 75.0, 7_260.0, 200_000.0)]
    ['4 s', '1 min 15 s', '2 h 1 min', '2 d 7 h']
    """
    if seconds is None:
        return NOTHING
    rest = round(seconds)
    parts = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        parts.append((count, unit))
    while len(parts) > 1 and parts[0][0] == 0:
        parts.pop(0)
    return " ".join(f"{count} {unit}" for count, unit in parts[:2] if count or len(parts) == 1)


def moment_text(moment: datetime) -> str:
    """Return a moment as text, to the minute, with its time zone.

    >>> from datetime import UTC
    >>> moment_text(datetime(2026, 3, 1, 14, 5, tzinfo=UTC))
    '1 March 2026, 14:05 UTC'
    """
    return f"{moment.day} {moment:%B %Y, %H:%M %Z}"


def counted(count: int, noun: str) -> str:
    """Return a count with its noun, which is plural unless the count is 1.

    >>> counted(1, "training"), counted(3, "training")
    ('1 training', '3 trainings')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
