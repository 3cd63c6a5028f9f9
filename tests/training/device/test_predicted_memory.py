"""The predicted memory of a protocol's trainings: its parts, and that it is cached."""

from dataclasses import replace

import pytest

from mbnas.data.slices.prepared_slices import PreparationSettings
from mbnas.errors import ConfigurationError
from mbnas.network.cost.memory_need import CONTEXT_BYTES, MARGIN
from mbnas.network.interface import Interface
from mbnas.space.genotype import Genotype
from mbnas.training.device import predicted_memory as memory
from mbnas.training.device.predicted_memory import predicted_bytes, training_memory
from mbnas.training.loop.validation import PREDICTED_AT_ONCE

INTERFACE = Interface(in_channels=2, num_classes=3, size=16)


def with_training(protocol, **changes):
    return replace(protocol, training=replace(protocol.training, **changes))


def test_slices_or_their_streamed_batches_are_added_to_the_need(task, monkeypatch):
    need = training_memory(task.architecture, task.protocol, INTERFACE)
    assert need.step > need.saved > 0
    side, batch = task.protocol.preparation.slice_size, max(4, PREDICTED_AT_ONCE)
    of_slice = side**2 * (4 * INTERFACE.in_channels + 1)

    def predicted():
        return predicted_bytes(
            task.architecture, task.protocol, INTERFACE, num_pixels=1000 * side**2, device="cuda"
        )

    asked = []
    monkeypatch.setattr(memory, "are_resident", lambda *asked_for: not asked.append(asked_for))
    assert predicted() == need.total + 1000 * of_slice
    assert asked == [(1000 * of_slice, "cuda")]
    monkeypatch.setattr(memory, "are_resident", lambda *_: False)
    assert predicted() == need.total + 4 * batch * of_slice


def test_neighbours_are_in_batches_but_not_in_the_stored_slices(task, monkeypatch):
    preparation = replace(task.protocol.preparation, context=1)
    protocol = replace(task.protocol, preparation=preparation)
    seeing = replace(INTERFACE, in_channels=3 * INTERFACE.in_channels)
    need = training_memory(task.architecture, protocol, seeing)
    assert need.total > training_memory(task.architecture, task.protocol, INTERFACE).total

    def predicted():
        return predicted_bytes(
            task.architecture, protocol, seeing, num_pixels=1000 * side**2, device="cuda"
        )

    side = preparation.slice_size
    monkeypatch.setattr(memory, "are_resident", lambda *_: True)
    assert predicted() == need.total + 1000 * side**2 * (4 * INTERFACE.in_channels + 1)
    monkeypatch.setattr(memory, "are_resident", lambda *_: False)
    of_slice = side**2 * (4 * seeing.in_channels + 1)
    assert predicted() == need.total + 4 * max(4, PREDICTED_AT_ONCE) * of_slice


@pytest.mark.parametrize("resident", [True, False])
def test_patches_are_cut_from_windows_and_slices_put_together_from_tiles(
    task, monkeypatch, resident
):
    protocol = replace(task.protocol, preparation=PreparationSettings(patch_size=16))
    need = training_memory(task.architecture, protocol, INTERFACE)
    monkeypatch.setattr(memory, "are_resident", lambda *_: resident)

    def predicted(num_pixels, largest_slice):
        return predicted_bytes(
            task.architecture,
            protocol,
            INTERFACE,
            num_pixels=num_pixels,
            largest_slice=largest_slice,
            device="cuda",
        )

    channels, classes = INTERFACE.in_channels, INTERFACE.num_classes
    windows = protocol.training.batch_size * 28**2
    assert predicted(10**6, 10**4) - predicted(10**6, 0) == 10**4 * 4 * (channels + 2 * classes)
    assert predicted(0, 0) - need.total >= windows * 2 * 4 * channels
    assert (predicted(2 * 10**6, 0) > predicted(10**6, 0)) == resident


@pytest.mark.parametrize("loss", ["dice", "dice+cross-entropy"])
@pytest.mark.parametrize("text", ["0vgg3", "0dense3", "0residual5", "0inception3"])
def test_larger_settings_need_more_memory(task, loss, text):
    protocol, genotype = with_training(task.protocol, loss=loss), Genotype.parse(text)

    def need(**changes):
        return training_memory(genotype, with_training(protocol, **changes), INTERFACE)

    assert need(batch_size=8).step == pytest.approx(2 * need(batch_size=4).step, rel=0.01)
    assert need(base_channels=8).kept > need(base_channels=4).kept
    assert need(precision="bfloat16").step < need(precision="float32").step
    larger = replace(INTERFACE, size=32)
    assert training_memory(genotype, protocol, larger).step > 3.5 * need().step


def test_a_network_is_analysed_once(task, monkeypatch):
    training_memory(task.architecture, task.protocol, INTERFACE)
    monkeypatch.setattr(memory, "memory_need", None)
    training_memory(task.architecture, task.protocol, INTERFACE)


def test_a_network_that_cannot_be_built_is_an_error(task):
    protocol = with_training(task.protocol, base_channels=6)
    with pytest.raises(ConfigurationError, match="must be divisible by 4"):
        training_memory(Genotype.parse("0dense3"), protocol, INTERFACE)


def test_fused_trainings_and_recorded_steps_need_more_memory(task, monkeypatch):
    monkeypatch.setattr(memory, "are_resident", lambda *_: True)

    def predicted(protocol, trainings=1):
        return predicted_bytes(
            task.architecture,
            protocol,
            INTERFACE,
            num_pixels=0,
            device="cuda",
            trainings=trainings,
        )

    one, three = predicted(task.protocol), predicted(task.protocol, trainings=3)
    assert three - one == pytest.approx(2 * (one - CONTEXT_BYTES))
    recorded = with_training(task.protocol, step="graph")
    need = training_memory(task.architecture, recorded, INTERFACE)
    beside = MARGIN * min(need.step, need.validation)
    assert predicted(recorded) - one == pytest.approx(beside, abs=1)
