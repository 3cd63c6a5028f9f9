"""Run nnU-Net's commands as processes, with their folders and logs."""

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
        root: The folder that contains them.
        dataset: Name of the dataset, such as ``Dataset001_Name``.
        device: Where nnU-Net trains and predicts: ``cpu``, ``cuda`` or ``cuda:1``.
        processes: How many further processes it may use.
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
        """nnU-Net's preprocessed data and plans."""
        return self.root / "nnUNet_preprocessed" / self.dataset

    @property
    def results(self) -> Path:
        """Trained networks and their predictions."""
        return self.root / "nnUNet_results" / self.dataset

    @property
    def training_environment(self) -> dict[str, str]:
        """The environment of a training, which makes its own batches if there are few processes.

        Data workers would compete with it. The setting is separate because nnU-Net's planner does
        not accept 0 for its processes.
        """
        return self.environment | ({"nnUNet_n_proc_DA": "0"} if self.processes < 4 else {})

    @property
    def environment(self) -> dict[str, str]:
        """The environment of nnU-Net: this process's, with nnU-Net's settings."""
        kind, _, number = self.device.partition(":")
        settings = {
            "nnUNet_raw": str(self.raw.parent.absolute()),
            "nnUNet_preprocessed": str(self.preprocessed.parent.absolute()),
            "nnUNet_results": str(self.results.parent.absolute()),
            "nnUNet_extTrainer": str(TRAINERS),
            "nnUNet_def_n_proc": str(self.processes),
        }
        if kind == "cuda" and number:
            settings["CUDA_VISIBLE_DEVICES"] = _visible(int(number))
        return {**os.environ, **settings}


def _visible(number: int) -> str:
    """Return the driver's name of a GPU that torch numbers among the visible ones."""
    names = [each for each in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if each]
    return names[number] if number < len(names) else str(number)


def check_installed() -> None:
    """Check that nnU-Net is installed.

    Raises:
        NNUNetError: if it is not.
    """
    if find_spec("nnunetv2") is None:
        raise NNUNetError("nnU-Net is not installed here: pip install 'mbnas[nnunet]'")


def run_command(place: Place, command: str, *arguments: str, log: str) -> None:
    """Run a command of nnU-Net and wait for its end.

    If the wait is interrupted, for example by Ctrl-C, the command and all its processes end.

    Args:
        place: The folders it works in.
        command: As on the command line, such as ``nnUNetv2_train``.
        arguments: The command's arguments.
        log: Name of the file in ``ROOT/log`` to which its output is appended.

    Raises:
        NNUNetError: if the command fails; the message names its log.
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
            f"{command} {how}{_last_words(path)} Its output is in {path}. Correct the "
            "cause, then repeat the same command to continue."
        )


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a command that still runs, and all processes that it started."""
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
