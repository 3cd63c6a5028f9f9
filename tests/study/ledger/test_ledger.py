"""The ledger keeps what was recorded, whatever happens to the process that records."""

import math
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mbnas.errors import MbnasError, StudyError
from mbnas.network.architecture import BASELINES
from mbnas.scoring.class_metrics import ClassMetrics
from mbnas.search.racing.outcome import Outcome
from mbnas.search.searcher import Proposal
from mbnas.space.genotype import Genotype, unet_genotype
from mbnas.study.ledger.facts import FOLDS, INITIALISATIONS
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.ledger.snapshot import EvaluationRecord, NetworkRecord
from mbnas.training.training_record import (
    EpochRecord,
    LostRunRecord,
    TrainingKey,
    TrainingRecord,
    VolumeRecord,
)

UNET = unet_genotype()
GENOTYPES = tuple(
    Genotype.parse(text) for text in ("0vgg3", "0dense5", "0vgg3-1residual3", "0vgg3-0vgg3-0vgg7@1")
)


def training(genotype=UNET, **changes) -> TrainingRecord:
    key = TrainingKey(network=genotype.digest, protocol="p", fold=0, initialisation=0)
    values = {
        "key": key,
        "score": 0.8,
        "wall_s": 12.5,
        "worker": "host:0 cpu",
        "started_at": "2026-01-31T12:00:00+00:00",
        "epochs": (
            EpochRecord(epoch=1, learning_rate=1e-3, loss=0.9),
            EpochRecord(epoch=2, learning_rate=5e-4, loss=0.5, class_dice=(0.8, None)),
        ),
    }
    return TrainingRecord(**(values | changes))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ledger.sqlite"


@pytest.fixture
def ledger(path):
    with Ledger.create(path) as ledger:
        yield ledger


# What is recorded survives

positive = st.floats(min_value=0, allow_nan=False, allow_infinity=False)
shares = st.floats(0, 1)
epochs = st.lists(
    st.builds(
        EpochRecord,
        epoch=st.integers(1, 2**31),
        learning_rate=positive,
        loss=st.floats(allow_nan=False),
        class_dice=st.none() | st.lists(st.none() | shares, max_size=3).map(tuple),
    ),
    max_size=4,
    unique_by=lambda record: record.epoch,
).map(lambda records: tuple(sorted(records, key=lambda record: record.epoch)))

counts = st.integers(0, 2**40)
volumes = st.lists(
    st.builds(
        VolumeRecord,
        case=st.text(max_size=5),
        patient=st.text(max_size=5),
        held_out=st.booleans(),
        measures=st.lists(
            st.builds(
                ClassMetrics,
                dice=st.none() | shares,
                hd95_mm=st.none() | positive,
                surface_dice=st.none() | shares,
                predicted_voxels=counts,
                reference_voxels=counts,
            ),
            max_size=2,
        ).map(tuple),
        prediction=st.none() | st.binary(max_size=9),
    ),
    max_size=3,
    unique_by=lambda record: record.case,
).map(tuple)

keys = st.builds(
    TrainingKey,
    network=st.sampled_from([genotype.digest for genotype in GENOTYPES]),
    protocol=st.sampled_from(["quick", "paper"]),
    fold=st.integers(0, 2),
    initialisation=st.integers(0, 1),
)


@st.composite
def training_records(draw):
    score = draw(st.none() | shares)
    return TrainingRecord(
        key=draw(keys),
        score=score,
        error=draw(st.text()) if score is None else None,
        collapsed=tuple(draw(st.lists(st.integers(1, 9), max_size=2))),
        absent=tuple(draw(st.lists(st.integers(1, 9), max_size=2))),
        unpredicted=tuple(draw(st.lists(st.integers(1, 9), max_size=2))),
        attempts=draw(st.integers(1, 3)),
        wall_s=draw(positive),
        slices_per_s=draw(st.none() | positive),
        worker=draw(st.text(max_size=5)),
        started_at=draw(st.datetimes()).isoformat(),
        epochs=draw(epochs),
        volumes=draw(volumes),
    )


def without_predictions(record):
    volumes = tuple(replace(volume, prediction=None) for volume in record.volumes)
    return replace(record, volumes=volumes)


