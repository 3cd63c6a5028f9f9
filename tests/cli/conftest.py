"""A tiny dataset and the options that make a search on it take seconds."""

import os
import sys

import pytest

from mbnas.cli.main import main
from mbnas.data.phantom import write_phantom
from mbnas.study.ledger.ledger import Ledger

SETTINGS = (
    "preparation.slice_size=16",
    "protocol.folds=2",
    "training.epochs=4",
    "training.steps_per_epoch=5",
    "training.base_channels=4",
    "training.warmup_steps=0",
    "training.learning_rate=0.02",
    "training.head_bias=random",
    "training.collapse_repeats=0",
    "training.precision=float32",
    "search.searcher=local",
    "search.start=random",
    "search.confirmation=0.0",
    "space.num_nodes=4",
    "space.num_levels=3",
)
OPTIONS = ["--protocol", "quick", "--evaluations", "6"] + [
    part for setting in SETTINGS for part in ("--set", setting)
]


@pytest.fixture(autouse=True)
def _idle(monkeypatch):
    """A machine without load, because commands warn of load."""
    monkeypatch.setattr(os, "getloadavg", lambda: (0.0, 0.0, 0.0))


@pytest.fixture(scope="session")
def dataset(tmp_path_factory):
    return write_phantom("prostate", tmp_path_factory.mktemp("data") / "prostate", num_patients=4)


@pytest.fixture(scope="session")
def finished(dataset, tmp_path_factory):
    """A study searched to its end in this process."""
    study = tmp_path_factory.mktemp("studies") / "finished"
    options = [*OPTIONS, "--set", "run.executor=inline"]
    assert main(["search", str(dataset), str(study), *options]) == 0
    return study


@pytest.fixture(scope="session")
def confirmed_options():
    """The options of a tiny search of which half the budget confirms two networks and another."""
    return [
        *OPTIONS,
        *("--set", "run.executor=inline", "--set", "search.confirmation=0.5"),
        *("--evaluations", "12", "--confirm", "0vgg7-1vgg7-0vgg7-0vgg7"),
    ]


@pytest.fixture(scope="session")
def confirmed(dataset, confirmed_options, tmp_path_factory):
    """A study searched and confirmed in this process."""
    study = tmp_path_factory.mktemp("studies") / "confirmed"
    assert main(["search", str(dataset), str(study), *confirmed_options]) == 0
    return study


@pytest.fixture(scope="session")
def options():
    """The options that make a search on the dataset tiny."""
    return OPTIONS


@pytest.fixture(scope="session")
def command(dataset, options):
    """Return the command line of a search into a study, for a separate process."""
    start = [sys.executable, "-m", "mbnas", "search", str(dataset)]
    return lambda study, *more: [*start, str(study), *options, *more]


@pytest.fixture(scope="session")
def content():
    """Read a study's ledger."""
    return _content


def _content(study):
    """Return the parts that must be equal: networks in order, scores and costs."""
    with Ledger.open(study / "ledger.sqlite", read_only=True) as ledger:
        evaluations = [(each.number, str(each.genotype)) for each in ledger.evaluations()]
        trainings = sorted(
            (each.key.network, each.key.fold, each.key.initialisation, each.score)
            for each in ledger.trainings()
        )
        costs = sorted(
            (network, each.parameters, each.macs) for network, each in ledger.networks().items()
        )
    return evaluations, trainings, costs
