"""How fast is a training step? The product's own loop against a bare one.

``product`` is :class:`mbnas.training.loop.TrainingLoop`, data and augmentation included.
``bare`` is forward, loss, backward and Adam on one preloaded batch, with the same network,
loss, precision, memory format and allocator. Both run in one process, in turn, so that
whatever else the machine does falls on both. A round's ratio is the time of the bare loop
over that of the product's: 1 means that data and augmentation are free.

    python benchmarks/training_step.py --output benchmarks/results/training_step.json
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mbnas.data.augmentation import AugmentationSettings
from mbnas.genotype.genotype import Genotype, unet_genotype
from mbnas.network.network import Network
from mbnas.study.configuration import build, merge, preset_layer
from mbnas.training.device import (
    autocast,
    flushing_subnormals,
    prepare_process,
    resolve_device,
    resolve_precision,
)
from mbnas.training.loop import TrainingLoop
from mbnas.training.losses import make_loss
from mbnas.training.protocol import Protocol
from mbnas.training.resident import ResidentSlices

NETWORKS = {
    "U-Net": unet_genotype(),
    "mixed": Genotype.parse(
        "1vgg7-2dense5-1residual5-2inception7@1-1vgg7@2-1inception5@1-0dense7@5-1dense3-2vgg7@1"
        "-2residual3@4"
    ),
}
SETTINGS: dict[str, tuple[str, dict[str, dict[str, int]]]] = {
    "quick": ("quick", {}),
    "paper, scaled": (
        "paper",
        {"training": {"base_channels": 16, "batch_size": 16}, "preparation": {"slice_size": 128}},
    ),
}
"""Name, the preset it starts from, and what is laid over that."""

NUM_SLICES, NUM_CLASSES = 256, 3


def main() -> None:
    """Measure every setting and network, write JSON and a table beside it, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=11, help="of each loop (default 11)")
    parser.add_argument("--steps", type=int, default=10, help="in a round (default 10)")
    parser.add_argument("--threads", type=int, default=1, help="of torch (default 1)")
    parser.add_argument("--device", default="cpu", help="default cpu")
    parser.add_argument("--setting", choices=SETTINGS, action="append", help="default all")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE.json")
    arguments = parser.parse_args()
    prepare_process(arguments.threads)
    device = resolve_device(arguments.device)
    with flushing_subnormals():  # as trainings do
        rows = [
            measure(name, network, device, arguments)
            for name in arguments.setting or SETTINGS
            for network in NETWORKS
        ]
    measured = {"machine": machine(device, arguments.threads), "rows": rows}
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    page = markdown(measured)
    arguments.output.with_suffix(".md").write_text(page, encoding="utf-8")
    print(page)


def measure(
    name: str, network: str, device: str, arguments: argparse.Namespace
) -> dict[str, object]:
    """Return the rounds of both loops for one setting and network, and what they amount to."""
    protocol = protocol_of(name, device, arguments)
    data = resident_slices(protocol.preparation.slice_size, device)
    loops = {
        "bare": bare_loop(NETWORKS[network], data, protocol, arguments.steps),
        "product": product_loop(NETWORKS[network], data, protocol),
    }
    for loop in loops.values():
        loop()
    rounds: dict[str, list[dict[str, float]]] = {each: [] for each in loops}
    for _ in range(arguments.rounds):
        for each, loop in loops.items():
            rounds[each].append(timed(loop, device))
    training = protocol.training
    return {
        "setting": name,
        "network": network,
        "genotype": str(NETWORKS[network]),
        "base_channels": training.base_channels,
        "batch_size": training.batch_size,
        "slice_size": protocol.preparation.slice_size,
        "loss": training.loss,
        "precision": training.precision,
        "steps_per_round": arguments.steps,
        "rounds": rounds,
        "ratio_cpu": summary(rounds, "cpu_s"),
        "ratio_wall": summary(rounds, "wall_s"),
        "product_slices_per_s": round(
            training.batch_size
            * arguments.steps
            / float(np.median([each["wall_s"] for each in rounds["product"]])),
            1,
        ),
    }


def protocol_of(name: str, device: str, arguments: argparse.Namespace) -> Protocol:
    """Return a setting's protocol, long enough for all rounds and resolved for a device."""
    preset, changes = SETTINGS[name]
    configuration = build(merge({"dataset": ""}, preset_layer(preset), changes))
    training = replace(
        configuration.training,
        epochs=arguments.rounds + 1,
        steps_per_epoch=arguments.steps,
        precision=resolve_precision("auto", device),
        threads=arguments.threads,
    )
    return Protocol(
        evaluation=configuration.protocol,
        training=training,
        augmentation=AugmentationSettings(),
        preparation=configuration.preparation,
    )


