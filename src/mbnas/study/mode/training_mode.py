"""Training modes, as values without torch that the ledger keeps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from mbnas.study.ledger.facts import WAY_TO_TRAIN
from mbnas.training.protocol import Fusion, Precision, StepMode


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingMode:
    """How trainings are computed.

    Attributes:
        precision: Resolved.
        step: Resolved.
        fused: Resolved.
        workers: How many trainings, or groups of fused ones, run at a time.
    """

    precision: Precision
    step: StepMode
    fused: Fusion
    workers: int

    def __str__(self) -> str:
        together = {"folds": ", folds together", "all": ", all together"}.get(self.fused, "")
        workers = f"{self.workers} worker{'s' if self.workers > 1 else ''}"
        return f"{self.precision}, {self.step} steps{together}, {workers}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeChoice:
    """The training mode of a study and how it was chosen.

    Attributes:
        mode: The training mode.
        seconds: How long a network of the U-Net's cost takes in each mode that was measured, by
            the mode's text; ``None`` if it cannot be run.
        errors: Why modes cannot be run, by their text.
        device: Where they were measured.
        cores: How many this process had there.
    """

    mode: TrainingMode
    seconds: dict[str, float | None] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    device: str
    cores: int

    def to_json(self) -> dict[str, object]:
        """Return it as the ledger keeps it."""
        return {
            "way": asdict(self.mode),
            "seconds": self.seconds,
            "troubles": self.errors,
            "device": self.device,
            "cores": self.cores,
        }


def describe_choice(facts: Mapping[str, str]) -> str | None:
    """Return a sentence about a study's mode and its measurement, ``None`` without measurement.

    Args:
        facts: Of a study's ledger.
    """
    known = json.loads(facts[WAY_TO_TRAIN]) if WAY_TO_TRAIN in facts else {"seconds": {}}
    tried = {name: seconds for name, seconds in known["seconds"].items() if seconds is not None}
    if not tried:
        return None
    fastest, slowest = min(tried.values()), max(tried.values())
    return (
        f"{TrainingMode(**known['way'])}: chosen from {len(known['seconds'])} modes measured on "
        f"{known['device']}, the fastest {slowest / fastest:.1f} times as fast as the slowest"
    )


def measured_workers(facts: Mapping[str, str], *, device: str, cores: int) -> int | None:
    """Return the number of workers measured to be fastest here, ``None`` if not measured here.

    Args:
        facts: Of a study's ledger.
        device: Where trainings run here.
        cores: How many this process has.
    """
    if WAY_TO_TRAIN not in facts:
        return None
    known = json.loads(facts[WAY_TO_TRAIN])
    is_here = (known["device"], known["cores"]) == (device, cores)
    return int(known["way"]["workers"]) if is_here and known["seconds"] else None
