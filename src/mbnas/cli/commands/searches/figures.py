"""``mbnas figures``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

from mbnas.cli.show.messages import warn
from mbnas.cli.show.printing import print_path
from mbnas.errors import FigureError, UsageError
from mbnas.machine.files import ready_folder, real_path, write_text
from mbnas.report.figures.figure_captions import LATEX, figure_latex, figures_latex
from mbnas.report.figures.figure_data import read_figure_data
from mbnas.report.figures.study_figures import figures_of
from mbnas.report.figures.style import FORMATS, save
from mbnas.study.configuration_layers import differences
from mbnas.study.directory import Study
from mbnas.study.ledger.ledger import Ledger

_NOT_OF_SCORES = ("dataset", "data.patient_table", "seed", "search.", "run.")


def figures(arguments: argparse.Namespace) -> int:
    """Draw figures of studies, print their paths, and warn of those that cannot be drawn.

    The searches may be running.
    """
    formats = _formats(arguments.format)
    paths: list[Path] = arguments.studies
    labels = arguments.label or [real_path(path).name for path in paths]
    if len(labels) != len(paths):
        raise UsageError(
            f"--label was given {len(labels)} times for {len(paths)} studies: give one for each, "
            "in the same order, or leave it out."
        )
    studies = [Study.open(path) for path in paths]
    _warn_of_differences(studies)
    folder = arguments.output or studies[0].figures
    missing = []
    data = []
    for study, label in zip(studies, labels, strict=True):
        with Ledger.open(study.ledger, read_only=True) as ledger:
            data.append(read_figure_data(study, ledger, label=label))
    ready_folder(folder)
    floats = []
    shown_as = list(dict.fromkeys(labels))
    for name, draw in figures_of(data).items():
        try:
            figure = draw(data)
        except FigureError as error:
            missing.append(f"No figure of {name}: {error}")
            continue
        floats.append(figure_latex(name, figure, data, study_name="-".join(shown_as)))
        for kind in formats:
            path = folder / f"{name}.{kind}"
            save(figure, path, title=f"{', '.join(shown_as)}: {name}")
            print_path(path)
    if floats and "pdf" in formats:
        write_text(folder / LATEX, figures_latex(floats))
        print_path(folder / LATEX)
    for sentence in missing:
        warn(sentence)
    return 0 if floats else 1


def _formats(text: str) -> tuple[str, ...]:
    """Return the requested formats, each once.

    Raises:
        UsageError: if a format is unknown or empty.
    """
    formats = tuple(dict.fromkeys(each.strip().lower() for each in text.split(",")))
    unknown = [each for each in formats if each not in FORMATS]
    if unknown:
        raise UsageError(
            f"--format (={text}) contains {unknown[0] or 'an empty name'}: choose from "
            f"{', '.join(FORMATS)}, separated by commas."
        )
    return formats


def _warn_of_differences(studies: Sequence[Study]) -> None:
    """Warn if settings differ that the scores depend on."""
    keys = {
        key
        for one, other in combinations(studies, 2)
        for key in differences(one.configuration, other.configuration)
        if not key.startswith(_NOT_OF_SCORES)
    }
    if keys:
        warn(
            f"The studies differ in {', '.join(sorted(keys))}: the figure shows their "
            "scores side by side, but they are not comparable."
        )
