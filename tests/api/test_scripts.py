"""Programs that call mbnas with worker processes: a script without a guard, and others."""

import subprocess
import sys

import pytest

import mbnas

SCRIPT = """
from pathlib import Path

with Path("runs").open("a") as runs:
    print(__name__, file=runs)

import mbnas

class Counter:  # of the main module, which no worker needs
    scored = 0

    def __call__(self, event):
        if isinstance(event, mbnas.StageProgress):
            self.scored += len(event.scored)

count = Counter()
study = mbnas.search(
    "dataset", "study", evaluations=3, workers=2, searcher="random", protocol="quick",
    watch=count, settings={settings!r},
)
print(study.status().state, count.scored)
"""
AS_A_NOTEBOOK = """
import sys, types
module = sys.modules["__main__"] = types.ModuleType("__main__")  # which has no file
source = compile({script!r}, "<cell 1>", "exec")
exec(source, vars(module))
"""


@pytest.mark.slow
@pytest.mark.parametrize("start", ["script", "module", "text", "notebook", "prompt"])
def test_workers_do_not_run_the_program_again(start, dataset, options, tmp_path):
    script = SCRIPT.replace("{settings!r}", repr(options["settings"]))
    (tmp_path / "dataset").symlink_to(dataset)
    (tmp_path / "program.py").write_text(script)
    how = {
        "script": ["program.py"],
        "module": ["-m", "program"],
        "text": ["-c", script],
        "notebook": ["-c", AS_A_NOTEBOOK.format(script=script)],
        "prompt": ["-"],
    }
    done = subprocess.run(
        [sys.executable, *how[start]],
        cwd=tmp_path,
        input=script,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "finished 3\n", "")
    assert (tmp_path / "runs").read_text() == "__main__\n"
    study = mbnas.open(tmp_path / "study")
    assert len({each.worker for each in study.trainings()}) == 2
