r"""How long does a folder of volumes take to predict? mbnas and nnU-Net as commands, in turn.

Both predict the same files by a network of the same genotype and width. Every round runs the two
whole commands one after the other, start-up and writing included, as a user would. On a CPU
nnU-Net uses one process to read and one to write, as mbnas does, and no test-time augmentation.
By default small models are trained first, on synthetic patients:

    python benchmarks/prediction.py --output benchmarks/results/prediction.json

or on a dataset of your own, such as pictures:

    python benchmarks/prediction.py --given DATASET --output benchmarks/results/pictures.json

or with a model, the folder of a finished ``mbnas nnunet`` and your own images:

    python benchmarks/prediction.py --output benchmarks/results/prediction.json \
        --models MODEL NNUNET_DIR IMAGES --dataset NAME --trainer NAME --plans NAME
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from commands import run, script, threads_of
from measuring import described, interleaved, machine, ratios, spread, summary, write
from prediction_models import Models, made_models
from studies import patients

from mbnas.data.datasets.dataset import read_dataset
from mbnas.nnunet.schedule import TRAINERS
from mbnas.wording import counted

FOLDERS = ("raw", "preprocessed", "results")


def main() -> None:
    """Measure both commands, write JSON and a table next to it, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--models",
        nargs=3,
        type=Path,
        metavar=("MODEL", "NNUNET_DIR", "IMAGES"),
        help="folders of a model of mbnas train, of mbnas nnunet, its trainings ended, and of "
        "nnU-Net images, NAME_0000.nii.gz (default: made now)",
    )
    parser.add_argument("--dataset", help="with --models: nnU-Net's name of the dataset")
    parser.add_argument("--trainer", help="with --models: nnU-Net's trainer")
    parser.add_argument("--plans", help="with --models: nnU-Net's plans")
    parser.add_argument("--folds", nargs="+", default=["0"], help="of nnU-Net (default 0)")
    parser.add_argument("--given", type=Path, metavar="DATASET", help="to train on and predict")
    parser.add_argument("--size", type=int, default=128, help="with --given: side of a slice")
    parser.add_argument(
        "--patch-size", type=int, help="with --given: side of patches at the slices' resolution"
    )
    parser.add_argument("--patients", type=int, default=8, help="to make, 3 or more (default 8)")
    parser.add_argument("--rounds", type=int, default=4, help="of each command (default 4)")
    parser.add_argument("--threads", type=int, default=2, help="of each command (default 2)")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE.json")
    arguments = parser.parse_args()
    with TemporaryDirectory() as temporary:
        models = models_of(parser, arguments, Path(temporary))
        rounds = interleaved(
            {
                name: predicting(models, command, arguments, Path(temporary))
                for name, command in COMMANDS.items()
            },
            rounds=arguments.rounds,
        )
        num_images = len(list(models.images.glob("*_0000.*")))
    ratio = ratios(rounds, "nnU-Net", "mbnas")
    results = {
        "machine": machine("cpu", arguments.threads),
        "headlines": [{"what": "nnUNetv2_predict's time / that of mbnas predict", "value": ratio}],
        "images": num_images,
        "folds": len(arguments.folds),
        "models_given": arguments.models is not None,
        "given": arguments.given and read_dataset(arguments.given).name,
        "preparation": preparation_of(arguments) if arguments.given else None,
        "rounds": rounds,
        "wall_s": {name: summary([each["wall_s"] for each in of]) for name, of in rounds.items()},
        "ratio": ratio,
    }
    write(results, markdown(results), arguments.output)


def preparation_of(arguments: argparse.Namespace) -> dict[str, object]:
    """Return the settings of preparation for a given dataset."""
    if arguments.patch_size:
        return {"patch_size": arguments.patch_size}
    return {"slice_size": arguments.size}


def models_of(
    parser: argparse.ArgumentParser, arguments: argparse.Namespace, place: Path
) -> Models:
    """Return the models that are named, or models that are made in a folder."""
    if arguments.models is None:
        if arguments.given:
            return made_models(place, arguments.given, preparation_of(arguments))
        return made_models(place, patients(place, arguments.patients))
    if not (arguments.dataset and arguments.trainer and arguments.plans):
        parser.error("--models needs --dataset, --trainer and --plans, by nnU-Net's names")
    model, nnunet, images = arguments.models
    return Models(
        model=model,
        nnunet=nnunet,
        images=images,
        dataset=arguments.dataset,
        trainer=arguments.trainer,
        plans=arguments.plans,
    )


