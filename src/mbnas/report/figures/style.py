"""The style of figures for papers, and writing them to files.

They are as wide as one column of a two-column page, with letters of at least 7 points that stay
text in SVG and PDF. No information is in colour only: every series has a line style and a marker
too. The same data gives the same bytes: files contain no date and no random names.

Source: Okabe and Ito 2008, "Color Universal Design", for the colours.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache, wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.textpath import text_to_path

from mbnas.escaping import visible
from mbnas.machine.files import write_bytes
from mbnas.version import __version__

COLUMN_IN, PAGE_IN = 3.4, 7.0
"""Widths of one column and of a whole page, in inches."""
POINTS_PER_IN = 72.0
TEXT_PT, TITLE_PT = 7.0, 8.0
INK, QUIET, FAINT = "#000000", "#555555", "#bbbbbb"

FORMATS = ("pdf", "svg", "png")
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999999")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h")
DASHES: tuple[str | tuple[float, tuple[float, ...]], ...] = (
    "-",
    (0, (4.0, 1.5)),
    (0, (5.0, 1.5, 1.0, 1.5)),
    (0, (1.0, 1.2)),
    (0, (7.0, 2.0)),
)

_PNG_DPI = 600
_FONT = "DejaVu Sans"  # comes with matplotlib
_OURS: dict[str, Any] = {
    "font.family": ["sans-serif"],
    "font.sans-serif": [_FONT, "Verdana"],
    "font.size": TEXT_PT,
    "axes.labelsize": TEXT_PT,
    "axes.titlesize": TITLE_PT,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.5,
    "xtick.labelsize": TEXT_PT,
    "ytick.labelsize": TEXT_PT,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.minor.size": 1.5,
    "xtick.major.pad": 2.0,
    "ytick.major.pad": 2.0,
    "legend.fontsize": TEXT_PT,
    "legend.frameon": False,
    "legend.handlelength": 2.2,
    "legend.borderpad": 0.0,
    "legend.columnspacing": 1.2,
    "lines.linewidth": 1.2,
    "lines.markersize": 4.0,
    "text.parse_math": False,  # names may hold a $
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
    "svg.hashsalt": "mbnas",
    "svg.id": None,
    "savefig.dpi": _PNG_DPI,
}
_SETTINGS: Any = {  # typed by the names of all settings, which differ by version
    key: value
    for key, value in mpl.rcParamsDefault.items()
    if not key.startswith(("backend", "interactive"))
} | _OURS

_Parameters = ParamSpec("_Parameters")
_Returned = TypeVar("_Returned")


def in_style(draw: Callable[_Parameters, _Returned]) -> Callable[_Parameters, _Returned]:
    """Return a function that draws in our style regardless of the user's settings."""

    @wraps(draw)
    def styled(*args: _Parameters.args, **kwargs: _Parameters.kwargs) -> _Returned:
        with mpl.rc_context(_SETTINGS):
            return draw(*args, **kwargs)

    return styled


@in_style
def save(figure: Figure, path: Path, *, title: str) -> None:
    """Write a figure atomically.

    Args:
        figure: Drawn in our style.
        path: Its suffix, one of :data:`FORMATS`, is the format.
        title: In the metadata of the file.

    Raises:
        WriteError: if it cannot be written.
    """
    maker, title = f"mbnas {__version__}", in_figure(title)
    metadata: dict[str, dict[str, str | None]] = {
        "pdf": {"Title": title, "Creator": maker, "CreationDate": None},
        "svg": {"Title": title, "Creator": maker, "Date": None},
        "png": {"Title": title, "Software": maker},
    }
    kind = path.suffix.removeprefix(".")
    content = io.BytesIO()
    figure.savefig(content, format=kind, metadata=metadata[kind])
    write_bytes(path, content.getvalue())


def in_figure(text: str) -> str:
    r"""Return text that a figure can show; characters without a glyph are written as escapes.

    >>> in_figure("left\nkidney $x$ \u4eba")
    'left\\nkidney $x$ \\u4eba'
    """
    return "".join(
        each if ord(each) in _glyphs() else each.encode("unicode_escape").decode("ascii")
        for each in visible(text)
    )


def in_legend(text: str) -> str:
    """Return text for a legend; matplotlib leaves out labels that begin with an underscore."""
    shown = in_figure(text)
    return f" {shown}" if shown.startswith("_") else shown


@cache
def _glyphs() -> frozenset[int]:
    """Return the characters that the font has."""
    return frozenset(get_font(findfont(_FONT)).get_charmap())


def width_pt(words: str, size: float = TEXT_PT) -> float:
    """Return the width of the longest line of a text, in points."""
    font = FontProperties(family=_FONT, size=size)
    return max(
        text_to_path.get_text_width_height_descent(line, font, ismath=False)[0]
        for line in words.split("\n")
    )


def shortened(words: str, max_width_pt: float, size: float = TEXT_PT) -> str:
    """Return a text, with its end cut off if it is too wide.

    >>> shortened("patient_0123", 100.0), shortened("patient_0123", 30.0)
    ('patient_0123', 'patien…')
    """
    words = in_figure(words)
    if width_pt(words, size) <= max_width_pt:
        return words
    while words and width_pt(f"{words}…", size) > max_width_pt:
        words = words[:-1]
    return f"{words}…"


def wrapped(words: str, max_width_pt: float, size: float = TEXT_PT) -> str:
    """Return a text broken at spaces into lines that fit; a word that is too wide is cut off.

    >>> wrapped("ResU-Net (ResNet-50)", 60.0).splitlines()
    ['ResU-Net', '(ResNet-50)']
    """
    lines: list[str] = []
    for word in in_figure(words).split():
        longer = f"{lines[-1]} {word}" if lines else ""
        if longer and width_pt(longer, size) <= max_width_pt:
            lines[-1] = longer
        else:
            lines.append(shortened(word, max_width_pt, size))
    return "\n".join(lines)
