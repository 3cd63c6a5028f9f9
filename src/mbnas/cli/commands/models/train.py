"""``mbnas train``: train a model that segments files."""

from __future__ import annotations

import argparse
from pathlib import Path

from mbnas.cli.configuration_options import options_layer
from mbnas.cli.held_study import holding
from mbnas.cli.network_names import networks_named, read_chosen
from mbnas.cli.show.forecast_message import say_forecast
from mbnas.cli.show.messages import say, say_next, stages, warn
from mbnas.cli.show.printing import console, print_json, score_text
from mbnas.cli.terminal import headed, table
from mbnas.network.architecture import BASELINES, Architecture, title_of
from mbnas.prediction.model.model_card import ModelCard
from mbnas.scoring.overlap import mean_defined
from mbnas.space.genotype import Genotype
from mbnas.study.cost.training_speed import final_forecast
from mbnas.study.directory import Study
from mbnas.study.open_study import OpenStudy
from mbnas.study.retraining.final_model import train_model
from mbnas.study.retraining.final_plan import FinalPlan, final_configuration, model_folder
from mbnas.training.final.learning_curve import read_curve
from mbnas.training.training_record import EpochRecord


def train(arguments: argparse.Namespace) -> int:
    """Train or resume a model, and print its members and their Dice."""
    study = Study.open(arguments.study).with_dataset(arguments.dataset)
    asked = options_layer(arguments)
    named = _named(arguments.network, study)
    with holding(study) as held:
        network = named or _chosen(held)
        configuration = final_configuration(held.configuration, network, asked)
        folder = model_folder(study.path, arguments.name or _name(arguments.network, network))
        plan = FinalPlan(
            network=network, configuration=configuration, all_patients=arguments.all_patients
        )
        say_forecast(lambda: final_forecast(held, plan), what="training")
        with stages("Preparing volumes", "Epochs") as (preparing, watch):
            card = train_model(held, plan, folder, preparing=preparing, watch=watch)
    curves = {
        member.file: read_curve((folder / member.file).with_suffix(".csv"))
        for member in card.members
    }
    _draw(folder, card, curves)
    for file, name in _never_predicted(card, curves):
        warn(
            f"{folder / file} never predicts {name} in its validation patients: do not use it. "
            "Train longer, or with another --set training.learning_rate, under another --name."
        )
    if arguments.json:
        print_json(_as_json(folder, card, curves))
    else:
        _print(folder, card, curves)
    return 0


def _chosen(held: OpenStudy) -> Genotype:
    """Return the network that a study stands for, and say how sure that is."""
    chosen = read_chosen(held.study, held.ledger)
    say(f"{chosen.genotype}. {chosen.sentence}", step="Chosen")
    return chosen.genotype


Curves = dict[str, tuple[EpochRecord, ...]]


def _named(name: str, study: Study) -> Architecture | None:
    """Return the network of a name; ``None`` for ``best``, which takes an open study to find."""
    if name == "best":
        return None
    return networks_named([name], num_levels=study.configuration.space.num_levels)[name]


def _name(asked: str, network: Architecture) -> str:
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


def _print(folder: Path, card: ModelCard, curves: Curves) -> None:
    out = console()
    out.print(headed(folder, f": {title_of(card.architecture)}, trained"))
    out.print(card.network)
    names = [label.name for label in card.classes]
    shown = table("weights", "epochs", "loss", "Dice", *names)
    for file, epochs in curves.items():
        last = epochs[-1]
        dice = last.class_dice or (None,) * len(names)
        shown.add_row(
            file,
            str(last.epoch),
            f"{last.loss:.4f}",
            score_text(mean_defined(dice)),
            *map(score_text, dice),
        )
    out.print_table(shown)
    if any(member.fold is not None for member in card.members):
        out.print(
            "Dice: on the prepared grid after the last epoch, of patients that the member was not "
            "trained on. mbnas evaluate measures on the grid of the files."
        )
    say_next(
        predict_images=("predict", folder, "IMAGES", "LABELS"),
        export_it=("export", folder, "MODEL", "--to", "onnx"),
    )


def _as_json(folder: Path, card: ModelCard, curves: Curves) -> dict[str, object]:
    return {
        "model": str(folder),
        "network": card.network,
        "slice_size": card.slice_size,
        "context": card.context,
        "patch_size": card.patch_size,
        "members": [
            {
                "file": member.file,
                "fold": member.fold,
                "epochs": curves[member.file][-1].epoch,
                "loss": curves[member.file][-1].loss,
                "class_dice": curves[member.file][-1].class_dice,
            }
            for member in card.members
        ],
    }
