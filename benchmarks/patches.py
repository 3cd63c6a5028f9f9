"""Does reading patches slow the training step? Patches of large pictures against whole slices.

The same network makes the same number of steps on patches of pictures, whole slices of the
patches' size that are in memory, and patches that are streamed from files. Draws of an epoch,
reading and augmentation are part of a step.

    python benchmarks/patches.py --output benchmarks/results/patches.json
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measuring import described, interleaved, machine, ratios, spread, summary, write
from workload import network_of, protocol

from mbnas.data.augmentation.parameters import reach_of
from mbnas.data.datasets.label_scheme import Targets
from mbnas.data.slices.foreground_rows import ForegroundRows
from mbnas.data.slices.slice_places import SlicePlaces
from mbnas.space.genotype import unet_genotype
from mbnas.training.device.device_setup import (
    flushing_subnormals,
    prepare_process,
    resolve_precision,
)
from mbnas.training.loading.patch_sampler import PatchSampler, window_size_of
from mbnas.training.loading.resident_patches import ResidentPatches
from mbnas.training.loading.resident_slices import ResidentSlices
from mbnas.training.loading.slice_source import SliceSource
from mbnas.training.loading.streamed_patches import StreamedPatches
from mbnas.training.loop.training_loop import Schedule, TrainingLoop
from mbnas.training.loop.training_plan import augmentation_of
from mbnas.training.loop.training_step import Step
from mbnas.training.protocol import Protocol

SIDE = 128
FRAME = (1000, 960)
CHANNELS = 3
NUM_CLASSES = 3
FIRST = "whole slices"
"""The arm that the others are compared with."""

FACTS: dict[str, Any] = {
    "patient_classes": {"one": frozenset({1, 2})},
    "targets": Targets.of_outputs(NUM_CLASSES),
    "flip_axis_dims": {"left-right": 0, "posterior-anterior": 1},
}
"""What the sources have in common."""


def main() -> None:
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9, help="to measure (default 9)")
    parser.add_argument("--steps", type=int, default=6, help="in a round (default 6)")
    parser.add_argument("--pictures", type=int, default=24, help="to draw from (default 24)")
    parser.add_argument("--batch", type=int, default=8, help="patches in a step (default 8)")
    parser.add_argument("--channels", type=int, default=8, help="at level 0 (default 8)")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default cpu)")
    parser.add_argument("--output", type=Path, help="JSON file of the results")
    arguments = parser.parse_args()
    prepare_process(threads=1)
    of_slices = protocol(
        slice_size=SIDE,
        base_channels=arguments.channels,
        batch_size=arguments.batch,
        epochs=10**6,
        steps_per_epoch=arguments.steps,
        precision=resolve_precision("auto", arguments.device),
    )
    with tempfile.TemporaryDirectory() as folder, flushing_subnormals():
        sources = sources_of(Path(folder), arguments.pictures, of_slices, arguments.device)
        loops = {name: loop_of(each, of_slices) for name, each in sources.items()}
        rounds = interleaved(
            {name: loop.advance for name, loop in loops.items()},
            rounds=arguments.rounds,
            device=arguments.device,
        )
        read_s = {
            name: summary([fetched_s(each, arguments.batch) for _ in range(arguments.rounds)])
            for name, each in sources.items()
        }
    results: dict[str, Any] = {
        "machine": machine(arguments.device),
        "pictures": [arguments.pictures, *FRAME, CHANNELS],
        "patch_size": SIDE,
        "batch": arguments.batch,
        "base_channels": arguments.channels,
        "step_s": {
            name: summary([each["wall_s"] / arguments.steps for each in of])
            for name, of in rounds.items()
        },
        "batch_read_s": read_s,
        **{
            key: {name: ratios(rounds, name, FIRST, clock) for name in sources if name != FIRST}
            for key, clock in (("ratios", "wall_s"), ("cpu_ratios", "cpu_s"))
        },
    }
    results["headlines"] = [
        {"what": f"step on {name} / on whole slices", "value": ratio, "aim": "at most 1.05"}
        for name, ratio in results["ratios"].items()
    ]
    output = arguments.output or Path(tempfile.gettempdir()) / "patches.json"
    write(results, page_of(results), output)


def page_of(results: dict[str, Any]) -> str:
    """Return the results as Markdown."""
    number, height, width, channels = results["pictures"]
    lines = [
        "# Patches of large pictures",
        "",
        (
            f"{described(results['machine'])} Steps of the U-Net, {results['base_channels']} "
            f"channels at level 0, batches of {results['batch']}, inputs of "
            f"{SIDE}×{SIDE}×{channels}: whole slices in memory, patches of {number} pictures of "
            f"{height}×{width} in memory, and patches streamed from their file. Arms take turns, "
            "round by round; median (quartiles)."
        ),
        "",
        "| arm | step, s | drawing and reading a batch, s | step / whole slices | in CPU time |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, step in results["step_s"].items():
        both = [results[key].get(name) for key in ("ratios", "cpu_ratios")]
        wall, cpu = (spread(ratio) if ratio else "1" for ratio in both)
        read = spread(results["batch_read_s"][name], 4)
        lines.append(f"| {name} | {spread(step)} | {read} | {wall} | {cpu} |")
    return "\n".join(lines) + "\n"


def sources_of(
    folder: Path, num_pictures: int, of: Protocol, device: str
) -> dict[str, SliceSource]:
    """Return slices and patches of noise with a square of each class."""
    rng = np.random.default_rng(0)
    labels = np.zeros((num_pictures, *FRAME), np.uint8)
    labels[:, 300:420, 200:280], labels[:, 600:700, 500:800] = 1, 2
    images = np.lib.format.open_memmap(
        folder / "images.npy", "w+", np.float32, (num_pictures * CHANNELS * FRAME[0] * FRAME[1],)
    )
    for part in np.array_split(images, num_pictures):
        part[:] = rng.normal(size=len(part))
    sampler = PatchSampler(
        places=SlicePlaces.of([FRAME] * num_pictures),
        foreground=ForegroundRows.of(labels, NUM_CLASSES),
        labels=labels.reshape(-1),
        patch_size=SIDE,
        window_size=window_size_of(SIDE, reach_of(of.augmentation)),
    )
    common = {
        "channels": CHANNELS,
        "sampler": sampler,
        "patient_N": np.zeros(num_pictures, np.int64),
        **FACTS,
    }
    flat, flat_labels = torch.from_numpy(images), torch.from_numpy(labels.reshape(-1))
    num_slices = 8 * of.training.batch_size
    return {
        FIRST: ResidentSlices(
            images_NCHW=torch.randn(num_slices, CHANNELS, SIDE, SIDE).to(device),
            labels_NHW=torch.randint(0, NUM_CLASSES, (num_slices, SIDE, SIDE)).byte().to(device),
            patient_N=np.zeros(num_slices, np.int64),
            **FACTS,
        ),
        "patches": ResidentPatches(images=flat.to(device), labels=flat_labels.to(device), **common),
        "streamed patches": StreamedPatches(
            images=flat, labels=flat_labels, target=torch.device(device), **common
        ),
    }


def loop_of(data: SliceSource, of: Protocol) -> TrainingLoop:
    """Return the training loop of a source."""
    network = network_of(unet_genotype(), data, of)
    augmentation = augmentation_of(data, replace(of.augmentation, mirror_pairs=()))
    slices = np.arange(len(data.patient_N))
    rng = np.random.default_rng(0)
    schedule = Schedule(slices, of.training, augmentation, rng, data.patches)
    return TrainingLoop(
        Step([network], of.training, data.targets, data.interface.size), data, [schedule]
    )


def fetched_s(data: SliceSource, batch: int) -> float:
    """Return how long it takes to draw and read a batch, in seconds."""
    rng = np.random.default_rng(0)
    slices = np.arange(len(data.patient_N))
    draw = (
        partial(rng.choice, slices, batch)
        if data.patches is None
        else data.patches.batches(slices, batch, rng).__next__
    )
    batches = [draw() for _ in range(8)]
    start = time.perf_counter()
    for _ in data.fetch(iter(batches)):
        pass
    return (time.perf_counter() - start) / len(batches)


if __name__ == "__main__":
    main()
