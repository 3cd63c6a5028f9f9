"""``mbnas download``."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from mbnas.cli.show.messages import moving_bytes, note, say
from mbnas.cli.show.printing import print_path
from mbnas.data.fetch.decathlon import download_task, find_task


def download(arguments: argparse.Namespace) -> int:
    """Download a task of the Decathlon unless it exists, and print its folder."""
    directory: Path = arguments.directory
    say("Loading MONAI, which has the addresses of the archives.")
    task = find_task(arguments.task)
    if arguments.mirror is not None:
        task = task.at(arguments.mirror)
    with moving_bytes() as watch:
        is_new = download_task(task, directory, watch=watch)
    folder = directory / task.name
    if not is_new:
        note(f"{folder} already exists: nothing was downloaded.")
    print_path(folder)
    note(f"Next: {shlex.join(['mbnas', 'check', str(folder)])}")
    return 0
