"""The leaders of a search: its networks in order of what is known of them."""

from __future__ import annotations

from mbnas.study.progress.search_status import SearchStatus


def leaders_of(status: SearchStatus) -> tuple[str, ...]:
    """Return the digests of the networks with a score, the most promising first.

    Of equals, the one evaluated first comes first.
    """
    scored = [each for each in status.evaluations if each.score is not None]
    ordered = sorted(scored, key=lambda each: -(each.score or 0.0))
    return tuple(each.record.network for each in ordered)