evaluated = st.lists(
    st.tuples(st.sampled_from(GENOTYPES), st.none() | st.sampled_from(GENOTYPES), st.text()),
    unique_by=lambda drawn: drawn[0],
).map(
    lambda drawn: tuple(
        EvaluationRecord(number=number, genotype=genotype, incumbent=incumbent, why=why)
        for number, (genotype, incumbent, why) in enumerate(drawn, start=1)
    )
)


# beartype draws which element of a tuple to check from the `random` module.
@pytest.mark.filterwarnings("ignore:Do not use the .random. module inside strategies")
@settings(max_examples=30)
@given(
    evaluations=evaluated,
    trainings=st.lists(training_records(), max_size=6, unique_by=lambda record: record.key),
    facts=st.dictionaries(st.text(max_size=4), st.text(max_size=9), max_size=3),
)
def test_any_records_survive_close_and_reopen(evaluations, trainings, facts):
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "ledger.sqlite"
        with Ledger.create(path) as ledger:
            for record in evaluations:
                ledger.record_evaluation(record)
            for genotype in GENOTYPES:
                ledger.record_network(genotype)
            for record in trainings:
                ledger.record_training(record)
            for key, value in facts.items():
                ledger.set_fact(key, value)
        with Ledger.open(path, read_only=True) as ledger:
            assert ledger.evaluations() == evaluations
            assert ledger.trainings() == tuple(map(without_predictions, trainings))
            assert ledger.facts() == facts
            for record in trainings:
                assert ledger.training(record.key) == record


def test_a_loss_that_is_not_finite_survives(ledger):
    losses = (math.inf, math.nan)
    epochs = tuple(
        EpochRecord(epoch=number, learning_rate=0.1, loss=loss)
        for number, loss in enumerate(losses, start=1)
    )
    ledger.record_network(UNET)
    ledger.record_training(training(score=None, error="The loss is not finite.", epochs=epochs))
    infinite, not_a_number = ledger.trainings()[0].epochs
    assert infinite.loss == math.inf
    assert math.isnan(not_a_number.loss)


def test_an_error_message_that_is_not_valid_text_is_recorded_readably(ledger):
    ledger.record_network(UNET)
    ledger.record_training(training(score=None, error="no file \udcff"))
    assert ledger.trainings()[0].error == "no file \\udcff"


def test_trainings_are_found_by_network_and_protocol(ledger):
    records = [
        training(
            genotype, key=TrainingKey(network=genotype.digest, protocol=p, fold=f, initialisation=0)
        )
        for genotype in GENOTYPES[:2]
        for p in ("quick", "paper")
        for f in (0, 1)
    ]
    for genotype in GENOTYPES[:2]:
        ledger.record_network(genotype)
    for record in records:
        ledger.record_training(record)
    first = GENOTYPES[0].digest
    assert ledger.trainings(first) == tuple(records[:4])
    assert ledger.trainings(protocol="paper") == tuple(
        r for r in records if r.key.protocol == "paper"
    )
    assert ledger.trainings(first, "paper") == tuple(records[2:4])
    assert ledger.trainings("unknown") == ()


def test_costs_are_added_to_a_network_and_never_lost(ledger):
    ledger.record_evaluation(EvaluationRecord(number=1, genotype=UNET, why="start 1"))
    assert ledger.networks()[UNET.digest] == NetworkRecord(architecture=UNET)
    ledger.record_network(UNET, parameters=10, macs=20)
    ledger.record_network(UNET, macs_32=5, latency_ms=1.5)
    ledger.record_network(UNET)
    assert ledger.networks()[UNET.digest] == NetworkRecord(
        architecture=UNET, parameters=10, macs=20, macs_32=5, latency_ms=1.5
    )


def test_networks_of_every_kind_are_kept(ledger):
    for architecture in BASELINES.values():
        ledger.record_network(architecture)
    kept = [each.architecture for each in ledger.networks().values()]
    assert kept == list(BASELINES.values())


def test_a_fact_can_be_replaced(ledger):
    ledger.set_fact("ended", "no")
    ledger.set_fact("ended", "yes")
    assert ledger.facts() == {"ended": "yes"}


