"""What a search needs to know of a training that ended."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a search needs to know of a training that ended.

    Attributes:
        score: ``None`` if it failed.
        wall_s: Duration in seconds.
    """

    score: float | None
    wall_s: float
