"""The networks that searches found, and their comparison with baselines on new initialisations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from mbnas.errors import StudyError
from mbnas.network.architecture import Architecture, title_of
from mbnas.space.four_spaces import SpaceName
from mbnas.space.genotype import Genotype
from mbnas.study.drive.dispatcher import FindTraining
from mbnas.study.drive.evaluation_request import Watch
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.ledger.snapshot import EvaluationRecord
from mbnas.study.open_study import OpenStudy
from mbnas.study.pool.worker_pool import WatchEpoch, WorkerPool, worker_pool_of
from mbnas.study.progress.contenders import Contender, read_contenders, record_comparison
from mbnas.study.progress.search_status import SearchStatus
from mbnas.training.training_record import FIRST_FRESH
from mbnas.workers.executors import InlineExecutor


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundNetwork:
    """The best network of one search, or of several.

    Attributes:
        spaces: The spaces of these searches, in the paper's order.
        genotype: The network.
    """

    spaces: tuple[SpaceName, ...]
    genotype: Genotype

    @property
    def name(self) -> str:
        """Its name: the spaces in which it was found.

        >>> FoundNetwork(spaces=("macro", "bilevel"), genotype=Genotype.parse("0vgg3")).name
        'Macro and Bilevel'
        """
        return " and ".join(space.capitalize() for space in self.spaces)


def best_networks(statuses: Mapping[SpaceName, SearchStatus]) -> tuple[FoundNetwork, ...]:
    """Return the best network of each search, equal networks once.

    Raises:
        StudyError: if no network of a search has a score.
    """
    spaces_of: dict[Genotype, list[SpaceName]] = {}
    for space, status in statuses.items():
        if status.best is None:
            raise StudyError(
                f"No network of the {space} space has a score: every training of its search "
                "failed. Its report says why; remove the cause and search into a new directory."
            )
        spaces_of.setdefault(status.best.genotype, []).append(space)
    return tuple(
        FoundNetwork(spaces=tuple(spaces), genotype=genotype)
        for genotype, spaces in spaces_of.items()
    )


def names_to_compare(
    found: Sequence[FoundNetwork], baselines: Iterable[Architecture]
) -> dict[Architecture, str]:
    """Return the names of all networks to compare, those found first."""
    names: dict[Architecture, str] = {each.genotype: each.name for each in found}
    for baseline in dict.fromkeys(baselines):
        known = names.get(baseline)
        title = title_of(baseline)
        names[baseline] = title if known is None else f"{known} and {title}"
    return names


def compare_found(
    study: OpenStudy,
    found: Sequence[FoundNetwork],
    baselines: Sequence[Architecture],
    *,
    initialisations: int,
    find_training: FindTraining,
    watch: Watch | None = None,
) -> tuple[Contender, ...]:
    """Train found networks and baselines on fresh initialisations; return them in order.

    The ledger of the comparison also gets the trainings of the searches, so that it has the
    search scores of the found networks.

    Args:
        study: The study of the comparison, held by this process.
        found: The best networks of the searches.
        baselines: Networks to compare them with.
        initialisations: How many fresh initialisations.
        find_training: Finds the trainings of the searches.
        watch: Called at the start and after each training.
    """
    names = names_to_compare(found, baselines)
    ledger = study.ledger
    ledger.set_fact("state", "running")
    try:
        _enter(ledger, found)
        searched = range(study.configuration.protocol.initialisations)
        with InlineExecutor() as executor:
            here = WorkerPool(executor=executor, slots=1)
            study.evaluator(here, searched, find_training=find_training).train(
                each.genotype for each in found
            )
        retrain(study, names, initialisations=initialisations, watch=watch)
    except BaseException:
        ledger.set_fact("state", "stopped")
        raise
    ledger.set_fact("state", "finished")
    return named_contenders(study, names)


def named_contenders(study: OpenStudy, names: Mapping[Architecture, str]) -> tuple[Contender, ...]:
    """Return the contenders of a comparison under other names, in their order."""
    trained = {each.architecture: each for each in read_contenders(study.ledger, None)}
    return tuple(
        replace(trained[network], name=name)
        for network, name in names.items()
        if network in trained
    )


def _enter(ledger: Ledger, found: Sequence[FoundNetwork]) -> None:
    """Record found networks as evaluations, unless they are recorded."""
    known = {record.network for record in ledger.evaluations()}
    for each in found:
        if each.genotype.digest not in known:
            known.add(each.genotype.digest)
            why = f"best of {' and '.join(each.spaces)}"
            ledger.record_evaluation(
                EvaluationRecord(number=len(known), genotype=each.genotype, why=why)
            )
    ledger.set_fact("budget", str(len(known)))


def retrain(
    study: OpenStudy,
    contenders: Iterable[Architecture],
    *,
    initialisations: int,
    watch: Watch | None = None,
    watch_epoch: WatchEpoch | None = None,
) -> None:
    """Train networks on fresh initialisations, and record them as the study's comparison.

    All are built and must give logits before any is trained.

    Args:
        study: Held by this process.
        contenders: The networks.
        initialisations: How many fresh initialisations; finished trainings are not run again.
        watch: Called at the start and after each training.
        watch_epoch: Called after each epoch of a training in a process of this machine.

    Raises:
        ConfigurationError: if a network cannot be built or gives no logits.
    """
    networks = tuple(dict.fromkeys(contenders))
    for network in networks:
        study.costs.latency_ms(network)  # which also checks that it can be trained
        study.costs.record(network)
    with worker_pool_of(study.configuration, watch_epoch) as worker_pool:
        evaluator = study.evaluator(
            worker_pool, range(FIRST_FRESH, FIRST_FRESH + initialisations), measured=True
        )
        evaluator.train(networks, watch)
    record_comparison(study.ledger, networks, initialisations=initialisations)
