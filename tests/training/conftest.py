"""A tiny phantom to train on, and torch's settings as they were before a training."""

import pytest
import torch

from mbnas.data.augmentation.parameters import AugmentationSettings
from mbnas.data.datasets.dataset import read_dataset
from mbnas.data.datasets.patients import group_by_patient
from mbnas.data.phantom import write_phantom
from mbnas.data.slices.prepare_slices import prepare_slices
from mbnas.data.slices.prepared_slices import PreparationSettings
from mbnas.space.genotype import unet_genotype
from mbnas.training.loading.load_slices import load_slices
from mbnas.training.protocol import CrossValidationSettings, Protocol, TrainingSettings
from mbnas.training.task import TrainingTask


@pytest.fixture(autouse=True)
def _torch_as_before():
    """Undo the changes of preparing a process for training."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(mode=False)
    torch.utils.deterministic.fill_uninitialized_memory = True


@pytest.fixture(scope="session")
def slices(tmp_path_factory):
    """The folder of four patients' slices of 16 by 16 pixels."""
    root = tmp_path_factory.mktemp("phantom")
    dataset = read_dataset(write_phantom("prostate", root / "dataset", num_patients=4))
    patients = group_by_patient([case.name for case in dataset.cases], None, None)
    settings = PreparationSettings(slice_size=16)
    return prepare_slices(dataset, settings, root / "slices", patients=patients)


@pytest.fixture(scope="session")
def patch_slices(tmp_path_factory):
    """The folder of four patients' slices at their resolution, for patches of 16 by 16 pixels."""
    root = tmp_path_factory.mktemp("patches")
    dataset = read_dataset(write_phantom("prostate", root / "dataset", num_patients=4))
    patients = group_by_patient([case.name for case in dataset.cases], None, None)
    return prepare_slices(
        dataset, PreparationSettings(patch_size=16), root / "slices", patients=patients
    )


@pytest.fixture
def data(slices):
    """The same slices as tensors."""
    return load_slices(slices, "cpu")


@pytest.fixture
def task(slices):
    """A training of four epochs; the last two are scored."""
    protocol = Protocol(
        evaluation=CrossValidationSettings(folds=2, initialisations=1, scored_fraction=0.5),
        training=TrainingSettings(
            epochs=4,
            steps_per_epoch=2,
            batch_size=4,
            base_channels=4,
            loss="dice+cross-entropy",
            head_bias="class-frequencies",
            precision="float32",
        ),
        augmentation=AugmentationSettings(),
        preparation=PreparationSettings(slice_size=16),
    )
    return TrainingTask(
        architecture=unet_genotype(3),
        protocol=protocol,
        fold=0,
        initialisation=0,
        slices=slices,
        device="cpu",
    )
