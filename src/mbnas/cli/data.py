"""``mbnas check``."""

from __future__ import annotations

import argparse
import os
from dataclasses import asdict
from pathlib import Path

from rich.text import Text

from mbnas.cli.display import counting
from mbnas.cli.options import default_protocol, options_layer
from mbnas.cli.tables import console, print_json, table
from mbnas.data.check import Finding, check_dataset
from mbnas.data.patient_table import read_patient_table
from mbnas.study.configuration import build, merge, preset_layer


def check(arguments: argparse.Namespace) -> int:
    """Print all findings about a dataset; 1 if any would stop a search."""
    protocol = preset_layer(arguments.protocol or default_protocol())
    options = options_layer(arguments)
    configuration = build(merge(protocol, options, {"dataset": str(arguments.dataset)}))
    data = configuration.data
    with counting("Reading volumes") as progress:
        findings = check_dataset(
            arguments.dataset,
            num_folds=configuration.protocol.folds,
            test_fraction=configuration.protocol.test_fraction,
            patient_pattern=data.patient_pattern,
            patient_table=read_patient_table(Path(data.patient_table))
            if data.patient_table
            else None,
            allow_empty_cases=data.allow_empty_cases,
            workers=os.cpu_count() or 1,
            progress=progress,
        )
    num_errors = sum(finding.severity == "error" for finding in findings)
    if arguments.json:
        print_json({"sound": num_errors == 0, "findings": [asdict(each) for each in findings]})
    else:
        _print(arguments.dataset, findings, num_errors)
    return 1 if num_errors else 0


def _print(dataset: Path, findings: tuple[Finding, ...], num_errors: int) -> None:
    out = console()
    if not findings:
        out.print(f"{dataset} is sound: a search can use it.", markup=False)
        return
    shown = table("Severity", "Case", "Finding")
    for column in shown.columns:
        column.justify, column.overflow = "left", "fold"
    for finding in findings:
        severity = Text(finding.severity, "red" if finding.severity == "error" else "yellow")
        shown.add_row(severity, Text(finding.case or "–"), Text(finding.message))
    out.soft_wrap = False
    out.print(shown)
    out.print(
        f"{num_errors} errors, {len(findings) - num_errors} warnings: "
        + ("a search would refuse this dataset." if num_errors else "a search can use it.")
    )
