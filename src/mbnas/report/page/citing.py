"""How to cite the method and the program: BibTeX to copy."""

from __future__ import annotations

from mbnas.report.markup import Markup, element
from mbnas.version import __version__

TITLE = "mbnas: mixed-block neural architecture search for medical image segmentation"
AUTHOR = "The mbnas developers"
PAPER_TITLE = "Mixed-Block Neural Architecture Search for Medical Image Segmentation"
PAPER_AUTHORS = (
    "Bosma, Martijn M. A.",
    "Dushatskiy, Arkadiy",
    "Grewal, Monika",
    "Alderliesten, Tanja",
    "Bosman, Peter A. N.",
)
PAPER_YEAR, PAPER_ARXIV, PAPER_DOI = 2022, "2202.11401", "10.1117/12.2611428"


def paper_bibtex() -> str:
    """Return the entry of the paper whose method this is."""
    return _entry(
        "inproceedings",
        "bosma2022mixed",
        author=" and ".join(PAPER_AUTHORS),
        title=f"{{{PAPER_TITLE}}}",
        booktitle="Medical Imaging 2022: Image Processing",
        publisher="SPIE",
        year=str(PAPER_YEAR),
        doi=PAPER_DOI,
        eprint=PAPER_ARXIV,
        archiveprefix="arXiv",
    )


def program_bibtex(version: str = __version__) -> str:
    """Return the entry of mbnas in the version that made a study."""
    return _entry(
        "software", "mbnas", author=f"{{{AUTHOR}}}", title=f"{{{TITLE}}}", version=version
    )


def citing_section(version: str) -> Markup:
    """Return both entries, each with a button that copies it.

    Args:
        version: Of the mbnas that made the study.
    """
    return element(
        "section",
        element("h2", "How to cite"),
        element(
            "p",
            f"The method is by Bosma et al. {PAPER_YEAR}, “{PAPER_TITLE}”, "
            f"doi {PAPER_DOI}, arXiv {PAPER_ARXIV}.",
        ),
        copied_text(paper_bibtex()),
        element("p", f"The program is mbnas {version}."),
        copied_text(program_bibtex(version)),
        id="cite",
    )


def copied_text(text: str) -> Markup:
    """Return preformatted text with a button that copies it."""
    button = element("button", "Copy", class_="copy", type="button", hidden="")
    return element("div", element("pre", element("code", text)), button, class_="copied")


def _entry(kind: str, key: str, **fields: str) -> str:
    width = max(map(len, fields))
    lines = [f"  {name:<{width}} = {{{value}}}" for name, value in fields.items()]
    return f"@{kind}{{{key},\n" + ",\n".join(lines) + "\n}"
