"""Which workers a time limit counts on."""

import pytest

from mbnas.data.phantom import write_phantom
from mbnas.study.begin_or_resume import opened
from mbnas.study.drive import run_search as module
from mbnas.study.drive.time_limit import TimeLimit
from mbnas.study.pool import worker_pool
from mbnas.study.pool.worker_pool import WorkerPool
from mbnas.study.resolve_study import resolve
from mbnas.workers.executors import InlineExecutor

from ..tiny_study import TINY


@pytest.mark.parametrize("slots", [None, 3])
def test_a_time_limit_counts_on_the_workers_that_train(tmp_path, monkeypatch, slots):
    """Not on the cores of this machine, if one process trains here or a cluster elsewhere."""
    monkeypatch.setattr(worker_pool, "num_cores", lambda: 16)
    limits = []

    def recorded(*arguments, **options):
        limits.append(options["workers"])
        return TimeLimit(*arguments, **options)

    monkeypatch.setattr(module, "TimeLimit", recorded)
    dataset = write_phantom("spleen", tmp_path / "spleen", num_patients=3)
    settings = TINY | {
        "run": {"device": "cpu", "executor": "inline"},
        "search": {"hours": 1e-4, "evaluations": 1, "searcher": "random"},
    }
    study = resolve(
        tmp_path / "study", dataset, protocol="quick", default_protocol="quick", options=settings
    )
    pool = None if slots is None else WorkerPool(executor=InlineExecutor(), slots=slots)
    with opened(study, command="mbnas search", warn=pytest.fail) as held:
        module.run_search(held, worker_pool=pool)
    assert limits == [slots or 1]
