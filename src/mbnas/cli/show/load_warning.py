"""A warning where latency is measured on a machine that is busy with something else."""

from __future__ import annotations

import os

from mbnas.cli.show.messages import warn


def warn_of_load() -> None:
    """Warn if the machine is so busy that a measured time would be too long."""
    if sentence := load_sentence(os.getloadavg()[0], os.cpu_count() or 1):
        warn(sentence)


def load_sentence(load: float, num_cores: int) -> str | None:
    """Return what to say of a machine's load, or ``None`` if every process has a core.

    Args:
        load: Processes that run or wait for a core, mean over the last minute.
        num_cores: Of the machine.

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
