"""A command of nnU-Net in a process that ends with the one that started it.

``python -m mbnas.nnunet.child_process nnUNetv2_train …`` runs the command as the console would.
If the process that started it is killed, it ends itself and the processes it has started, so
that no later run meets another one at work on the same files.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from importlib.metadata import entry_points

_LOOK_EVERY_S = 1.0


def main() -> None:
    """Run the command that the process's arguments name."""
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    sys.argv = sys.argv[1:]
    (point,) = entry_points(group="console_scripts", name=sys.argv[0])
    sys.exit(point.load()())


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_EVERY_S)
    os.killpg(os.getpgrp(), signal.SIGKILL)  # a group of its own, as it was started


if __name__ == "__main__":
    main()
