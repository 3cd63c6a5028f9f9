"""Options and a study's directory resolved to a study, new or resumed."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from mbnas.errors import StudyError
from mbnas.machine.files import is_temporary
from mbnas.study.configuration import Configuration
from mbnas.study.configuration_layers import (
    Layer,
    asked_over,
    build,
    check_sections,
    difference_lines,
    differences,
    merge,
    preset_layer,
)
from mbnas.study.directory import LEDGER, STUDY_FILES, STUDY_FOLDERS, Study, absolute_path, is_begun
from mbnas.study.ledger.facts import HOURS
from mbnas.study.ledger.ledger import Ledger

_MAY_DIFFER = ("dataset", "data.patient_table", "search.evaluations", "search.hours")

UNLIMITED = 10**6
"""Evaluations of a search whose time alone is limited."""


def resolve(
    path: Path,
    dataset: Path,
    *,
    protocol: str | None,
    default_protocol: str,
    options: Layer,
    paper_dataset: str | None = None,
) -> Study:
    """Return the study at ``path``, new or resumed, with options laid over its configuration.

    A new study starts from a preset. A resumed one starts from its own ``study.toml`` and its
    last budget, so options need not be repeated, and repeated options must agree.

    Args:
        path: The study's directory, which need not exist.
        dataset: The dataset's folder.
        protocol: The preset asked for by option, if any.
        default_protocol: The preset of a new study if none was asked for, by option or by
            ``protocol.name`` of the options.
        options: Settings of a configuration file and of options.
        paper_dataset: Which of the paper's datasets this is, if any; the preset ``paper``
            includes its settings.

    Raises:
        StudyError: if the directory holds something else, or a study of another
            configuration; the message lists the differences.
        ConfigurationError: if an option is wrong.
    """
    check_sections(options)
    named = {"protocol": {"name": protocol}} if protocol else {}
    named_preset = preset_layer(protocol, paper_dataset) if protocol else {}
    asked = merge(asked_over(named_preset, options), named)
    place: Layer = {"dataset": absolute_path(dataset)}
    if table := _patient_table(asked):
        place = merge(place, {"data": {"patient_table": absolute_path(table)}})
    _check_kinds(path)
    if not is_begun(path):
        _check_unused(path)
        preset = preset_layer(_protocol_name(asked) or default_protocol, paper_dataset)
        if asked.get("search", {}).get("hours") is not None:
            preset = merge(preset, {"search": {"evaluations": UNLIMITED}})
        return Study(path=path, configuration=build(merge(asked_over(preset, asked), place)))
    old = Study.open(path).configuration
    of_scores = {section: each for section, each in named_preset.items() if section != "search"}
    again = merge(asked_over(of_scores, options), named, place)  # the search goes on as it began
    new = build(asked_over(merge(tomllib.loads(old.to_toml()), _last_budget(path)), again))
    if new.run.device == "auto":
        new = replace(new, run=replace(new.run, device=old.run.device))
    differing = {
        key: values
        for key, values in differences(old, new).items()
        if key not in _MAY_DIFFER and not _is_free(key, values)
    }
    if _kind(old) != _kind(new):
        differing["run.device"] = (old.run.device, new.run.device)
    if differing:
        lines = difference_lines(differing, first="in the study", second="asked for")
        raise StudyError(
            f"{path} is a study of another configuration:\n{lines}\n"
            "Leave these options out to resume it, or search into a new directory."
        )
    return Study(path=path, configuration=new)


def _check_unused(path: Path) -> None:
    if path.exists() and not path.is_dir():
        raise StudyError(f"STUDY (={path}) is a file: name a directory.")
    names = [each.name for each in path.iterdir()] if path.is_dir() else []
    foreign = sorted(name for name in names if name not in STUDY_FILES and not is_temporary(name))
    if foreign:
        raise StudyError(
            f"STUDY (={path}) is not a study and has other files (such as {foreign[0]}): "
            "name a new or an empty directory."
        )


def _check_kinds(path: Path) -> None:
    """Raise if a file is in place of a folder of a study, or a folder in place of a file."""
    for name in sorted(STUDY_FILES):
        place = path / name
        if place.exists() and place.is_dir() != (name in STUDY_FOLDERS):
            found, wanted = ("folder", "file") if place.is_dir() else ("file", "folder")
            raise StudyError(
                f"STUDY (={path}) has a {found} {name}, where a study has a {wanted}: remove it, "
                "or name another directory."
            )


def _patient_table(layer: Layer) -> str | None:
    section = layer.get("data")
    table = section.get("patient_table") if isinstance(section, Mapping) else None
    return table if isinstance(table, str) and table else None


def _protocol_name(layer: Layer) -> str | None:
    """Return the preset that a layer names, as another study's ``study.toml`` does."""
    section = layer.get("protocol")
    name = section.get("name") if isinstance(section, Mapping) else None
    return name if isinstance(name, str) else None


def _last_budget(path: Path) -> Layer:
    """Return the budget that a search was last given, as a layer."""
    if not (path / LEDGER).exists():
        return {}
    with Ledger.open(path / LEDGER, read_only=True) as ledger:
        facts = ledger.facts()
    layer: dict[str, object] = {"evaluations": int(facts["budget"])} if "budget" in facts else {}
    if HOURS in facts:
        layer["hours"] = float(facts[HOURS])
    return {"search": layer}


def _is_free(key: str, values: tuple[object, object]) -> bool:
    """Whether a setting that no score and no decision depends on may differ on resuming."""
    return key.startswith("run.") or (key == "search.racing" and "on" not in values)


def _kind(configuration: Configuration) -> str:
    """Return the kind of device that a study trains on, which its scores depend on."""
    return configuration.run.device.partition(":")[0]
