"""How the benchmarks measure: arms in turn, round by round, and summaries of the rounds.

Machines are noisy, so arms are compared: every arm runs once a round, in one process, and the
result is the ratio of two arms within a round, as median and quartiles over the rounds.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

from mbnas.training.device.processor import is_fast_at_bfloat16

Name = TypeVar("Name", bound=Hashable)
Rounds = dict[Name, list[dict[str, float]]]
"""The rounds of each arm: ``wall_s`` and this process's ``cpu_s``."""


def interleaved(
    arms: Mapping[Name, Callable[[], object]],
    *,
    rounds: int,
    device: str = "cpu",
    warm: bool = False,
) -> Rounds[Name]:
    """Return the time of every arm in every round.

    Each arm first runs once, unmeasured, unless all are warm. Every other round is reversed,
    so that no arm always follows the same other one.

    Args:
        arms: What to run, by name.
        rounds: How often, 1 or more.
        device: A torch device; the call waits for queued work there.
        warm: Whether all arms ran before.
    """
    for arm in () if warm else arms.values():
        arm()
    measured: Rounds[Name] = {name: [] for name in arms}
    for number in range(rounds):
        for name in list(arms)[:: -1 if number % 2 else 1]:
            measured[name].append(timed(arms[name], device))
    return measured


def timed(arm: Callable[[], object], device: str = "cpu") -> dict[str, float]:
    """Return the wall time and this process's CPU time of one call, in seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    arm()
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)
    return {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}


def ratios(rounds: Rounds[str], of: str, over: str, clock: str = "wall_s") -> dict[str, float]:
    """Return one arm's time over another's within each round: median and quartiles."""
    pairs = zip(rounds[of], rounds[over], strict=True)
    return summary([first[clock] / second[clock] for first, second in pairs])


def summary(values: Sequence[float]) -> dict[str, float]:
    """Return median and quartiles."""
    low, median, high = (float(f"{each:.4g}") for each in np.percentile(values, (25, 50, 75)))
    return {"lower_quartile": low, "median": median, "upper_quartile": high}


def spread(of: Mapping[str, float], digits: int = 3) -> str:
    """Return median and quartiles as text.

    >>> spread({"lower_quartile": 0.9, "median": 0.95, "upper_quartile": 1.0}, 2)
    '0.95 (0.90–1.00)'
    """
    median, low, high = (of[each] for each in ("median", "lower_quartile", "upper_quartile"))
    return f"{median:.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"


def machine(device: str = "cpu", threads: int = 1) -> dict[str, object]:
    """Return the properties of the machine on which results depend."""
    described: dict[str, object] = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": _processor(),
        "instructions": instructions(),
        "cores": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "threads": threads,
        "device": device,
    }
    if torch.device(device).type == "cuda":
        described["gpu"] = torch.cuda.get_device_name(device)
    return described


def instructions() -> str:
    """Return the vector instructions that torch uses, and whether bfloat16 is among them."""
    capability = torch.backends.cpu.get_cpu_capability()
    has_bfloat16 = is_fast_at_bfloat16(torch.device("cpu"))
    return f"{capability} with{'' if has_bfloat16 else 'out'} bfloat16"


def described(machine_of: Mapping[str, object]) -> str:
    """Return a machine's description as a sentence."""
    parts = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in machine_of.items())
    return f"{parts[0].upper()}{parts[1:]}."


def write(measured: Mapping[str, Any], page: str, output: Path) -> None:
    """Write results as JSON and their page next to it, and print the page."""
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    output.with_suffix(".md").write_text(page, encoding="utf-8")
    print(page)


def _processor() -> str:
    """Return the processor's model as Linux names it, or what Python knows."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())
