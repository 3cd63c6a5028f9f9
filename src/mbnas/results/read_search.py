"""From a study's ledger to the value that a report shows."""

from __future__ import annotations

import json
import shlex
from datetime import UTC, datetime

from mbnas.results.comparison import Comparison, compare_contenders
from mbnas.results.search_summary import (
    Dropped,
    EvaluationSummary,
    FoldScore,
    Racing,
    SearchSummary,
    State,
)
from mbnas.results.segmentations.read_segmentations import collect_segmentations
from mbnas.results.timeline import timeline_of
from mbnas.study.configuration import Configuration
from mbnas.study.directory import Study
from mbnas.study.drive.training_mode import describe_choice
from mbnas.study.ledger.facts import ASKED_AGAIN
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.progress.contenders import Contender, compared_in
from mbnas.study.progress.racing_account import THRESHOLDS, RaceAccount, account_of_races
from mbnas.study.progress.search_status import ScoredNetwork, SearchStatus, status_in
from mbnas.study.progress.time_account import draw_up
from mbnas.training.training_record import FIRST_FRESH, TrainingRecord

_STATES: dict[str, State] = {"running": "running", "finished": "finished", "stopped": "stopped"}


def collect(study: Study, ledger: Ledger) -> SearchSummary:
    """Return what a study has to tell at this moment.

    Args:
        study: Its directory and configuration.
        ledger: Its ledger, open for reading at least.
    """
    snapshot = ledger.read(fresh=True)
    configuration, facts = study.configuration, snapshot.facts
    standing = status_in(snapshot, configuration)
    class_names = tuple(json.loads(facts["classes"]))
    contenders = compared_in(snapshot, standing)
    comparison = _comparison(configuration, standing, contenders, class_names)
    space = configuration.space
    trainings, failures = snapshot.trainings, snapshot.lost_runs
    return SearchSummary(
        study_name=study.path.resolve().name,
        dataset_name=facts["dataset name"],
        class_names=class_names,
        state=_STATES[standing.state],
        updated_at=datetime.now(UTC),
        space_text=f"{space.name}, {space.num_nodes} nodes, {space.num_levels} levels, "
        f"{space.searched.count:,} genotypes",
        searcher=configuration.search.searcher,
        protocol_name=configuration.protocol.name,
        budget=standing.budget,
        evaluations=tuple(_evaluation(each, class_names) for each in standing.complete),
        comparison=comparison,
        segmentations=(
            None if comparison is None else collect_segmentations(study, ledger, comparison)
        ),
        racing=_racing(configuration, standing),
        timeline=timeline_of(
            trainings,
            failures,
            numbers={each.record.network: each.record.number for each in standing.evaluations},
        ),
        account=draw_up(
            trainings,
            failures,
            asked={each.record.network for each in standing.evaluations},
            evaluated={each.record.network for each in standing.complete},
            asked_again=int(facts.get(ASKED_AGAIN, 0)),
            dropped={
                each.record.network: each.num_trainings - each.dropped_after
                for each in standing.evaluations
                if each.dropped_after is not None
            },
        ),
        configuration_toml=configuration.to_toml(),
        versions={
            key.removeprefix("version of "): value
            for key, value in facts.items()
            if key.startswith("version of ")
        },
        identity=_identity(configuration, facts),
        commands=_commands(configuration, standing, contenders),
    )


def _comparison(
    configuration: Configuration,
    standing: SearchStatus,
    contenders: tuple[Contender, ...],
    class_names: tuple[str, ...],
) -> Comparison | None:
    """Return what the networks that were compared last say of one another, if any were."""
    if not contenders:
        return None
    best = standing.best
    is_first = best is not None and contenders[0].architecture == best.genotype
    return compare_contenders(
        contenders,
        class_names=class_names,
        num_folds=configuration.protocol.folds,
        slice_size=configuration.preparation.slice_size,
        searched=best.score if best is not None and is_first else None,
        num_searched=len(standing.complete),
        seed=configuration.seed,
    )


def _identity(configuration: Configuration, facts: dict[str, str]) -> dict[str, str]:
    """Return what a repetition must have in common with a study, beside its configuration."""
    return {
        "Seed, root of all others": str(configuration.seed),
        "Fresh initialisations": f"numbered from {FIRST_FRESH}",
        "Data digest": facts["data"],
        "Protocol digest": facts["protocol"],
        "Device": f"{configuration.run.device}, {configuration.training.precision}",
    } | ({"Way to train": measured} if (measured := describe_choice(facts)) else {})


def _commands(
    configuration: Configuration, standing: SearchStatus, contenders: tuple[Contender, ...]
) -> tuple[str, ...]:
    """Return the commands that repeat the study in a directory beside it."""
    search = ["mbnas", "search", configuration.dataset, "again", "--config", "study.toml"]
    if not contenders:
        return (shlex.join(search),)
    fresh = {record.key.initialisation for each in contenders for record in each.trainings}
    compare = ["mbnas", "compare", "again", "--initialisations", str(len(fresh))]
    best = standing.best.genotype if standing.best else None
    for contender in contenders:
        is_best = contender.architecture == best
        compare += ["--network", "best" if is_best else str(contender.architecture)]
    return shlex.join(search), shlex.join(compare)


def _evaluation(evaluation: ScoredNetwork, class_names: tuple[str, ...]) -> EvaluationSummary:
    record = evaluation.record
    return EvaluationSummary(
        number=record.number,
        genotype=str(record.genotype),
        digest=record.network,
        why=record.why,
        incumbent=None if record.incumbent is None else str(record.incumbent),
        score=evaluation.score,
        trainings=tuple(_fold_score(each, class_names) for each in evaluation.trainings),
        parameters=evaluation.parameters,
        macs=evaluation.macs,
        wall_s=sum((each.wall_s for each in evaluation.trainings), 0.0),
        dropped=(
            None
            if evaluation.dropped_after is None
            else Dropped(
                after=evaluation.dropped_after,
                of=evaluation.num_trainings,
                expected=evaluation.reported_score,
            )
        ),
    )


def _racing(configuration: Configuration, standing: SearchStatus) -> Racing | None:
    mode, threshold = configuration.search.racing, configuration.search.racing_threshold
    if mode == "off":
        return None

    def account(at: float) -> RaceAccount:
        folds = configuration.protocol.folds
        return account_of_races(standing.evaluations, num_folds=folds, threshold=at)

    curve = sorted({*THRESHOLDS, threshold}) if mode == "shadow" else ()
    return Racing(mode=mode, chosen=account(threshold), curve=tuple(map(account, curve)))


def _fold_score(record: TrainingRecord, class_names: tuple[str, ...]) -> FoldScore:
    return FoldScore(
        fold=record.key.fold,
        initialisation=record.key.initialisation,
        score=record.score,
        collapsed=tuple(class_names[index - 1] for index in record.collapsed),
        absent=tuple(class_names[index - 1] for index in record.absent),
        unpredicted=tuple(class_names[index - 1] for index in record.unpredicted),
        error=record.error,
    )
