"""A warning if latency is measured on a busy machine."""

from __future__ import annotations

import os


def load_warning() -> str | None:
    """Return a warning if the machine is so busy that measured times would be too long."""
    return load_sentence(os.getloadavg()[0], os.cpu_count() or 1)


def load_sentence(load: float, num_cores: int) -> str | None:
    """Return a warning of a machine's load, or ``None`` if every process has a core.

    Args:
        load: Mean number of processes that ran or waited for a core in the last minute.
        num_cores: Cores of the machine.

    >>> load_sentence(0.4, 2)
    >>> load_sentence(6.25, 2)
    'The machine is busy: its load is 6.2 on 2 cores. The latency may be too long; measure it \
again on an idle machine before it is reported.'
    """
    if load < num_cores:
        return None
    return (
        f"The machine is busy: its load is {load:.1f} on {num_cores} cores. The latency may be too "
        "long; measure it again on an idle machine before it is reported."
    )
