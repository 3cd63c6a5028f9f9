"""``mbnas train``: train a model that segments files."""

from __future__ import annotations

import argparse

from mbnas.actions.train_network import TrainedModel, train_network
from mbnas.cli.configuration_options import options_layer
from mbnas.cli.show.event_display import EventDisplay
from mbnas.cli.show.messages import say_next
from mbnas.cli.show.printing import console, print_json, score_text
from mbnas.cli.terminal import headed, table
from mbnas.cli.typed_command import command_line
from mbnas.network.architecture import title_of
from mbnas.results.choice.next_steps import model_steps
from mbnas.scoring.overlap import mean_defined
from mbnas.study.directory import Study


def train(arguments: argparse.Namespace) -> int:
    """Train or resume a model, and print its members and their Dice."""
    with EventDisplay() as display:
        trained = train_network(
            Study.open(arguments.study).with_dataset(arguments.dataset),
            arguments.network,
            options_layer(arguments),
            model=arguments.name,
            all_patients=arguments.all_patients,
            command=command_line(),
            watch=display,
            forecast=display.is_seen,
        )
    if arguments.json:
        print_json(_as_json(trained))
    else:
        _print(trained)
    return 0


def _print(trained: TrainedModel) -> None:
    out, folder, card = console(), trained.folder, trained.card
    out.print(headed(folder, f": {title_of(card.architecture)}, trained"))
    out.print(card.network)
    names = [label.name for label in card.classes]
    shown = table("weights", "epochs", "loss", "Dice", *names)
    for file, epochs in trained.curves.items():
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
    say_next(model_steps(folder))


def _as_json(trained: TrainedModel) -> dict[str, object]:
    card, curves = trained.card, trained.curves
    return {
        "model": str(trained.folder),
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