# What must not be recorded


def test_nothing_is_trained_twice(ledger):
    ledger.record_network(UNET)
    ledger.record_training(training())
    with pytest.raises(
        StudyError, match=r"has fold 0, initialisation 0 of .* already: no training"
    ):
        ledger.record_training(training(score=0.9))
    assert ledger.trainings() == (training(),)


def test_a_training_needs_its_network(ledger):
    with pytest.raises(StudyError, match="does not know network"):
        ledger.record_training(training())


@pytest.mark.parametrize(("number", "genotype"), [(1, GENOTYPES[1]), (2, GENOTYPES[0]), (0, UNET)])
def test_numbers_and_networks_are_asked_for_once(ledger, number, genotype):
    ledger.record_evaluation(EvaluationRecord(number=1, genotype=GENOTYPES[0], why="start 1"))
    with pytest.raises(StudyError, match="number and network occur once"):
        ledger.record_evaluation(EvaluationRecord(number=number, genotype=genotype, why="again"))
    assert len(ledger.evaluations()) == 1
    assert list(ledger.networks()) == [GENOTYPES[0].digest]


# Readers while another process writes


def test_a_reader_sees_each_training_as_soon_as_it_is_recorded(ledger, path):
    with Ledger.open(path, read_only=True) as reader:
        assert reader.trainings() == ()
        ledger.record_network(UNET)
        ledger.record_training(training())
        assert reader.trainings() == (training(),)


def test_a_reader_cannot_write(ledger, path):
    with (
        Ledger.open(path, read_only=True) as reader,
        pytest.raises(StudyError, match="cannot be written"),
    ):
        reader.set_fact("a", "b")


def test_a_directory_that_cannot_be_written_can_be_read(open_directory, unprivileged):
    path = open_directory / "ledger.sqlite"
    with Ledger.create(path) as ledger:
        ledger.set_fact("a", "b")
    path.chmod(0o444)
    open_directory.chmod(0o555)
    with unprivileged(), Ledger.open(path, read_only=True) as ledger:
        assert ledger.facts() == {"a": "b"}


# Files that are not ledgers, or cannot be used


def test_create_refuses_what_exists(ledger, path):
    with pytest.raises(StudyError, match="exists already"):
        Ledger.create(path)


def test_open_names_a_missing_ledger(path):
    with pytest.raises(StudyError, match=r"no ledger at .* Start a study with `mbnas search"):
        Ledger.open(path)
    assert not path.exists()


def empty(path):
    path.touch()


def text(path):
    path.write_text("This is no database, however long the text may be. " * 50)


