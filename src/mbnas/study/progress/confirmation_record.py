"""What a ledger holds about the confirmation at the end of a search, as a value."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import Any

from mbnas.study.ledger.facts import CONFIRMATION, Facts


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRound:
    """A round of confirmation.

    Attributes:
        networks: Digests of the networks trained.
        initialisations: From how many fresh initialisations, in total.
    """

    networks: tuple[str, ...]
    initialisations: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmationRecord:
    """A confirmation, finished or not.

    Attributes:
        num_proposals: Those of the search before it; with more, the search went on.
        budget: Initialisations that all networks may have together.
        reference: Digest of the reference.
        others: Digests of further networks that stay until the end.
        front: Digests of networks that are cheaper than the reference, where cost is an objective;
            they stay until the end.
        leaders: Digests of the leaders, the most promising first; not all may take part.
        rounds: Those begun, in order.
        is_finished: Whether all rounds have ended.
    """

    num_proposals: int
    budget: int
    reference: str
    others: tuple[str, ...]
    front: tuple[str, ...]
    leaders: tuple[str, ...]
    rounds: tuple[RecordedRound, ...] = ()
    is_finished: bool = False

    @property
    def candidates(self) -> tuple[str, ...]:
        """Digests of the leaders and networks of the front that took part."""
        trained = self.rounds[0].networks if self.rounds else ()
        return tuple(each for each in (*self.leaders, *self.front) if each in trained)

    @property
    def protected(self) -> tuple[str, ...]:
        """Digests of the networks that stay until the end."""
        return (self.reference, *self.others, *self.front)

    def initialisations_of(self, network: str) -> int:
        """Return from how many initialisations a network was trained or is being trained."""
        asked = (each.initialisations for each in self.rounds if network in each.networks)
        return max(asked, default=0)

    def begin_round(self, networks: tuple[str, ...], initialisations: int) -> ConfirmationRecord:
        """Return the record with one more round."""
        added = RecordedRound(networks=networks, initialisations=initialisations)
        return replace(self, rounds=(*self.rounds, added))

    def to_json(self) -> str:
        """Return the text of the fact."""
        return json.dumps(asdict(self))


def confirmation_in(facts: Facts) -> ConfirmationRecord | None:
    """Return the confirmation of a study, ``None`` if none has begun."""
    if CONFIRMATION not in facts:
        return None
    held: dict[str, Any] = json.loads(facts[CONFIRMATION])
    rounds = tuple(
        RecordedRound(networks=tuple(each["networks"]), initialisations=each["initialisations"])
        for each in held.pop("rounds")
    )
    lists = (tuple(held.pop(key)) for key in ("others", "front", "leaders"))
    others, front, leaders = lists
    return ConfirmationRecord(**held, others=others, front=front, leaders=leaders, rounds=rounds)
