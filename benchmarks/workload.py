"""What is trained in the benchmarks: networks, protocols and slices that every arm shares.

Speed does not depend on what slices show, so they are noise with two foreground squares.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
import torch

from mbnas.data.augmentation.parameters import AugmentationSettings
from mbnas.data.datasets.label_scheme import Targets
from mbnas.network.blocks import BLOCKS
from mbnas.network.genotype_network import Network
from mbnas.space.genotype import Genotype, unet_genotype
from mbnas.study.configuration_layers import build, merge, preset_layer
from mbnas.training.loading.resident_slices import ResidentSlices
from mbnas.training.loading.slice_source import SliceSource
from mbnas.training.protocol import Precision, Protocol

NUM_CLASSES = 3

MIXED = Genotype.parse(
    "1vgg7-2dense5-1residual5-2inception7@1-1vgg7@2-1inception5@1-0dense7@5-1dense3-2vgg7@1"
    "-2residual3@4"
)
"""A random network of the mixed space."""


def unet_of(block: str, kernel: int = 3) -> Genotype:
    """Return the U-Net's topology with one block and kernel everywhere."""
    nodes = (replace(node, block=block, kernel=kernel) for node in unet_genotype().nodes)
    return replace(unet_genotype(), nodes=tuple(nodes))


NETWORKS = {"U-Net": unet_genotype(), "mixed": MIXED} | {
    f"U-Net of {block} blocks": unet_of(block) for block in BLOCKS if block != "vgg"
}
"""Networks by name."""


def protocol(
    *,
    slice_size: int,
    base_channels: int,
    batch_size: int,
    epochs: int,
    steps_per_epoch: int | None,
    precision: Precision,
    threads: int = 1,
    preset: str = "paper",
    augmentation: AugmentationSettings | None = None,
) -> Protocol:
    """Return a preset's protocol at a size; other settings are the preset's."""
    sizes = {
        "training": {
            "base_channels": base_channels,
            "batch_size": batch_size,
            "epochs": epochs,
            "precision": precision,
            "threads": threads,
        },
        "preparation": {"slice_size": slice_size},
    }
    configuration = build(merge({"dataset": ""}, preset_layer(preset), sizes))
    return Protocol(
        evaluation=configuration.protocol,
        training=replace(configuration.training, steps_per_epoch=steps_per_epoch),
        augmentation=augmentation or AugmentationSettings(),
        preparation=configuration.preparation,
    )


def noise_slices(
    num_slices: int, side: int, device: str = "cpu", *, channels: int = 1
) -> ResidentSlices:
    """Return slices of one patient on a device."""
    generator = torch.Generator().manual_seed(0)
    labels_NHW = torch.zeros(num_slices, side, side, dtype=torch.uint8)
    labels_NHW[:, side // 4 : side // 2, side // 4 : side // 2] = 1
    labels_NHW[:, side // 2 : side * 3 // 4, side // 4 : side // 2] = 2
    return ResidentSlices(
        images_NCHW=torch.randn(num_slices, channels, side, side, generator=generator).to(device),
        labels_NHW=labels_NHW.to(device),
        patient_N=np.zeros(num_slices, dtype=np.int64),
        patient_classes={"one": frozenset()},
        targets=Targets(num_labels=NUM_CLASSES - 1),
        flip_axis_dims={"left-right": 0, "posterior-anterior": 1},
    )


@dataclass(frozen=True, kw_only=True)
class Case:
    """What every arm trains: one network on the same slices under one protocol.

    Attributes:
        genotype: Of the network.
        data: Slices on their device.
        protocol: With its steps per epoch fixed: an arm makes as many in one call.
        workers: Processes that load data, for arms that have such.
    """

    genotype: Genotype
    data: ResidentSlices
    protocol: Protocol
    workers: int = 0

    @property
    def steps(self) -> int:
        """Training steps of one call."""
        assert self.protocol.training.steps_per_epoch is not None
        return self.protocol.training.steps_per_epoch

    @property
    def side(self) -> int:
        """Of a slice, in pixels."""
        return int(self.data.labels_NHW.shape[-1])

    @property
    def device(self) -> torch.device:
        """Where it is trained."""
        return self.data.images_NCHW.device

    def network(self) -> Network:
        """Return the network in the product's memory layout, with new weights."""
        return network_of(self.genotype, self.data, self.protocol)


Arm = Callable[[], object]
"""Makes a case's steps."""


def network_of(genotype: Genotype, data: SliceSource, of: Protocol) -> Network:
    """Return a network on its device in the product's memory layout, the same for every arm."""
    torch.manual_seed(0)
    network = Network(
        genotype,
        in_channels=data.in_channels,
        num_classes=data.num_classes,
        base_channels=of.training.base_channels,
    )
    return network.to(data.device, memory_format=torch.channels_last)


def named(names: Iterable[str]) -> dict[str, Genotype]:
    """Return networks by their names in :data:`NETWORKS`."""
    return {name: NETWORKS[name] for name in names}
