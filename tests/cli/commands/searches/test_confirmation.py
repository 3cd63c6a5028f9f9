"""A search with a confirmation, from the command line."""

import json
import re
import shutil
import sqlite3
from contextlib import closing

import pytest

from mbnas.actions.named_options import layer_of
from mbnas.cli.main import main
from mbnas.study import dataset_source
from mbnas.study.drive.time_limit import TimeLimit
from mbnas.study.ledger.ledger import Ledger


def status(study, capsys):
    capsys.readouterr()
    assert main(["status", str(study), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_it_is_within_the_budget_and_says_what_it_chose(confirmed, capsys):
    found = status(confirmed, capsys)
    with Ledger.open(confirmed / "ledger.sqlite", read_only=True) as ledger:
        trainings = ledger.trainings(with_epochs=False)
    confirming = [each for each in trainings if each.key.is_confirming]
    assert found["evaluated"] == 6
    assert len(trainings) == found["trainings"] + len(confirming) <= 2 * 12
    chosen = found["chosen"]
    assert chosen["confirmed"]
    assert [each["network"] for each in chosen["networks"]][-1] == "0vgg7-1vgg7-0vgg7-0vgg7"
    assert chosen["reference"] in [each["network"] for each in chosen["networks"]]
    assert chosen["genotype"] in [each["network"] for each in chosen["networks"]]
    assert {each["trainings"] for each in chosen["networks"]} == {4}


def test_the_reference_is_the_first_evaluation(confirmed, capsys):
    found = status(confirmed, capsys)
    assert found["evaluations"][0]["genotype"] == found["chosen"]["reference"]


def test_status_and_page_say_how_sure_it_is(confirmed, capsys):
    found = status(confirmed, capsys)
    assert main(["status", str(confirmed)]) == 0
    out = capsys.readouterr().out
    assert "\nChosen: " in out
    assert found["chosen"]["sentence"] in " ".join(out.split())
    assert "The chosen network" in (confirmed / "report.html").read_text(encoding="utf-8")


def test_a_stopped_confirmation_continues(confirmed, confirmed_options, dataset, content, tmp_path):
    """The last trainings are taken out, as if the search had been killed before them."""
    study = shutil.copytree(confirmed, tmp_path / "study")
    with closing(sqlite3.connect(study / "ledger.sqlite")) as connection, connection:
        (text,) = connection.execute(
            "SELECT value FROM study WHERE key = 'confirmation'"
        ).fetchone()
        begun = json.dumps(json.loads(text) | {"is_finished": False})
        connection.execute("UPDATE study SET value = ? WHERE key = 'confirmation'", (begun,))
        connection.execute("UPDATE study SET value = 'stopped' WHERE key = 'state'")
        last = "SELECT id FROM trainings ORDER BY id DESC LIMIT 3"
        for table in ("epochs", "volumes"):
            connection.execute(f"DELETE FROM {table} WHERE training IN ({last})")
        connection.execute(f"DELETE FROM trainings WHERE id IN ({last})")
    assert main(["search", str(dataset), str(study), *confirmed_options]) == 0
    assert content(study) == content(confirmed)


def test_a_network_is_trained_by_the_choice(confirmed, dataset, tmp_path, capsys):
    found = status(confirmed, capsys)
    study = shutil.copytree(confirmed, tmp_path / "study")
    more = (
        "--all-patients",
        "--set",
        "training.epochs=1",
        "--set",
        "run.executor=inline",
        "--json",
    )
    assert main(["train", str(study), "--dataset", str(dataset), *more]) == 0
    card = json.loads(next(study.glob("**/model.json")).read_text(encoding="utf-8"))
    assert found["chosen"]["genotype"] in json.dumps(card)


OWN = """
from torch import nn

class Half(nn.Conv2d):
    def __init__(self, in_channels, num_classes):
        super().__init__(in_channels, num_classes, 2, stride=2)

class Raises(Half):
    def forward(self, images):
        raise RuntimeError("no forward pass")
"""


@pytest.mark.parametrize(
    ("network", "told"),
    [
        ("smp:Nope:vgg13", "has no design 'Nope'"),
        ("smp:Unet:nosuch", "has no encoder 'nosuch'"),
        ("module:own_nets_to_refuse:Half", "it must give raw logits of shape (2, 3, 16, 16)"),
        ("module:own_nets_to_refuse:Raises", "RuntimeError: no forward pass"),
    ],
)
def test_a_network_to_confirm_that_cannot_be_trained_is_refused_before_the_preparation(
    network, told, confirmed_options, dataset, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(dataset_source, "prepare_slices", lambda *_, **__: pytest.fail("prepared"))
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "own_nets_to_refuse.py").write_text(OWN)
    study = tmp_path / "study"
    more = ("--confirm", network)
    assert main(["search", str(dataset), str(study), *confirmed_options, *more]) == 2
    assert told in capsys.readouterr().err
    assert not study.exists()


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (("--evaluations", "1"), "search.confirm_also (=unet) has no effect"),
        (
            ("--evaluations", "1", "--set", "search.confirmation=0.5"),
            "search.evaluations (=1) are too few to confirm a network",
        ),
        (
            ("--hours", "1e-6", "--set", "search.confirmation=0.5"),
            "1e-06 h are too short to confirm a network",
        ),
    ],
)
def test_a_network_that_no_confirmation_reaches_is_told(
    settings, told, options, dataset, tmp_path, capsys
):
    study = tmp_path / "study"
    more = (*settings, "--confirm", "unet", "--set", "run.executor=inline")
    assert main(["search", str(dataset), str(study), *options, *more]) == 0
    assert f"mbnas: warning: {told}" in capsys.readouterr().err


@pytest.mark.parametrize(("evaluations", "is_told"), [("1", False), ("6", True)])
def test_a_search_without_time_to_confirm_says_what_would_do(
    evaluations, is_told, options, dataset, tmp_path, capsys, monkeypatch
):
    """If there is another network than the U-Net to confirm."""
    study = tmp_path / "study"
    more = ("--evaluations", evaluations, "--set", "search.confirmation=0.5")
    asked = ["search", str(dataset), str(study), *options, *more, "--set", "run.executor=inline"]
    monkeypatch.setattr(TimeLimit, "num_confirming", lambda limit, networks: 0)
    assert main([*asked, "--hours", "0.1"]) == 0
    err = " ".join(capsys.readouterr().err.split())
    assert ("No time was left to confirm a network" in err) == is_told
    if is_told:
        hours = re.search("same command with --hours ([0-9.]+) continues", err)[1]
        monkeypatch.setattr(TimeLimit, "num_confirming", lambda limit, networks: 4)
        assert main([*asked, "--hours", hours]) == 0
        assert status(study, capsys)["chosen"]["confirmed"]


def test_own_modules_are_confirmed_as_their_source_is_now(tmp_path, monkeypatch):
    (tmp_path / "own_net_to_confirm.py").write_text("class Small: ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    layer = layer_of({"confirm": ["unet", "module:own_net_to_confirm:Small"]})
    unet, own = layer["search"]["confirm_also"]
    assert unet == "unet"
    assert re.fullmatch(r"module:own_net_to_confirm:Small#[0-9a-f]{8}", own)