def foreign_database(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE other (a)")


@pytest.mark.parametrize("read_only", [True, False])
@pytest.mark.parametrize("make", [empty, text, foreign_database])
def test_open_refuses_other_files(path, make, read_only):
    make(path)
    with pytest.raises(StudyError, match="is not a ledger of mbnas"):
        Ledger.open(path, read_only)


@pytest.mark.parametrize("read_only", [True, False])
def test_open_refuses_a_newer_ledger(path, read_only):
    Ledger.create(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 9")
    with pytest.raises(StudyError) as raised:
        Ledger.open(path, read_only)
    assert str(raised.value) == (
        f"{path} was written by a newer mbnas (schema 9; this one reads 6). "
        "Update mbnas to open it."
    )


@pytest.mark.parametrize("version", [1, 3])
def test_open_refuses_an_older_ledger(path, version):
    Ledger.create(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {version}")
    with pytest.raises(StudyError, match=rf"older mbnas \(schema {version}; this one reads 6\)"):
        Ledger.open(path)


@pytest.mark.parametrize("read_only", [True, False])
def test_open_refuses_a_truncated_file(path, read_only):
    Ledger.create(path).close()
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(StudyError, match="is damaged"):
        Ledger.open(path, read_only)


def test_a_writer_refuses_a_file_with_a_damaged_page(path):
    with Ledger.create(path) as ledger:
        for number in range(200):
            ledger.set_fact(str(number), "x" * 100)
    with path.open("r+b") as file:
        file.seek(-8192, os.SEEK_END)
        file.write(os.urandom(4096))
    with pytest.raises(StudyError, match="is damaged"):
        Ledger.open(path)


def test_a_locked_ledger_is_an_error(ledger, path):
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        for read_only in (True, False):
            with pytest.raises(StudyError, match="is locked by another process"):
                Ledger.open(path, read_only, timeout_s=0.01)


@pytest.mark.parametrize("read_only_part", ["file", "directory"])
def test_a_read_only_study_is_an_error(open_directory, unprivileged, read_only_part):
    path = open_directory / "ledger.sqlite"
    Ledger.create(path).close()
    path.chmod(0o444 if read_only_part == "file" else 0o666)
    open_directory.chmod(0o555 if read_only_part == "directory" else 0o777)
    with unprivileged(), pytest.raises(StudyError, match=r"cannot be written: .* read-only"):
        Ledger.open(path)


def test_create_in_a_read_only_directory_says_so(open_directory, unprivileged):
    open_directory.chmod(0o555)
    with unprivileged(), pytest.raises(MbnasError, match=r"cannot be written: you have no perm"):
        Ledger.create(open_directory / "ledger.sqlite")


def test_a_full_disk_is_an_error_and_loses_nothing(ledger, path):
    ledger.record_network(UNET)
    ledger.record_training(training())
    (pages,) = ledger.file.connection.execute("PRAGMA page_count").fetchone()
    ledger.file.connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StudyError, match="The disk is full"):
        ledger.set_fact("long", "x" * 100_000)
    assert ledger.trainings() == (training(),)
    assert ledger.facts() == {}


# Lost runs


def failed(**changes):
    return training(score=None, error="The loss stopped being finite.", epochs=(), **changes)


def failure(kind="worker died", **changes):
    values = {"reason": "It was killed.", "wall_s": 3.5, "worker": "here", "started_at": "then"}
    return LostRunRecord(key=training().key, kind=kind, **(values | changes))


def test_lost_runs_are_kept_with_the_training_that_succeeds(ledger):
    ledger.record_network(UNET)
    ledger.record_lost_run(failure())
    ledger.record_lost_run(failure("out of memory"))
    ledger.record_training(training())
    assert ledger.lost_runs() == (failure(), failure("out of memory"))
    assert ledger.trainings() == (training(),)


def test_withdrawn_trainings_can_be_run_again_and_leave_their_reason(ledger):
    ledger.record_network(UNET)
    ledger.record_lost_run(failure())
    ledger.record_training(failed())
    other = replace(training().key, fold=1)
    ledger.record_training(training(key=other))
    assert not ledger.is_retrying()
    ledger.withdraw_failed()
    assert ledger.is_retrying()
    assert ledger.withdrawn() == (training().key,)
    assert [each.key for each in ledger.trainings()] == [other]
    killed, ended = ledger.lost_runs()
    assert killed == failure(withdrawn=True)
    assert (ended.kind, ended.reason, ended.withdrawn) == ("error", failed().error, True)
    ledger.record_training(training())
    assert ledger.withdrawn() == ()
    ledger.end_retry(forget_from=None)
    assert not ledger.is_retrying()
    ledger.withdraw_failed()
    assert not ledger.is_retrying()
    assert set(ledger.trainings()) == {training(), training(key=other)}


def test_outcomes_have_only_scores_and_durations(ledger):
    ledger.record_network(UNET)
    ledger.record_training(training())
    other = replace(training().key, fold=1)
    ledger.record_training(failed(key=other))
    assert ledger.outcomes() == {
        training().key: Outcome(score=0.8, wall_s=12.5),
        other: Outcome(score=None, wall_s=12.5),
    }


def test_evaluations_can_be_removed_and_recorded_again(ledger):
    records = [
        EvaluationRecord(number=number, genotype=genotype, why="start", proposal=number)
        for number, genotype in enumerate(GENOTYPES, start=1)
    ]
    proposals = [
        Proposal(genotypes=(each.genotype,), incumbent=None, why="start") for each in records
    ]
    for record, proposal in zip(records, proposals, strict=True):
        ledger.record_evaluation(record)
        ledger.record_proposal(record.number, proposal)
    ledger.set_facts({"state": "finished"})
    ledger.end_retry(forget_from=2)
    assert ledger.evaluations() == (records[0],)
    assert ledger.proposals() == (proposals[0],)
    assert ledger.facts() == {"state": "stopped"}
    ledger.record_evaluation(replace(records[2], number=2))
    assert len(ledger.evaluations()) == 2


def test_a_borrowed_training_is_marked(ledger):
    ledger.record_network(UNET)
    ledger.record_training(training(borrowed=True))
    assert ledger.trainings() == (training(borrowed=True),)


# Killed while writing

WRITER = """
import sys
from pathlib import Path
from mbnas.space.genotype import unet_genotype
from mbnas.study.ledger.ledger import Ledger
from mbnas.training.training_record import EpochRecord, TrainingKey, TrainingRecord

unet = unet_genotype()
with Ledger.open(Path(sys.argv[1])) as ledger:
    for number in range(int(sys.argv[2]), 10_000_000):
        key = TrainingKey(network=unet.digest, protocol="p", fold=number, initialisation=0)
        epochs = tuple(
            EpochRecord(epoch=e, learning_rate=0.1, loss=1 / e, class_dice=(0.5, None))
            for e in range(1, 100)
        )
        ledger.record_training(TrainingRecord(
            key=key, score=number % 7 / 7, wall_s=1.0, worker="w", started_at="now", epochs=epochs
        ))
        print(number, flush=True)
"""


def test_every_committed_training_survives_sigkill(kills, path):
    with Ledger.create(path) as ledger:
        ledger.record_network(UNET)
    moments = random.Random(0)
    recorded = 0
    for _ in range(kills(10)):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), str(recorded)],
            stdout=subprocess.PIPE,
            text=True,
        ) as writer:
            first = writer.stdout.readline()
            assert int(first) == recorded
            with pytest.raises(subprocess.TimeoutExpired):
                writer.wait(moments.uniform(0, 0.05))
            writer.send_signal(signal.SIGKILL)
            told = [int(line) for line in [first, *writer.stdout] if line.endswith("\n")]
        with Ledger.open(path) as ledger:
            records = ledger.trainings()
        # One more may have been committed than the writer lived to tell.
        assert told[-1] + 1 <= len(records) <= told[-1] + 2
        assert [record.key.fold for record in records] == list(range(len(records)))
        assert all(len(record.epochs) == 99 for record in records)
        recorded = len(records)


