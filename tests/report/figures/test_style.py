import subprocess
import sys
from xml.etree import ElementTree as ET

import matplotlib as mpl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mbnas.report.figures.learning_figure import draw_learning_curves
from mbnas.report.figures.network_figure import TitledNetwork, draw_networks
from mbnas.report.figures.pareto_figure import Candidate, draw_pareto
from mbnas.report.figures.progress_figure import Run, draw_progress
from mbnas.report.figures.rank_figure import draw_ranks
from mbnas.report.figures.style import (
    COLUMN_IN,
    FORMATS,
    TEXT_PT,
    in_figure,
    save,
    shortened,
    wrapped,
)
from mbnas.space.genotype import unet_genotype
from mbnas.training.training_record import EpochRecord

from ...names import NAMES, shapeless

STARTS = {"pdf": b"%PDF", "svg": b"<?xml", "png": b"\x89PNG"}
DRAWN = {
    "progress": lambda: draw_progress([Run(label="a", scores=(0.5, 0.6), training_s=(1.0, 2.0))]),
    "networks": lambda: draw_networks([TitledNetwork(title="U-Net", genotype=unet_genotype())]),
    "ranks": lambda: draw_ranks(["a", "b", "c"], (1.0, 2.5, 2.5), 1.2),
    "pareto": lambda: draw_pareto(
        [Candidate(name="a", dice=0.8, sd=0.1, parameters=10_000, macs=10**9)], slice_size=64
    ),
}


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize("kind", FORMATS)
def test_one_figure_is_one_sequence_of_bytes(name, kind, tmp_path):
    contents = []
    for number in (1, 2):
        path = tmp_path / f"{number}.{kind}"
        save(DRAWN[name](), path, title="a figure")
        contents.append(path.read_bytes())
    assert contents[0] == contents[1]
    assert contents[0].startswith(STARTS[kind])
    assert [each.name for each in sorted(tmp_path.iterdir())] == [f"1.{kind}", f"2.{kind}"]


@pytest.mark.parametrize("name", DRAWN)
def test_a_figure_is_a_column_wide_and_its_text_large_enough(name, boxes, assert_legible):
    figure = DRAWN[name]()
    assert figure.get_figwidth() == COLUMN_IN
    assert_legible(figure)
    sizes = [each.get_fontsize() for each in figure.findobj(mpl.text.Text) if each.get_text()]
    assert min(sizes) >= TEXT_PT


@pytest.mark.parametrize("name", DRAWN)
def test_the_users_settings_change_nothing(name, tmp_path):
    paths = [tmp_path / "ours.svg", tmp_path / "theirs.svg"]
    save(DRAWN[name](), paths[0], title="a figure")
    with mpl.rc_context({"font.size": 20, "axes.grid": True, "svg.fonttype": "path"}):
        save(DRAWN[name](), paths[1], title="a figure")
        assert mpl.rcParams["font.size"] == 20
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_letters_are_embedded_as_truetype(tmp_path):
    save(DRAWN["ranks"](), tmp_path / "ranks.pdf", title="ranks")
    content = (tmp_path / "ranks.pdf").read_bytes()
    assert b"/CIDFontType2" in content
    assert b"/FontFile2" in content
    assert b"/Type3" not in content
    assert b"/CreationDate" not in content


def test_a_file_that_cannot_be_written_is_left_unchanged(tmp_path, monkeypatch):
    path = tmp_path / "ranks.pdf"
    path.write_text("before")
    figure = DRAWN["ranks"]()
    monkeypatch.setattr(figure, "savefig", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        save(figure, path, title="ranks")
    assert path.read_text() == "before"


def test_no_display_is_needed():
    code = (
        "import sys; import mbnas.report.figures.study_figures\n"
        "assert 'matplotlib.pyplot' not in sys.modules, 'pyplot'\n"
        "assert 'torch' not in sys.modules, 'torch'"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_text_is_cut_to_its_width():
    assert shortened("", 1.0) == ""
    assert shortened("W" * 50, 40.0).endswith("…")
    assert wrapped("U-Net (VGG-13)", 200.0) == "U-Net (VGG-13)"
    assert wrapped("W" * 50 + " a", 40.0).splitlines()[1] == "a"


@given(NAMES)
def test_characters_without_a_glyph_are_escaped(name):
    shown = in_figure(name)
    assert not shapeless(shown)
    assert shown == name or not name.isascii() or shapeless(name)
    assert in_figure("$x_1$ 肝 é") == r"$x_1$ \u809d é"


@settings(max_examples=9, deadline=None)
@given(names=st.lists(NAMES, min_size=3, max_size=3, unique=True))
def test_any_names_can_be_drawn_and_are_in_the_file(names, tmp_path_factory):
    """Three at a time, as drawing takes long and one more name hardly any longer."""
    folder = tmp_path_factory.mktemp("names")
    labels = [*names, *(f"{name}x" for name in names)]
    runs = [Run(label=label, scores=(0.5,), training_s=(1.0,)) for label in labels]
    classes = [*names, *(f"_{name}" for name in names)]
    dice = (0.5,) * len(classes)
    epoch = EpochRecord(epoch=1, learning_rate=0.1, loss=1.0, class_dice=dice)
    figures = {
        "progress": draw_progress(runs),
        "ranks": draw_ranks(names, tuple(map(float, range(1, len(names) + 1))), 1.2),
        "curves": draw_learning_curves({"fold0": [epoch]}, classes),
    }
    for (kind, figure), title in zip(figures.items(), names, strict=False):
        save(figure, folder / f"{kind}.svg", title=title)
        texts = {
            "".join(each.itertext()).strip()
            for each in ET.parse(folder / f"{kind}.svg").iter("{http://www.w3.org/2000/svg}text")
        }
        if kind == "progress":
            assert {f"{in_figure(name)}x".strip() for name in names} <= texts
        if kind == "curves":
            assert {f"_{in_figure(name)}".strip() for name in names} <= texts
    save(figures["progress"], folder / "progress.png", title=names[0])
    save(figures["progress"], folder / "progress.pdf", title=names[-1])
