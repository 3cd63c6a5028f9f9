import json
import re
import shutil
import subprocess

import pytest

from mbnas.actions import search_study
from mbnas.cli.main import main
from mbnas.cli.show import messages
from mbnas.prediction.model.model_card import CARD
from mbnas.space.genotype import Genotype


def test_a_finished_study_has_all_parts(finished, capsys):
    for part in ("study.toml", "ledger.sqlite", "report.html", "slices"):
        assert (finished / part).exists()
    assert main(["status", str(finished), "--json"]) == 0
    status = json.loads(capsys.readouterr().out)
    assert (status["state"], status["evaluated"], status["trainings"]) == ("finished", 6, 12)
    assert main(["status", str(finished)]) == 0
    assert "6 of 6 networks evaluated" in capsys.readouterr().out
    assert main(["report", str(finished)]) == 0
    page = (finished / "report.html").read_text()
    assert "total of 12 runs" in page
    assert (
        len(re.findall(r'<rect class="(?:scored|collapsed)"[^>]*><title>Network \d', page))
        == 2 * 12
    )


def test_scores_differ_so_that_comparing_ledgers_is_meaningful(finished, content):
    _, trainings, _ = content(finished)
    assert len({score for *_, score in trainings}) > 3


def test_a_finished_study_trains_nothing_again(finished, dataset, content):
    before = content(finished)
    assert main(["search", str(dataset), str(finished), "--set", "run.executor=inline"]) == 0
    assert content(finished) == before


@pytest.mark.parametrize(
    ("has_model", "offered"),
    [(False, ["compare", "train", "explain"]), (True, ["compare", "predict", "export"])],
)
def test_a_terminal_is_offered_what_was_not_done(
    has_model, offered, finished, dataset, tmp_path, monkeypatch
):
    study = shutil.copytree(finished, tmp_path / "study", symlinks=True)
    if has_model:
        (study / "weights/best").mkdir(parents=True)
        (study / "weights/best" / CARD).write_text("{}")
    said = []
    monkeypatch.setattr(messages, "say", said.append)
    assert main(["search", str(dataset), str(study), "--set", "run.executor=inline"]) == 0
    steps = said[said.index("Next:") + 1 :]
    assert [re.search(r"mbnas (\w+) ", each)[1] for each in steps] == offered


def test_another_configuration_is_refused_with_the_differences(finished, dataset, capsys):
    assert main(["search", str(dataset), str(finished), "--set", "training.epochs=9"]) == 1
    error = capsys.readouterr().err
    assert "training.epochs: 4 in the study, 9 asked for" in error


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_number_of_workers_makes_no_difference(workers, finished, command, content, tmp_path):
    done = subprocess.run(
        command(tmp_path / "study", "--workers", workers), capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert content(tmp_path / "study") == content(finished)


def test_the_page_of_a_running_search_says_so(dataset, options, tmp_path, monkeypatch):
    pages = []
    monkeypatch.setattr(search_study, "write_report", lambda summary, path: pages.append(summary))
    budget = ("--set", "run.executor=inline", "--set", "search.evaluations=1")
    arguments = [each for each in options if each not in ("--evaluations", "6")]
    assert main(["search", str(dataset), str(tmp_path / "study"), *arguments, *budget]) == 0
    states = [page.state for page in pages]
    assert (states[0], states[-1]) == ("running", "finished")
    assert set(states[:-1]) == {"running"}
    trainings = pages[-1].evaluations[0].trainings  # both count from 0, as files and --fold do
    assert [(each.fold, each.initialisation) for each in trainings] == [(0, 0), (1, 0)]


def test_a_search_within_limits_proposes_nothing_beyond_them(dataset, options, content, tmp_path):
    limits = ("--max-macs", "400k", "--max-parameters", "20k", "--max-latency-ms", "1e6")
    arguments = [str(dataset), str(tmp_path / "study"), *options, *limits]
    assert main(["search", *arguments, "--set", "run.executor=inline"]) == 0
    evaluations, _, costs = content(tmp_path / "study")
    assert len(evaluations) == 6
    found = {network: (parameters, macs) for network, parameters, macs in costs}
    searched = [Genotype.parse(text).digest for _, text in evaluations]
    assert all(found[each][0] <= 20_000 and found[each][1] <= 400_000 for each in searched)
    before = content(tmp_path / "study")
    assert main(["search", *arguments, "--set", "run.executor=inline"]) == 0
    assert content(tmp_path / "study") == before


def test_limits_that_nothing_meets_leave_no_study_behind(dataset, options, tmp_path, capsys):
    study = tmp_path / "study"
    assert main(["search", str(dataset), str(study), *options, "--max-macs", "1k"]) == 2
    assert "within search.max_macs (=1 k)" in capsys.readouterr().err
    assert not (study / "study.toml").exists()
