"""The summary of a study that the report shows, read from its ledger at one moment."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime

from mbnas.results.choice.short_verdict import Verdict, precise_score, study_verdict
from mbnas.results.evaluation_summary import Dropped, EvaluationSummary, TrainingSummary
from mbnas.results.explanation.read_explanation import explanation_of
from mbnas.results.fronts.search_front import search_front
from mbnas.results.learning_curves import read_learning_curves
from mbnas.results.search_summary import RacingSummary, SearchSummary, State
from mbnas.results.segmentations.read_segmentations import read_segmentations
from mbnas.results.standing.read_standing import Standing, unless_killed
from mbnas.results.study_state import StudyState, read_study_state
from mbnas.results.timeline import timeline_of
from mbnas.study.configuration import Configuration
from mbnas.study.directory import Study
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.mode.training_mode import describe_choice
from mbnas.study.progress.knowledge.known_networks import (
    KnownNetwork,
    SearchKnowledge,
    search_knowledge,
)
from mbnas.study.progress.racing_account import THRESHOLDS, RacingAccount, racing_account
from mbnas.study.progress.search_status import ScoredNetwork, SearchStatus
from mbnas.study.progress.time_account import time_account_of
from mbnas.training.training_record import FIRST_FRESH, TrainingRecord

_STATES: dict[str, State] = {"running": "running", "finished": "finished", "stopped": "stopped"}


def read_search(study: Study, ledger: Ledger) -> SearchSummary:
    """Return the summary of a study at this moment.

    Args:
        study: Its directory and configuration.
        ledger: Its ledger, open for reading at least.
    """
    configuration = study.configuration
    state = read_study_state(study, ledger)
    snapshot, status, comparison = state.snapshot, state.status, state.comparison
    facts, class_names = snapshot.facts, state.class_names
    space = configuration.space
    seen = unless_killed(study, status)
    standing = Standing(study=study, snapshot=snapshot, status=seen, chosen=state.chosen)
    known = search_knowledge(snapshot, status, configuration)
    evaluations = tuple(
        _evaluation(each, class_names, known.networks[each.record.network])
        for each in status.complete
    )
    unet = None if state.chosen is None else str(state.chosen.reference)
    return SearchSummary(
        study_name=study.path.resolve().name,
        dataset_name=facts["dataset name"],
        class_names=class_names,
        unit=facts.unit,
        state=_STATES[seen.state],
        updated_at=datetime.now(UTC),
        space_text=f"{space.name}, {space.num_nodes} nodes, {space.num_levels} levels, "
        f"{space.searched.count:,} genotypes",
        searcher=configuration.search.searcher,
        protocol_name=configuration.protocol.name,
        context=configuration.preparation.context,
        input_name=configuration.preparation.input_name,
        budget=status.budget,
        evaluations=evaluations,
        chosen=state.chosen,
        verdict=_verdict(configuration, state, known),
        next_steps=standing.next_steps,
        spread=known.noise.sentence,
        curves=read_learning_curves(
            ledger, status.complete, _first(state), num_classes=len(class_names)
        ),
        unet=next((each for each in evaluations if each.genotype == unet), None),
        comparison=comparison,
        segmentations=(
            None
            if comparison is None
            else read_segmentations(study.slices / facts["data"], comparison, state.predictions)
        ),
        explanation=(
            None  # its computation would slow the search down
            if status.state == "running"
            else explanation_of(
                snapshot, configuration, None if state.chosen is None else state.chosen.genotype
            )
        ),
        front=search_front(configuration, snapshot, status),
        racing=_racing(configuration, status),
        timeline=timeline_of(
            snapshot.trainings,
            snapshot.lost_runs,
            numbers={each.record.network: each.record.number for each in status.evaluations},
        ),
        account=time_account_of(snapshot, status),
        configuration_toml=configuration.to_toml(),
        versions={
            key.removeprefix("version of "): value
            for key, value in facts.items()
            if key.startswith("version of ")
        },
        identity=_identity(configuration, facts),
        commands=_commands(configuration, state),
    )


def _first(state: StudyState) -> tuple[str, ...]:
    """Return the networks that a user asks about first, by digest: the chosen and the U-Net."""
    chosen = state.chosen
    return () if chosen is None else (chosen.genotype.digest, chosen.reference.digest)


def _verdict(
    configuration: Configuration, state: StudyState, known: SearchKnowledge
) -> Verdict | None:
    chosen = state.chosen
    if chosen is None:
        return None
    found = known.networks.get(chosen.genotype.digest)
    score = precise_score(
        chosen.score,
        None if found is None else found.standard_error,
        None if found is None else found.num_trainings,
    )
    per = configuration.preparation.input_name
    return study_verdict(chosen, state.comparison, score=score, per=per)


def _identity(configuration: Configuration, facts: dict[str, str]) -> dict[str, str]:
    """Return what a repetition must share with a study in addition to its configuration."""
    return {
        "Seed, from which all others derive": str(configuration.seed),
        "Fresh initialisations": f"numbered from {FIRST_FRESH}",
        "Data digest": facts["data"],
        "Protocol digest": facts["protocol"],
        "Device": f"{configuration.run.device}, {configuration.training.precision}",
    } | ({"Training mode": measured} if (measured := describe_choice(facts)) else {})


def _commands(configuration: Configuration, state: StudyState) -> tuple[str, ...]:
    """Return the commands that repeat the study in a directory next to it."""
    contenders = state.contenders
    search = ["mbnas", "search", configuration.dataset, "again", "--config", "study.toml"]
    if not contenders:
        return (shlex.join(search),)
    fresh = {record.key.initialisation for each in contenders for record in each.trainings}
    compare = ["mbnas", "compare", "again", "--initialisations", str(len(fresh))]
    best = None if state.chosen is None else state.chosen.genotype
    for contender in contenders:
        is_best = contender.architecture == best
        compare += ["--network", "best" if is_best else str(contender.architecture)]
    return shlex.join(search), shlex.join(compare)


def _evaluation(
    evaluation: ScoredNetwork, class_names: tuple[str, ...], known: KnownNetwork
) -> EvaluationSummary:
    record = evaluation.record
    return EvaluationSummary(
        number=record.number,
        genotype=str(record.genotype),
        digest=record.network,
        why=record.why,
        incumbent=None if record.incumbent is None else str(record.incumbent),
        score=evaluation.score,
        trainings=tuple(_training_summary(each, class_names) for each in evaluation.trainings),
        parameters=evaluation.parameters,
        macs=evaluation.macs,
        wall_s=sum((each.wall_s for each in evaluation.trainings), 0.0),
        known=known,
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


def _racing(configuration: Configuration, status: SearchStatus) -> RacingSummary | None:
    mode, threshold = configuration.search.racing, configuration.search.racing_threshold
    if mode == "off":
        return None

    def account(at: float) -> RacingAccount:
        folds = configuration.protocol.folds
        return racing_account(status.evaluations, num_folds=folds, threshold=at)

    curve = sorted({*THRESHOLDS, threshold}) if mode == "shadow" else ()
    return RacingSummary(mode=mode, chosen=account(threshold), curve=tuple(map(account, curve)))


def _training_summary(record: TrainingRecord, class_names: tuple[str, ...]) -> TrainingSummary:
    return TrainingSummary(
        fold=record.key.fold,
        initialisation=record.key.initialisation,
        score=record.score,
        collapsed=tuple(class_names[index - 1] for index in record.collapsed),
        absent=tuple(class_names[index - 1] for index in record.absent),
        unpredicted=tuple(class_names[index - 1] for index in record.unpredicted),
        error=record.error,
    )
