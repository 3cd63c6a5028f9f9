"""Which lost runs are rerun: a run whose worker died, or one that ran out of memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mbnas.errors import LostRun, OutOfMemory
from mbnas.training.training_record import LostRunKind


@dataclass(frozen=True, slots=True, kw_only=True)
class RerunPolicy:
    """When a training is rerun, and how.

    A training is rerun some times after its worker died. After it ran out of memory it is rerun
    once, as the only training on its device. Then it has failed.

    Attributes:
        retries: How often a training whose worker died is rerun, 0 or more.
    """

    retries: int = 2

    def reruns(self, lost: Sequence[LostRunKind]) -> bool:
        """Whether a training is rerun after its last lost run.

        Args:
            lost: The kinds of its lost runs, 1 or more, in order.
        """
        limit = self.retries if lost[-1] == "worker died" else 1
        return lost.count(lost[-1]) <= limit

    def alone(self, lost: Sequence[LostRunKind]) -> bool:
        """Whether the next run of a training has its device to itself.

        Args:
            lost: The kinds of its lost runs, in order.
        """
        return "out of memory" in lost


def kind_of(error: LostRun) -> LostRunKind:
    """Return how a run was lost."""
    return "out of memory" if isinstance(error, OutOfMemory) else "worker died"
