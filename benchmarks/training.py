"""How fast is training? mbnas against a bare loop, nnU-Net, MONAI and a plain DataLoader.

Every arm trains the same network on the same slices with the same batch size and the same
augmentation, in one process and in turn. mbnas computes in bfloat16 where the machine is fast at
it, the others in what they use by themselves. Two settings of the process hold for every
arm: freed memory is kept, and subnormal numbers are flushed. ``gain.py`` takes them apart.

    python benchmarks/training.py --output benchmarks/results/training.json
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from arms_loader import dataloader, dataloader_worker, monai_bfloat16, monai_float32
from arms_mbnas import bare, mbnas
from arms_nnunet import nnunet, nnunet_own_augmentation
from measuring import interleaved, machine, ratios, summary, write
from training_page import markdown, plot
from workload import NETWORKS, Arm, Case, noise_slices, protocol

from mbnas.training.device.device_setup import (
    flushing_subnormals,
    prepare_process,
    resolve_device,
    resolve_precision,
)
from mbnas.training.protocol import Precision

ARMS: dict[str, Callable[[Case], AbstractContextManager[Arm]]] = {
    "mbnas": mbnas,
    "bare": bare,
    "nnU-Net": nnunet,
    "nnU-Net, its own augmentation": nnunet_own_augmentation,
    "MONAI": monai_float32,
    "MONAI, bfloat16": monai_bfloat16,
    "DataLoader": dataloader,
    "DataLoader, one worker": dataloader_worker,
}
DETERMINISTIC = ("mbnas", "bare")
"""Arms in which torch is held to deterministic algorithms, as mbnas is; others are not."""

NUM_SLICES = 256
FASTER_ON_GPU = 10


NETWORKS_OF_BLOCKS = ("U-Net", *(name for name in NETWORKS if "blocks" in name))


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A size of training.

    Attributes:
        side: Of a slice, in pixels.
        base_channels: Channels at level 0.
        batch_size: Slices per step.
        steps: In a round on a processor; a GPU makes ten times as many.
        rounds: Of every arm; even, so that each arm comes as often early as late.
        networks: The networks by default.
        arms: The arms by default.
    """

    side: int
    base_channels: int
    batch_size: int
    steps: int
    rounds: int
    networks: tuple[str, ...] = NETWORKS_OF_BLOCKS
    arms: tuple[str, ...] = tuple(ARMS)

    def case(
        self,
        network: str,
        *,
        epochs: int,
        steps: int,
        precision: Precision,
        threads: int,
        device: str = "cpu",
        workers: int = 0,
    ) -> Case:
        """Return a network to train at this size, on slices of noise.

        Args:
            network: Its name.
            epochs: Of the schedule.
            steps: Of an epoch, which are made a round.
            precision: Resolved.
            threads: CPU threads inside an operation.
            device: Where it trains.
            workers: Processes that load data, for arms that have such.
        """
        return Case(
            genotype=NETWORKS[network],
            data=noise_slices(NUM_SLICES, self.side, device),
            protocol=protocol(
                slice_size=self.side,
                base_channels=self.base_channels,
                batch_size=self.batch_size,
                epochs=epochs,
                steps_per_epoch=steps,
                precision=precision,
                threads=threads,
            ),
            workers=workers,
        )


SETTINGS = {
    "small, 64": Setting(side=64, base_channels=8, batch_size=8, steps=4, rounds=6),
    "small, 128": Setting(side=128, base_channels=8, batch_size=8, steps=2, rounds=6),
    "paper": Setting(
        side=128,
        base_channels=32,
        batch_size=32,
        steps=1,
        rounds=4,
        networks=("U-Net",),
        arms=("mbnas", "bare", "nnU-Net", "MONAI", "DataLoader"),
    ),
    "paper, batches of 8": Setting(
        side=128,
        base_channels=32,
        batch_size=8,
        steps=1,
        rounds=4,
        networks=NETWORKS_OF_BLOCKS[1:],
        arms=("mbnas", "bare", "nnU-Net", "MONAI"),
    ),
}
THOROUGH_ROUNDS = 12
AIM_SIDE = 128
"""The size of slices for which the speed has a target relative to the others."""


