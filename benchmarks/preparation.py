"""How long does it take to prepare a dataset? mbnas against nnU-Net's preprocessing.

The same synthetic volumes, the same number of processes, whole processes in turn: mbnas's
``prepare_slices``, and ``nnUNetv2_plan_and_preprocess`` for nnU-Net's 2D configuration. Two
datasets of different size separate the cost of a voxel from the fixed cost.

    python benchmarks/preparation.py --output benchmarks/results/preparation.json

or a dataset of your own, in nnU-Net's raw layout, such as pictures:

    python benchmarks/preparation.py --given DATASET --output benchmarks/results/pictures.json
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from commands import run, script, threads_of
from measuring import Rounds, described, interleaved, machine, ratios, spread, summary, write
from volumes import Grid, write_volumes

from mbnas.data.datasets.dataset import read_dataset


@dataclass(frozen=True, slots=True, kw_only=True)
class Volumes:
    """A dataset's size.

    Attributes:
        grid: Of every volume.
        number: How many volumes.
    """

    grid: Grid
    number: int

    @property
    def megavoxels(self) -> float:
        """Of all volumes."""
        return self.number * self.grid.num_voxels / 1e6

    def __str__(self) -> str:
        return f"{self.number} volumes of {self.grid}"


SMALL = Volumes(grid=Grid(shape_xyz=(96, 96, 40), spacing_mm=(1.5, 1.5, 3.0)), number=16)
LARGE = Volumes(grid=Grid(shape_xyz=(256, 256, 60), spacing_mm=(0.8, 0.8, 3.0)), number=6)

PREPARE = """\
import sys
from pathlib import Path
from mbnas.data.datasets.dataset import read_dataset
from mbnas.data.slices.prepare_slices import prepare_slices
from mbnas.data.slices.prepared_slices import PreparationSettings
dataset, directory, size, workers = sys.argv[1:]
read = read_dataset(Path(dataset))
prepare_slices(
    read,
    PreparationSettings(slice_size=int(size)),
    Path(directory),
    patients={case.name: case.name for case in read.cases},
    workers=int(workers),
)
"""
"""What mbnas does when a search begins, as a separate process."""

TURNS = """\
Whole commands in turn, start-up included; processes of each: {processes};
median (quartiles). The ratio is nnU-Net's time over that of mbnas, round by round."""

DIFFERENCES = """\
Both read every file, look at its header and intensities, normalise, bring volumes to one size, and
write them. Beyond that they do different work:

- **Only mbnas** hashes the contents of all files, so that slices are made once for each dataset
  and setting; refuses volumes that break a rule (not finite, another grid, no foreground); resizes
  each slice to {size}×{size}, which writes less for the larger volumes; and keeps each volume's
  labels as they were before.
- **Only nnU-Net** crops to what is not zero; takes a fingerprint of the intensities and plans
  networks for 2D and 3D from it; keeps the volumes' full size at the median spacing (which all have
  here, so that it resamples nothing); samples places of each class; and compresses what it writes.
  Whether files are sound it checks if asked, which it is not here.
"""


def main() -> None:
    """Measure both on both datasets, write JSON and a page next to it, print the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=2, help="of both (default 2)")
    parser.add_argument("--processes", type=int, default=2, help="of both (default 2)")
    parser.add_argument("--size", type=int, default=128, help="side of a slice (default 128)")
    parser.add_argument(
        "--volumes", type=int, metavar="N", help="at most so many a dataset (default all)"
    )
    parser.add_argument("--given", type=Path, metavar="DATASET", help="instead of these volumes")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE.json")
    arguments = parser.parse_args()
    if arguments.given:
        write_given(arguments)
        return
    most = arguments.volumes or max(SMALL.number, LARGE.number)
    datasets = [Volumes(grid=each.grid, number=min(each.number, most)) for each in (SMALL, LARGE)]
    measured = [prepared(volumes, arguments) for volumes in datasets]
    rows = [row_of(volumes, rounds) for volumes, rounds in zip(datasets, measured, strict=True)]
    per_megavoxel = further_voxels(rows)
    results = {
        "machine": machine("cpu", arguments.processes),
        "size": arguments.size,
        "processes": arguments.processes,
        "headlines": [
            {"what": f"{row['what']}: nnU-Net's time / mbnas's", "value": row["ratio"]}
            for row in rows
        ]
        + [
            {
                "what": "each further voxel: nnU-Net's time / mbnas's",
                "value": per_megavoxel["nnU-Net"] / per_megavoxel["mbnas"],
            }
        ],
        "datasets": rows,
        "further_megavoxel_s": per_megavoxel,
    }
    write(results, markdown(results), arguments.output)


def write_given(arguments: argparse.Namespace) -> None:
    """Measure both on a given dataset, write JSON and a page next to it, print the page."""
    with TemporaryDirectory() as temporary:
        dataset = Path(temporary) / "nnUNet_raw" / "Dataset001_Given"
        dataset.parent.mkdir()
        dataset.symlink_to(arguments.given.resolve())
        rounds = both(dataset, Path(temporary), arguments)
    declared = read_dataset(arguments.given)
    results = {
        "machine": machine("cpu", arguments.processes),
        "size": arguments.size,
        "processes": arguments.processes,
        "datasets": [
            {
                "what": f"{declared.name}, {len(declared.cases)} cases",
                "rounds": rounds,
                "wall_s": walls(rounds),
                "ratio": ratios(rounds, "nnU-Net", "mbnas"),
            }
        ],
    }
    write(results, given_markdown(results), arguments.output)


def prepared(volumes: Volumes, arguments: argparse.Namespace) -> Rounds:
    """Return the time that each side takes for a dataset in every round."""
    with TemporaryDirectory() as temporary:
        place = Path(temporary)
        dataset = write_volumes(
            place / "nnUNet_raw" / "Dataset001_Volumes", volumes.grid, volumes.number
        )
        return both(dataset, place, arguments)


def both(dataset: Path, place: Path, arguments: argparse.Namespace) -> Rounds:
    """Return the time that each side takes for a dataset below ``place`` in every round."""
    return interleaved(
        {
            "mbnas": by_mbnas(dataset, place, arguments),
            "nnU-Net": by_nnunet(place, arguments.processes),
        },
        rounds=arguments.rounds,
    )


def walls(rounds: Rounds) -> dict[str, Any]:
    """Return median and quartiles of each side's wall time."""
    return {name: summary([each["wall_s"] for each in of]) for name, of in rounds.items()}


