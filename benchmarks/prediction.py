r"""How long does a folder of volumes take? ``mbnas predict`` against ``nnUNetv2_predict``.

Both run as whole commands, start-up and files included, on the same images with a network of the
same cost: the found network as a model of mbnas, and the same network trained inside nnU-Net by
``mbnas nnunet``. They take turns; a round's ratio is nnU-Net's wall time over that of mbnas: above
1, mbnas is faster. Both average as many networks as there are folds; nnU-Net covers each slice with
overlapping patches; neither flips.

    python benchmarks/prediction.py MODEL NNUNET_DIR IMAGES --dataset NAME --trainer NAME \
        --plans NAME --output benchmarks/results/prediction.json
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from measuring import described, machine, spread, summary, write

from mbnas.nnunet.schedule import TRAINERS

SCRIPTS = Path(sys.executable).parent
FOLDERS = ("raw", "preprocessed", "results")


def main() -> None:
    """Measure both commands, write JSON and a table beside it, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="folder of a model of mbnas train")
    parser.add_argument("nnunet", type=Path, help="folder of mbnas nnunet, its trainings ended")
    parser.add_argument("images", type=Path, help="folder of nnU-Net images, NAME_0000.nii.gz")
    parser.add_argument("--dataset", required=True, help="nnU-Net's name of the dataset")
    parser.add_argument("--trainer", required=True, help="nnU-Net's trainer")
    parser.add_argument("--plans", required=True, help="nnU-Net's plans")
    parser.add_argument("--folds", nargs="+", default=["0"], help="of nnU-Net (default 0)")
    parser.add_argument("--rounds", type=int, default=5, help="of each command (default 5)")
    parser.add_argument("--threads", type=int, default=2, help="of each command (default 2)")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE.json")
    arguments = parser.parse_args()
    rounds: dict[str, list[float]] = {"mbnas": [], "nnU-Net": []}
    with TemporaryDirectory() as temporary:
        for number in range(1 + arguments.rounds):
            for name, command in commands(arguments, Path(temporary, str(number))).items():
                wall_s = timed(command, environment(arguments))
                if number > 0:  # before the first, files and modules come into memory
                    rounds[name].append(wall_s)
    results = {
        "machine": machine("cpu", arguments.threads),
        "images": len(list(arguments.images.glob("*.nii.gz"))),
        "folds": len(arguments.folds),
        "rounds_wall_s": rounds,
        "wall_s": {name: summary(walls) for name, walls in rounds.items()},
        "ratio": summary(np.divide(rounds["nnU-Net"], rounds["mbnas"]).tolist()),
    }
    write(results, markdown(results), arguments.output)


def commands(arguments: argparse.Namespace, place: Path) -> dict[str, list[str]]:
    """Return both command lines, each with a new output folder below ``place``."""
    folds = [part for fold in arguments.folds for part in ("--fold", fold)]
    return {
        "mbnas": [
            str(SCRIPTS / "mbnas"),
            "predict",
            *(str(each) for each in (arguments.model, arguments.images, place / "mbnas")),
            *folds,
        ],
        "nnU-Net": [
            str(SCRIPTS / "nnUNetv2_predict"),
            *("-i", str(arguments.images), "-o", str(place / "nnunet")),
            *("-d", arguments.dataset, "-c", "2d", "-f", *arguments.folds),
            *("-tr", arguments.trainer, "-p", arguments.plans),
            *("-device", "cpu", "--disable_tta", "-npp", "1", "-nps", "1"),
        ],
    }


def environment(arguments: argparse.Namespace) -> dict[str, str]:
    """Return the variables for both: nnU-Net's folders, and as many threads for each."""
    threads = str(arguments.threads)
    folders = {f"nnUNet_{each}": str(arguments.nnunet / f"nnUNet_{each}") for each in FOLDERS}
    ours = {"nnUNet_extTrainer": str(TRAINERS)}
    return {**os.environ, **folders, **ours, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}


def timed(command: Sequence[str], variables: Mapping[str, str]) -> float:
    """Run a command to its end and return its wall time in seconds."""
    start = time.perf_counter()
    subprocess.run(command, env=dict(variables), check=True, capture_output=True)
    return time.perf_counter() - start


def markdown(results: Mapping[str, Any]) -> str:
    """Return the results as a page: the machine, the wall time of both, and their ratio."""
    lines = [
        "# Predicting a folder of volumes: mbnas and nnU-Net",
        "",
        described(results["machine"]),
        "",
        f"{results['images']} volumes, {results['folds']} networks averaged.",
        "Whole commands in turn; median (quartiles).",
        "",
        "| command | wall time in seconds |",
        "| --- | --- |",
        *(f"| {name} | {spread(walls)} |" for name, walls in results["wall_s"].items()),
        "",
        f"nnU-Net's wall time over that of mbnas, round by round: {spread(results['ratio'])}.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
