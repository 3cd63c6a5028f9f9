"""Trainings on an executor of another library."""

import pytest

from mbnas.data.phantom import write_phantom
from mbnas.study.begin_or_resume import opened
from mbnas.study.drive.run_search import run_search
from mbnas.study.pool.worker_pool import WorkerPool
from mbnas.study.resolve_study import resolve

from ..tiny_study import TINY

SETTINGS = TINY | {"run": {"device": "cpu", "executor": "inline"}}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return write_phantom("spleen", tmp_path_factory.mktemp("data") / "spleen", num_patients=3)


def searched(path, dataset, worker_pool=None):
    """Return the networks that a search asked for, each with the scores of its trainings."""
    study = resolve(path, dataset, protocol="quick", default_protocol="quick", options=SETTINGS)
    with opened(study, command="mbnas search", warn=pytest.fail) as open_study:
        run_search(open_study, worker_pool=worker_pool)
        assert open_study.ledger.facts()["state"] == "finished"
        scores = {
            (each.key.network, each.key.fold): each.score for each in open_study.ledger.trainings()
        }
        genotypes = [each.genotype for each in open_study.ledger.evaluations()]
    return [
        (genotype, [scores[genotype.digest, fold] for fold in (0, 1)]) for genotype in genotypes
    ]


@pytest.mark.slow
def test_the_executor_of_dask_gives_the_same_scores(dataset, tmp_path):
    distributed = pytest.importorskip("distributed")
    # One thread: trainings draw from random numbers of their whole process.
    options = {"processes": False, "n_workers": 1, "threads_per_worker": 1}
    with distributed.Client(**options, dashboard_address=None) as client:
        worker_pool = WorkerPool(executor=client.get_executor(), slots=2)
        found = searched(tmp_path / "dask", dataset, worker_pool)
    assert found == searched(tmp_path / "ours", dataset)
