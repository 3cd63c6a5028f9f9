"""The contract of every searcher, as functions that raise ``AssertionError`` where one breaks it.

They need no test framework. With pytest::

    @pytest.mark.parametrize("check", CHECKS)
    def test_it_keeps_the_contract(check):
        check(annealing_search, Space(num_nodes=8, num_levels=4), 50)

    def test_it_ends_when_the_space_is_used_up():
        check_it_ends(annealing_search, Space(num_nodes=3, num_levels=2, blocks=("vgg",)))
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from mbnas.errors import GenotypeError
from mbnas.search.searcher import Proposal, Search, Searcher, begin_search, takes
from mbnas.space.genotype import Genotype
from mbnas.space.search_space import Space

Score = Callable[[Genotype, int | None], float]
"""The mean score of a genotype over a number of initialisations, ``None`` for all."""

Check = Callable[[Search, Space, int], None]
"""Checks a search in a space, in a number of proposals."""

MAX_PROPOSALS = 100_000
"""A searcher that has not used up a small space by then does not end."""


def score(genotype: Genotype, initialisations: int | None) -> float:
    """Return a score without structure, noisy, and -inf for one network in eight."""
    value = int(genotype.digest, 16)
    if value % 8 == 0:
        return -math.inf
    noise = np.random.default_rng(value).normal(size=initialisations or 5)
    return value / 2**64 + 0.1 * float(noise.mean())


def propose(searcher: Searcher, num_proposals: int, score: Score = score) -> list[Proposal]:
    """Return the first proposals of a searcher that is sent scores; fewer if it returns."""
    proposals: list[Proposal] = []
    scores: Sequence[float] | None = None
    while len(proposals) < num_proposals:
        try:
            proposal = next(searcher) if scores is None else searcher.send(scores)
        except StopIteration:
            break
        proposals.append(proposal)
        scores = [score(each, proposal.initialisations) for each in proposal.genotypes]
    return proposals


def check_it_is_deterministic(search: Search, space: Space, num_proposals: int) -> None:
    """Check that the same seed and scores give the same proposals, and another seed others."""
    first, second = (propose(_begin(search, space, 0), num_proposals) for _ in range(2))
    assert first == second, "The same seed and scores must give the same proposals."
    other = propose(_begin(search, space, 1), num_proposals)
    assert first != other, "Another seed must give other proposals."


def check_proposals_are_valid(search: Search, space: Space, num_proposals: int) -> None:
    """Check that proposals are in the space, distinct, explained, and against known networks."""
    known: set[Genotype] = set()
    for proposal in propose(_begin(search, space, 0), num_proposals):
        for genotype in proposal.genotypes:
            assert genotype in space, f"{genotype} is not in the space."
        networks = set(proposal.genotypes)
        assert len(networks) == len(proposal.genotypes), "A proposal must not repeat a network."
        assert proposal.incumbent not in networks, "An incumbent must not compete with itself."
        if proposal.incumbent is not None:
            assert proposal.incumbent in known, "An incumbent must have been proposed before."
        assert proposal.why, "A proposal must say why."
        known |= networks


def check_initialisations_never_decrease(search: Search, space: Space, num_proposals: int) -> None:
    """Check that a network that is proposed again is asked for as many initialisations or more."""
    asked: dict[Genotype, float] = {}
    for proposal in propose(_begin(search, space, 0), num_proposals):
        number = proposal.initialisations or math.inf
        for genotype in proposal.genotypes:
            before = asked.get(genotype, 0)
            assert number >= before, f"{genotype} was asked for {before}, then for {number}."
            asked[genotype] = number


def check_it_resumes(search: Search, space: Space, num_proposals: int) -> None:
    """Check that a search that begins again goes on where it was stopped.

    A model-based one is given what it proposed, and yields that whatever its model says: its
    scores are changed here as much as a model's last digits never are.
    """
    whole = propose(_begin(search, space, 0), num_proposals)
    for cut in {1, 2, num_proposals // 2, num_proposals - 1}:
        resumed = propose(_begin(search, space, 0, whole[:cut]), num_proposals)
        assert resumed == whole, f"Resumed after {cut} proposals, it proposes something else."
        if takes(search, "recorded"):
            perturbed = propose(
                _begin(search, space, 0, whole[:cut]),
                cut,
                lambda genotype, number: score(genotype, number) * (1 + 1e-3),
            )
            assert perturbed == whole[:cut], "What is recorded must not be derived again."
            nudged = propose(
                _begin(search, space, 0, whole[:cut]),
                num_proposals,
                lambda genotype, number: score(genotype, number) * (1 + 1e-12),
            )
            assert nudged[:cut] == whole[:cut], "What is recorded must not be derived again."


def check_it_survives_failures(search: Search, space: Space, num_proposals: int) -> None:
    """Check that networks that cannot be scored do not end the search."""
    found = propose(_begin(search, space, 0), num_proposals, lambda _, __: -math.inf)
    assert len(found) == num_proposals, f"It ended after {len(found)} proposals that all failed."


def check_its_start(search: Search, space: Space, num_proposals: int) -> None:
    """Check that it begins with a given start alone, and refuses one that is not in the space."""
    start = next(_begin(search, space, 2)).genotypes[0]
    first = next(search(space, np.random.default_rng(0), start))
    assert first.genotypes == (start,), "The first proposal must be the start alone."
    assert first.incumbent is None, "The start has nothing to compete with."
    foreign = Space(num_nodes=space.num_nodes + 1, num_levels=1).genotype_at(0)
    try:
        next(search(space, np.random.default_rng(0), foreign))
    except GenotypeError:
        return
    raise AssertionError("A start that is not in the space must be refused by a GenotypeError.")


def check_it_refuses_other_scores(search: Search, space: Space, num_proposals: int) -> None:
    """Check that scores that do not match the proposal are refused."""
    searcher = _begin(search, space, 0)
    proposal = next(searcher)
    try:
        searcher.send([0.0] * (len(proposal.genotypes) + 1))
    except ValueError:
        return
    raise AssertionError("A score too many must be refused with a ValueError.")


def check_it_ends(search: Search, space: Space, *, num_networks: int | None = None) -> None:
    """Check that it returns once it has proposed every network of a small space.

    Args:
        search: Creates the searcher.
        space: Where to search; some hundred genotypes at most.
        num_networks: How many distinct networks it proposes; ``None`` is all of the space.
    """
    found = propose(_begin(search, space, 0), MAX_PROPOSALS)
    assert len(found) < MAX_PROPOSALS, "It must return once every network was proposed."
    networks = {genotype for proposal in found for genotype in proposal.genotypes}
    expected = space.count if num_networks is None else num_networks
    assert len(networks) == expected, f"It proposed {len(networks)} of {expected} networks."


CHECKS: tuple[Check, ...] = (
    check_it_is_deterministic,
    check_proposals_are_valid,
    check_initialisations_never_decrease,
    check_it_resumes,
    check_it_survives_failures,
    check_its_start,
    check_it_refuses_other_scores,
)
"""Every check but :func:`check_it_ends`, which needs a small space."""


def _begin(search: Search, space: Space, seed: int, recorded: Sequence[Proposal] = ()) -> Searcher:
    return begin_search(search, space, np.random.default_rng(seed), recorded=recorded)
