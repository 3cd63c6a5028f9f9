"""nnU-Net's commands as processes: their folders, their logs, and their end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from mbnas.errors import NNUNetError
from mbnas.machine.files import ready_folder, writing
from mbnas.nnunet.schedule import TRAINERS

_GRACE_S = 10.0
_LAST_WORDS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The folders in which nnU-Net works on one dataset.

    Attributes:
        root: Holds all of them.
        dataset: Name of the dataset, such as ``Dataset001_Name``.
        device: Where nnU-Net trains and predicts: ``cpu``, ``cuda`` or ``cuda:1``.
        processes: How many it may use besides.
    """

    root: Path
    dataset: str
    device: str
    processes: int

    @property
    def raw(self) -> Path:
        """The dataset's files."""
        return self.root / "nnUNet_raw" / self.dataset

    @property
    def preprocessed(self) -> Path:
        """What nnU-Net made of them, and its plans."""
        return self.root / "nnUNet_preprocessed" / self.dataset

    @property
    def results(self) -> Path:
        """Trained networks and their predictions."""
        return self.root / "nnUNet_results" / self.dataset

    @property
    def training_environment(self) -> dict[str, str]:
        """The same for a training, whose batches it makes itself where there are few processes.

        Workers would take turns with it, and nnU-Net's planner takes no 0 for them.
        """
        return self.environment | ({"nnUNet_n_proc_DA": "0"} if self.processes < 4 else {})

    @property
    def environment(self) -> dict[str, str]:
        """What nnU-Net is told by the environment, all else as it is here."""
        kind, _, number = self.device.partition(":")
        told = {
            "nnUNet_raw": str(self.raw.parent.absolute()),
            "nnUNet_preprocessed": str(self.preprocessed.parent.absolute()),
            "nnUNet_results": str(self.results.parent.absolute()),
            "nnUNet_extTrainer": str(TRAINERS),
            "nnUNet_def_n_proc": str(self.processes),
        }
        if kind == "cuda" and number:
            told["CUDA_VISIBLE_DEVICES"] = _visible(int(number))
        return {**os.environ, **told}


def _visible(number: int) -> str:
    """Return what the driver calls a GPU that torch counts among those that are visible here."""
    names = [each for each in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if each]
    return names[number] if number < len(names) else str(number)


def check_installed() -> None:
    """Return if nnU-Net is installed.

    Raises:
        NNUNetError: if it is not.
    """
    if find_spec("nnunetv2") is None:
        raise NNUNetError("nnU-Net is not installed here: pip install 'mbnas[nnunet]'")


def run_command(place: Place, command: str, *arguments: str, log: str) -> None:
    """Run a command of nnU-Net to its end.

    Whatever ends the wait, Ctrl-C too, ends the command and all its processes.

    Args:
        place: Where it works.
        command: As on the console, such as ``nnUNetv2_train``.
        arguments: What follows it.
        log: Name of the file in ``ROOT/log`` that what it prints is added to.

    Raises:
        NNUNetError: if it fails; the message says where its log is.
    """
    path = place.root / "log" / f"{log}.txt"
    ready_folder(path.parent)
    with writing(path):
        output = path.open("ab")
    with output:
        process = subprocess.Popen(
            [sys.executable, "-m", "mbnas.nnunet.child_process", command, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=place.training_environment if command == "nnUNetv2_train" else place.environment,
            start_new_session=True,
        )
        try:
            status = process.wait()
        finally:
            _end(process)
    if status:
        how = f"was killed by signal {-status}" if status < 0 else f"failed with status {status}"
        raise NNUNetError(
            f"{command} {how}{_last_words(path)} All that it printed is in {path}. Once that is "
            "mended, the same command goes on from here."
        )


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a command that still runs, and whatever it has left running."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_S)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _last_words(log: Path) -> str:
    """Return the last line of a log as part of a sentence."""
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f": {last[:_LAST_WORDS].rstrip('.')}." if last else "."
