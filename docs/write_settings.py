"""Write docs/settings.md from the settings classes.

python docs/write_settings.py
"""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from mbnas.study.settings_reference import Setting, all_settings

PAGE = Path(__file__).with_name("settings.md")
HEAD = """# Settings

Every setting of a study, as in `study.toml`. Set one with `--set KEY=VALUE`, or several in a file
for `--config`; `mbnas settings KEY` prints what stands here. The preset `paper` is the default with
a GPU, `quick` without one. `docs/write_settings.py` writes this page from the code.
"""


def page() -> str:
    """Return the text of the page."""
    parts = [HEAD]
    for section, group in groupby(all_settings(), key=lambda each: each.section):
        parts.append(f"## {section or 'At the top of the file'}\n")
        parts += map(_entry, group)
    return "\n".join(parts)


def _entry(setting: Setting) -> str:
    defaults = {"default": setting.default or "no value"} | {
        f"`{name}`": value for name, value in setting.presets.items()
    }
    values = ", ".join(
        f"{name} `{value}`" if value != "no value" else "no default"
        for name, value in defaults.items()
    )
    return (
        f"**`{setting.key}`** ({setting.type}; {values}). {setting.meaning}\n\n"
        f"Example: `{setting.key}={setting.example}`\n"
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
