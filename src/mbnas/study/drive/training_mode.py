"""A way to train, and how a study came to it; a value without torch, which the ledger keeps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from mbnas.study.ledger.facts import WAY_TO_TRAIN
from mbnas.training.protocol import Fusion, Precision, StepMode


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingMode:
    """A way to train.

    Attributes:
        precision: Resolved.
        step: Resolved.
        fused: Resolved.
        workers: How many trainings, or groups that advance together, run at a time.
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
    """What was chosen, and why.

    Attributes:
        way: The way to train.
        seconds: How long a network of the U-Net's cost takes in each way that was tried, by
            what it was called; ``None`` where it could not be run.
        troubles: Why those could not, by the same names.
        device: Where it was measured.
        cores: How many this process had there.
    """

    way: TrainingMode
    seconds: dict[str, float | None] = field(default_factory=dict)
    troubles: dict[str, str] = field(default_factory=dict)
    device: str
    cores: int

    def to_json(self) -> dict[str, object]:
        """Return it as the ledger keeps it."""
        return asdict(self)


def told(facts: Mapping[str, str]) -> str | None:
    """Return in a sentence what was measured, ``None`` if nothing was.

    Args:
        facts: Of a study's ledger.
    """
    known = json.loads(facts[WAY_TO_TRAIN]) if WAY_TO_TRAIN in facts else {"seconds": {}}
    tried = {name: seconds for name, seconds in known["seconds"].items() if seconds is not None}
    if not tried:
        return None
    fastest, slowest = min(tried.values()), max(tried.values())
    return (
        f"{TrainingMode(**known['way'])}: chosen from {len(known['seconds'])} ways measured on "
        f"{known['device']}, the fastest {slowest / fastest:.1f} times as fast as the slowest"
    )


def workers_of(facts: Mapping[str, str], *, device: str, cores: int) -> int | None:
    """Return how many workers were measured to be fastest here, ``None`` if that is not known.

    Args:
        facts: Of a study's ledger.
        device: Where trainings run here.
        cores: How many this process has.
    """
    if WAY_TO_TRAIN not in facts:
        return None
    known = json.loads(facts[WAY_TO_TRAIN])
    here = (known["device"], known["cores"]) == (device, cores)
    return int(known["way"]["workers"]) if here and known["seconds"] else None
