"""Schedules: nnU-Net's own trainers where there are, and ours, found as nnU-Net finds them."""

import pytest

from mbnas.errors import UsageError
from mbnas.nnunet.schedule import TRAINERS, Schedule

find_objects = pytest.importorskip("nnunetv2.utilities.find_objects")

# nnU-Net imports all of its trainers to find one, and one of their libraries what torch deprecates
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")


@pytest.mark.parametrize("epochs", [1, 5, 10, 20, 50, 100, 250, 500, 750, 1000, 2000])
def test_nnunet_has_the_trainers_that_schedules_take_from_it(epochs, monkeypatch):
    monkeypatch.delenv("nnUNet_extTrainer", raising=False)
    name = Schedule(epochs=epochs).trainer
    assert find_objects.recursive_find_trainer_class_by_name(name).__name__ == name


def test_nnunet_finds_a_trainer_of_any_length(monkeypatch, own_plans):
    monkeypatch.setenv("nnUNet_extTrainer", str(TRAINERS))
    schedule = Schedule(epochs=7, iterations=11)
    found = find_objects.recursive_find_trainer_class_by_name(schedule.trainer)
    assert found.__name__ == schedule.trainer
    assert Schedule.of_trainer(found.__name__) == schedule


def test_other_names_are_none_of_ours(monkeypatch):
    monkeypatch.setenv("nnUNet_extTrainer", str(TRAINERS))
    with pytest.raises(RuntimeError, match="Could not find requested nnunet trainer"):
        find_objects.recursive_find_trainer_class_by_name("nnUNetTrainer_0epochs_5iterations")


@pytest.mark.parametrize("values", [{"epochs": 0}, {"iterations": 0}])
def test_a_schedule_of_nothing_is_refused(values):
    with pytest.raises(UsageError, match="must be 1 or more"):
        Schedule(**values)
