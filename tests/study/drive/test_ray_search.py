"""A search on a Ray cluster of several nodes, one of which is killed during it.

All nodes are on this machine, each with its own raylet.
"""

import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import pytest

from mbnas.data.phantom import write_phantom
from mbnas.errors import StudyError, WorkerDied
from mbnas.study import begin_or_resume
from mbnas.study.drive.run_search import run_search
from mbnas.study.pool.slices_on_ray import TrainingsOnRay
from mbnas.study.pool.worker_pool import WorkerPool, worker_pool_of
from mbnas.study.resolve_study import resolve
from mbnas.training.run_training import run_training
from mbnas.workers.ray.cluster import connected
from mbnas.workers.ray.ray_executor import RayExecutor

from ..tiny_study import TINY

ray = pytest.importorskip("ray")
cluster_utils = pytest.importorskip("ray.cluster_utils")
pytestmark = pytest.mark.slow

SETTINGS = TINY | {
    "search": TINY["search"] | {"evaluations": 6},
    "run": {"device": "cpu", "speculate": False},
}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return write_phantom("spleen", tmp_path_factory.mktemp("data") / "spleen", num_patients=3)


@pytest.fixture(scope="module", autouse=True)
def _stand_ins_travel():
    """Send the functions of this module as they are: no worker can import it."""
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    yield
    ray.cloudpickle.unregister_pickle_by_value(sys.modules[__name__])


@pytest.fixture(scope="module")
def one_node():
    """A cluster with this process on its first node, which has one core."""
    cluster = cluster_utils.Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "resources": {"first": 1}}
    )
    try:
        with connected(cluster.address):
            yield cluster
    finally:
        cluster.shutdown()


@pytest.fixture
def cluster(one_node):
    """The cluster with a second node of one core: a new one if a test before has lost it."""
    if not one_node.worker_nodes:
        one_node.add_node(num_cpus=1)
    one_node.wait_for_nodes()
    return one_node


def opened(path, dataset, **options):
    study = resolve(
        path, dataset, protocol="quick", default_protocol="quick", options=SETTINGS | options
    )
    return begin_or_resume.opened(study, command="mbnas search", warn=pytest.fail)


class Outcome(NamedTuple):
    state: str
    evaluations: list
    trainings: list


def outcome(open_study):
    """Return all that a ledger holds of a search except times and workers."""
    facts = open_study.ledger.facts()
    trainings = [
        replace(each, wall_s=0.0, slices_per_s=None, worker="", started_at="")
        for each in open_study.ledger.trainings()
    ]
    evaluations = [(each.number, each.genotype) for each in open_study.ledger.evaluations()]
    trainings.sort(key=lambda each: repr(each.key))
    return Outcome(facts["state"], evaluations, trainings)


def train_and_note(notes, second, task):
    """Train and leave a note of it; on the second node no training ever ends.

    The search goes only so far on the first node before the second, which may be slow to
    start, has a training that is stuck.
    """
    node = ray.get_runtime_context().get_node_id()
    name, stuck = name_of(task), notes / "stuck"
    with (notes / "started").open("a") as file:
        file.write(f"{name} {node}\n")
    if node == second:
        stuck.write_text(name)
        time.sleep(600)
    elif (notes / "started").read_text().count(node) > 3:
        deadline = time.monotonic() + 120
        while not stuck.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
    return run_training(task)


def name_of(task):
    return f"{task.architecture.digest}-{task.fold}"


@contextmanager
def node_lost_at(file, cluster, node):
    """Kill a node as soon as a file exists."""
    ended = threading.Event()

    def kill():
        while not file.exists():
            if ended.wait(0.05):
                return
        cluster.remove_node(node, allow_graceful=False)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        yield
    finally:
        ended.set()
        killer.join()


def test_a_lost_node_costs_only_the_trainings_that_ran_there(cluster, dataset, tmp_path):
    with opened(
        tmp_path / "undisturbed", dataset, run=SETTINGS["run"] | {"executor": "inline"}
    ) as open_study:
        run_search(open_study)
        expected = outcome(open_study)
    first, second = cluster.head_node, next(iter(cluster.worker_nodes))
    with (
        opened(tmp_path / "disturbed", dataset) as open_study,
        TrainingsOnRay(lambda: 2) as executor,
        node_lost_at(tmp_path / "stuck", cluster, second),
    ):
        train = partial(train_and_note, tmp_path, second.node_id)
        run_search(open_study, worker_pool=WorkerPool(executor=executor, slots=2, train=train))
        assert outcome(open_study) == expected
    started = [tuple(line.split()) for line in (tmp_path / "started").read_text().splitlines()]
    stuck = (tmp_path / "stuck").read_text()
    once = {name for name, _ in started} - {stuck}
    assert [node for name, node in started if name == stuck] == [second.node_id, first.node_id]
    assert len(once) + 2 == len(started) == len(expected.trainings) + 1


def block(file):
    """Write a file and never end."""
    file.touch()
    time.sleep(600)


def test_a_node_lost_more_often_than_ray_retries_is_an_error(cluster, tmp_path):
    second = next(iter(cluster.worker_nodes))
    occupied = ray.remote(num_cpus=1, resources={"first": 1})(block).remote(tmp_path / "other")
    with RayExecutor(lambda: 1, max_retries=0) as executor:
        with node_lost_at(tmp_path / "stuck", cluster, second):
            lost = executor.submit(block, tmp_path / "stuck")
            with pytest.raises(WorkerDied, match=r"node of a training was lost \(once\)"):
                lost.result(timeout=120)
        ray.cancel(occupied, force=True)
        assert executor.submit(abs, -1).result(timeout=120) == 1


def test_a_local_cluster_has_the_slots_of_its_nodes(cluster, dataset, tmp_path):
    settings = SETTINGS["run"] | {"executor": "ray", "address": cluster.address}
    with opened(tmp_path / "study", dataset, run=settings, search={"evaluations": 1}) as open_study:
        with worker_pool_of(open_study.study.configuration) as worker_pool:
            assert worker_pool.slots == 2
        run_search(open_study)
        assert outcome(open_study).state == "finished"
    assert ray.is_initialized()


def test_trainings_too_large_for_every_node_are_refused(cluster, dataset, tmp_path):
    training = SETTINGS["training"] | {"threads": 2}
    settings = SETTINGS["run"] | {"executor": "ray", "address": cluster.address}
    with (
        opened(tmp_path / "study", dataset, run=settings, training=training) as open_study,
        pytest.raises(StudyError, match="takes 2 cores: lower"),
    ):
        run_search(open_study)
