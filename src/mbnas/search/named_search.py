"""Searches by name: those of mbnas, and those of other packages.

Other packages offer theirs through the entry-point group ``mbnas.searchers``, which maps names to
searches (:data:`~mbnas.search.searcher.Search`).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType

from mbnas.errors import ConfigurationError
from mbnas.machine.entry_points import load_offered
from mbnas.search.bayesian.bayesian_search import bayesian_search
from mbnas.search.evolution import evolution_search
from mbnas.search.local import local_search
from mbnas.search.random_search import random_search
from mbnas.search.searcher import Search, takes

SEARCHES: Mapping[str, Search] = MappingProxyType(
    {
        "local": local_search,
        "random": random_search,
        "evolution": evolution_search,
        "bayesian": bayesian_search,
    }
)
"""The searches of mbnas."""


def check_searcher(name: str) -> None:
    """Check that a searcher exists, without importing the package that offers it.

    Raises:
        ConfigurationError: if neither mbnas nor an installed package offers the name.
    """
    if name not in SEARCHES and name not in (offered := _offered()):
        known = ", ".join([*SEARCHES, *sorted(offered)])
        raise ConfigurationError(
            f"search.searcher (={name!r}) must be one of {known}, or a name that an installed "
            "package offers under the entry-point group mbnas.searchers."
        )


def named_search(name: str, *, proposal_size: int | None = None) -> Search:
    """Return the search behind a name.

    Args:
        name: One of :data:`SEARCHES`, or an entry point's.
        proposal_size: Genotypes of a proposal; ``None`` leaves the choice to the searcher.

    Raises:
        ConfigurationError: if neither mbnas nor an installed package offers the name, its package
            cannot be imported, or the searcher cannot be told the size of its proposals.
    """
    check_searcher(name)
    search: Search = SEARCHES[name] if name in SEARCHES else load_offered(_offered()[name])
    if proposal_size is None:
        return search
    if not takes(search, "proposal_size"):
        raise ConfigurationError(
            f"search.proposal_size (={proposal_size}) has no effect on the searcher {name}, which "
            "chooses the size of each proposal itself. Leave it out, or use another searcher."
        )
    return partial(search, proposal_size=proposal_size)


def _offered() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group="mbnas.searchers")}
