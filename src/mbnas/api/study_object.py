"""A study as Python sees it: read at any time, compared, trained and used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mbnas.actions.events import Watch, silent
from mbnas.actions.named_options import layer_of, layer_of_keys, running_as
from mbnas.api.checked_arguments import checked
from mbnas.api.model_object import Model, Predictions
from mbnas.api.network_object import Network
from mbnas.api.progress_lines import ProgressLines
from mbnas.api.records import Records
from mbnas.api.standing_objects import Chosen, Status
from mbnas.prediction.model.find_model import find_model
from mbnas.results.fronts.search_front import search_front
from mbnas.results.standing.evaluation_rows import (
    Evaluation,
    Training,
    evaluation_row,
    evaluations_of,
    trainings_in,
)
from mbnas.results.standing.read_standing import Standing, read_standing
from mbnas.space.cost_limits import CostName
from mbnas.study.configuration_layers import merge
from mbnas.study.directory import Study as Directory

if TYPE_CHECKING:
    from mbnas.api.finding_objects import Comparison, Explanation


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontNetwork:
    """A network on the front of a search: no other has a higher score and lower costs.

    >>> FrontNetwork(
    ...     number=3, genotype="0vgg3", score=0.8, standard_error=0.01, num_trainings=4,
    ...     parameters=612, multiply_accumulates=40_000, latency_ms=None,
    ... ).number
    3

    Attributes:
        number: Of its evaluation.
        genotype: Text of the network.
        score: Its search score.
        standard_error: Of the score; ``None`` with fewer than two initialisations.
        num_trainings: On which the score rests.
        parameters: Number of weights.
        multiply_accumulates: For one slice.
        latency_ms: Of one slice; ``None`` if it was not measured.
    """

    number: int
    genotype: str
    score: float
    standard_error: float | None
    num_trainings: int
    parameters: int
    multiply_accumulates: int
    latency_ms: float | None


class Study:
    """A study on disk, which may be running in another process.

    Everything that it returns is read when it is asked for. Reading holds and changes nothing;
    :meth:`compare` and :meth:`train` hold the study while they run, and resume what was begun.

    >>> import mbnas
    >>> study = mbnas.open("study")  # doctest: +SKIP
    >>> print(study.status())  # doctest: +SKIP
    study: finished, 20 of 20 networks evaluated. 0vgg3-…: search score 0.812. …
    >>> study.evaluations().to_frame().plot(x="number", y="score")  # doctest: +SKIP

    Args:
        path: Its directory.

    Raises:
        StudyError: if it is not a study.

    Attributes:
        path: Its directory.
    """

    @checked
    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        Directory.open(self.path)

    def __repr__(self) -> str:
        return f"mbnas.open({str(self.path)!r})"

    @property
    def settings(self) -> Mapping[str, Any]:
        """Every setting by section, as in ``study.toml``."""
        import tomllib

        return tomllib.loads(Directory.open(self.path).configuration.to_toml())

    # What is known

    def status(self) -> Status:
        """Return how far the search is, and the network that the study stands for."""
        return Status.of(self.path, self._standing())

    def evaluations(self) -> Records[Evaluation]:
        """Return every network that the search asked for, in order."""
        return Records(evaluations_of(self._standing()))

    def trainings(self) -> Records[Training]:
        """Return all trainings, in the order recorded; those of comparisons are among them."""
        return Records(trainings_in(self._standing().snapshot))

    @property
    def chosen(self) -> Chosen | None:
        """The network that the study stands for, and how sure that is; ``None`` without a score."""
        chosen = self._standing().chosen
        return None if chosen is None else Chosen.of(chosen)

    @property
    def best(self) -> Evaluation | None:
        """The network of the highest search score; ``None`` without a score.

        The highest of many noisy scores is too high; :attr:`chosen` is the answer.
        """
        standing = self._standing()
        best = standing.status.best
        if best is None:
            return None
        return evaluation_row(best, standing.known.networks[best.record.network])

    @property
    def front(self) -> Records[FrontNetwork]:
        """The networks that no other beats in score and costs, by rising cost.

        The costs are those of the search's objective, or multiply-accumulates if it has none.
        """
        return self.front_by()

    @checked
    def front_by(self, *costs: CostName) -> Records[FrontNetwork]:
        """Return the networks that no other beats in score and the given costs, by rising cost.

        Args:
            costs: ``parameters``, ``macs`` or ``latency``.
        """
        standing = self._standing()
        configuration = standing.study.configuration
        found = search_front(configuration, standing.snapshot, standing.status, costs)
        return Records(
            FrontNetwork(
                number=each.number,
                genotype=str(each.genotype),
                score=each.score,
                standard_error=each.standard_error,
                num_trainings=each.num_trainings,
                parameters=each.parameters,
                multiply_accumulates=each.macs,
                latency_ms=each.latency_ms,
            )
            for each in found.members
        )

    def explain(self) -> Explanation:
        """Return which blocks, kernels, depths and skips pay, as far as that can be told.

        Raises:
            StudyError: if no network has a score.
        """
        from mbnas.api.finding_objects import Explanation
        from mbnas.results.explanation.read_explanation import explain_standing

        return Explanation(details=explain_standing(self._standing()))

    def report(self) -> Path:
        """Write the study's page, ``report.html``, and return its path."""
        from mbnas.actions.report_study import report_study

        return report_study(Directory.open(self.path))

    # What is done

    @checked
    def compare(
        self,
        *networks: str | Network,
        initialisations: int = 5,
        output: str | Path | None = None,
        dataset: str | Path | None = None,
        workers: int | None = None,
        executor: str | None = None,
        address: str | None = None,
        log: str | None = None,
        watch: Watch | None = None,
    ) -> Comparison:
        """Train networks again on new initialisations, and return what the differences show.

        What was trained before is not trained again.

        Args:
            networks: Names or networks; by default the chosen one, the U-Net of the space, and
                the U-Net and ResU-Net of the paper.
            initialisations: New initialisations of each.
            output: Where files of tables and statistics go; the study's ``comparison`` by default.
            dataset: Where the dataset is now, if it was moved.
            workers: Trainings at a time.
            executor: ``processes``, ``inline`` or ``ray``.
            address: Of the Ray cluster.
            log: ``tensorboard``, ``wandb`` or ``mlflow`` writes live curves.
            watch: Called with events; lines on standard error by default.

        Raises:
            MbnasError: if a network, an argument or the study does not allow it.
        """
        from mbnas.actions.compare_networks import NETWORKS, compare_study
        from mbnas.api.finding_objects import Comparison

        options = {"workers": workers, "executor": executor, "address": address, "log": log}
        study = running_as(self._directory(dataset), layer_of(options))
        details = compare_study(
            study,
            tuple(map(str, networks)) or NETWORKS,
            initialisations=initialisations,
            output=None if output is None else Path(output),
            command=f"{self!r}.compare()",
            watch=watch or ProgressLines(),
            forecast=watch is not silent,
        )
        return Comparison(details=details)

    @checked
    def train(
        self,
        network: str | Network = "best",
        *,
        name: str | None = None,
        all_patients: bool = False,
        epochs: int | None = None,
        size: int | None = None,
        workers: int | None = None,
        executor: str | None = None,
        dataset: str | Path | None = None,
        settings: Mapping[str, object] | None = None,
        watch: Watch | None = None,
    ) -> Model:
        """Train a network into a model that segments files, or resume that.

        Args:
            network: The chosen network by default; a name, or a network.
            name: Name of the model's folder; the network's by default.
            all_patients: Whether one network learns from all patients, not one for each fold.
            epochs: Twice those of the search by default.
            size: Side of the slices in pixels; the search's by default.
            workers: Trainings at a time.
            executor: ``processes`` or ``inline``.
            dataset: Where the dataset is now, if it was moved.
            settings: Further settings by key, such as ``{"training.learning_rate": 0.01}``.
            watch: Called with events; lines on standard error by default.

        Raises:
            MbnasError: if the network, a setting or the study does not allow it.
        """
        from mbnas.actions.train_network import train_network

        options = {"epochs": epochs, "size": size, "workers": workers, "executor": executor}
        trained = train_network(
            self._directory(dataset),
            str(network),
            merge(layer_of(options), layer_of_keys(settings or {})),
            model=name,
            all_patients=all_patients,
            command=f"{self!r}.train()",
            watch=watch or ProgressLines(),
            forecast=watch is not silent,
        )
        return Model.open(trained.folder)

    @checked
    def model(self, name: str | None = None) -> Model:
        """Return a trained model of the study.

        Args:
            name: Its name; the only one, or ``best``, by default.

        Raises:
            ModelError: if there is none, or several and none is named.
        """
        return Model.open(find_model(self.path, name))

    @checked
    def predict(
        self,
        source: str | Path,
        target: str | Path,
        *,
        model: str | None = None,
        device: str = "auto",
        workers: int = 1,
        overwrite: bool = False,
        watch: Watch | None = None,
    ) -> Predictions:
        """Write the label maps of an image or a folder by a trained model.

        :meth:`mbnas.Model.predict` has more options.

        Args:
            source: An image, or a folder of images or DICOM series.
            target: A file if ``source`` is one, otherwise a folder.
            model: Name of the model; the only one, or ``best``, by default.
            device: As torch names it; ``auto`` is CUDA if available.
            workers: Cases to read and to write while one is predicted.
            overwrite: Whether other predictions in ``target`` are replaced.
            watch: Called with events; lines on standard error by default.

        Raises:
            MbnasError: as :meth:`mbnas.Model.predict` does.
        """
        return self.model(model).predict(
            source, target, device=device, workers=workers, overwrite=overwrite, watch=watch
        )

    def _repr_html_(self) -> str:
        """Return its status."""
        return self.status()._repr_html_()

    def _standing(self) -> Standing:
        return read_standing(Directory.open(self.path))

    def _directory(self, dataset: str | Path | None) -> Directory:
        return Directory.open(self.path).with_dataset(None if dataset is None else Path(dataset))
