"""The settings of a search, and the searcher that they describe."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Literal

import numpy as np

from mbnas.bounds import check_bounds
from mbnas.errors import ConfigurationError, GenotypeError
from mbnas.search.bayesian.choice import leader
from mbnas.search.bilevel import bilevel_search, highest_score
from mbnas.search.confirmation import fewest, num_kept
from mbnas.search.costs.front_search import along_front
from mbnas.search.costs.latency_limit import within_latency
from mbnas.search.limit import Budget
from mbnas.search.named_search import SEARCHES, check_searcher, named_search
from mbnas.search.reference_first import with_reference
from mbnas.search.searcher import Proposal, Search, Searcher, begin_search, checked_search, takes
from mbnas.space.cost_limits import COST_NAMES, CostLimits, CostName, CostOf
from mbnas.space.four_spaces import SpaceSettings
from mbnas.space.genotype import Genotype
from mbnas.space.limited_space import LimitedSpace
from mbnas.space.reference import reference_genotype


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSettings:
    """How a space is searched: the ``[search]`` section.

    Attributes:
        searcher: Name of the searcher: ``local``, ``random``, ``evolution`` or ``bayesian``, or
            one that an installed package offers under the entry-point group ``mbnas.searchers``.
        proposal_size: How many networks the searcher asks for at once, whatever the number of
            workers; ``None`` is the searcher's own number. Local search has no such choice.
        evaluations: Budget: as many trainings as this number of networks needs from all
            initialisations. It may change when a study is resumed.
        hours: How long the search may take in all its runs together, the confirmation included,
            in hours; ``None`` limits it by ``evaluations`` only. It may change when a study is
            resumed.
        start: The first network: ``random``, ``unet`` (the U-Net, or what the space has nearest
            to it) or the text of a genotype. Local search climbs from it; random search continues
            with random networks.
        reference: Whether the U-Net of the space is evaluated first, within the budget; with a
            confirmation it always is.
        confirmation: Fraction of the budget that is kept to confirm the best networks on fresh
            initialisations, in [0, 1); 0 confirms none.
        objective: What the search is for: ``dice``, or ``dice`` and costs that should be low with
            it (``parameters``, ``macs``, ``latency``), for which it searches a front. The bilevel
            space can be searched for ``dice`` only.
        max_parameters: The most parameters that a proposed network may have.
        max_macs: The most multiply-accumulates for one slice that it may have.
        max_latency_ms: The longest that it may take for one slice, in milliseconds, measured where
            the search runs, on its device. The reference is evaluated whatever it costs.
        confirm_also: Networks that are confirmed in any case, such as ``unet`` and ``resunet``.
        probability: What must be reached for a network to be chosen in place of the reference,
            above 0.5 and below 1.
        margin: By how much less Dice a cheaper network may have, where cost is an objective.
        topology_evaluations: How many evaluations search the topology before the kernels, only
            in the bilevel space. ``None`` is half of the evaluations; the number is kept when a
            resumed study gets more evaluations.
        racing: ``on`` drops a network before all of its trainings are done if it is unlikely
            to beat the incumbent; ``shadow`` drops none, and the report shows what racing would
            have saved and changed; ``off`` is the paper's protocol.
        racing_threshold: Probability to beat the incumbent below which a network is dropped.
    """

    searcher: str = "local"
    proposal_size: int | None = None
    evaluations: int = 150
    hours: float | None = None
    start: str = "random"
    reference: bool = False
    confirmation: float = 0.0
    objective: tuple[str, ...] = ("dice",)
    max_parameters: int | None = None
    max_macs: int | None = None
    max_latency_ms: float | None = None
    confirm_also: tuple[str, ...] = ()
    probability: float = 0.95
    margin: float = 0.005
    topology_evaluations: int | None = None
    racing: Literal["off", "on", "shadow"] = "off"
    racing_threshold: float = 0.1

    def __post_init__(self) -> None:
        check_searcher(self.searcher)
        check_bounds(
            "search",
            self,
            proposal_size=(1, 1000),
            evaluations=(1, 10**7),
            topology_evaluations=(1, 10**7),
            max_parameters=(1, 10**15),
            max_macs=(1, 10**18),
        )
        if {"dice", *self.costs} != set(self.objective) or len(self.objective) != 1 + len(
            self.costs
        ):
            raise ConfigurationError(
                f"search.objective (={','.join(self.objective)}) must be dice, alone or with some "
                f"of {', '.join(COST_NAMES)}, each once, such as dice,macs."
            )
        if self.max_latency_ms is not None and not self.max_latency_ms > 0:
            raise ConfigurationError(
                f"search.max_latency_ms (={self.max_latency_ms}) must be above 0."
            )
        if self.searcher in SEARCHES:  # others are imported only to search
            named_search(self.searcher, proposal_size=self.proposal_size)
        if self.hours is not None and not 0 < self.hours < math.inf:
            raise ConfigurationError(f"search.hours (={self.hours}) must be above 0, and finite.")
        if not 0 <= self.confirmation < 1:
            raise ConfigurationError(
                f"search.confirmation (={self.confirmation}) must be 0 or more and below 1: it is "
                "a fraction of the budget."
            )
        if not 0.5 < self.probability < 1:
            raise ConfigurationError(
                f"search.probability (={self.probability}) must be above 0.5 and below 1: a "
                "network is chosen only if it is probably better than the reference."
            )
        if not 0 <= self.margin < 1:
            raise ConfigurationError(
                f"search.margin (={self.margin}) must be 0 or more and below 1: it is a Dice."
            )
        if not 0 < self.racing_threshold < 0.5:
            raise ConfigurationError(
                f"search.racing_threshold (={self.racing_threshold}) must be above 0 and below "
                "0.5: a network may be dropped only if it probably does not beat the incumbent."
            )

    @property
    def dropped_below(self) -> float | None:
        """The probability below which a network is dropped; ``None`` if none is ever dropped."""
        return self.racing_threshold if self.racing == "on" else None

    @property
    def is_stepwise(self) -> bool:
        """Whether the searcher may say from how many initialisations networks are trained.

        Of the searchers of mbnas, the model-based ones do; one of another package may.
        """
        return self.searcher not in SEARCHES or takes(SEARCHES[self.searcher], "recorded")

    @property
    def costs(self) -> tuple[CostName, ...]:
        """The costs that should be low."""
        return tuple(each for each in COST_NAMES if each in self.objective)

    @property
    def limits(self) -> CostLimits:
        """The largest counts that a proposed network may have."""
        return CostLimits(max_parameters=self.max_parameters, max_macs=self.max_macs)

    @property
    def evaluates_reference(self) -> bool:
        """Whether the U-Net of the space is evaluated, whatever the searcher proposes."""
        return self.reference or self.confirmation > 0

    def num_confirming(self, per_network: int) -> int:
        """Return how many initialisations the confirmation may use, summed over networks.

        The search has enough for the reference and another network; 0 if nothing can be confirmed
        with the rest.

        Args:
            per_network: Initialisations of a network's score.
        """
        budget, num_protected = self.evaluations * per_network, 1 + len(self.confirm_also)
        searched = per_network + (1 if self.is_stepwise else per_network)
        kept = num_kept(budget, self.confirmation, num_protected=num_protected)
        kept = min(kept, budget - searched)
        return kept if kept >= fewest(1, num_protected) else 0

    def fewest_confirming(self, per_network: int) -> int:
        """Return the smallest ``evaluations`` of which a confirmation gets a part.

        Args:
            per_network: Initialisations of a network's score.
        """
        assert self.confirmation > 0
        budgets = (replace(self, evaluations=number) for number in count(1))
        return next(each.evaluations for each in budgets if each.num_confirming(per_network) > 0)

    def budget(self, per_network: int) -> Budget:
        """Return how much the search itself may train: one network at least.

        Args:
            per_network: Initialisations of a network's score.
        """
        left = self.evaluations * per_network - self.num_confirming(per_network)
        return Budget(initialisations=max(per_network, left), per_network=per_network)

    @property
    def num_topologies(self) -> int:
        """How many distinct networks the first phase of a bilevel search proposes."""
        searched = int((1 - self.confirmation) * self.evaluations)
        return self.topology_evaluations or max(1, searched // 2)

    def split_resolved(self, space: SpaceSettings) -> SearchSettings:
        """Return these settings with the split of a bilevel budget as a number, not ``None``."""
        if space.name != "bilevel":
            return self
        if self.hours is not None and self.topology_evaluations is None:
            raise ConfigurationError(
                "search.hours limits a search whose two phases in the bilevel space need numbers "
                "of networks: set search.topology_evaluations as well."
            )
        return replace(self, topology_evaluations=self.num_topologies)

    def start_in(self, space: SpaceSettings) -> Genotype | None:
        """Return the first network of a search, ``None`` if it is drawn.

        Raises:
            ConfigurationError: if the start is not a genotype, or the search cannot start there.
        """
        if self.start == "random":
            return None
        try:
            start = (
                reference_genotype(space.first)
                if self.start == "unet"
                else Genotype.parse(self.start)
            )
        except GenotypeError as error:
            raise ConfigurationError(
                f"search.start (={self.start}) must be random, unet or a genotype. {error}"
            ) from None
        try:
            space.first.check(start)
        except GenotypeError as error:
            first = "macro" if space.name == "bilevel" else space.name
            raise ConfigurationError(
                f"search.start (={self.start}) must be in the {first} space, in which a search "
                f"of space.name (={space.name}) starts. {error}"
            ) from None
        return start


def make_searcher(
    search: SearchSettings,
    space: SpaceSettings,
    rng: np.random.Generator,
    recorded: Sequence[Proposal] = (),
    *,
    per_network: int = 1,
    cost_of: CostOf | None = None,
    algorithm: Search | None = None,
) -> Searcher:
    """Return a new searcher for the settings.

    Args:
        search: The settings of the search.
        space: Where to search.
        rng: Source of randomness of the search.
        recorded: What the search proposed before it is resumed, in order. Only model-based
            searchers use it (:data:`~mbnas.search.searcher.Search`).
        per_network: Initialisations of a network whose proposal does not say how many. The first
            phase of a bilevel search has its budget in them.
        cost_of: Returns costs of genotypes; needed if the settings have costs.
        algorithm: Creates the searcher in place of the one that the settings name.

    Raises:
        ConfigurationError: if the search cannot start at ``search.start``, nothing is found
            within the limits, there is no such searcher, or it cannot be told
            ``search.proposal_size``.
        UsageError: if the search that creates the searcher is none.
        ValueError: if costs are limited and ``cost_of`` is ``None``.
    """
    given = algorithm
    named = given or named_search(search.searcher, proposal_size=search.proposal_size)
    algorithm = checked_search(named)
    searched, first = space.searched, space.first
    start, reference = search.start_in(space), reference_genotype(space.first)
    if cost_of is None:
        if search.limits.given or search.max_latency_ms is not None or search.costs:
            raise ValueError("A search that limits costs needs the costs of genotypes.")
    else:
        if search.costs and space.name == "bilevel":
            raise ConfigurationError(
                f"search.objective (={','.join(search.objective)}) cannot be searched in the "
                "bilevel space, whose first phase ends at one network: use dice, or another space."
            )
        if search.costs:
            algorithm = along_front(algorithm, search.costs, cost_of=cost_of, reference=reference)
        if search.max_latency_ms is not None:
            algorithm = within_latency(algorithm, search.max_latency_ms, cost_of)
        if search.limits.given:
            searched = LimitedSpace.within(searched, search.limits, cost_of)
            first = LimitedSpace.within(first, search.limits, cost_of)
            start = _start_within(first, start, may_move=search.start == "unet")
    is_elsewhere = start != reference or search.max_latency_ms is not None
    if search.evaluates_reference and is_elsewhere:
        plain = replace(search, reference=False, confirmation=0.0)
        plain = replace(plain, topology_evaluations=search.num_topologies)
        searcher = make_searcher(
            plain,
            space,
            rng,
            recorded[1:],
            per_network=per_network,
            cost_of=cost_of,
            algorithm=given,
        )
        return with_reference(searcher, reference)
    if space.name == "bilevel":
        return bilevel_search(
            searched,
            rng,
            start,
            num_topologies=search.num_topologies,
            search=algorithm,
            recorded=recorded,
            per_network=per_network,
            best_of=leader if search.searcher == "bayesian" else highest_score,
        )
    return begin_search(algorithm, searched, rng, start, recorded=recorded)


def _start_within(
    space: LimitedSpace, start: Genotype | None, *, may_move: bool
) -> Genotype | None:
    """Return where a search within limits starts, ``None`` if that is drawn.

    Args:
        space: Where its first networks come from.
        start: The start of the settings.
        may_move: Whether the nearest network within the limits may take its place.

    Raises:
        ConfigurationError: if the start exceeds the limits and may not move, or there is nothing
            within them.
    """
    if start is None:
        assert space.count  # raises an error if there is nothing within the limits
        return None
    if may_move:
        return space.nearest(start)
    try:
        space.check(start)
    except GenotypeError as error:
        raise ConfigurationError(f"search.start (={start}) is beyond a limit: {error}") from None
    return start