def main() -> None:
    """Measure every setting and network, write JSON, a page and a plot."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, help="of every arm (default 4 or 6 by setting)")
    parser.add_argument("--steps", type=int, help="in a round (default by setting)")
    parser.add_argument("--setting", choices=SETTINGS, action="append", help="default all")
    parser.add_argument("--network", choices=NETWORKS, action="append", help="default by setting")
    parser.add_argument("--arm", choices=ARMS, action="append", help="default by setting")
    parser.add_argument(
        "--thorough", action="store_true", help="all networks and arms everywhere, 12 rounds"
    )
    parser.add_argument("--device", default="cpu", help="default cpu")
    parser.add_argument("--threads", type=int, default=1, help="of torch (default 1)")
    parser.add_argument(
        "--workers", type=int, default=0, help="that load data for nnU-Net and others (default 0)"
    )
    parser.add_argument("--output", type=Path, required=True, metavar="FILE.json")
    arguments = parser.parse_args()
    prepare_process(arguments.threads)
    device = resolve_device(arguments.device)
    with flushing_subnormals():  # as trainings do
        rows = list(measured_rows(device, arguments))
    measured = {
        "machine": machine(device, arguments.threads) | {"loading workers": arguments.workers},
        "rows": rows,
        "headlines": [headline for row in rows for headline in headlines(row)],
    }
    picture = arguments.output.with_suffix(".svg")
    write(measured, markdown(measured, picture.name), arguments.output)
    plot(measured, picture)


def headlines(row: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the headlines of a setting and network, with their targets."""
    others = {"bare": "≥ 0.95"} | dict.fromkeys(("nnU-Net", "MONAI"), "≥ 2.2")
    return [
        {
            "what": f"{row['setting']}, {row['network']}: speed of mbnas over {name}",
            "value": row["speed_of_mbnas_over"][name],
        }
        | ({"aim": aim} if name == "bare" or row["side"] == AIM_SIDE else {})
        for name, aim in others.items()
        if name in row["speed_of_mbnas_over"]
    ]


def measured_rows(device: str, arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield what was measured for every setting and network."""
    for name in arguments.setting or SETTINGS:
        setting = SETTINGS[name]
        if arguments.thorough:
            setting = replace(
                setting, rounds=THOROUGH_ROUNDS, networks=NETWORKS_OF_BLOCKS, arms=tuple(ARMS)
            )
        for network in arguments.network or setting.networks:
            case = case_of(setting, network, device, arguments)
            arms = arguments.arm or setting.arms
            print(f"{name}: {network}", file=sys.stderr)
            yield {"setting": name, "network": network} | measure(
                case, arms, arguments.rounds or setting.rounds
            )


def case_of(setting: Setting, network: str, device: str, arguments: argparse.Namespace) -> Case:
    """Return the case of one row."""
    faster = FASTER_ON_GPU if torch.device(device).type == "cuda" else 1
    return setting.case(
        network,
        epochs=1000,  # more than are made, so that the learning rate stays above 0
        steps=arguments.steps or setting.steps * faster,
        precision=resolve_precision("auto", device),
        threads=arguments.threads,
        device=device,
        workers=arguments.workers,
    )


def measure(case: Case, names: Sequence[str], rounds: int) -> dict[str, Any]:
    """Return the rounds of some arms, their slices per second, and mbnas's over each other's."""
    with ExitStack() as stack:
        arms = {
            name: partial(as_it_runs, name, stack.enter_context(ARMS[name](case))) for name in names
        }
        measured = interleaved(arms, rounds=rounds, device=str(case.device))
    training = case.protocol.training
    slices = training.batch_size * case.steps
    return {
        "genotype": str(case.genotype),
        "side": case.side,
        "base_channels": training.base_channels,
        "batch_size": training.batch_size,
        "precision": training.precision,
        "steps_per_round": case.steps,
        "rounds": measured,
        "slices_per_s": {
            name: summary([slices / each["wall_s"] for each in measured[name]]) for name in names
        },
        "speed_of_mbnas_over": {
            name: ratios(measured, name, "mbnas")
            for name in names
            if name != "mbnas" and "mbnas" in names
        },
    }


def as_it_runs(name: str, arm: Arm) -> None:
    """Run an arm, held to deterministic algorithms or not."""
    torch.use_deterministic_algorithms(name in DETERMINISTIC)
    try:
        arm()
    finally:
        torch.use_deterministic_algorithms(True)


if __name__ == "__main__":
    main()
