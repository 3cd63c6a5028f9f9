import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from mbnas.cli.main import main
from mbnas.results.explanation.read_explanation import explanation_of
from mbnas.space.cost_limits import CostLimits
from mbnas.study.directory import Study
from mbnas.study.ledger.ledger import Ledger


def explained(capsys, *arguments):
    capsys.readouterr()
    assert main(["explain", *map(str, arguments)]) == 0
    return capsys.readouterr().out


@pytest.fixture(params=["finished", "confirmed"])
def study(request):
    """A searched study, without and with a confirmation."""
    return request.getfixturevalue(request.param)


def test_it_says_first_what_can_be_told(study, capsys):
    text = explained(capsys, study)
    found = json.loads(explained(capsys, study, "--json"))
    assert text.splitlines()[: len(found["verdict"])] == found["verdict"]
    assert found["networks"] == 6
    assert found["choices"]
    assert "What each choice gives, in Dice" in text
    assert "Share of the variance of true scores" in text
    for each in found["choices"]:
        low, high = each["interval"]
        assert low < each["effect"] < high
        assert each["finding"] == ("pays" if low > 0 else "costs" if high < 0 else "cannot be told")


def test_the_path_begins_at_the_reference_and_ends_at_the_chosen_network(finished, capsys):
    path = json.loads(explained(capsys, finished, "--json"))["path"]
    capsys.readouterr()
    assert main(["status", str(finished), "--json"]) == 0
    chosen = json.loads(capsys.readouterr().out)["chosen"]
    assert path["reference"] == chosen["reference"]
    assert path["is_chosen"] == (chosen["genotype"] != chosen["reference"])
    if path["is_chosen"]:
        assert path["target"] == chosen["genotype"]
    assert path["steps"][-1]["genotype"] == path["target"]
    gains = sum(each["effect"] for each in path["steps"])
    assert gains == pytest.approx(path["total"]["effect"], abs=1e-6)


def test_the_page_has_it(study, capsys):
    assert main(["report", str(study)]) == 0
    page = (study / "report.html").read_text(encoding="utf-8")
    assert '<section id="explanation">' in page
    for sentence in json.loads(explained(capsys, study, "--json"))["verdict"]:
        assert sentence in page


def test_a_study_without_scores_is_refused(finished, tmp_path, capsys):
    study = shutil.copytree(finished, tmp_path / "empty")
    with closing(sqlite3.connect(study / "ledger.sqlite")) as ledger, ledger:
        ledger.execute("PRAGMA foreign_keys = OFF")
        for table in ("epochs", "trainings"):
            ledger.execute(f"DELETE FROM {table}")
    capsys.readouterr()
    assert main(["explain", str(study)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "has no network with a score, so nothing can be explained. Run mbnas search" in said.err
    assert len(said.err.splitlines()) == 1


def test_effects_are_those_within_the_limits_of_a_search(finished):
    study = Study.open(finished)
    with Ledger.open(study.ledger, read_only=True) as ledger:
        snapshot = ledger.read()
    configuration = study.configuration
    most = sorted(each.macs for each in snapshot.networks.values() if each.macs)[-1]
    search = replace(configuration.search, max_macs=most)
    assert search.limits == CostLimits(max_macs=most)
    limited = explanation_of(snapshot, replace(configuration, search=search), None)
    free = explanation_of(snapshot, configuration, None)
    assert (limited.is_limited, free.is_limited) == (True, False)
    assert limited.shares != free.shares
