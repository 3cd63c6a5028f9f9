"""Damage is named, with what can still be read and what to do, and never gives a traceback.

A small study is damaged in many ways, drawn by a seed, and every command that reads it is run.
"""

import json
import os
import random
import shutil
import sqlite3
from contextlib import closing

import numpy as np
import pytest

from mbnas.cli.main import main
from mbnas.data.phantom import write_phantom
from mbnas.data.slices.prepared_slices import PreparedSlices
from mbnas.errors import StudyError
from mbnas.report.page.study_page import render_page
from mbnas.results.read_search import read_search
from mbnas.scoring.class_metrics import ClassMetrics
from mbnas.study.begin_or_resume import opened
from mbnas.study.directory import Study
from mbnas.study.drive.run_search import run_search
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.ledger.search_counts import has_invalid_rows
from mbnas.study.pool.worker_pool import WorkerPool
from mbnas.study.progress.search_status import read_status
from mbnas.study.progress.status_summary import read_status_summary, status_summary_of
from mbnas.study.resolve_study import resolve
from mbnas.study.retraining import found_networks as comparison
from mbnas.study.retraining.found_networks import retrain
from mbnas.training.packed_predictions import pack_prediction
from mbnas.training.training_record import EpochRecord, TrainingRecord, VolumeRecord
from mbnas.workers.executors import InlineExecutor

TRIES = int(os.environ.get("MBNAS_TEST_DAMAGE_TRIES", "40"))

SETTINGS = {
    "preparation": {"slice_size": 16},
    "protocol": {"folds": 2},
    "training": {"base_channels": 4, "precision": "float32"},
    "space": {"num_nodes": 3, "num_levels": 2},
    "search": {"evaluations": 5, "racing": "shadow"},
    "run": {"executor": "inline"},
}

