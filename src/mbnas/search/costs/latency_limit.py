"""A limit on latency, which has to be measured for each network.

A space cannot be limited by it: a searcher looks at hundreds of networks for each that it proposes.
So only what it proposes is measured, and what takes too long is not trained.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import wraps
from typing import Any

from mbnas.errors import ConfigurationError
from mbnas.search.searcher import Search, Searcher
from mbnas.space.cost_limits import CostOf

MOST_REFUSED = 500
"""After so many networks in a row that take too long, a limit counts as out of reach."""


def within_latency(search: Search, max_latency_ms: float, cost_of: CostOf) -> Search:
    """Return a search that proposes only networks within a latency.

    The searcher is told that the others could not be scored. A model-based one that is resumed is
    given back only what was trained, so it may go on otherwise than without the interruption.

    Args:
        search: Creates the searcher, and keeps its arguments.
        max_latency_ms: The longest time for one slice.
        cost_of: Returns the latency of a genotype.

    Raises:
        ConfigurationError: in the course of the search, if :data:`MOST_REFUSED` networks in a row
            take too long.
    """

    @wraps(search)
    def limited_search(*arguments: Any, **options: Any) -> Searcher:
        return _without_slow(search(*arguments, **options), max_latency_ms, cost_of)

    return limited_search


def _without_slow(searcher: Searcher, max_latency_ms: float, cost_of: CostOf) -> Searcher:
    num_refused = 0
    fastest_ms = math.inf
    try:
        proposal = next(searcher)
        while True:
            latency_ms = {each: cost_of(each, "latency") for each in proposal.genotypes}
            fast = tuple(each for each in latency_ms if latency_ms[each] <= max_latency_ms)
            scores = dict.fromkeys(proposal.genotypes, -math.inf)
            if fast:
                num_refused = 0
                incumbent = proposal.incumbent
                if incumbent is not None and cost_of(incumbent, "latency") > max_latency_ms:
                    incumbent = None  # it was not trained
                received = yield replace(proposal, genotypes=fast, incumbent=incumbent)
                scores |= zip(fast, received, strict=True)
            else:
                num_refused += len(proposal.genotypes)
                fastest_ms = min(fastest_ms, *latency_ms.values())
            if num_refused >= MOST_REFUSED:
                raise ConfigurationError(
                    f"The last {num_refused} networks take longer than search.max_latency_ms "
                    f"(={max_latency_ms:g}), the fastest of them {fastest_ms:.3g} ms. Raise the "
                    "limit, lower training.base_channels, or search a larger space."
                )
            proposal = searcher.send([scores[each] for each in proposal.genotypes])
    except StopIteration:
        return
    finally:
        searcher.close()
