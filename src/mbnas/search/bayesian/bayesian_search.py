"""Bayesian search: a searcher that knows that scores are noisy, and pools them by a model.

A Gaussian process predicts true scores from the scores of single initialisations. The next
training is the one that is expected to add most to the best posterior mean: of a new network, or
another initialisation of a leader. Proposal i + 1 is derived from the scores before proposal i and
from the networks of proposal i, so workers need not wait for it.

Source: the parts are in the modules of this package; the search without noise after Jones et al.
1998, "Efficient global optimization of expensive black-box functions".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import count

import numpy as np

from mbnas.search.bayesian.candidates import new_draw
from mbnas.search.bayesian.choice import choose
from mbnas.search.evolution import mutant
from mbnas.search.searcher import Answer, Proposal, Searcher, SharedAnswers
from mbnas.space.genotype import Genotype
from mbnas.space.search_space import Space

NUM_FIRST = 8
"""Networks with a score before the model chooses."""


def bayesian_search(
    space: Space,
    rng: np.random.Generator,
    start: Genotype | None = None,
    *,
    proposal_size: int = 4,
    recorded: Sequence[Proposal] = (),
    shared: SharedAnswers | None = None,
) -> Searcher:
    """Yield the trainings that a model of the scores finds most valuable.

    The search returns once every genotype was proposed. Each step has its own random generator,
    so a resumed search goes on as one that was never stopped.

    Args:
        space: Where to search.
        rng: Draws the seed of all steps.
        start: The first proposal; half of the first networks are then mutants of it.
        proposal_size: Networks of a proposal, at most.
        recorded: The first proposals, which are not derived.
        shared: What other searchers know too: the model learns from all of it.

    Raises:
        GenotypeError: if ``start`` is not in the space.
    """
    if start is not None:
        space.check(start)
    seed = int(rng.integers(2**63))
    own: list[Answer] = []
    answers, modelled = (own, space) if shared is None else (shared.answers, shared.space)
    for step in count():
        proposal: Proposal | None
        if step < len(recorded):
            proposal = recorded[step]
        elif step == 0 and start is not None:
            proposal = Proposal(genotypes=(start,), incumbent=None, why="start", initialisations=1)
        else:
            known, step_seed = tuple(answers[:-1]), (seed, step)
            if _num_scored(known) < NUM_FIRST:
                proposal = _first_networks(space, step_seed, start, answers, proposal_size)
            else:
                proposal = choose(
                    space,
                    step_seed,
                    known,
                    answers[-1][0],
                    modelled=modelled,
                    proposal_size=proposal_size,
                )
        if proposal is None:
            return
        received = yield proposal
        scored = zip(proposal.genotypes, received, strict=True)
        answer = proposal, tuple(float(score) for _, score in scored)
        if shared is None:
            own.append(answer)


def _num_scored(answers: Sequence[Answer]) -> int:
    scored = {
        genotype
        for proposal, scores in answers
        for genotype, score in zip(proposal.genotypes, scores, strict=True)
        if math.isfinite(score)
    }
    return len(scored)


def _first_networks(
    space: Space,
    seed: tuple[int, int],
    start: Genotype | None,
    answers: Sequence[Answer],
    proposal_size: int,
) -> Proposal | None:
    """Return draws, every second one a mutant of the start if there is one."""
    known = {genotype for proposal, _ in answers for genotype in proposal.genotypes}
    rng = np.random.default_rng(seed)
    drawn: dict[Genotype, None] = {}
    num_known = sum(each in space for each in known)
    while len(drawn) < min(proposal_size, space.count - num_known):
        genotype = new_draw(space, rng, known | drawn.keys())
        if start is not None and len(drawn) % 2 == 0:
            child = start
            for _ in range(rng.integers(1, 4)):
                child = mutant(space, rng, child)
            genotype = genotype if child in known | drawn.keys() else child
        drawn[genotype] = None
    if not drawn:
        return None
    scored = {
        genotype: score
        for proposal, scores in answers[:-1]
        for genotype, score in zip(proposal.genotypes, scores, strict=True)
        if genotype in space
    }
    return Proposal(
        genotypes=tuple(drawn),
        incumbent=max(scored, key=scored.__getitem__) if scored else None,
        why="first networks",
        initialisations=1,
    )
