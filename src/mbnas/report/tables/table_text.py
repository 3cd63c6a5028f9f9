"""Tables as Markdown, LaTeX and HTML."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mbnas.escaping import in_latex, in_markdown, visible
from mbnas.report.latex_float import latex_float
from mbnas.report.markup import Markup, element, fragment
from mbnas.report.tables.comparison_table import Cell, Table

_LONGEST_LINE = 30  # letters of a cell in LaTeX; longer ones are broken


def as_markdown(
    tables: Sequence[Table], notes: Sequence[str], sentences: Sequence[str], *, heading: str
) -> str:
    """Return a document with tables, sentences on what they show, and notes."""
    parts = [f"# {in_markdown(heading)}"]
    for table in tables:
        parts += [f"## {in_markdown(table.title)}", _markdown_table(table)]
    for words in (sentences, notes):
        if words:
            parts.append("\n".join(f"- {in_markdown(each)}" for each in words))
    return "\n\n".join(parts) + "\n"


def as_latex(
    tables: Sequence[Table], notes: Sequence[str], *, study_name: str, dataset: str
) -> str:
    r"""Return tables for ``\input`` into a document that uses the package booktabs.

    Args:
        tables: Each with a caption.
        notes: Below them.
        study_name: Begins the labels.
        dataset: Named in the captions.
    """
    parts = [r"% \usepackage{booktabs}"]
    for table in tables:
        caption = f"{table.caption} Dataset: {dataset}."
        made = latex_float(
            "table", _latex_table(table), caption=caption, names=(study_name, table.key)
        )
        parts.append(f"% {visible(table.title)}\n{made}")
    parts += ["{\\footnotesize\n" + "\n".join(f"{in_latex(each)}\\par" for each in notes) + "\n}"]
    return "\n\n".join(parts) + "\n"


def as_html(table: Table) -> Markup:
    """Return a table that scrolls horizontally on a narrow screen."""
    heads = (
        element("th", head, scope="col", class_="words" if number < table.num_words else None)
        for number, head in enumerate(table.heads)
    )
    rows = (element("tr", *_html_cells(row, table.num_words)) for row in table.rows)
    return element(
        "div",
        element("table", element("thead", element("tr", *heads)), element("tbody", *rows)),
        class_="wide",
    )


def _markdown_table(table: Table) -> str:
    def cell(cell: Cell) -> str:
        text = in_markdown(cell.text)
        note = f"<br>{in_markdown(cell.note)}" if cell.note else ""
        return (f"**{text}**" if cell.bold else text) + note

    sides = [":--"] * table.num_words + ["--:"] * (len(table.heads) - table.num_words)
    lines = [
        [in_markdown(head) for head in table.heads],
        sides,
        *([cell(each) for each in row] for row in table.rows),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _latex_table(table: Table) -> str:
    """Return a tabular; the notes of a row are in a separate line below it."""
    sides = "l" * table.num_words + "r" * (len(table.heads) - table.num_words)
    lines = [
        r"{\small\setlength{\tabcolsep}{4pt}%",
        rf"\begin{{tabular}}{{@{{}}{sides}@{{}}}}",
        r"\toprule",
    ]
    lines += [_latex_row(map(_latex_head, table.heads, sides)), r"\midrule"]
    for row in table.rows:
        lines.append(_latex_row(_latex_cell(cell) for cell in row))
        if any(cell.note for cell in row):
            lines.append(_latex_row(_latex_note(cell) for cell in row))
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}}"])


def _latex_row(cells: Iterable[str]) -> str:
    # Braces, because LaTeX reads a bracket right after a row's end as its length.
    return "{}" + " & ".join(cells) + r" \\"


def _latex_head(head: str, side: str) -> str:
    r"""Return a column's head, in two lines if it has several words.

    >>> print(_latex_head("Surface Dice (2 mm)", "r"))
    \shortstack[r]{Surface\\Dice (2 mm)}
    """
    spaces = [place for place, letter in enumerate(head) if letter == " "]
    if not spaces:
        return in_latex(head)
    middle = min(reversed(spaces), key=lambda place: abs(2 * place + 1 - len(head)))
    above, below = in_latex(head[:middle]), in_latex(head[middle + 1 :])
    return rf"\shortstack[{side}]{{{above}\\{below}}}"


def _latex_cell(cell: Cell) -> str:
    text = in_latex(cell.text)
    if cell.bold:
        text = rf"\textbf{{{text}}}"
    if len(cell.text) <= _LONGEST_LINE:
        return text
    return rf"\parbox[t]{{0.36\linewidth}}{{\raggedright {text}\strut}}"


def _latex_note(cell: Cell) -> str:
    return rf"{{\footnotesize {in_latex(cell.note)}}}" if cell.note else ""


def _html_cells(row: Sequence[Cell], num_words: int) -> Iterable[Markup]:
    for number, cell in enumerate(row):
        text = element("strong", cell.text) if cell.bold else cell.text
        note = fragment(" ", element("small", cell.note)) if cell.note else None
        if number < num_words:
            yield element("th", text, note, scope="row", class_="words")
        else:
            yield element("td", text, note)
