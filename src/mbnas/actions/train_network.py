"""A model that segments files: a network trained for use, with its learning curves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mbnas.actions.events import Message, Watch, counted_by, warning
from mbnas.actions.forecast_message import forecast_message
from mbnas.actions.hold_study import holding
from mbnas.actions.named_networks import networks_named, read_chosen
from mbnas.network.architecture import BASELINES, Architecture, title_of
from mbnas.prediction.model.model_card import ModelCard
from mbnas.study.configuration_layers import Layer, check_effects
from mbnas.study.cost.training_speed import final_forecast
from mbnas.study.directory import Study
from mbnas.study.open_study import OpenStudy
from mbnas.study.retraining.final_model import train_model
from mbnas.study.retraining.final_plan import FinalPlan, final_configuration, model_folder
from mbnas.training.final.learning_curve import read_curve
from mbnas.training.training_record import EpochRecord

Curves = Mapping[str, tuple[EpochRecord, ...]]
"""The epochs of each member of a model, by its file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedModel:
    """A model, and how it was trained.

    Attributes:
        folder: The model's.
        card: Its card.
        curves: Its learning curves.
    """

    folder: Path
    card: ModelCard
    curves: Curves


def train_network(
    study: Study,
    network: str,
    asked: Layer,
    *,
    model: str | None = None,
    all_patients: bool = False,
    command: str,
    watch: Watch,
    forecast: bool = True,
) -> TrainedModel:
    """Train a network of a study into a model, or resume that, and draw its learning curves.

    Args:
        study: The study.
        network: Its name; ``best`` is the network that the study stands for.
        asked: Settings of the training that differ from the default.
        model: Name of the model's folder; the network's name by default.
        all_patients: Whether one network learns from all patients.
        command: What the user started, shown to users who find the study in use.
        watch: Told of the progress, and of members that lost a class.
        forecast: Whether to tell how long it will take, which may time a few steps.

    Raises:
        MbnasError: if the network, a setting or the study does not allow it.
    """
    named = _named(network, study)
    with holding(study, command=command, watch=watch) as held:
        trained = _chosen(held, watch) if named is None else named
        configuration = final_configuration(held.configuration, trained, asked)
        check_effects(asked, configuration)
        plan = FinalPlan(
            network=trained,
            configuration=configuration,
            all_patients=all_patients,
        )
        folder = model_folder(study.path, model or _default_name(network, trained))
        if forecast and (found := final_forecast(held, plan)) is not None:
            watch(Message(text=forecast_message(found, what="training")))
        card = train_model(
            held,
            plan,
            folder,
            preparing=counted_by(watch, "preparing"),
            watch=counted_by(watch, "training"),
        )
    curves = {
        member.file: read_curve((folder / member.file).with_suffix(".csv"))
        for member in card.members
    }
    _draw(folder, card, curves)
    warn = warning(watch)
    for file, name in _never_predicted(card, curves):
        warn(
            f"{folder / file} never predicts {name} in its validation patients: do not use it. "
            "Train longer, or with another --set training.learning_rate, under another --name."
        )
    return TrainedModel(folder=folder, card=card, curves=curves)


def _named(name: str, study: Study) -> Architecture | None:
    """Return the network of a name; ``None`` for ``best``, which takes an open study to find."""
    if name == "best":
        return None
    return networks_named([name], num_levels=study.configuration.space.num_levels)[name]


def _chosen(held: OpenStudy, watch: Watch) -> Architecture:
    """Return the network that a study stands for, and say how sure that is."""
    chosen = read_chosen(held.study, held.ledger)
    watch(Message(text=f"Chosen: {chosen.genotype}. {chosen.sentence}"))
    return chosen.genotype


def _default_name(asked: str, network: Architecture) -> str:
    """Return the default name of a model: a baseline's name, or the start of the digest."""
    return asked if asked in ("best", *BASELINES) else network.digest[:8]


def _draw(folder: Path, card: ModelCard, curves: Curves) -> None:
    from mbnas.report.figures.learning_figure import draw_learning_curves
    from mbnas.report.figures.style import save

    names = [label.name for label in card.classes]
    by_member = {Path(file).stem: epochs for file, epochs in curves.items()}
    figure = draw_learning_curves(by_member, names)
    save(figure, folder / "curves.svg", title=f"Final training of {title_of(card.architecture)}")


def _never_predicted(card: ModelCard, curves: Curves) -> list[tuple[str, str]]:
    return [
        (file, label.name)
        for file, epochs in curves.items()
        for label, dice in zip(card.classes, epochs[-1].class_dice or (), strict=False)
        if dice == 0.0
    ]
