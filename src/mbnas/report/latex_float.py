"""Tables and figures of a paper in LaTeX, each with a caption and a label to refer to it."""

from __future__ import annotations

import re
from typing import Literal

from mbnas.escaping import in_latex

_PREFIXES = {"table": "tab", "figure": "fig"}
_NOT_IN_LABELS = re.compile(r"[^A-Za-z0-9]+")


def latex_float(
    kind: Literal["table", "figure"],
    content: str,
    *,
    caption: str,
    names: tuple[str, ...],
    is_wide: bool = False,
) -> str:
    r"""Return a float with a caption, which is escaped, and a label.

    >>> print(latex_float("table", r"1 \\", caption="95 %", names=("b c", "d")))
    \begin{table}[htbp]
    \centering
    \caption{95 \%}
    \label{tab:b-c-d}
    1 \\
    \end{table}

    Args:
        kind: A table has its caption above, a figure below.
        content: In LaTeX.
        caption: Any text.
        names: Parts of the label; other characters than ASCII letters and digits become hyphens.
        is_wide: Whether it takes the page's width in a document of two columns.
    """
    label = "-".join(_NOT_IN_LABELS.sub("-", name).strip("-") for name in names)
    words = [rf"\caption{{{in_latex(caption)}}}", rf"\label{{{_PREFIXES[kind]}:{label}}}"]
    lines = [*words, content] if kind == "table" else [content, *words]
    environment = f"{kind}*" if is_wide else kind
    place = "tp" if is_wide else "htbp"
    begin, end = rf"\begin{{{environment}}}[{place}]", rf"\end{{{environment}}}"
    return "\n".join([begin, r"\centering", *lines, end])
