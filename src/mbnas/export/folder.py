"""The folder of an export: whole or absent, and never mixed with what was there before."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mbnas.data.folder import making_folder
from mbnas.errors import UsageError
from mbnas.files import writing


@contextmanager
def exporting(out: Path) -> Iterator[Path]:
    """Yield a folder to fill, which becomes ``out`` on success; on any error nothing is left.

    Args:
        out: Absent, or an empty folder.

    Raises:
        UsageError: if there is something already.
    """
    out = Path(os.path.realpath(out))  # Path.resolve raises where links lead round in a circle
    with writing(out):
        if out.is_dir() and not any(out.iterdir()):
            out.rmdir()
    with making_folder(out) as aside:
        if aside is None:
            raise UsageError(
                f"{out} is there already and not empty: name another folder, or remove it."
            )
        yield aside
