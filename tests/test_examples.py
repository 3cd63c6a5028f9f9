"""The examples run, one after another, as their docstrings say."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from contextlib import chdir
from pathlib import Path
from runpy import run_path

import pytest

import mbnas
from mbnas.errors import ConfigurationError
from mbnas.network.blocks import block_class
from mbnas.search.named_search import named_search
from mbnas.testing.block_contract import CHECKS

PROJECT = Path(__file__).parents[1]
EXAMPLES = PROJECT / "examples"
PACKAGE = EXAMPLES / "package"
GUIDE = PROJECT / "docs" / "extending.md"


def run(name, *arguments):
    (script,) = EXAMPLES.glob(f"{name}*.py")
    before, sys.argv = sys.argv, [str(script), *map(str, arguments)]
    try:
        run_path(str(script), run_name="__main__")
    finally:
        sys.argv = before


def docker_runs():
    """Whether the command is there and reaches its daemon."""
    return (
        shutil.which("docker") is not None
        and not subprocess.run(["docker", "info"], capture_output=True, check=False).returncode
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder in which the first examples have run: it has a dataset and a study."""
    folder = tmp_path_factory.mktemp("examples")
    with chdir(folder):
        run("01")
        run("02")
    return folder


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """The package among the examples, as a package manager installs it."""
    information = tmp_path / "my_package-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\n")
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text("utf-8"))["project"]
    lines = []
    for group, points in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in points.items())]
    (information / "entry_points.txt").write_text("\n".join(lines))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.syspath_prepend(PACKAGE)
    yield
    for name in [each for each in sys.modules if each.partition(".")[0] == "my_package"]:
        del sys.modules[name]


def test_the_examples_are_numbered():
    numbered = sorted(each.name for each in EXAMPLES.glob("[0-9]*"))
    assert [name[:3] for name in numbered] == [f"{n:02d}_" for n in range(1, len(numbered) + 1)]


def test_own_data_is_a_sound_dataset(tmp_path, monkeypatch, capsys):
    from mbnas.cli.main import main

    monkeypatch.chdir(tmp_path)
    run("01")
    assert main(["check", "data/discs"]) == 0
    assert "The dataset is sound" in capsys.readouterr().out


@pytest.mark.slow
def test_a_search_resumes_and_prints_its_network(place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    run("02")
    assert str(mbnas.open("studies/discs").chosen) in capsys.readouterr().out


@pytest.mark.slow
def test_a_study_is_read(place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    run("03")
    shown = capsys.readouterr().out
    for each in mbnas.open("studies/discs").evaluations():
        assert str(each.genotype) in shown
    assert Path("studies/discs/report.html").exists()


def test_networks_are_asked_for_and_scores_told(capsys):
    run("04")
    *networks, best = capsys.readouterr().out.splitlines()
    assert len(networks) == 6
    assert any(line.startswith(best.removeprefix("Best: ")) for line in networks)


def test_the_own_block_keeps_the_contract(installed, capsys):
    run("05")
    assert f"keeps the contract, in {len(CHECKS)} checks" in capsys.readouterr().out


def test_without_its_package_there_is_no_such_block():
    with pytest.raises(ConfigurationError, match="no block 'ghost'"):
        block_class("ghost")


def test_the_guide_tests_a_block_by_every_check(installed):
    (source,) = re.findall(r"```python\n(from mbnas\.testing.*?)```", GUIDE.read_text(), re.DOTALL)
    names = {"pytest": pytest}
    exec(source, names)
    (mark,) = names["test_it_keeps_the_contract"].pytestmark
    assert mark.args == ("check", CHECKS)
    names["test_it_keeps_the_contract"](CHECKS[0])


def test_the_own_searcher_keeps_the_contract_and_is_found_by_its_name(installed, capsys):
    run("06")
    printed = capsys.readouterr().out
    assert "keeps the contract" in printed
    best = mbnas.Network(printed.split()[-1]).genotype
    assert any(node.block == "dense" for node in best.nodes)
    assert named_search("annealing").__name__ == "annealing_search"


@pytest.mark.slow
def test_a_model_predicts_files_and_arrays(place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    run("07")
    printed = capsys.readouterr().out
    assert "6 new label maps in predictions" in printed
    assert len(list(Path("predictions").glob("*.nii.gz"))) == 6
    assert re.search(r"^[1-9]\d* of 3456 voxels are disc", printed, re.MULTILINE)


@pytest.mark.slow
def test_the_notebook_runs():
    """Its cells, here without Jupyter; `make docs` runs them in a kernel."""
    cells = json.loads((EXAMPLES / "08_notebook.ipynb").read_text("utf-8"))["cells"]
    names = {"run": run}
    for cell in cells:
        if cell["cell_type"] == "code":
            source = "".join(cell["source"])
            source = re.sub(r"^%run (\d+)\S+ (\S+)$", r'run("\1", f"\2")', source, flags=re.M)
            exec(source, names)
    assert names["study"].status().state == "finished"


def test_the_notebook_is_stored_without_outputs():
    cells = json.loads((EXAMPLES / "08_notebook.ipynb").read_text("utf-8"))["cells"]
    assert [each for each in cells if each.get("outputs") or each.get("execution_count")] == []


@pytest.mark.slow
@pytest.mark.skipif(not docker_runs(), reason="needs a running Docker")
def test_the_image_is_built_and_predicts():
    build = ["docker", "build", "--file", "examples/Dockerfile", "--tag", "mbnas-test", "."]
    subprocess.run(build, cwd=PROJECT, check=True)
    shown = subprocess.run(
        ["docker", "run", "--rm", "--network", "none", "mbnas-test", "predict", "--help"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert "--onnx" in shown
