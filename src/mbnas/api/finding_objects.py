"""What was found, with the values behind it: a comparison of networks, and what mattered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mbnas.api.records import data_frame
from mbnas.report.markup import element, fragment
from mbnas.report.page.sections.explanation_section import explanation_section
from mbnas.report.tables.comparison_files import table_rows
from mbnas.report.tables.comparison_notes import footnotes, sentences
from mbnas.report.tables.comparison_table import tables
from mbnas.report.tables.difference_tables import difference_tables
from mbnas.report.tables.table_text import as_html, as_markdown
from mbnas.results import comparison as compared
from mbnas.results.explanation import findings
from mbnas.results.explanation.verdict import advice, verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Networks that were trained again on new initialisations; it prints as Markdown.

    >>> import mbnas
    >>> study = mbnas.open("study")  # doctest: +SKIP
    >>> comparison = study.compare("best", "unet", initialisations=3)  # doctest: +SKIP
    >>> comparison.sentences  # doctest: +SKIP
    ('Compared on the 20 patients of the folds …', 'No difference is shown between …')

    Attributes:
        details: All values, as the files of the comparison have them.
    """

    details: compared.Comparison

    @property
    def sentences(self) -> tuple[str, ...]:
        """What the differences show, and how far."""
        return tuple(sentences(self.details))

    def to_frame(self) -> Any:
        """Return a pandas ``DataFrame``: a row for each network, patients, metric and class.

        Raises:
            MbnasError: if pandas is not installed.
        """
        return data_frame(list(table_rows(self.details)))

    def __str__(self) -> str:
        shown = (*tables(self.details), *difference_tables(self.details))
        notes = tuple(footnotes(self.details))
        return as_markdown(shown, notes, self.sentences, heading="Comparison")

    def _repr_html_(self) -> str:
        """Return its tables, what they show, and notes."""
        shown = (*tables(self.details), *difference_tables(self.details))
        return fragment(
            *(fragment(element("h4", each.title), as_html(each)) for each in shown),
            *(element("p", each) for each in self.sentences),
            *(element("p", element("small", each)) for each in footnotes(self.details)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Which blocks, kernels, depths and skips pay in a search, as far as that can be told.

    >>> import mbnas
    >>> print(mbnas.open("study").explain())  # doctest: +SKIP
    Too few networks to tell what mattered …

    Attributes:
        details: All effects with their intervals, and the ablation path.
    """

    details: findings.Explanation

    @property
    def sentences(self) -> tuple[str, ...]:
        """What is shown, and what would tell more."""
        help_text = advice(self.details)
        return (*verdict(self.details), *(() if help_text is None else (help_text,)))

    def __str__(self) -> str:
        return " ".join(self.sentences)

    def _repr_html_(self) -> str:
        """Return what is shown, and the tables that it rests on."""
        return explanation_section(self.details) or ""