def by_mbnas(dataset: Path, place: Path, arguments: argparse.Namespace) -> Callable[[], object]:
    """Return what prepares a dataset's slices into a new folder."""
    numbers = count()

    def prepare() -> None:
        target = place / f"slices-{next(numbers)}"
        sizes = str(arguments.size), str(arguments.processes)
        run([sys.executable, "-c", PREPARE, str(dataset), str(target), *sizes], threads_of(1))

    return prepare


def by_nnunet(place: Path, processes: int) -> Callable[[], object]:
    """Return what takes a dataset's fingerprint, plans and preprocesses, into a new folder."""
    numbers = count()

    def preprocess() -> None:
        folders = {
            "nnUNet_raw": str(place / "nnUNet_raw"),
            "nnUNet_preprocessed": str(place / f"preprocessed-{next(numbers)}"),
            "nnUNet_results": str(place / "results"),
        }
        command = [script("nnUNetv2_plan_and_preprocess"), "-d", "1", "-c", "2d"]
        number = str(processes)
        run([*command, "-npfp", number, "-np", number, "--no_pbar"], folders | threads_of(1))

    return preprocess


def row_of(volumes: Volumes, rounds: Rounds) -> dict[str, Any]:
    """Return what a dataset's rounds amount to."""
    return {
        "what": str(volumes),
        "megavoxels": volumes.megavoxels,
        "rounds": rounds,
        "wall_s": walls(rounds),
        "ratio": ratios(rounds, "nnU-Net", "mbnas"),
    }


def further_voxels(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Return each side's seconds for a million voxels more: the fixed cost cancels."""
    small, large = rows
    voxels = large["megavoxels"] - small["megavoxels"]
    return {
        name: (large["wall_s"][name]["median"] - small["wall_s"][name]["median"]) / voxels
        for name in small["wall_s"]
    }


def markdown(results: Mapping[str, Any]) -> str:
    """Return the results as a page: both sides' times, what a voxel costs, what differs."""
    lines = [
        "# Preparing a dataset: mbnas and nnU-Net",
        "",
        described(results["machine"]),
        "",
        TURNS.format(processes=results["processes"]),
        "",
        "| dataset | million voxels | mbnas, s | nnU-Net, s | ratio |",
        "| --- | ---: | --- | --- | --- |",
    ]
    for row in results["datasets"]:
        cells = [row["what"], f"{row['megavoxels']:.1f}"]
        cells += [spread(row["wall_s"][name], 2) for name in ("mbnas", "nnU-Net")]
        lines.append(f"| {' | '.join((*cells, spread(row['ratio'], 2)))} |")
    per_voxel = results["further_megavoxel_s"]
    lines += [
        "",
        "Between the two datasets, a further million voxels takes",
        f"{per_voxel['mbnas']:.2f} s with mbnas and {per_voxel['nnU-Net']:.2f} s with nnU-Net.",
        "",
        DIFFERENCES.format(size=results["size"]),
    ]
    return "\n".join(lines)


def given_markdown(results: Mapping[str, Any]) -> str:
    """Return the results of a given dataset as a page."""
    (row,) = results["datasets"]
    cells = [row["what"], *(spread(row["wall_s"][name], 2) for name in ("mbnas", "nnU-Net"))]
    return "\n".join(
        [
            "# Preparing a given dataset: mbnas and nnU-Net",
            "",
            described(results["machine"]),
            "",
            TURNS.format(processes=results["processes"]),
            "",
            "| dataset | mbnas, s | nnU-Net, s | ratio |",
            "| --- | --- | --- | --- |",
            f"| {' | '.join((*cells, spread(row['ratio'], 2)))} |",
            "",
            DIFFERENCES.format(size=results["size"]),
        ]
    )


if __name__ == "__main__":
    main()
