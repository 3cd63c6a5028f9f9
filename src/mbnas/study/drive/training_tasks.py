"""The training tasks that workers are sent, made from a protocol and prepared slices."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mbnas.data.slices.neighbours import channel_names
from mbnas.data.slices.prepared_slices import PreparedSlices
from mbnas.network.architecture import Architecture
from mbnas.network.interface import Interface
from mbnas.training.device.predicted_memory import predicted_bytes
from mbnas.training.protocol import Protocol
from mbnas.training.task import Measure, TrainingTask

PredictMemory = Callable[[Architecture, int], int]
"""Returns the bytes of a device that a number of fused trainings of a network need together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingTasks:
    """Makes the tasks of trainings under one protocol, on one device.

    Attributes:
        protocol: What every training follows.
        slices: Directory of the prepared slices.
        device: Where a worker trains, as torch names it.
        predict_memory: Predicts the memory that trainings need; ``None`` where it is not
            predicted.
        measures: What is measured of trained networks, by initialisation; nothing by default.
    """

    protocol: Protocol
    slices: Path
    device: str
    predict_memory: PredictMemory | None = None
    measures: Mapping[int, Measure] = field(default_factory=dict)

    def of(
        self, architecture: Architecture, trainings: Iterable[tuple[int, int]], *, fused: int = 1
    ) -> tuple[TrainingTask, ...]:
        """Return the tasks of some trainings of a network.

        Args:
            architecture: The network.
            trainings: Initialisation and fold of each.
            fused: How many trainings are fused.
        """
        memory_bytes = None
        if self.predict_memory is not None:
            memory_bytes = math.ceil(self.predict_memory(architecture, fused) / fused)
        return tuple(
            TrainingTask(
                architecture=architecture,
                protocol=self.protocol,
                fold=fold,
                initialisation=initialisation,
                slices=self.slices,
                device=self.device,
                measure=self.measures.get(initialisation, "nothing"),
                memory_bytes=memory_bytes,
            )
            for initialisation, fold in trainings
        )


def memory_prediction(
    protocol: Protocol, prepared: PreparedSlices, device: str
) -> PredictMemory | None:
    """Return what predicts the memory of trainings; ``None`` on devices other than GPUs.

    Args:
        protocol: What the trainings follow.
        prepared: The slices that they learn from.
        device: Where they run.
    """
    if not device.startswith("cuda"):
        return None
    preparation = protocol.preparation
    channels = channel_names(prepared.channels, preparation.context)
    interface = Interface.of(channels, prepared.targets.num_outputs, preparation.input_size)
    largest_slice = max(math.prod(each.plane.frame) for each in prepared.volumes)

    def predict(architecture: Architecture, trainings: int) -> int:
        return predicted_bytes(
            architecture,
            protocol,
            interface,
            num_pixels=prepared.index.num_pixels,
            largest_slice=largest_slice,
            device=device,
            trainings=trainings,
        )

    return predict
