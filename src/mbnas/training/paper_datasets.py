"""What the paper sets for each of its datasets, and how these are recognised.

Source: Bosma et al. 2022 (arXiv 2202.11401), section 3.1.
"""

from __future__ import annotations

import re

PAPER_DATASETS: dict[str, dict[str, dict[str, object]]] = {
    "prostate": {"training": {"epochs": 100}},
    "spleen": {"training": {"epochs": 50}},
}
"""What the paper's protocol has for a dataset, by section and key, over the preset ``paper``."""

_DECLARED = re.compile(r"(?:(?:task|dataset)\d+_)?(?P<name>[a-z]+)")


def recognised_dataset(declared: str) -> str | None:
    """Return which of the paper's datasets one is by the name it declares, or ``None``.

    >>> recognised_dataset("PROSTATE"), recognised_dataset("Task09_Spleen")
    ('prostate', 'spleen')
    >>> recognised_dataset("spleen phantom") is None
    True
    """
    found = _DECLARED.fullmatch(declared.strip().lower())
    name = found["name"] if found else None
    return name if name in PAPER_DATASETS else None