def by_mbnas(models: Models, folds: list[str], output: Path) -> list[str]:
    """Return the command line of mbnas."""
    chosen = [part for fold in folds for part in ("--fold", fold)]
    folders = (str(each) for each in (models.model, models.images, output))
    return [script("mbnas"), "predict", *folders, *chosen]


def by_nnunet(models: Models, folds: list[str], output: Path) -> list[str]:
    """Return the command line of nnU-Net."""
    return [
        script("nnUNetv2_predict"),
        *("-i", str(models.images), "-o", str(output)),
        *("-d", models.dataset, "-c", "2d", "-f", *folds),
        *("-tr", models.trainer, "-p", models.plans),
        *("-device", "cpu", "--disable_tta", "-npp", "1", "-nps", "1"),
    ]


DIFFERENCES = """\
Both read every file, normalise it, run a network of the same genotype and width without test-time
augmentation, and write a label map on the grid of the file. Beyond that they do different work:

{resolution}
- **Only mbnas** writes a record of files and model beside the label maps.
- **Only nnU-Net** crops to what is not zero. It reads and writes in a process each, mbnas in
  threads."""
"""Of a given dataset."""

SHRUNK = """\
- **Resolution.** mbnas shrinks a slice to {slice_size}×{slice_size} and enlarges its probabilities
  again. nnU-Net predicts overlapping patches of its plan at the median spacing, which for pictures
  is their own resolution. Many more pixels pass through its network, and this is much of the ratio:
  it is how long a user waits with either program, and not how fast either runs one network on
  the same pixels."""

PATCHES = """\
- **Resolution.** mbnas predicts overlapping tiles of {patch_size}×{patch_size} at the slices'
  resolution. nnU-Net predicts overlapping patches of its plan at the median spacing, which for
  pictures is their own resolution. Both networks see all pixels; how often depends on how much
  tiles and patches overlap."""


def differences(preparation: Mapping[str, Any]) -> str:
    """Return what differs between both programs on a given dataset."""
    resolution = PATCHES if "patch_size" in preparation else SHRUNK
    return DIFFERENCES.format(resolution=resolution.format(**preparation))


Command = Callable[[Models, list[str], Path], list[str]]
COMMANDS: dict[str, Command] = {"mbnas": by_mbnas, "nnU-Net": by_nnunet}


def predicting(
    models: Models, command: Command, arguments: argparse.Namespace, place: Path
) -> Callable[[], object]:
    """Return what runs a command, each time with a new output folder below ``place``."""
    folders = {f"nnUNet_{each}": str(models.nnunet / f"nnUNet_{each}") for each in FOLDERS}
    variables = folders | {"nnUNet_extTrainer": str(TRAINERS)} | threads_of(arguments.threads)
    numbers = count()

    def predict() -> None:
        output = place / f"{command.__name__}-{next(numbers)}"
        run(command(models, arguments.folds, output), variables)

    return predict


def markdown(results: Mapping[str, Any]) -> str:
    """Return the results as a page: the machine, the wall time of both, and their ratio."""
    about = f"{results['images']} images, {counted(results['folds'], 'network')}"
    if results["given"]:
        about += f", {results['given']}, networks of few steps"
    elif not results["models_given"]:
        about += ", synthetic patients and networks of few steps"
    lines = [
        "# Predicting a folder of images: mbnas and nnU-Net",
        "",
        described(results["machine"]),
        "",
        f"{about}. Whole commands in turn; median (quartiles).",
        "",
        "| command | wall time in seconds |",
        "| --- | --- |",
        *(f"| {name} | {spread(walls)} |" for name, walls in results["wall_s"].items()),
        "",
        f"nnU-Net's wall time over that of mbnas, round by round: {spread(results['ratio'])}.",
    ]
    if results["given"]:
        lines += ["", differences(results["preparation"])]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
