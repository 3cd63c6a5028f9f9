"""A network chosen from the front of a study, within limits on its costs."""

from __future__ import annotations

from collections.abc import Sequence

from mbnas.results.fronts.network_choice import NetworkChoice, choose_network
from mbnas.results.fronts.search_front import SearchFront, search_front
from mbnas.results.standing.read_standing import Standing
from mbnas.space.cost_limits import CostName


def choose_in(
    standing: Standing, limits: Sequence[tuple[CostName, float]]
) -> tuple[NetworkChoice, SearchFront]:
    """Return the network of the highest score within limits, and the front that it is from.

    Args:
        standing: Where the study stands.
        limits: The highest cost of each kind.

    Raises:
        StudyError: if no network with a score is within the limits.
    """
    snapshot = standing.snapshot
    costs = [name for name, _ in limits]
    front = search_front(standing.study.configuration, snapshot, standing.status, costs)
    protocol = snapshot.facts["protocol"]
    fresh = [each for each in snapshot.fresh if each.key.protocol == protocol]
    return choose_network(front, limits, fresh=fresh), front