COMMANDS = (
    ("status",),
    ("status", "--json"),
    ("trainings", "--all"),
    ("trainings", "--json"),
    ("report",),
    ("figures", "--format", "svg"),
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A study whose search has ended, with a comparison and some failures."""
    place = tmp_path_factory.mktemp("damage")
    dataset = write_phantom("spleen", place / "spleen", num_patients=4)
    study = resolve(
        place / "study", dataset, protocol="quick", default_protocol="quick", options=SETTINGS
    )
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("os.cpu_count", lambda: 1)
        with opened(study, command="mbnas search", warn=lambda text: None) as held:
            worker_pool = WorkerPool(
                executor=InlineExecutor(), slots=1, train=lambda task: invented(task, held)
            )
            run_search(held, worker_pool=worker_pool)
            patched.setattr(comparison, "worker_pool_of", lambda *_: nothing(worker_pool))
            networks = [each.genotype for each in held.ledger.evaluations()[:3]]
            retrain(held, networks, initialisations=1)
    return place / "study"


class nothing:  # noqa: N801  (reads like nullcontext)
    """A context around a value."""

    def __init__(self, value):
        self.value = value

    def __enter__(self):
        return self.value

    def __exit__(self, *exception):
        return None


def invented(task, held):
    """Return an invented record of a training, which depends on its key."""
    rng = np.random.default_rng(int(task.architecture.digest, 16) % 2**32 + task.fold)
    if task.measure == "nothing" and task.fold == 1 and rng.random() < 0.3:
        return record_of(task, score=None, error="The loss is not finite.")
    volumes = ()
    if task.measure != "nothing":
        volumes = tuple(
            VolumeRecord(
                case=each.case,
                patient=each.patient,
                measures=(
                    ClassMetrics(
                        dice=rng.random(),
                        hd95_mm=1.0,
                        surface_dice=0.5,
                        predicted_voxels=9,
                        reference_voxels=8,
                    ),
                ),
                prediction=pack_prediction(np.array(held.prepared.labels[each.slices])),
            )
            for number, each in enumerate(held.prepared.volumes)
            if number % 2 == task.fold
        )
    return record_of(task, score=rng.random(), volumes=volumes)


def record_of(task, **values):
    return TrainingRecord(
        key=task.key,
        wall_s=1.0,
        worker="here:1 cpu",
        started_at="2026-01-31T12:00:00+00:00",
        epochs=(EpochRecord(epoch=1, learning_rate=0.1, loss=0.5, class_dice=(0.5,)),),
        **values,
    )


@pytest.fixture
def study(whole, tmp_path):
    """A copy that may be damaged."""
    return shutil.copytree(whole, tmp_path / "study", symlinks=True)


def outcome_of(command, study, capsys):
    """Return the exit status and the text on standard error."""
    name, *options = command
    status = main([name, str(study), *options])
    return status, capsys.readouterr().err


# One kind of damage each, with its sentence

JSON = '[{"dice": 0.5}]'


@pytest.mark.parametrize(
    ("statement", "finding"),
    [
        ("UPDATE trainings SET score = 'good' WHERE id = 1", "score (='good') must be a number"),
        ("UPDATE trainings SET score = 7.5 WHERE id = 1", "score (=7.5) must be from 0 to 1"),
        ("UPDATE trainings SET fold = 2 WHERE id = 1", "fold (=2) must be below 2"),
        ("UPDATE trainings SET fold = -1 WHERE id = 1", "count from 0"),
        ("UPDATE trainings SET collapsed = '[1' WHERE id = 1", "collapsed (='[1') must be a JSON"),
        ("UPDATE trainings SET collapsed = '[9]' WHERE id = 1", "collapsed (=(9,))"),
        ("UPDATE trainings SET network = 'x' WHERE id = 1", "network x has trainings"),
        ("UPDATE trainings SET wall_s = -1 WHERE id = 1", "wall_s (=-1.0) must be 0 or more"),
        ("UPDATE trainings SET error = 'both' WHERE id = 1", "and not both"),
        ("UPDATE networks SET architecture = '0what' WHERE rowid = 1", "'0what' cannot be read"),
        ("UPDATE networks SET architecture = '0vgg3' WHERE rowid = 1", "the digest of 0vgg3 is"),
        ("DELETE FROM networks WHERE rowid = 1", "is not among the networks"),
        ("DELETE FROM evaluations WHERE number = 2", "evaluation 2 is missing before it"),
        ("DELETE FROM study WHERE key = 'protocol'", "the fact 'protocol' is missing"),
        ("UPDATE study SET value = 'many' WHERE key = 'budget'", "must be a whole number"),
        ("UPDATE study SET value = 'gone' WHERE key = 'state'", "one of running, finished"),
        ("UPDATE study SET value = CAST(x'ff' AS TEXT) WHERE key = 'data'", "decode to UTF-8"),
        ("UPDATE failures SET kind = 'tired'", None),
        ("DROP TABLE evaluations", "no such table"),
    ],
)  # fmt: skip
def test_a_hand_edited_ledger_is_named(study, capsys, statement, finding):
    edit(study, statement)
    status, error = outcome_of(("status", "--json"), study, capsys)  # which reads everything
    if finding is None:  # there were no failures to edit
        assert status == 0
        return
    assert status == 1
    assert error.startswith(f"mbnas: {study / 'ledger.sqlite'} is damaged (")
    assert finding in error
    assert "from a copy" in error


@pytest.mark.parametrize(
    ("statement", "finding"),
    [
        ("UPDATE epochs SET class_dice = '[0.5, 0.5]'", "class_dice has 2 values for 1 classes"),
        ("UPDATE epochs SET class_dice = '[[]]'", "class_dice (=[]) must be a number or null"),
        (f"UPDATE volumes SET measures = '{JSON}'", "measures must list objects of dice, hd95_mm"),
        ("UPDATE volumes SET patient = x'00'", "patient (=b'\\x00') must be text"),
        ("UPDATE volumes SET prediction = x'00'", "prediction"),
    ],
)  # fmt: skip
def test_a_hand_edited_course_is_named(study, capsys, statement, finding):
    edit(study, statement)
    status, error = outcome_of(("report",), study, capsys)
    assert status == 1
    assert " is damaged (" in error
    assert finding in error


def test_a_damaged_row_leaves_the_others_readable_and_can_be_deleted(study, capsys):
    edit(study, "UPDATE trainings SET score = 'good' WHERE id = 1")
    _, error = outcome_of(("status",), study, capsys)
    with closing(sqlite3.connect(study / "ledger.sqlite")) as connection:
        (number,) = connection.execute("SELECT count(*) FROM trainings").fetchone()
    assert f"{number - 1} of {number} rows of trainings" in error
    for table in ("epochs", "volumes"):
        edit(study, f"DELETE FROM {table} WHERE training = 1")
    edit(study, "DELETE FROM trainings WHERE id = 1")
    status, error = outcome_of(("status",), study, capsys)
    assert (status, error) == (0, "")


def test_a_damaged_configuration_is_named_and_comes_back(study, capsys):
    file = study / "study.toml"
    text = file.read_text()
    file.write_text(text[:100])
    status, error = outcome_of(("status",), study, capsys)
    assert status == 2
    assert error.startswith(f"mbnas: {file} is damaged: ")
    assert "Delete it, and run the failed command again" in error
    file.unlink()
    assert outcome_of(("status",), study, capsys) == (0, "")


# Many kinds, drawn from a seed

VALUES = (
    None, "", "text", "[", "[1", "[[]]", "{}", "null", '{"a": 1}', "[" * 3000, "0vgg3-9vgg3", "–",
    -1, 0, 1, 3, 2**31, 2**62, 0.5, -0.5, 1e308, float("inf"), b"", b"\xff\xfe", "x" * 5000,
)  # fmt: skip


def edit(study, statement, values=()):
    with closing(sqlite3.connect(study / "ledger.sqlite", isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        return connection.execute(statement, values).rowcount


def edit_a_row(study, draw):
    table = draw.choice(
        ["study", "networks", "evaluations", "trainings", "failures", "epochs", "volumes"]
    )
    with closing(sqlite3.connect(study / "ledger.sqlite")) as connection:
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        key = {"epochs": "training", "volumes": "training"}.get(table, columns[0])
        keys = [row[0] for row in connection.execute(f"SELECT {key} FROM {table}")]
    if not keys:
        return f"{table} is empty"
    column, value, row = draw.choice(columns), draw.choice(VALUES), draw.choice(keys)
    if draw.random() < 0.1:
        edit(study, f"DELETE FROM {table} WHERE {key} = ?", (row,))
        return f"{table} {row} deleted"
    try:
        edit(study, f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (value, row))
    except sqlite3.Error as error:
        return f"refused by SQLite: {error}"
    return f"{table} {row}: {column} = {value!r}"


def edit_a_text(study, draw):
    """Store bytes that are not UTF-8 as text."""
    table, column = draw.choice(
        [("study", "value"), ("trainings", "worker"), ("networks", "architecture")]
    )
    edit(study, f"UPDATE {table} SET {column} = CAST(x'ff41' AS TEXT) WHERE rowid = 1")
    return f"{table}.{column}"


def scramble(name):
    """Return a function that overwrites some bytes of a file."""

    def damage(study, draw):
        (file,) = [each for each in study.rglob(name) if each.is_file()]
        content = bytearray(file.read_bytes())
        for _ in range(draw.choice([1, 5, 50])):
            content[draw.randrange(len(content))] = draw.randrange(256)
        file.write_bytes(content)
        return name

    return damage


def cut(name):
    """Return a function that truncates a file."""

    def damage(study, draw):
        (file,) = [each for each in study.rglob(name) if each.is_file()]
        content = file.read_bytes()
        file.write_bytes(content[: draw.randrange(len(content))])
        return name

    return damage


def drop_a_key(study, draw):
    """Remove a key from the slices' index, or give it another value."""
    (file,) = study.rglob("index.json")
    index = json.loads(file.read_text())
    place = index
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            return "nothing"
        key = draw.choice(keys)
        if not isinstance(place[key], (dict, list)) or draw.random() < 0.3:
            break
        place = place[key]
    if draw.random() < 0.5:
        del place[key]
    else:
        place[key] = draw.choice([None, -1, "x", [], {}, 1e308, [[1]]])
    file.write_text(json.dumps(index))
    return f"index.json: {key}"


DAMAGES = (
    (edit_a_row, 12), (edit_a_text, 1), (scramble("ledger.sqlite"), 4), (cut("ledger.sqlite"), 2),
    (scramble("study.toml"), 2), (cut("study.toml"), 1), (scramble("index.json"), 1),
    (cut("index.json"), 1), (drop_a_key, 4), (scramble("labels.npy"), 1), (cut("images.npy"), 1),
)  # fmt: skip


def test_no_damage_ends_in_a_traceback(whole, tmp_path, capsys):
    """Each try damages a new copy once, and reads it with a command."""
    faults = []
    for number in range(TRIES):
        draw = random.Random(number)
        damage = draw.choices([each for each, _ in DAMAGES], [times for _, times in DAMAGES])[0]
        command = draw.choice(COMMANDS)
        study = shutil.copytree(whole, tmp_path / f"{number}", symlinks=True)
        what = damage(study, draw)
        try:
            status, error = outcome_of(command, study, capsys)
        except SystemExit as end:
            status, error = end.code, capsys.readouterr().err
        except Exception as error:
            faults.append(f"{number}: {what}; {' '.join(command)}: {type(error).__name__}: {error}")
        else:
            if status not in (0, 1, 2) or "Traceback" in error or (status and not error):
                faults.append(f"{number}: {what}; {' '.join(command)}: {status} {error}")
            if status and "ledger.sqlite" in error and "figure of" not in error:
                known = ("is damaged", "is not a ledger", "was written by")
                if not any(words in error for words in known):
                    faults.append(f"{number}: {what}; {' '.join(command)}: {error}")
        shutil.rmtree(study)
    assert not faults, "\n".join(faults)


# Figures that the file counts


def test_the_status_counts_as_a_full_read_does(study):
    """Also with trainings missing, collapsed, repeated, and networks that are equally good."""
    configuration = Study.open(study).configuration
    for statement in (
        "SELECT 1",
        "UPDATE trainings SET collapsed = '[1]', attempts = 2 WHERE id % 3 = 0",
        "UPDATE trainings SET absent = '[1]' WHERE id = 2",
        "UPDATE trainings SET score = 0.1 WHERE score IS NOT NULL",
        "DELETE FROM trainings WHERE id = 3",
        "DELETE FROM trainings",
    ):
        edit(study, statement)
        with Ledger.open(study / "ledger.sqlite", read_only=True) as ledger:
            assert not has_invalid_rows(ledger)
            assert read_status_summary(ledger, configuration) == status_summary_of(
                read_status(ledger, configuration)
            )


# A page shows one state


def test_a_page_shows_one_state_while_another_process_records(study, monkeypatch):
    """A writer tries to record before each of the page's reads; the page must show one state."""
    file = study / "ledger.sqlite"
    first = "SELECT network FROM search_scores LIMIT 1"
    these = f"SELECT training FROM search_scores WHERE network = ({first})"
    others = ("networks", "evaluations", "trainings", "lost_runs")
    recorded = []

    def disturbed(name):
        read = getattr(Ledger, name)

        def reading(ledger, *arguments, **options):
            with closing(sqlite3.connect(file, isolation_level=None, timeout=0)) as writer:
                try:
                    writer.execute(f"DELETE FROM trainings WHERE id IN ({these})")
                    recorded.append(name)
                except sqlite3.OperationalError as error:
                    assert "locked" in str(error)  # noqa: PT017
            return read(ledger, *arguments, **options)

        return reading

    with Ledger.open(file, read_only=True) as ledger:
        opened = Study.open(study)
        for name in others:
            monkeypatch.setattr(Ledger, name, disturbed(name))
        summary = read_search(opened, ledger)
    assert recorded in ([], ["networks"])  # not after the first of the reads
    shown = sum(len(each.trainings) for each in summary.evaluations)
    fresh = sum(len(each.trainings) for each in summary.comparison.networks)
    assert shown + fresh == summary.account.spent.count
    assert "</html>" in render_page(summary)


@pytest.mark.parametrize(("key", "value"), [("slice_axis", 7), ("slice_size", 0)])
def test_a_damaged_index_of_slices_is_named_with_its_folder(study, key, value):
    (file,) = study.rglob("index.json")
    index = json.loads(file.read_text())
    index["settings"][key] = value
    file.write_text(json.dumps(index))
    with pytest.raises(StudyError, match=r"holds no usable prepared slices .* Remove this folder"):
        PreparedSlices.open(file.parent)
