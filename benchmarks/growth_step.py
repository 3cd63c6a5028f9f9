"""One training of some size in a separate process: the time of a step and the peak memory.

``growth.py`` starts one for each size, as a process keeps the memory that it once held:

    python benchmarks/growth_step.py --slices 1024 --side 64 --channels 8
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
from measuring import summary
from workload import network_of, noise_slices, protocol

from mbnas.space.genotype import unet_genotype
from mbnas.training.device.device_setup import (
    flushing_subnormals,
    prepare_process,
    resolve_precision,
)
from mbnas.training.loop.training_loop import Schedule, TrainingLoop
from mbnas.training.loop.training_plan import augmentation_of
from mbnas.training.loop.training_step import Step

BATCH = 8
STEPS_PER_EPOCH = 4
"""Steps are timed by the epoch: the loop looks at its loss once in one."""


def main() -> None:
    """Train, and print seconds a step and MiB as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--slices", type=int, required=True, help="held in memory")
    parser.add_argument("--side", type=int, required=True, help="of a slice, in pixels")
    parser.add_argument("--channels", type=int, required=True, help="at the network's level 0")
    parser.add_argument("--epochs", type=int, default=5, help="to measure, of 4 steps (default 5)")
    arguments = parser.parse_args()
    prepare_process(threads=1)
    before_mib = peak_mib()
    settings = protocol(
        slice_size=arguments.side,
        base_channels=arguments.channels,
        batch_size=BATCH,
        epochs=1 + arguments.epochs,
        steps_per_epoch=STEPS_PER_EPOCH,
        precision=resolve_precision("auto", "cpu"),
    )
    data = noise_slices(arguments.slices, arguments.side)
    network = network_of(unet_genotype(), data, settings)
    rng = np.random.default_rng(0)
    augmentation = augmentation_of(data, settings.augmentation)
    schedule = Schedule(np.arange(arguments.slices), settings.training, augmentation, rng)
    loop = TrainingLoop(Step([network], settings.training, data.targets), data, [schedule])
    with flushing_subnormals():
        loop.advance()
        steps_s = [epoch_s(loop) / STEPS_PER_EPOCH for _ in range(arguments.epochs)]
    print(json.dumps({"step_s": summary(steps_s), "memory_mib": peak_mib() - before_mib}))


def epoch_s(loop: TrainingLoop) -> float:
    """Return the seconds of an epoch."""
    start = time.perf_counter()
    loop.advance()
    return time.perf_counter() - start


def peak_mib() -> float:
    """Return the most memory that this process has held, in MiB, as Linux knows it.

    ``getrusage`` is not used: it begins with the memory of the parent process.
    """
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    (kibibytes,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(kibibytes) / 1024


if __name__ == "__main__":
    main()
