"""``mbnas settings``."""

from __future__ import annotations

import argparse
from itertools import groupby

from mbnas.cli.show.printing import console, print_csv, print_json
from mbnas.cli.terminal import table, words
from mbnas.study.settings_reference import Setting, all_settings, settings_like

SETTING_COLUMNS = ("key", "type", "default", "paper", "quick", "meaning", "example")


def settings(arguments: argparse.Namespace) -> int:
    """Print every setting, those of a section, or what one of them means."""
    found = all_settings() if arguments.key is None else settings_like(arguments.key)
    if arguments.json:
        print_json([_row(each) for each in found])
    elif arguments.csv:
        print_csv(SETTING_COLUMNS, map(_row, found))
    elif len(found) == 1:
        _explain(found[0])
    else:
        _list(found)
    return 0


def _row(setting: Setting) -> dict[str, str | None]:
    return {
        "key": setting.key,
        "type": setting.type,
        "default": setting.default,
        "paper": setting.presets.get("paper", setting.default),
        "quick": setting.presets.get("quick", setting.default),
        "meaning": setting.meaning,
        "example": setting.example,
    }


def _explain(setting: Setting) -> None:
    out = console()
    out.print(words(setting.key, "bold"))
    out.print(setting.meaning)
    out.print()
    out.print(f"type     {setting.type}")
    for name, value in {"default": setting.default or "no value", **setting.presets}.items():
        out.print(f"{name:8} {value}")
    out.print(f"example  --set '{setting.key}={setting.example}'")


def _list(found: tuple[Setting, ...]) -> None:
    """Print settings by section, a row for each."""
    out = console()
    for section, group in groupby(found, key=lambda each: each.section):
        shown = table(
            "key",
            "default",
            "meaning",
            title=f"[{section}]" if section else "At the top of the file",
            words_in=(0, 1, 2),
        )
        for each in group:
            shown.add_row(each.key, each.default or "–", each.summary)
        out.print_table(shown)
    out.print(
        "mbnas settings KEY says more of one. Set it with --set KEY=VALUE or in a --config file."
    )
