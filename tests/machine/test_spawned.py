"""Spawned processes leave the program alone that starts them."""

import subprocess
import sys

import pytest

SCRIPT = """
from pathlib import Path
with Path("runs").open("a") as runs:
    print(__name__, file=runs)
{body}
"""
BODIES = {
    "map": """
from mbnas.machine.processes import map_in_processes
print(map_in_processes(abs, [-1, -2], workers=2))
""",
    "executor": """
from mbnas.workers.executors import ProcessExecutor
with ProcessExecutor(2) as executor:
    print(list(executor.map(abs, [-1, -2])))
""",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("start", ["script", "module", "text"])
def test_a_script_without_a_guard_runs_once(body, start, tmp_path):
    text = SCRIPT.format(body=body)
    (tmp_path / "program.py").write_text(text)
    how = {"script": ["program.py"], "module": ["-m", "program"], "text": ["-c", text]}
    command = [sys.executable, *how[start]]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[1, 2]\n", "")
    assert (tmp_path / "runs").read_text() == "__main__\n"


def test_a_process_finds_modules_where_its_parent_does(tmp_path):
    (tmp_path / "beside.py").write_text("def double(number): return 2 * number\n")
    (tmp_path / "program.py").write_text(
        "from beside import double\n"
        "from mbnas.machine.processes import map_in_processes\n"
        "print(map_in_processes(double, [1, 2], workers=2))\n"
    )
    command = [sys.executable, str(tmp_path / "program.py")]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[2, 4]\n", "")