TORN_WRITER = """
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size = 1")  # so that pages reach the file before the commit
connection.execute("BEGIN IMMEDIATE")
connection.executemany("INSERT INTO study VALUES (?, ?)", [(str(n), "y" * 500) for n in range(500)])
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def torn(open_directory):
    """A ledger with one fact, and an unfinished write of a killed process."""
    path = open_directory / "ledger.sqlite"
    with Ledger.create(path) as ledger:
        ledger.set_fact("a", "b")
    subprocess.run([sys.executable, "-c", TORN_WRITER, str(path)], check=False)
    assert path.with_name("ledger.sqlite-journal").exists()
    return path


@pytest.mark.parametrize("read_only", [True, False])
def test_an_unfinished_write_is_undone_at_the_next_opening(torn, read_only):
    with Ledger.open(torn, read_only) as ledger:
        assert ledger.facts() == {"a": "b"}


def test_the_journal_of_a_deleted_ledger_is_not_used_for_the_next(torn):
    torn.unlink()
    with Ledger.create(torn) as ledger:
        assert ledger.facts() == {}


def test_an_unfinished_write_that_cannot_be_undone_is_an_error(torn, unprivileged):
    torn.chmod(0o444)
    torn.parent.chmod(0o555)
    with unprivileged(), pytest.raises(StudyError, match=r"was being written when .* was killed"):
        Ledger.open(torn, read_only=True)


def test_a_ledger_without_read_permission_is_an_error(open_directory, unprivileged):
    path = open_directory / "ledger.sqlite"
    Ledger.create(path).close()
    path.chmod(0o000)
    with unprivileged(), pytest.raises(StudyError, match="cannot be read: you need permission"):
        Ledger.open(path, read_only=True)


# Its description


def documented_queries() -> list[str]:
    page = Path(__file__).parents[3] / "docs/internals/ledger.md"
    return re.findall(r"```sql\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


def test_the_documented_queries_answer(ledger, path):
    ledger.record_evaluation(EvaluationRecord(number=1, genotype=UNET, why="start 1"))
    ledger.record_training(training(collapsed=(2,)))
    ledger.set_facts({FOLDS: "1", INITIALISATIONS: "1"})
    fresh = TrainingKey(network=UNET.digest, protocol="p", fold=0, initialisation=1000)
    ledger.record_training(training(key=fresh, score=0.6))
    best, optimism, unsound, curves = documented_queries()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute(best).fetchall() == [(1, 0.8, 1, str(UNET))]
        assert connection.execute(optimism).fetchall() == [(1, 0.8, 0.6, pytest.approx(0.2))]
        assert connection.execute(unsound).fetchall() == [(UNET.digest, 0, 0, 0.8, "[2]", None)]
        assert connection.execute(curves).fetchall() == [(2, 1, 0.8), (2, 2, None)]


def test_every_table_and_column_is_documented(ledger):
    page = (Path(__file__).parents[3] / "docs/internals/ledger.md").read_text(encoding="utf-8")
    for (table,) in ledger.file.connection.execute(
        "SELECT name FROM sqlite_master WHERE type IN ('table', 'view')"
    ):
        assert f"**`{table}`**" in page
        for column in ledger.file.connection.execute(f"PRAGMA table_info({table})"):
            assert f"`{column['name']}`" in page


# Its views


def test_views_keep_scores_of_the_search_apart_from_fresh_ones(ledger):
    """By hand, for two folds; the second network lacks a score and the third a fold."""
    ledger.set_facts({FOLDS: "2", INITIALISATIONS: "1"})
    first, second, third = GENOTYPES[:3]
    for number, genotype in enumerate((first, second, third), start=1):
        ledger.record_evaluation(EvaluationRecord(number=number, genotype=genotype, why="start"))
    for genotype, fold, initialisation, score in (
        (first, 0, 0, 0.5),
        (first, 1, 0, 0.75),
        (first, 0, 1000, 0.25),
        (first, 1, 1000, 0.5),
        (second, 0, 0, 0.5),
        (second, 1, 0, None),
        (third, 1, 0, 1.0),
        (UNET, 0, 1000, 0.125),
        (UNET, 1, 1000, None),
    ):
        key = TrainingKey(
            network=genotype.digest, protocol="p", fold=fold, initialisation=initialisation
        )
        ledger.record_network(genotype)
        error = "It failed." if score is None else None
        ledger.record_training(training(key=key, score=score, error=error))

    def rows(query):
        return {tuple(row) for row in ledger.file.connection.execute(query)}

    assert rows(
        "SELECT number, architecture, search_score, search_trainings, fresh_score, fresh_trainings "
        "FROM network_scores"
    ) == {
        (1, str(first), 0.625, 2, 0.375, 2),
        (2, str(second), None, 2, None, 0),
        (3, str(third), None, 1, None, 0),
        (None, str(UNET), None, 0, None, 2),
    }
    assert rows("SELECT training, initialisation, score FROM fresh_scores") == {
        (3, 1000, 0.25), (4, 1000, 0.5), (8, 1000, 0.125), (9, 1000, None)
    }  # fmt: skip
    assert rows("SELECT count(*), max(initialisation), sum(score) FROM search_scores") == {
        (5, 0, 2.75)
    }


# Readers


def test_trainings_can_be_read_without_their_epochs(ledger):
    ledger.record_network(UNET)
    record = training()
    ledger.record_training(record)
    (bare,) = ledger.trainings(with_epochs=False)
    assert bare == replace(record, epochs=())
    assert ledger.trainings("another", with_epochs=False) == ()


def test_a_reader_notices_that_another_process_has_written(ledger, path):
    with Ledger.open(path, read_only=True) as reader:
        before = reader.data_version()
        assert reader.data_version() == before
        ledger.set_fact("state", "running")
        assert reader.data_version() != before
