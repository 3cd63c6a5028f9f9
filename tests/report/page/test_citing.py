from pathlib import Path

import pytest

from mbnas.report.page import citing
from mbnas.version import __version__

CITATION = Path(__file__).parents[3] / "CITATION.cff"


@pytest.mark.skipif(not CITATION.exists(), reason="needs the project's own CITATION.cff")
def test_the_page_cites_what_the_citation_file_says():
    said = CITATION.read_text(encoding="utf-8")

    facts = (citing.TITLE, citing.AUTHOR, citing.PAPER_TITLE, citing.PAPER_ARXIV, __version__)
    assert all(fact in said for fact in facts)
    for family, given in (author.split(", ") for author in citing.PAPER_AUTHORS):
        assert family in said
        assert given in said


def test_both_entries_are_balanced_bibtex():
    for entry in (citing.paper_bibtex(), citing.program_bibtex("1.2.3")):
        assert entry.startswith("@")
        assert entry.count("{") == entry.count("}")
    assert "version = {1.2.3}" in citing.program_bibtex("1.2.3")
    assert "10.1117/12.2611428" in citing.paper_bibtex()
