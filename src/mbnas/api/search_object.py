"""A search for those who train elsewhere: it is asked for networks and told their scores."""

from __future__ import annotations

import json
import math
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, SupportsFloat

from mbnas.api.asked_costs import AskedCosts, MeasureLatency
from mbnas.api.checked_arguments import checked
from mbnas.api.network_object import Network, network_of
from mbnas.bounds import check_bound
from mbnas.errors import UsageError
from mbnas.escaping import visible
from mbnas.network.interface import Interface
from mbnas.report.markup import element
from mbnas.report.tables.html_table import html_table
from mbnas.scoring.non_dominated import non_dominated
from mbnas.search.ask_tell import AskTell
from mbnas.search.limit import Budget
from mbnas.search.searcher import Proposal
from mbnas.search.searcher import Search as Algorithm
from mbnas.search.settings import SearchSettings, make_searcher
from mbnas.seeds import generator
from mbnas.space.four_spaces import SpaceSettings
from mbnas.space.genotype import Genotype
from mbnas.space.space_presets import space_layer
from mbnas.study.configuration_toml import settings_of, without_none

_UNLIMITED = 10**6
_MOST_SCORES = 1000
_FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A network whose scores a search waits for.

    >>> import mbnas
    >>> ask, *others = mbnas.Search("macro", searcher="random", num_nodes=4, num_levels=2).ask()
    >>> str(ask.network), ask.missing
    ('0vgg3-1vgg3-0vgg3-0vgg3@1', 1)

    Attributes:
        network: The network to train.
        why: What the searcher is doing, such as ``node 3 level``.
        total: How many scores the search wants of it, those told before included.
        missing: How many of them are missing, 1 or more: from so many initialisations it is to be
            trained now.
    """

    network: Network
    why: str
    total: int
    missing: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Recipe:
    """What a search is made from, as JSON keeps it."""

    space: str
    searcher: str | None
    networks: int | None
    initialisations: int
    start: str
    seed: int
    num_nodes: int
    num_levels: int
    blocks: tuple[str, ...] | None
    kernels: tuple[int, ...] | None
    proposal_size: int | None
    max_parameters: int | None
    max_macs: int | None
    size: int
    in_channels: int
    num_classes: int
    base_channels: int
    objective: tuple[str, ...] = ("dice",)
    max_latency_ms: float | None = None

    @property
    def settings(self) -> SearchSettings:
        """The settings of the search."""
        return SearchSettings(
            searcher=self.searcher or "local",
            proposal_size=self.proposal_size,
            evaluations=_UNLIMITED if self.networks is None else self.networks,
            start=self.start,
            objective=self.objective,
            max_parameters=self.max_parameters,
            max_macs=self.max_macs,
            max_latency_ms=self.max_latency_ms,
        )

    @property
    def space_settings(self) -> SpaceSettings:
        """The settings of its space."""
        asked = {
            "num_nodes": self.num_nodes,
            "num_levels": self.num_levels,
            "blocks": self.blocks,
            "kernels": self.kernels,
        }
        space = settings_of(
            SpaceSettings,
            space_layer(self.space)["space"] | without_none(asked),
            known_keys=[each.name for each in fields(SpaceSettings)],
            path="space.",
        )
        assert isinstance(space, SpaceSettings)
        return space

    @property
    def interface(self) -> Interface:
        """What the networks fit whose costs are counted."""
        return Interface(in_channels=self.in_channels, num_classes=self.num_classes, size=self.size)


class Search:
    """A search of which you train the networks: ask for them, and tell their scores.

    It knows neither data nor trainings. The same scores told in the same order to a new search
    with the same arguments lead to the same networks.

    >>> import mbnas
    >>> search = mbnas.Search("macro", searcher="local", networks=10, num_nodes=4, num_levels=3)
    >>> while asked := search.ask():
    ...     for each in asked:
    ...         module = each.network.build(in_channels=1, num_classes=2, base_channels=4)
    ...         weights = sum(weight.numel() for weight in module.parameters())
    ...         search.tell(each.network, -weights)  # in place of the Dice of a training
    >>> str(search.best)
    '0vgg3-0vgg3-0vgg3-0vgg3'

    Args:
        space: ``mixed``, ``macro``, ``micro``, ``bilevel`` or ``modern``.
        searcher: ``local``, ``random``, ``evolution``, ``bayesian``, the name of one that an
            installed package offers, or a function that makes one
            (:mod:`mbnas.extending`).
        networks: Budget, in networks with all of their scores; ``None`` ends with the searcher.
        initialisations: Scores of a network, unless the searcher says how many.
        start: The first network: ``unet``, ``random`` or a network's text.
        seed: Root of all randomness.
        num_nodes: Nodes of every network.
        num_levels: Resolutions that a node may have.
        blocks: Blocks that a node may have; those of the space by default.
        kernels: Kernel sizes that a block may have; those of the space by default.
        proposal_size: How many networks are asked for at once; the searcher's choice if ``None``.
        max_parameters: The most parameters that a network may have.
        max_macs: The most multiply-accumulates for one slice that it may have.
        objective: ``dice``, or ``dice`` and costs that should be low: ``parameters``, ``macs``,
            ``latency``. With costs, good networks are searched at every cost (:attr:`front`);
            ``dice`` is then whatever your scores are.
        max_latency_ms: The longest that a network may take for one slice, in milliseconds.
        latency_ms: Returns how long a network takes, where it is to be used. It is called once for
            each network whose latency is needed.
        size: Height and width of that slice in pixels.
        in_channels: Its channels.
        num_classes: Classes with the background.
        base_channels: Channels of the networks at the full resolution.

    Raises:
        ConfigurationError: if an argument breaks its rule.
    """

    @checked
    def __init__(
        self,
        space: str = "mixed",
        *,
        searcher: str | Algorithm = "bayesian",
        networks: int | None = None,
        initialisations: int = 1,
        start: str | Network = "unet",
        seed: int = 0,
        num_nodes: int = 10,
        num_levels: int = 5,
        blocks: Sequence[str] | None = None,
        kernels: Sequence[int] | None = None,
        proposal_size: int | None = None,
        max_parameters: int | None = None,
        max_macs: int | None = None,
        objective: str | Sequence[str] = "dice",
        max_latency_ms: float | None = None,
        latency_ms: MeasureLatency | None = None,
        size: int = 128,
        in_channels: int = 1,
        num_classes: int = 2,
        base_channels: int = 32,
    ) -> None:
        arguments = {
            "space": space,
            "searcher": searcher if isinstance(searcher, str) else None,
            "networks": networks,
            "initialisations": initialisations,
            "start": str(start),
            "seed": seed,
            "num_nodes": num_nodes,
            "num_levels": num_levels,
            "blocks": blocks,
            "kernels": kernels,
            "proposal_size": proposal_size,
            "max_parameters": max_parameters,
            "max_macs": max_macs,
            "objective": objective.split(",") if isinstance(objective, str) else objective,
            "max_latency_ms": max_latency_ms,
            "size": size,
            "in_channels": in_channels,
            "num_classes": num_classes,
            "base_channels": base_channels,
        }
        algorithm = None if isinstance(searcher, str) else searcher
        self._begin(_recipe(arguments), algorithm, latency_ms)

    def _begin(
        self,
        recipe: _Recipe,
        algorithm: Algorithm | None,
        measure: MeasureLatency | None,
        *,
        recorded: Sequence[Proposal] = (),
        latencies_ms: Mapping[str, float] | None = None,
    ) -> None:
        check_bound("initialisations", recipe.initialisations, 1, _MOST_SCORES)
        needs_latency = recipe.max_latency_ms is not None or "latency" in recipe.objective
        if needs_latency and measure is None:
            raise UsageError(
                "A latency that is limited or an objective has to be measured: give latency_ms, a "
                "function that returns the milliseconds of a network."
            )
        if measure is not None and not needs_latency:
            raise UsageError(
                "latency_ms has no effect without a latency that is limited or an objective: add "
                "max_latency_ms or objective='dice,latency', or leave it out."
            )
        from mbnas.network.build import check_blocks  # torch is slow to import

        check_blocks(recipe.space_settings.searched, recipe.base_channels)
        self._recipe = recipe
        self._costs = AskedCosts(
            recipe.interface,
            base_channels=recipe.base_channels,
            measure=measure,
            latencies_ms=latencies_ms or {},
        )
        searcher = _searcher(recipe, algorithm, self._costs, recorded)
        self._course = AskTell(searcher, per_network=recipe.initialisations)

    def ask(self) -> tuple[Ask, ...]:
        """Return the networks that the search waits for; none if it has ended.

        Asking changes nothing. They may be trained in any order, also at the same time.
        """
        return tuple(
            Ask(
                network=Network(str(each.genotype)),
                why=each.why,
                total=each.total,
                missing=each.missing,
            )
            for each in self._course.ask()
        )

    def tell(
        self,
        network: Network | Genotype | str,
        score: SupportsFloat | Iterable[SupportsFloat | None] | None,
    ) -> None:
        """Take scores of a network into account; the search goes on once it has all it waits for.

        If one of them is refused, none is taken into account.

        Args:
            network: One that was asked for.
            score: Larger is better, such as the Dice of validation patients; ``None`` if the
                training failed. Several scores are those of several initialisations.

        Raises:
            UsageError: if the network was never asked for, or a score is no number, nan or
                infinite.
        """
        self._course.tell(network_of(network).genotype, *_scores(score))

    @property
    def best(self) -> Network | None:
        """The network of the highest mean score; ``None`` before the first score.

        The highest of many noisy scores is too high: train it again, beside the U-Net.
        """
        best = self._course.best
        return None if best is None else Network(str(best))

    @property
    def front(self) -> tuple[Network, ...]:
        """The networks that no other beats in mean score and costs, by rising cost.

        The costs are those of the objective, or multiply-accumulates if it has none.
        """
        costs = self._recipe.settings.costs or ("macs",)
        scores = {
            each: mean
            for each in self._course.scored
            if (mean := self._course.mean(each)) > -math.inf
        }
        points = [[self._costs(each, name) for name in costs] for each in scores]
        networks = list(scores)
        front = non_dominated(points, list(scores.values()))
        return tuple(Network(str(networks[number])) for number in front)

    @property
    def scores(self) -> Mapping[Network, tuple[float, ...]]:
        """The scores of every network, in the order told; ``-inf`` of a failed training."""
        return {Network(str(each)): self._course.scores(each) for each in self._course.scored}

    def to_json(self) -> str:
        """Return the search as text, from which :meth:`from_json` continues it.

        >>> import mbnas
        >>> search = mbnas.Search("macro", searcher="random", num_nodes=4, num_levels=2)
        >>> search.tell(search.ask()[0].network, 0.8)
        >>> again = mbnas.Search.from_json(search.to_json())
        >>> again.ask() == search.ask()
        True
        """
        proposals = [
            {
                "genotypes": [str(genotype) for genotype in each.genotypes],
                "incumbent": None if each.incumbent is None else str(each.incumbent),
                "why": each.why,
                "initialisations": each.initialisations,
            }
            for each in self._course.proposals
        ]
        told = [
            [str(each.genotype), None if each.score == -math.inf else each.score]
            for each in self._course.told
        ]
        return json.dumps(
            {
                "format": _FORMAT,
                "arguments": asdict(self._recipe),
                "proposals": proposals,
                "told": told,
                "latencies_ms": self._costs.latencies_ms,
            },
            indent=1,
        )

    @classmethod
    @checked
    def from_json(
        cls,
        text: str,
        *,
        searcher: Algorithm | None = None,
        latency_ms: MeasureLatency | None = None,
    ) -> Search:
        """Return the search that :meth:`to_json` wrote, at the same place.

        Args:
            text: What it wrote.
            searcher: The function that made its searcher, if it was given one.
            latency_ms: The function that measures latency, if it was given one. What it returned
                before is in the text.

        Raises:
            UsageError: if the text is not such a search, or lacks a function.
        """
        try:
            found = json.loads(text)
            if found["format"] != _FORMAT:
                raise UsageError(  # noqa: TRY301  (the same sentence as for other texts)
                    f"its format is {found['format']}, and {_FORMAT} is read"
                )
            recipe = _recipe(found["arguments"])
            proposals = [_proposal(each) for each in found["proposals"]]
            told = [(str(network), _scores(score)) for network, score in found["told"]]
            latencies_ms = {
                str(network): float(latency)
                for network, latency in found.get("latencies_ms", {}).items()
            }
        except (
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            RecursionError,
            UsageError,
        ) as error:
            raise UsageError(
                f"This is not a search that Search.to_json wrote ({visible(str(error))}): give "
                "its text unchanged, or begin a new search."
            ) from error
        if (recipe.searcher is None) != (searcher is not None):
            raise UsageError(
                "This search was made by a function: give it as searcher."
                if searcher is None
                else f"This search was made by {recipe.searcher}: leave searcher out."
            )
        search = cls.__new__(cls)
        search._begin(recipe, searcher, latency_ms, recorded=proposals, latencies_ms=latencies_ms)
        for network, scores in told:
            search._course.tell(Genotype.parse(network), *scores)
        if search._course.proposals != proposals:
            raise UsageError(
                "This search does not propose what it did before: it was written by another "
                "version of mbnas or changed. Begin a new search, and tell it the scores."
            )
        return search

    def _repr_html_(self) -> str:
        """Return a table of the networks that have scores, the best first."""
        course = self._course
        known = course.scored
        rows = (
            element(
                "tr",
                element("td", str(each), class_="words"),
                element("td", f"{course.mean(each):.4f}"),
                element("td", len(course.scores(each))),
            )
            for each in sorted(known, key=course.mean, reverse=True)
        )
        waits = len(self.ask())
        state = f"waits for {waits} networks" if waits else "has ended"
        caption = f"Search of the space {self._recipe.space}: {len(known)} networks, {state}"
        return element("p", caption) + html_table(("network", "score", "scores"), rows, words=(0,))


def _searcher(
    recipe: _Recipe, algorithm: Algorithm | None, costs: AskedCosts, recorded: Sequence[Proposal]
) -> Generator[Proposal, Sequence[float], object]:
    """Return the searcher of a recipe at its beginning, with its budget."""
    settings = recipe.settings
    searcher = make_searcher(
        settings,
        recipe.space_settings,
        generator(recipe.seed, "search"),
        recorded,
        per_network=recipe.initialisations,
        cost_of=costs,
        algorithm=algorithm,
    )
    if recipe.networks is None:
        return searcher
    budget = settings.budget(recipe.initialisations)
    return Budget(initialisations=budget.initialisations, per_network=recipe.initialisations).limit(
        searcher
    )


def _recipe(arguments: object) -> _Recipe:
    """Return arguments of a search, each of its type.

    Raises:
        ConfigurationError: if one is of another type, missing or unknown.
    """
    names = [each.name for each in fields(_Recipe)]
    recipe = settings_of(_Recipe, arguments, known_keys=names)
    assert isinstance(recipe, _Recipe)
    return recipe


def _proposal(found: Mapping[str, Any]) -> Proposal:
    incumbent = found["incumbent"]
    return Proposal(
        genotypes=tuple(map(Genotype.parse, found["genotypes"])),
        incumbent=None if incumbent is None else Genotype.parse(incumbent),
        why=str(found["why"]),
        initialisations=found["initialisations"],
    )


def _scores(told: object) -> tuple[float, ...]:
    """Return the scores that are told at once, ``-inf`` for ``None``.

    Raises:
        UsageError: if one is no number.
    """
    several: Iterable[object] = (told,)
    if isinstance(told, Iterable) and not isinstance(told, str | bytes | Mapping):
        several = tuple(told) if getattr(told, "ndim", 1) else (told,)  # not an array of one number
    try:
        return tuple(map(_score, several))
    except (TypeError, ValueError, RuntimeError, OverflowError):
        raise UsageError(
            f"The score {visible(repr(told)):.60} cannot be used: tell a finite number, None if "
            "the training failed, or a list of these."
        ) from None


def _score(told: object) -> float:
    if told is None:
        return -math.inf
    if not isinstance(told, SupportsFloat):
        raise TypeError
    return float(told)
