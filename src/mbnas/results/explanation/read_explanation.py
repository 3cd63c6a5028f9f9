"""What mattered in the search of a study, from a snapshot of its ledger."""

from __future__ import annotations

from mbnas.errors import StudyError
from mbnas.results.explanation.explain_scores import explain_scores
from mbnas.results.explanation.findings import Explanation
from mbnas.results.standing.read_standing import Standing
from mbnas.search.bayesian.observations import observe
from mbnas.space.genotype import Genotype
from mbnas.space.limited_space import LimitedSpace
from mbnas.space.search_space import Space
from mbnas.study.configuration import Configuration
from mbnas.study.ledger.snapshot import Snapshot
from mbnas.study.progress.leaders import network_answers


def explain_standing(standing: Standing) -> Explanation:
    """Return what mattered in the search of a study.

    Raises:
        StudyError: if no network has a score.
    """
    study, chosen = standing.study, standing.chosen
    genotype = None if chosen is None else chosen.genotype
    found = explanation_of(standing.snapshot, study.configuration, genotype)
    if found is None:
        raise StudyError(
            f"{study.path} has no network with a score, so nothing can be explained. Run mbnas "
            "search first, or wait for its first networks."
        )
    return found


def explanation_of(
    snapshot: Snapshot, configuration: Configuration, chosen: Genotype | None
) -> Explanation | None:
    """Return what mattered in a search; ``None`` if no network has a score.

    Args:
        snapshot: Of its ledger.
        configuration: Of its study.
        chosen: The network that the study stands for.
    """
    answers = network_answers(snapshot.proposals, snapshot.of_protocol, configuration)
    observations = observe(answers)
    if len(observations.genotypes) == len(observations.failed):
        return None
    space = configuration.space.searched
    limited = _limited(space, snapshot, configuration)
    return explain_scores(
        limited or space,
        observations,
        reference=configuration.reference,
        chosen=chosen,
        searcher=configuration.search.searcher,
        is_limited=limited is not None,
    )


def _limited(space: Space, snapshot: Snapshot, configuration: Configuration) -> LimitedSpace | None:
    """Return the space within the limits of a search; ``None`` without limits."""
    limits = configuration.search.limits
    if not limits.given:
        return None
    # It imports torch, which takes a second and is needed for limits only.
    from mbnas.results.explanation.recorded_cost import recorded_cost

    cost = recorded_cost(snapshot, configuration)
    return None if cost is None else LimitedSpace.within(space, limits, cost)
