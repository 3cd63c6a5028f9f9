"""Users' own modules: found, built, and distinguished from earlier versions."""

import importlib
import sys
from dataclasses import replace

import pytest
import torch

from mbnas.errors import ConfigurationError, UsageError
from mbnas.network.architecture import parse_architecture
from mbnas.network.build import build_network, check_logits
from mbnas.network.head import output_layer
from mbnas.network.interface import Interface
from mbnas.network.others.own_network import find_own_network

INTERFACE = Interface(in_channels=2, num_classes=3, size=8)

SOURCE = """
import torch

class Small(torch.nn.Sequential):
    def __init__(self, in_channels, num_classes):
        super().__init__(torch.nn.Conv2d(in_channels, num_classes, 3, padding=1))

def halved(in_channels, num_classes):
    return torch.nn.Conv2d(in_channels, num_classes, 3, stride=2, bias=False)

def refuses(in_channels, num_classes):
    raise ValueError("not today")

class Faulty(torch.nn.Conv2d):
    def __init__(self, in_channels, num_classes):
        super().__init__(in_channels, num_classes, 3, padding=1)

class ListInTraining(Faulty):
    def forward(self, images):
        return [super().forward(images)] if self.training else super().forward(images)

class Complex(Faulty):
    def forward(self, images):
        return super().forward(images) * 1j

class ExitsInTraining(Faulty):
    def forward(self, images):
        if self.training:
            raise SystemExit(3)
        return super().forward(images)

class NoGradient(Faulty):
    def forward(self, images):
        return super().forward(images).detach()

class NoParameters(torch.nn.Module):
    def __init__(self, in_channels, num_classes):
        super().__init__()

def exits(in_channels, num_classes):
    raise SystemExit("bye")

def hangs(in_channels, num_classes):
    import time
    time.sleep(60)

def makes_a_list(in_channels, num_classes):
    return [Faulty(in_channels, num_classes)]

def makes_a_word(in_channels, num_classes):
    return "network"
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """The path of a uniquely named module in the current directory."""
    name = f"nets_{tmp_path.name}"
    path = tmp_path / f"{name}.py"
    path.write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    importlib.invalidate_caches()
    yield path
    sys.modules.pop(name, None)


def named(module, attribute):
    return find_own_network(f"module:{module.stem}:{attribute}")


def build(architecture):
    return build_network(architecture, INTERFACE, base_channels=8)


def test_a_class_is_found_and_built(module):
    architecture = named(module, "Small")
    assert parse_architecture(str(architecture)) == architecture
    network = build(architecture)
    assert network(torch.zeros(1, 2, 8, 8)).shape == (1, 3, 8, 8)
    check_logits(network, INTERFACE)
    assert output_layer(network, 3) is network[0]


def test_editing_the_source_makes_a_different_network(module):
    before = named(module, "Small")
    module.write_text(SOURCE + "\n# edited\n")
    after = named(module, "Small")
    assert before.digest != after.digest
    with pytest.raises(ConfigurationError, match="has changed since it was named"):
        build(before)


@pytest.mark.parametrize(
    ("attribute", "sentence"),
    [
        ("refuses", "ValueError: not today"),
        ("absent", "AttributeError"),
        ("exits", "cannot be made: SystemExit: bye. It is called as"),
        ("NoParameters", "has no parameters that can be trained"),
        ("makes_a_list", "made a list: it must make"),
        ("makes_a_word", "made a str: it must make a torch.nn.Module"),
    ],
)
def test_a_callable_that_returns_no_network_is_refused(module, attribute, sentence):
    with pytest.raises(ConfigurationError, match=sentence):
        build(named(module, attribute))


def test_logits_of_another_size_are_refused(module):
    network = build(named(module, "halved"))
    with pytest.raises(ConfigurationError, match=r"gives \(2, 3, 3, 3\) in eval.* for an input of"):
        check_logits(network, INTERFACE)
    with pytest.raises(ConfigurationError, match="fails in evaluation mode for an input of"):
        check_logits(network, replace(INTERFACE, in_channels=1))
    with pytest.raises(ConfigurationError, match=r"set training\.head_bias=random"):
        output_layer(network, 3)


@pytest.mark.parametrize(
    ("text", "error", "sentence"),
    [
        ("module:nowhere.at_all:Net", ConfigurationError, "There is no module nowhere.at_all"),
        ("module:nowhere", UsageError, "write module:PACKAGE.MODULE:NAME"),
    ],
)
def test_a_missing_module_is_refused(text, error, sentence):
    with pytest.raises(error, match=sentence):
        find_own_network(text)


@pytest.mark.parametrize(
    ("attribute", "sentence"),
    [
        ("ListInTraining", "gives list in training mode"),
        ("Complex", r"gives values of torch.complex64 in evaluation mode"),
        ("ExitsInTraining", "fails in training mode for .*: SystemExit: 3"),
        ("NoGradient", "fails in the backward pass of a training step: RuntimeError"),
    ],
)
def test_an_untrainable_network_is_refused_before_any_training(module, attribute, sentence):
    network = build(named(module, attribute))
    with pytest.raises(ConfigurationError, match=f"^{attribute} {sentence}"):
        check_logits(network, INTERFACE, name=attribute)


def test_a_network_that_hangs_is_interrupted(module, monkeypatch):
    monkeypatch.setattr("mbnas.network.others.own_network.PATIENCE_S", 0.1)
    with pytest.raises(ConfigurationError, match=r"TimeoutError: it took longer than 0\.1 s"):
        build(named(module, "hangs"))


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        ("raise SystemExit('bye')", "SystemExit: bye"),
        ("import time; time.sleep(60)", "TimeoutError"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
    ],
)
def test_an_import_that_fails_or_hangs_is_refused(module, monkeypatch, source, cause):
    module.write_text(source)
    monkeypatch.setattr("mbnas.network.others.own_network.PATIENCE_S", 0.1)
    with pytest.raises(ConfigurationError, match=f"{module.stem}.* cannot be made: {cause}"):
        build(named(module, "Small"))


def test_the_check_does_not_change_the_network():
    network = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 1), torch.nn.BatchNorm2d(3))
    before = {name: each.clone() for name, each in network.state_dict().items()}
    check_logits(network, INTERFACE)
    assert all(torch.equal(before[name], each) for name, each in network.state_dict().items())
    assert all(each.grad is None for each in network.parameters())


def test_a_network_of_the_main_module_is_refused():
    with pytest.raises(ConfigurationError, match="which worker processes do not import: move it"):
        find_own_network("module:__main__:Small")
