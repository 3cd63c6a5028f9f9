"""Processes of nnU-Net: what they are told, how failure reads, and that they end."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from mbnas.errors import NNUNetError
from mbnas.nnunet import commands
from mbnas.nnunet.commands import Place, check_installed, run_command


@pytest.fixture
def place(tmp_path):
    return Place(root=tmp_path, dataset="Dataset001_Small", device="cpu", processes=2)


def test_folders_are_told_in_full(place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path.parent)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    told = Place(
        root=place.root.relative_to(tmp_path.parent),
        dataset=place.dataset,
        device="cuda:1",
        processes=8,
    ).environment
    assert told["nnUNet_raw"] == str(tmp_path / "nnUNet_raw")
    assert told["nnUNet_results"] == str(tmp_path / "nnUNet_results")
    assert told["CUDA_VISIBLE_DEVICES"] == "1"
    assert "nnUNet_n_proc_DA" not in told


def test_a_gpu_is_counted_among_those_that_are_visible(place, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,7")
    assert replace(place, device="cuda:1").environment["CUDA_VISIBLE_DEVICES"] == "7"
    assert replace(place, device="cuda").environment["CUDA_VISIBLE_DEVICES"] == "5,7"


def test_a_training_on_a_small_machine_makes_its_own_batches(place):
    assert place.training_environment["nnUNet_n_proc_DA"] == "0"


def test_a_command_that_fails_is_told_with_its_last_words_and_its_log(place, tmp_path):
    with pytest.raises(
        NNUNetError, match=r"mbnas failed with status 1: .*not a study.*log/try\.txt"
    ):
        run_command(place, "mbnas", "status", str(tmp_path / "none"), log="try")
    assert "is not a study" in (tmp_path / "log/try.txt").read_text()


def test_a_command_that_ends_well_is_silent(place, tmp_path, capfd):
    run_command(place, "mbnas", "--version", log="try")
    run_command(place, "mbnas", "--version", log="try")
    assert capfd.readouterr() == ("", "")
    assert (tmp_path / "log/try.txt").read_text().count("mbnas 0") == 2


def is_gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123
        return stat.read().rpartition(")")[2].split()[0] == "Z"


def wait_until_gone(pid):
    for _ in range(300):
        if is_gone(pid):
            return
        time.sleep(0.1)
    pytest.fail(f"process {pid} still runs")


def test_ctrl_c_ends_the_command_and_what_it_started(place, monkeypatch):
    started = []

    class Interrupted(subprocess.Popen):
        def __init__(self, _, **options):
            script = "sleep 600 & echo $!; sleep 600"
            super().__init__(["bash", "-c", script], **(options | {"stdout": subprocess.PIPE}))
            started.extend([self.pid, int(self.stdout.readline())])
            self.stdout.close()
            self.waited = False

        def wait(self, timeout=None):
            if self.waited:
                return super().wait(timeout)
            self.waited = True
            raise KeyboardInterrupt

    monkeypatch.setattr(commands.subprocess, "Popen", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_command(place, "nnUNetv2_train", log="try")
    for pid in started:
        wait_until_gone(pid)


def test_a_command_ends_with_a_parent_that_is_killed():
    child = (
        "import os, threading, time; from mbnas.nnunet import child_process as child; "
        "threading.Thread(target=child._end_with, args=(os.getppid(),), daemon=True).start(); "
        "print(os.getpid(), flush=True); time.sleep(600)"
    )
    starter = (
        "import subprocess, sys; "
        "subprocess.run([sys.executable, '-c', sys.argv[1]], start_new_session=True)"
    )
    parent = subprocess.Popen([sys.executable, "-c", starter, child], stdout=subprocess.PIPE)
    with parent:
        pid = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    wait_until_gone(pid)


def test_without_nnunet_it_is_told_what_to_install(monkeypatch):
    monkeypatch.setattr(commands, "find_spec", lambda name: None)
    with pytest.raises(NNUNetError, match=r"pip install 'mbnas\[nnunet\]'"):
        check_installed()
