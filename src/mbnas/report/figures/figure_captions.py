"""The figures of a study in a paper: what they show, as captions, and LaTeX that includes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from matplotlib.figure import Figure

from mbnas.report.figures.figure_data import FigureData
from mbnas.report.figures.style import COLUMN_IN
from mbnas.report.latex_float import latex_float
from mbnas.report.tables.table_captions import patients_text
from mbnas.results.comparison import Comparison
from mbnas.scoring.differences import ALPHA
from mbnas.wording import counted

LATEX = "figures.tex"
"""The file that includes the others."""


def figures_latex(figures: Sequence[str]) -> str:
    r"""Return figures for ``\input`` into a document that uses the package graphicx.

    Args:
        figures: As :func:`figure_latex` returns them.
    """
    head = "% \\usepackage{graphicx}\n% \\graphicspath{{figures/}}  % the folder of these files"
    return "\n\n".join([head, *figures]) + "\n"


def figure_latex(
    name: str, figure: Figure, studies: Sequence[FigureData], *, study_name: str
) -> str:
    """Return one figure, with a caption and a label.

    Args:
        name: Of its file, which is a PDF.
        figure: As drawn; one of the page's width takes it in a paper of two columns too.
        studies: That it shows.
        study_name: Begins the label.
    """
    datasets = ", ".join(dict.fromkeys(each.dataset for each in studies))
    return latex_float(
        "figure",
        rf"\includegraphics[width=\linewidth]{{{name}.pdf}}",
        caption=f"{CAPTIONS[name](studies)} Dataset: {datasets}.",
        names=(study_name, name),
        is_wide=float(figure.get_figwidth()) > COLUMN_IN,
    )


def _progress(studies: Sequence[FigureData]) -> str:
    searches = ", ".join(
        f"{each.label} ({counted(len(each.status.complete), 'network')})" for each in studies
    )
    return (
        "The best search score so far, the mean validation Dice of a network's trainings, against "
        "the number of evaluated networks and against the time of their trainings. Searches: "
        f"{searches}."
    )


def _networks(studies: Sequence[FigureData]) -> str:
    chosen = studies[0].chosen
    first = "chosen" if chosen is not None and chosen.is_confirmed else "best found, unconfirmed"
    others = "" if studies[0].comparison is None else ", and genotypes compared with it"
    return (
        f"The network of the search ({first}){others}, by resolution from top to bottom and by "
        "depth from left to right. Letters name blocks, numbers the side of the kernel."
    )


def _ranks(studies: Sequence[FigureData]) -> str:
    comparison = _compared(studies)
    return (
        f"Average ranks by Dice of {counted(len(comparison.tested), 'network')} over "
        f"{counted(len(comparison.blocks), 'block')}, each one initialisation on one fold of "
        f"{patients_text(comparison, held_out=False)}; 1 is best. Bars join ranks within the "
        f"critical difference (Nemenyi, α = {ALPHA:g}). Blocks are not independent, so p is too "
        "small."
    )


def _pareto(studies: Sequence[FigureData]) -> str:
    comparison = _compared(studies)
    size, over = comparison.slice_size, comparison.num_initialisations
    bars = f" ± standard deviation over {over} fresh initialisations" if over > 1 else ""
    return (
        f"Mean Dice{bars} on {patients_text(comparison, held_out=comparison.is_held_out)} against "
        f"parameters and against multiply-accumulates for one slice or patch of {size}×{size} "
        "pixels. Filled: no other network is better at no higher cost."
    )


def _front(studies: Sequence[FigureData]) -> str:
    return (
        "Search scores, the mean validation Dice of a network's trainings, against cost, of "
        f"{counted(len(studies[0].status.complete), 'network')}. The line joins networks that no "
        "other beats in both, with standard errors over initialisations."
    )


def _segmentations(studies: Sequence[FigureData]) -> str:
    patients = patients_text(_compared(studies), held_out=False)
    return (
        f"Slices of the patients with the best, the median and the worst Dice of {patients}: the "
        "reference, which is a white outline under the predictions, and every network."
    )


CAPTIONS: dict[str, Callable[[Sequence[FigureData]], str]] = {
    "progress": _progress,
    "networks": _networks,
    "ranks": _ranks,
    "pareto": _pareto,
    "front": _front,
    "segmentations": _segmentations,
}
"""What each figure shows, by the name of its files."""


def _compared(studies: Sequence[FigureData]) -> Comparison:
    comparison = studies[0].comparison
    assert comparison is not None  # or the figure could not be drawn
    return comparison