def resident_slices(side: int, device: str) -> ResidentSlices:
    """Return noise with two foreground squares: speed does not depend on what slices show."""
    generator = torch.Generator().manual_seed(0)
    labels_NHW = torch.zeros(NUM_SLICES, side, side, dtype=torch.uint8)
    labels_NHW[:, side // 4 : side // 2, side // 4 : side // 2] = 1
    labels_NHW[:, side // 2 : side * 3 // 4, side // 4 : side // 2] = 2
    return ResidentSlices(
        images_NCHW=torch.randn(NUM_SLICES, 1, side, side, generator=generator).to(device),
        labels_NHW=labels_NHW.to(device),
        patient_N=np.zeros(NUM_SLICES, dtype=np.int64),
        patients=("one",),
        num_classes=NUM_CLASSES,
        flip_axis_dims={"left-right": 0, "posterior-anterior": 1},
    )


def network_of(genotype: Genotype, data: ResidentSlices, protocol: Protocol) -> Network:
    """Return a network on its device, the same for both loops."""
    torch.manual_seed(0)
    network = Network(
        genotype,
        in_channels=data.in_channels,
        num_classes=data.num_classes,
        base_channels=protocol.training.base_channels,
    )
    return network.to(data.images_NCHW.device, memory_format=torch.channels_last)


def product_loop(
    genotype: Genotype, data: ResidentSlices, protocol: Protocol
) -> Callable[[], object]:
    """Return a call that runs one epoch of the product's loop."""
    network = network_of(genotype, data, protocol)
    rng = np.random.default_rng(0)
    return TrainingLoop(network, data, np.arange(NUM_SLICES), protocol, rng).run_epoch


def bare_loop(
    genotype: Genotype, data: ResidentSlices, protocol: Protocol, steps: int
) -> Callable[[], object]:
    """Return a call that makes as many steps on one preloaded batch, and nothing else."""
    settings = protocol.training
    network = network_of(genotype, data, protocol).train()
    loss_of = make_loss(settings.loss)
    optimiser = torch.optim.Adam(network.parameters(), lr=settings.learning_rate, fused=True)
    images_BCHW = data.images_NCHW[: settings.batch_size].contiguous(
        memory_format=torch.channels_last
    )
    labels_BHW = data.labels_NHW[: settings.batch_size]
    device_type = images_BCHW.device.type

    def run() -> None:
        for _ in range(steps):
            optimiser.zero_grad(set_to_none=True)
            with autocast(device_type, settings.precision):
                logits_BKHW = network(images_BCHW)
            loss_of(logits_BKHW.float(), labels_BHW).backward()
            optimiser.step()

    return run


def timed(loop: Callable[[], object], device: str) -> dict[str, float]:
    """Return the wall time and this process's CPU time of one call."""
    wall, cpu = time.perf_counter(), time.process_time()
    loop()
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)
    return {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}


def summary(rounds: dict[str, list[dict[str, float]]], clock: str) -> dict[str, float]:
    """Return median and quartiles of bare over product, round by round."""
    pairs = zip(rounds["bare"], rounds["product"], strict=True)
    ratios = [bare[clock] / product[clock] for bare, product in pairs]
    low, median, high = np.percentile(ratios, (25, 50, 75)).round(3).tolist()
    return {"lower_quartile": low, "median": median, "upper_quartile": high}


def machine(device: str, threads: int) -> dict[str, object]:
    """Return what the numbers depend on."""
    described: dict[str, object] = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": processor(),
        "cores": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "threads": threads,
        "device": device,
    }
    if torch.device(device).type == "cuda":
        described["gpu"] = torch.cuda.get_device_name(device)
    return described


def processor() -> str:
    """Return the processor's model as Linux names it, or what Python knows."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def markdown(measured: dict[str, Any]) -> str:
    """Return the results as a page: the machine, then a row for each setting and network."""
    about = measured["machine"]
    lines = [
        "# The training step: product against bare loop",
        "",
        ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in about.items()) + ".",
        "",
        "The ratio is the bare loop's time over the product's, per round: median (quartiles).",
        "",
        "| setting | network | base, batch, side | precision | CPU time | wall time | slices/s |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in measured["rows"]:
        size = f"{row['base_channels']}, {row['batch_size']}, {row['slice_size']}"
        lines.append(
            f"| {row['setting']} | {row['network']} | {size} | {row['precision']} "
            f"| {ratio(row['ratio_cpu'])} | {ratio(row['ratio_wall'])} "
            f"| {row['product_slices_per_s']} |"
        )
    return "\n".join(lines) + "\n"


def ratio(of: dict[str, float]) -> str:
    """Return median and quartiles as text."""
    return f"{of['median']:.3f} ({of['lower_quartile']:.3f}–{of['upper_quartile']:.3f})"


if __name__ == "__main__":
    main()
