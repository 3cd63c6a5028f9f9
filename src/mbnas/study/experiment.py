"""The paper's whole experiment on one dataset: searches of several spaces, side by side.

``DIR/mixed``, ``DIR/macro``, ``DIR/micro`` and ``DIR/bilevel`` are studies like any other,
of the same data, folds and protocol, so a training that two of them need has one key: what
one has run, another takes from its ledger. What they found is trained anew in the study
``DIR/comparison``, beside the baselines. Prepared slices lie in ``DIR/slices`` for all.

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
_OF_EACH = ("dataset", "data.patient_table", "space.name", "search.", "run.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """Searches of several spaces under one protocol, and where they are compared.

    Attributes:
        directory: Holds them all.
        searches: The study of each space, in the paper's order.
        comparison: The study in which networks are trained anew.
    """

    directory: Path
    searches: dict[SpaceName, Study]
    comparison: Study

    @property
    def configuration(self) -> Configuration:
        """What all of its studies have in common, among other settings."""
        return self.comparison.configuration

    def settled(self) -> Experiment:
        """Return it with all its studies to train as the first that was begun does.

        How a study trains may be measured when it begins, and all must do the same.
        """
        begun = next(
            (each for each in (*self.searches.values(), self.comparison) if each.is_begun), None
        )
        if begun is None:
            return self
        training = Study.open(begun.path).configuration.training

        def trained_so(study: Study) -> Study:
            if study.is_begun:
                return study
            return replace(study, configuration=replace(study.configuration, training=training))

        return replace(
            self,
            searches={name: trained_so(study) for name, study in self.searches.items()},
            comparison=trained_so(self.comparison),
        )

    def find_in_others(self, name: str) -> FindTraining:
        """Return what finds trainings of the searches other than the one named."""
        return trainings_in(
            Study(path=self.directory / other, configuration=self.configuration)
            for other in SPACE_NAMES
            if other != name
        )


def trainings_in(studies: Iterable[Study]) -> FindTraining:
    """Return what finds a training in the ledgers of some studies, begun or not."""
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
    """Return the experiment in ``directory``, new or resumed; nothing is made yet.

    A study that joins others takes from them what the options leave open, so all of them
    can be compared.

    Args:
        directory: Holds the studies; it need not exist.
        dataset: The dataset's folder.
        spaces: Which ones to search.
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
            options=merge(*more, options, {"space": {"name": space}}),
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
            f"DIR (={directory}) is one study, and an experiment is a directory of several: name "
            "a new or an empty directory."
        )
    names = {each.name for each in directory.iterdir()} if directory.is_dir() else set()
    if names and not names & _PARTS:
        raise StudyError(
            f"DIR (={directory}) is no experiment and holds other files (such as {min(names)}): "
            "name a new or an empty directory."
        )


def _shared_settings(configuration: Configuration) -> dict[str, Any]:
    """Return the settings of a study that are not its own alone, as a layer."""
    layer = tomllib.loads(configuration.to_toml())
    layer["search"].pop("topology_evaluations", None)
    return layer


def _check_alike(studies: dict[str, Study]) -> None:
    """Raise unless all studies differ only in where they search, and with what."""
    first, *others = studies
    for name in others:
        found = differences(studies[first].configuration, studies[name].configuration)
        differing = {key: pair for key, pair in found.items() if not key.startswith(_OF_EACH)}
        if differing:
            lines = difference_lines(differing, first=f"in {first}", second=f"in {name}")
            raise StudyError(
                f"{studies[first].path.parent} would hold studies that cannot be compared:\n"
                f"{lines}\nLeave these options out to go on with it, or name a new directory."
            )
