"""What ``mbnas figures`` writes and prints."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from mbnas.cli.main import main

NAMES = ("progress", "networks", "ranks", "pareto", "segmentations")


@pytest.fixture(scope="module")
def searched(finished, tmp_path_factory):
    """A copy of a finished study, to write figures into."""
    return shutil.copytree(finished, tmp_path_factory.mktemp("figures") / "searched")


@pytest.fixture(scope="module")
def compared(finished, tmp_path_factory):
    """A finished study with three retrained networks."""
    study = shutil.copytree(finished, tmp_path_factory.mktemp("figures") / "compared")
    networks = ("best", "unet-genotype", "0vgg3-1dense3-1vgg3-0residual3")
    more = [part for each in networks for part in ("--network", each)]
    assert main(["compare", str(study), *more, "--initialisations", "1"]) == 0
    return study


def test_a_study_with_a_comparison_has_every_figure_in_every_format(compared, capsys):
    assert main(["figures", str(compared)]) == 0
    said = capsys.readouterr()
    paths = [str(compared / "figures" / f"{n}.{k}") for n in NAMES for k in ("pdf", "svg", "png")]
    paths.append(str(compared / "figures/figures.tex"))
    assert said.out.splitlines() == paths
    assert said.err == ""
    assert sorted(map(str, (compared / "figures").iterdir())) == sorted(paths)
    text = (compared / "figures" / "segmentations.svg").read_text()
    for words in ("Reference", "Best found", "best", "median", "worst", "peripheral zone"):
        assert f">{words}<" in text


@pytest.fixture(scope="module")
def latex(compared, tmp_path_factory):
    """The folder of the PDF files of a study, and what includes them in a paper."""
    folder = tmp_path_factory.mktemp("paper")
    labelled = ["--label", "first_study", "--format", "pdf"]
    assert main(["figures", str(compared), "--output", str(folder), *labelled]) == 0
    return folder, (folder / "figures.tex").read_text()


def test_each_figure_of_a_paper_says_what_it_shows_and_has_its_own_label(latex):
    folder, text = latex
    floats = re.findall(r"\\begin\{figure\*?\}.*?\\end\{figure\*?\}", text, flags=re.DOTALL)
    included = [re.search(r"\\includegraphics.*\{(.*)\}", each).group(1) for each in floats]
    assert included == [f"{name}.pdf" for name in NAMES]
    assert all((folder / each).exists() for each in included)
    labels = [re.search(r"\\label\{(.*)\}", each).group(1) for each in floats]
    assert labels == [f"fig:first-study-{name}" for name in NAMES]
    captions = [re.search(r"\\caption\{(.*)\}", each).group(1) for each in floats]
    assert all(each.endswith(" Dataset: prostate phantom.") for each in captions)
    assert r"first\_study (6 networks)" in captions[0]
    assert "3 networks over 2 blocks" in captions[2]
    assert "the 4 patients of 2 folds" in captions[3]
    assert r"$\pm$" not in captions[3]  # there is one initialisation


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
def test_a_paper_prints_the_figures(latex):
    folder, _ = latex
    paper = r"""\documentclass[twocolumn]{article}\usepackage{graphicx}
        \begin{document}Figure \ref{fig:first-study-ranks}. \input{figures}\end{document}"""
    (folder / "paper.tex").write_text(paper)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper"]
    for _ in range(2):  # the second run knows the labels
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
    assert "undefined" not in done.stdout
    assert "Overfull" not in done.stdout


@pytest.mark.slow
def test_another_process_writes_the_same_bytes(compared, tmp_path):
    contents = []
    for seed in ("1", "2"):
        folder = tmp_path / seed
        command = [sys.executable, "-m", "mbnas", "figures", str(compared), "--output", str(folder)]
        subprocess.run(command, env=os.environ | {"PYTHONHASHSEED": seed}, check=True)
        contents.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert len(contents[0]) == 16
    assert contents[0] == contents[1]


def test_figures_that_cannot_be_drawn_yet_are_named_with_the_reason(searched, tmp_path, capsys):
    asked = ["figures", str(searched), "--output", str(tmp_path / "new" / "here")]
    assert main([*asked, "--format", "svg"]) == 0
    said = capsys.readouterr()
    folder = tmp_path / "new" / "here"
    assert said.out.split() == [str(folder / "progress.svg"), str(folder / "networks.svg")]
    sentences = [
        f"mbnas: warning: No figure of {name}: There is no comparison yet. "
        f"Run: mbnas compare {searched}"
        for name in ("ranks", "pareto", "segmentations")
    ]
    assert said.err.splitlines() == sentences


def test_several_studies_have_only_the_progress_figure(searched, compared, tmp_path, capsys):
    asked = ["figures", str(searched), str(compared), "--output", str(tmp_path)]
    assert main([*asked, "--format", "svg", "--label", "local", "--label", "local"]) == 0
    said = capsys.readouterr()
    assert said.out.split() == [str(tmp_path / "progress.svg")]
    assert said.err.count("It shows one study, not 2.") == 4
    assert "local (2 runs: median, range)" in (tmp_path / "progress.svg").read_text()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--format", "pdf,eps"], "--format (=pdf,eps) contains eps: choose from"),
        (["--format", ""], "--format (=) contains an empty name: choose from"),
        (["--label", "a", "--label", "b"], "--label was given 2 times for 1 studies"),
    ],
)
def test_invalid_options_are_refused(searched, options, sentence, capsys):
    assert main(["figures", str(searched), *options]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"mbnas: {sentence}")


def test_without_slices_only_one_figure_is_missing(compared, tmp_path, capsys):
    study = shutil.copytree(compared, tmp_path / "moved")
    shutil.rmtree(study / "slices")
    assert main(["figures", str(study), "--format", "svg"]) == 0
    said = capsys.readouterr()
    assert len(said.out.split()) == 4
    assert "No figure of segmentations: The prepared slices no longer exist." in said.err


@pytest.mark.parametrize("arguments", [["status", "STUDY"], ["report", "STUDY"], ["space"]])
def test_other_commands_do_not_load_matplotlib(arguments, searched):
    filled = [str(searched) if each == "STUDY" else each for each in arguments]
    code = (
        "import sys\nfrom mbnas.cli.main import main\n"
        f"status = main({filled!r})\n"
        "sys.exit(status or ('matplotlib was loaded' if 'matplotlib' in sys.modules else 0))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
