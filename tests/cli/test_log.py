"""``--log tensorboard`` of the commands that train."""

import shutil
import sys

import pytest

from mbnas.cli.main import main


def runs(study):
    found = (study / "log/tensorboard").glob("**/events*")
    return sorted({str(each.parent.relative_to(study / "log/tensorboard")) for each in found})


@pytest.fixture
def study(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "study")


def test_a_search_and_a_comparison_are_logged(study, dataset, capsys):
    pytest.importorskip("tensorboard")
    inline = ["--set", "run.executor=inline"]
    more = ["--evaluations", "7", "--log", "tensorboard"]
    assert main(["search", str(dataset), str(study), *inline, *more]) == 0
    searched = runs(study)
    assert searched[0] == "search"
    assert len(searched) == 1 + 7 * 2
    assert searched[1].startswith("trainings/network-0001-")
    compare = ["compare", str(study), "--network", "best", "--initialisations", "1"]
    assert main([*compare, "--log", "tensorboard"]) == 0
    assert len(runs(study)) == 1 + 7 * 2 + 2
    assert sum("initialisation-1000" in each for each in runs(study)) == 2


def test_without_the_package_nothing_is_started(dataset, tmp_path, monkeypatch, capsys, options):
    for name in [each for each in sys.modules if each.partition(".")[0] == "tensorboard"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    study = tmp_path / "study"
    assert main(["search", str(dataset), str(study), *options, "--log", "tensorboard"]) == 2
    assert capsys.readouterr().err == (
        "mbnas: --log tensorboard needs the package tensorboard, which is not installed: "
        "pip install 'mbnas[tensorboard]'.\n"
    )
    assert not study.exists()
