"""``mbnas download``."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from mbnas.cli.display import moving_bytes, note, say
from mbnas.cli.tables import print_path
from mbnas.data.decathlon import download_task, find_task


def download(arguments: argparse.Namespace) -> int:
    """Fetch a task of the Decathlon unless it is there, and print its folder."""
    directory: Path = arguments.directory
    say("Loading MONAI, which knows where the archives are.")
    task = find_task(arguments.task)
    if arguments.mirror is not None:
        task = task.at(arguments.mirror)
    with moving_bytes() as watch:
        is_new = download_task(task, directory, watch=watch)
    folder = directory / task.name
    if not is_new:
        note(f"{folder} is there already: nothing was fetched.")
    print_path(folder)
    note(f"Next: {shlex.join(['mbnas', 'check', str(folder)])}")
    return 0
