"""A search loses nothing, and ends the same, when ledger, disk and clock misbehave."""

import itertools
import sqlite3
import threading
from collections import Counter
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mbnas.errors import StudyError
from mbnas.search.limit import Budget
from mbnas.search.local import local_search
from mbnas.space.search_space import Space
from mbnas.study.drive import dispatcher
from mbnas.study.drive.driver import drive
from mbnas.study.drive.evaluator import Evaluator
from mbnas.study.ledger import ledger
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.pool.worker_pool import WorkerPool
from mbnas.training.protocol import CrossValidationSettings, Protocol
from mbnas.training.training_record import EpochRecord, TrainingRecord
from mbnas.workers.executors import InlineExecutor

SPACE = Space(num_nodes=3, num_levels=2, blocks=("vgg", "dense"), kernels=(3, 5))
PROTOCOL = Protocol(evaluation=CrossValidationSettings(folds=2, initialisations=2))
BUDGET = 10
IN_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
EPOCHS = tuple(
    EpochRecord(epoch=number, learning_rate=0.1, loss=1 / number, class_dice=(0.5,))
    for number in range(1, 40)
)


def train(task, started_at="2026-01-31T12:00:00+00:00"):
    worth = int(task.architecture.digest, 16) / 2**64
    score = 0.9 * worth + 0.01 * task.fold + 0.001 * task.initialisation
    return TrainingRecord(
        key=task.key,
        score=score,
        wall_s=1.0,
        worker="here",
        started_at=started_at,
        epochs=EPOCHS,
    )


def search(path, function=train, *, prepare=lambda ledger: None, timeout_s=30.0):
    """Run or resume a search in a ledger that is tampered with by ``prepare``."""
    if not path.exists():
        Ledger.create(path).close()
    with Ledger.open(path, timeout_s=timeout_s) as ledger:
        prepare(ledger)
        evaluator = Evaluator(
            ledger,
            WorkerPool(executor=InlineExecutor(), slots=1, train=function),
            protocol=PROTOCOL,
            slices=Path("slices"),
            device="cpu",
            initialisations=range(2),
            racing=0.1,
        )
        drive(
            lambda recorded: local_search(SPACE, np.random.default_rng(0)),
            evaluator,
            ledger,
            budget=Budget(initialisations=2 * BUDGET, per_network=2),
        )


def contents(path):
    with Ledger.open(path, read_only=True) as ledger:
        return ledger.evaluations(), ledger.trainings(), ledger.outcomes()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    path = tmp_path_factory.mktemp("undisturbed") / "ledger.sqlite"
    search(path)
    return contents(path)


@settings(max_examples=6)
@given(room=st.lists(st.integers(0, 12), min_size=1, max_size=6))
def test_a_disk_that_is_full_repeatedly_loses_nothing(room, undisturbed):
    trained = Counter()

    def count(task):
        trained[task.key] += 1
        return train(task)

    with TemporaryDirectory(dir=IN_MEMORY) as directory:
        path = Path(directory, "ledger.sqlite")
        for pages_left in room:

            def fill(ledger, pages_left=pages_left):
                (pages,) = ledger.file.connection.execute("PRAGMA page_count").fetchone()
                ledger.file.connection.execute(f"PRAGMA max_page_count = {pages + pages_left}")

            before = contents(path)[2] if path.exists() else {}
            with suppress(StudyError) as _:
                search(path, count, prepare=fill)
            assert before.items() <= contents(path)[2].items()
        search(path, count)
        assert contents(path) == undisturbed
        # What did not fit was trained for nothing, once for each time that the disk was full.
        assert sum(trained.values()) - len(trained) <= len(room)


def test_a_full_disk_is_reported_in_a_sentence(tmp_path):
    def fill(ledger):
        ledger.file.connection.execute("PRAGMA max_page_count = 1")

    with pytest.raises(StudyError, match=r"The disk is full: .* run the same command again"):
        search(tmp_path / "ledger.sqlite", prepare=fill)


@pytest.mark.parametrize("seed", range(5))
def test_a_search_waits_while_others_lock_the_ledger(seed, undisturbed, tmp_path):
    path, over = tmp_path / "ledger.sqlite", threading.Event()
    Ledger.create(path).close()
    rng = np.random.default_rng(seed)

    def meddle():
        with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as other:
            while not over.is_set():
                other.execute("BEGIN EXCLUSIVE")
                over.wait(rng.uniform(0, 0.05))
                other.execute("ROLLBACK")
                over.wait(rng.uniform(0, 0.05))

    meddler = threading.Thread(target=meddle)
    meddler.start()
    try:
        search(path)
    finally:
        over.set()
        meddler.join()
    assert contents(path) == undisturbed


@pytest.mark.parametrize("lasts", range(5))
def test_a_ledger_that_stays_locked_ends_the_search_and_loses_nothing(lasts, undisturbed, tmp_path):
    path = tmp_path / "ledger.sqlite"
    Ledger.create(path).close()
    counted = itertools.count()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:

        def lock_at_last(task):
            if next(counted) == lasts:
                other.execute("BEGIN EXCLUSIVE")
            return train(task)

        with pytest.raises(StudyError, match="is locked by another process"):
            search(path, lock_at_last, timeout_s=0.05)
        other.execute("ROLLBACK")
    assert len(contents(path)[2]) == lasts
    search(path)
    assert contents(path) == undisturbed


@settings(max_examples=6)
@given(jumps=st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=30))
def test_a_clock_that_jumps_changes_nothing(jumps, undisturbed):
    clock = itertools.cycle(
        datetime(2026, 1, 31, tzinfo=UTC) + timedelta(seconds=jump) for jump in jumps
    )

    class Jumping(datetime):
        @classmethod
        def now(cls, tz=None):
            return next(clock)

    with TemporaryDirectory(dir=IN_MEMORY) as directory, pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger, "datetime", Jumping)
        patch.setattr(dispatcher, "datetime", Jumping)
        path = Path(directory, "ledger.sqlite")
        search(path, lambda task: train(task, started_at=next(clock).isoformat()))
        evaluations, trainings, outcomes = contents(path)
    assert (evaluations, outcomes) == (undisturbed[0], undisturbed[2])
    assert [replace(each, started_at="") for each in trainings] == [
        replace(each, started_at="") for each in undisturbed[1]
    ]


@pytest.mark.parametrize("cut", [4095, 4096, 4097, 10_000])
def test_a_truncated_ledger_is_refused_and_not_replaced(cut, undisturbed, tmp_path):
    path = tmp_path / "ledger.sqlite"
    search(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    with pytest.raises(StudyError, match="is damaged"):
        search(path)
    path.write_bytes(whole)
    search(path, lambda task: pytest.fail("trained again"))
    assert contents(path) == undisturbed
