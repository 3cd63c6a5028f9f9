"""The host memory that is available without swapping.

It is the kernel's estimate, limited to what is left in the control groups of this process, which
containers and batch systems use.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_MEMINFO = Path("/proc/meminfo")
_GROUPS = Path("/proc/self/cgroup")
_CGROUP = Path("/sys/fs/cgroup")


def available_bytes() -> int:
    """Return the available memory in bytes, 0 or more."""
    return max(0, min([_of_machine(), *_of_groups()]))


def _of_machine() -> int:
    try:
        lines = _MEMINFO.read_text().splitlines()
    except OSError:  # not Linux: the total
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    kibibytes = next(line.split()[1] for line in lines if line.startswith("MemAvailable:"))
    return 1024 * int(kibibytes)


def _of_groups() -> Iterator[int]:
    """Yield the bytes left in the control group of this process and in each of its parents."""
    for folder, limit, usage, cache in _memory_groups():
        try:
            limit_text = (folder / limit).read_text().strip()
            used = int((folder / usage).read_text())
            statistics = (folder / "memory.stat").read_text()
        except (OSError, ValueError):
            continue
        if limit_text.isdecimal():  # otherwise "max": no limit
            facts = dict(line.split(maxsplit=1) for line in statistics.splitlines())
            yield int(limit_text) - used + int(facts.get(cache, 0))


def _memory_groups() -> Iterator[tuple[Path, str, str, str]]:
    """Yield the folders of control groups, with the names of limit, usage and page cache."""
    try:
        lines = _GROUPS.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            root = _CGROUP
            names = ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            root = _CGROUP / "memory"
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        inner = root / path.lstrip("/")
        yield from ((folder, *names) for folder in (inner, *inner.parents) if _within(folder, root))


def _within(folder: Path, root: Path) -> bool:
    return folder == root or root in folder.parents
