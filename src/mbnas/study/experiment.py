"""The paper's experiment on one dataset: a search of each space, and their comparison.

``DIR/mixed``, ``DIR/macro``, ``DIR/micro`` and ``DIR/bilevel`` are studies like any other,
of the same data, folds and protocol. So a training that two of them need has one key, and the
second study copies it from the ledger of the first. The networks found and the baselines are
trained again in the study ``DIR/comparison``. All studies share the slices in ``DIR/slices``.

Source: Bosma et al. 2022 (arXiv 2202.11401), sections 2.1 and 3.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mbnas.errors import StudyError
from mbnas.space.four_spaces import SPACE_NAMES, SpaceName
from mbnas.study.configuration import Configuration
from mbnas.study.configuration_layers import Layer, difference_lines, differences, merge
from mbnas.study.directory import SLICES, Study, is_begun
from mbnas.study.drive.dispatcher import FindTraining
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.resolve_study import resolve
from mbnas.training.training_record import TrainingKey, TrainingRecord

COMPARISON = "comparison"
_PARTS = {*SPACE_NAMES, COMPARISON, SLICES}
PAPER_SEARCH: Layer = {
    "search": {"searcher": "local", "start": "random", "reference": False, "confirmation": 0.0}
}
"""The paper's search, whatever the protocol: the comparison confirms the networks found."""
_OF_EACH = ("dataset", "data.patient_table", "space.name", "search.", "run.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """Searches of several spaces under one protocol, and their comparison.

    Attributes:
        directory: The directory of all its studies.
        searches: The study of each space, in the paper's order.
        comparison: The study in which networks are trained again.
    """

    directory: Path
    searches: dict[SpaceName, Study]
    comparison: Study

    @property
    def configuration(self) -> Configuration:
        """The comparison's; all studies share the settings that scores depend on."""
        return self.comparison.configuration

    def settled(self) -> Experiment:
        """Return it with the training mode of the first begun study in all its studies.

        A study may measure its mode when it begins, and all must use the same.
        """
        begun = next(
            (each for each in (*self.searches.values(), self.comparison) if each.is_begun), None
        )
        if begun is None:
            return self
        training = Study.open(begun.path).configuration.training

        def with_its_mode(study: Study) -> Study:
            if study.is_begun:
                return study
            return replace(study, configuration=replace(study.configuration, training=training))

        return replace(
            self,
            searches={name: with_its_mode(study) for name, study in self.searches.items()},
            comparison=with_its_mode(self.comparison),
        )

    def find_in_others(self, name: str) -> FindTraining:
        """Return a function that finds trainings in all searches but the one named."""
        return trainings_in(
            Study(path=self.directory / other, configuration=self.configuration)
            for other in SPACE_NAMES
            if other != name
        )


def trainings_in(studies: Iterable[Study]) -> FindTraining:
    """Return a function that finds a training in the ledgers of studies, begun or not."""
    searched = tuple(studies)

    def find(key: TrainingKey) -> TrainingRecord | None:
        for study in searched:
            if study.is_begun:
                with Ledger.open(study.ledger, read_only=True) as ledger:
                    if (found := ledger.training(key)) is not None:
                        return found
        return None

    return find


def resolve_experiment(
    directory: Path,
    dataset: Path,
    *,
    spaces: Sequence[SpaceName] = SPACE_NAMES,
    protocol: str | None,
    default_protocol: str,
    options: Layer,
    paper_dataset: str | None = None,
) -> Experiment:
    """Return the experiment in ``directory``, new or resumed, without creating anything.

    A new study takes the settings that options leave open from those that are begun, so that all
    can be compared.

    Args:
        directory: The directory of the studies; it need not exist.
        dataset: The dataset's folder.
        spaces: The spaces to search.
        protocol: As for :func:`mbnas.study.resolve_study.resolve`.
        default_protocol: As for ``resolve``.
        options: As for ``resolve``; the name of the space is set for each study.
        paper_dataset: As for ``resolve``.

    Raises:
        StudyError: if the directory holds something else, or studies of another
            configuration; the message lists the differences.
        ConfigurationError: if an option is wrong.
    """
    _check_directory(directory)

    def resolved(name: str, *more: Layer) -> Study:
        space = name if name in SPACE_NAMES else "mixed"
        study = resolve(
            directory / name,
            dataset,
            protocol=protocol,
            default_protocol=default_protocol,
            options=merge(PAPER_SEARCH, *more, options, {"space": {"name": space}}),
            paper_dataset=paper_dataset,
        )
        return replace(study, shared_slices=directory / SLICES)

    names = (*(name for name in SPACE_NAMES if name in spaces), COMPARISON)
    begun = [name for name in (*SPACE_NAMES, COMPARISON) if is_begun(directory / name)]
    shared: Layer = {}
    if begun:
        shared = _shared_settings(resolved(begun[0]).configuration)
    studies = {
        name: resolved(name) if name in begun else resolved(name, shared)
        for name in dict.fromkeys([*begun, *names])
    }
    _check_alike(studies)
    return Experiment(
        directory=directory,
        searches={name: studies[name] for name in SPACE_NAMES if name in spaces},
        comparison=studies[COMPARISON],
    )


def _check_directory(directory: Path) -> None:
    if directory.exists() and not directory.is_dir():
        raise StudyError(f"DIR (={directory}) is a file: name a directory.")
    if is_begun(directory):
        raise StudyError(
            f"DIR (={directory}) is a study, and an experiment is a directory of several: name "
            "a new or an empty directory."
        )
    names = {each.name for each in directory.iterdir()} if directory.is_dir() else set()
    if names and not names & _PARTS:
        raise StudyError(
            f"DIR (={directory}) is not an experiment and has other files (such as {min(names)}): "
            "name a new or an empty directory."
        )


def _shared_settings(configuration: Configuration) -> dict[str, Any]:
    """Return the settings that a study shares with the others, as a layer."""
    layer = tomllib.loads(configuration.to_toml())
    layer["search"].pop("topology_evaluations", None)
    return layer


def _check_alike(studies: dict[str, Study]) -> None:
    """Raise if studies differ in settings other than those of their searches and runs."""
    first, *others = studies
    for name in others:
        found = differences(studies[first].configuration, studies[name].configuration)
        differing = {key: pair for key, pair in found.items() if not key.startswith(_OF_EACH)}
        if differing:
            lines = difference_lines(differing, first=f"in {first}", second=f"in {name}")
            raise StudyError(
                f"{studies[first].path.parent} would hold studies that cannot be compared:\n"
                f"{lines}\nLeave these options out to continue it, or name a new directory."
            )
