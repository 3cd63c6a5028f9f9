"""Where a study stands: its search at one moment, and the network that it stands for."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mbnas.prediction.model.find_model import has_model
from mbnas.results.choice.chosen_network import ChosenNetwork
from mbnas.results.choice.network_decision import chosen_network
from mbnas.results.choice.next_steps import NextStep, next_steps
from mbnas.study.directory import Study
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.ledger.snapshot import Snapshot
from mbnas.study.lock import holder_of
from mbnas.study.progress.contenders import contenders_in
from mbnas.study.progress.knowledge.known_networks import SearchKnowledge, search_knowledge
from mbnas.study.progress.search_status import SearchStatus, search_status


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A study's search at one moment.

    Attributes:
        study: Its directory and configuration.
        snapshot: Of its ledger, with its fresh trainings.
        status: Of its search. A search whose process was killed is ``stopped``.
        chosen: The network that the study stands for; ``None`` without a score.
    """

    study: Study
    snapshot: Snapshot
    status: SearchStatus
    chosen: ChosenNetwork | None

    @property
    def known(self) -> SearchKnowledge:
        """How sure the scores of the networks are, computed at each use."""
        return search_knowledge(self.snapshot, self.status, self.study.configuration)

    @property
    def next_steps(self) -> tuple[NextStep, ...]:
        """What can be done next, most important first."""
        return next_steps(
            self.study.path,
            self.study.configuration.dataset,
            self.status.state,
            is_compared=bool(contenders_in(self.snapshot, None)),
            is_trained=has_model(self.study.path),
        )


def read_standing(study: Study) -> Standing:
    """Return where a study stands; another process may be writing it.

    Raises:
        StudyError: if its ledger cannot be read.
    """
    with Ledger.open(study.ledger, read_only=True) as ledger:
        return standing_of(study, ledger.read(fresh=True))


def standing_of(study: Study, snapshot: Snapshot) -> Standing:
    """Return where a study stands by a snapshot of its ledger, with its fresh trainings."""
    status = search_status(snapshot, study.configuration)
    chosen = chosen_network(snapshot, status, study.configuration)
    return Standing(
        study=study, snapshot=snapshot, status=unless_killed(study, status), chosen=chosen
    )


def unless_killed(study: Study, status: SearchStatus) -> SearchStatus:
    """Return a status; that of a search whose process was killed is ``stopped``."""
    is_killed = status.state == "running" and was_killed(study)
    return replace(status, state="stopped") if is_killed else status


def was_killed(study: Study) -> bool:
    """Return whether no process holds a study whose search should be running."""
    return holder_of(study.path) is None
