"""A tiny dataset, and a study that was searched from Python."""

import os

import pytest

import mbnas
from mbnas.data.phantom import write_phantom

SETTINGS = {
    "preparation.slice_size": 16,
    "protocol.folds": 2,
    "protocol.initialisations": 1,
    "training": {
        "epochs": 4,
        "steps_per_epoch": 5,
        "base_channels": 4,
        "warmup_steps": 0,
        "learning_rate": 0.02,
        "collapse_repeats": 0,
        "precision": "float32",
    },
    "search.confirmation": 0.0,
    "space.num_nodes": 4,
    "space.num_levels": 3,
}


@pytest.fixture(autouse=True)
def _idle(monkeypatch):
    """A machine without load, because comparisons warn of load."""
    monkeypatch.setattr(os, "getloadavg", lambda: (0.0, 0.0, 0.0))


@pytest.fixture(scope="session")
def dataset(tmp_path_factory):
    return write_phantom("prostate", tmp_path_factory.mktemp("data") / "prostate", num_patients=4)


@pytest.fixture(scope="session")
def options():
    """What makes a search take seconds."""
    return {
        "protocol": "quick",
        "searcher": "random",
        "executor": "inline",
        "evaluations": 6,
        "settings": SETTINGS,
    }


@pytest.fixture(scope="session")
def searched(dataset, options, tmp_path_factory):
    """A study, and the events of its search."""
    events = []
    path = tmp_path_factory.mktemp("studies") / "searched"
    return mbnas.search(dataset, path, **options, watch=events.append), events


@pytest.fixture
def study(searched):
    """A finished study, that tests only read."""
    return searched[0]
