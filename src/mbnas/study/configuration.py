"""The configuration of a study: sections of settings, as in ``study.toml``."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Literal

import tomli_w

from mbnas.bounds import check_bounds
from mbnas.data.augmentation.parameters import AugmentationSettings
from mbnas.data.slices.prepared_slices import PreparationSettings
from mbnas.errors import ConfigurationError, MbnasError
from mbnas.escaping import in_toml
from mbnas.network.architecture import Architecture, parse_architecture
from mbnas.search.settings import SearchSettings
from mbnas.space.four_spaces import SpaceSettings
from mbnas.space.genotype import Genotype
from mbnas.space.reference import reference_genotype
from mbnas.study.configuration_toml import without_none
from mbnas.training.protocol import CrossValidationSettings, Protocol, TrainingSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSettings:
    """Which volumes take part, and of which patients: the ``[data]`` section.

    Attributes:
        max_patients: Use this many patients, drawn by the seed; ``None`` uses all.
        patient_pattern: Regular expression whose first group is the patient's name in a
            case's name; with ``None``, the dataset's own table applies, or else every case is a
            patient.
        patient_table: CSV file of case and patient, instead of a pattern.
        allow_empty_cases: Accept cases without any foreground voxel.
    """

    max_patients: int | None = None
    patient_pattern: str | None = None
    patient_table: str | None = None
    allow_empty_cases: bool = False

    def __post_init__(self) -> None:
        if self.max_patients is not None and self.max_patients < 2:
            raise ConfigurationError(f"data.max_patients (={self.max_patients}) must be 2 or more.")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """Where and how trainings run: the ``[run]`` section.

    Attributes:
        device: ``auto``, or a device as torch names it. A study keeps one kind of device.
        workers: Trainings at a time; ``None`` is the number measured to be fastest, or else
            cores divided by threads on a CPU and 1 on a GPU.
        measure: Whether a new study measures its fastest training mode, if its settings leave it
            open and it is long enough (:mod:`mbnas.study.mode.mode_selection`).
        executor: ``processes``, ``ray`` for a cluster of machines, or ``inline`` to train in the
            process that searches.
        address: Of the Ray cluster: ``auto``, or ``host:port``; ``None`` is ``RAY_ADDRESS`` of
            the environment, or else a cluster of this machine only.
        gpu_share: How much of a GPU a training takes on a Ray cluster: with 0.5, two share one.
        retries: How often a training whose worker died is rerun before it has failed.
        patience_s: A worker hangs if it is silent in a training for this many seconds.
        speculate: Whether idle workers start on what the search may want next.
        log: The live log of all trainings, if any.
    """

    device: str = "auto"
    workers: int | None = None
    measure: bool = True
    executor: Literal["processes", "inline", "ray"] = "processes"
    address: str | None = None
    gpu_share: float = 1.0
    retries: int = 2
    patience_s: float = 600.0
    speculate: bool = True
    log: Literal["tensorboard", "wandb", "mlflow"] | None = None

    def __post_init__(self) -> None:
        check_bounds("run", self, retries=(0, 1000), workers=(1, 2**12))
        if not 0 < self.gpu_share <= 1:
            raise ConfigurationError(
                f"run.gpu_share (={self.gpu_share}) must be above 0 and at most 1."
            )
        if not self.patience_s > 0:
            raise ConfigurationError(f"run.patience_s (={self.patience_s}) must be above 0.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Every setting of a study.

    Attributes:
        dataset: The dataset's folder, absolute.
        seed: Root seed of the search, the folds and the trainings.

    Raises:
        ConfigurationError: if the space does not contain the network that the search starts at, or
            a network to confirm cannot be read.
    """

    dataset: str
    seed: int = 0
    data: DataSettings = field(default_factory=DataSettings)
    preparation: PreparationSettings = field(default_factory=PreparationSettings)
    protocol: CrossValidationSettings = field(default_factory=CrossValidationSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    augmentation: AugmentationSettings = field(default_factory=AugmentationSettings)
    space: SpaceSettings = field(default_factory=SpaceSettings)
    search: SearchSettings = field(default_factory=SearchSettings)
    run: RunSettings = field(default_factory=RunSettings)

    def __post_init__(self) -> None:
        self.search.start_in(self.space)
        try:
            _ = self.confirmed_also
        except MbnasError as error:
            names = ", ".join(self.search.confirm_also)
            raise ConfigurationError(
                f"search.confirm_also (={names}) must name networks, such as unet, resunet or a "
                f"genotype. {error}"
            ) from None

    @property
    def confirmed_also(self) -> tuple[Architecture, ...]:
        """The networks that are confirmed in any case, beside the reference."""
        return tuple(map(parse_architecture, self.search.confirm_also))

    @property
    def reference(self) -> Genotype:
        """The network that a search is compared with: the U-Net of its first space."""
        return reference_genotype(self.space.first)

    def protocol_for(self, data: str) -> Protocol:
        """Return the protocol of trainings on prepared slices.

        Args:
            data: Digest of the slices.
        """
        return Protocol(
            evaluation=self.protocol,
            training=self.training,
            augmentation=self.augmentation,
            preparation=self.preparation,
            seed=self.seed,
            data=data,
        )

    def to_toml(self) -> str:
        """Return the text of ``study.toml``, without the keys that have no value."""
        return tomli_w.dumps(in_toml(without_none(asdict(self))))
