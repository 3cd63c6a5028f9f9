"""Costs of networks, and shares of them, in words."""

from __future__ import annotations

from mbnas.space.cost_limits import CostName

_WORDS = {1 / 2: "half", 1 / 3: "a third", 1 / 4: "a quarter", 1 / 5: "a fifth", 1 / 10: "a tenth"}
_NEARLY = 0.05  # relative difference that a word for a share may have
COST_NOUNS: dict[CostName, str] = {
    "parameters": "parameters",
    "macs": "multiply-accumulates",
    "latency": "latency",
}


def share_text(share: float) -> str:
    """Return a share as text.

    >>> [share_text(each) for each in (0.0987, 0.26, 0.117, 1.4)]
    ['a tenth', 'a quarter', '12 %', '140 %']
    """
    for exact, word in _WORDS.items():
        if abs(share / exact - 1) <= _NEARLY:
            return word
    return f"{100 * share:.3g} %" if share < 0.01 else f"{100 * share:.0f} %"
