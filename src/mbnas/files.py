"""Files that are either whole or absent: write aside, then rename."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_ASIDE = re.compile(r"\.\d+\.")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a path beside ``path`` to write to; it takes ``path``'s place on success.

    On any error, a full disk included, the file written aside is removed and what
    stood at ``path`` before is untouched.

    Args:
        path: The file to create or replace. Its suffixes are kept by the path
            yielded, so that writers which look at them behave the same.
    """
    aside = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        yield aside
        with aside.open("rb") as written:
            os.fsync(written.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def final_name(name: str) -> str:
    """Return the name that a file written aside was to take, any other name as it is.

    >>> final_name(".123.study.toml"), final_name("study.toml")
    ('study.toml', 'study.toml')
    """
    aside = _ASIDE.match(name)
    return name[aside.end() :] if aside else name


def write_text(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` in UTF-8, whole or not at all."""
    with replacing(path) as aside:
        aside.write_text(text, encoding="utf-8")
