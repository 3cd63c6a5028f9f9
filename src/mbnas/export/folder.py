"""The folder of an export: whole or absent, and never mixed with what was there before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mbnas.data.folder import making_folder
from mbnas.errors import UsageError
from mbnas.files import real_path, writing


@contextmanager
def exporting(out: Path) -> Iterator[Path]:
    """Yield a folder to fill, which becomes ``out`` on success; on any error nothing is left.

    Args:
        out: Absent, or an empty folder.

    Raises:
        UsageError: if there is something already.
    """
    out = real_path(out)
    with writing(out):
        if out.is_dir() and not any(out.iterdir()):
            out.rmdir()
    with making_folder(out) as aside:
        if aside is None:
            raise UsageError(
                f"{out} is there already and not empty: name another folder, or remove it."
            )
        yield aside
