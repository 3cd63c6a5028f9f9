"""Reading a ledger: every query that returns values."""

from __future__ import annotations

import math
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path

from mbnas.search.racing.outcome import Outcome
from mbnas.search.searcher import Proposal
from mbnas.space.genotype import Genotype
from mbnas.study.ledger.facts import RETRYING, Facts
from mbnas.study.ledger.ledger_file import LedgerFile
from mbnas.study.ledger.rows import (
    epoch_record,
    key_of,
    lost_run_record,
    network_record,
    outcome,
    training_record,
    volume_record,
)
from mbnas.study.ledger.snapshot import EvaluationRecord, NetworkRecord, Snapshot
from mbnas.study.ledger.sqlite_file import damaged, readable_errors
from mbnas.training.training_record import (
    FIRST_CONFIRMING,
    FIRST_FRESH,
    EpochRecord,
    LostRunRecord,
    TrainingKey,
    TrainingRecord,
    VolumeRecord,
)

OF_KEY = "network = ? AND protocol = ? AND fold = ? AND initialisation = ?"
"""Selects the rows of one training by :func:`key_values`."""

_FRESH = f"initialisation >= {FIRST_FRESH}"


class LedgerReader:
    """Reads a ledger, as any number of processes may while another writes.

    Every method raises :class:`StudyError` where the file cannot be read or a row is invalid.

    Attributes:
        file: The open file.
    """

    def __init__(self, file: LedgerFile) -> None:
        self.file = file

    @property
    def path(self) -> Path:
        """The file's path."""
        return self.file.path

    def read(self, *, fresh: bool = False) -> Snapshot:
        """Return what the ledger holds, all of it read in one transaction.

        Args:
            fresh: Whether to include the epochs and volumes of trainings on fresh
                initialisations.
        """
        with self.file.reading():
            networks = self.networks()
            snapshot = Snapshot(
                facts=self.facts(),
                networks=networks,
                evaluations=self._evaluations(networks),
                proposals=self._proposals(networks),
                trainings=self.trainings(with_epochs=False),
                lost_runs=self.lost_runs(),
                fresh=self._trainings(_FRESH, ()) if fresh else (),
            )
        known = {each.key.network for each in snapshot.trainings}
        known |= {each.key.network for each in snapshot.lost_runs}
        if unknown := known - networks.keys():
            raise self.file.damaged(
                f"network {min(unknown)} has trainings or failures and is not among the networks."
            )
        return snapshot

    @contextmanager
    def one_state(self) -> Iterator[None]:
        """Read everything inside in one transaction."""
        with self.file.reading():
            yield

    def data_version(self) -> int:
        """Return a number that changes whenever another process has recorded something."""
        with readable_errors(self.path, read_only=True):
            (version,) = self.file.connection.execute("PRAGMA data_version").fetchone()
        return int(version)

    # Facts about the study

    def facts(self) -> Facts:
        """Return all facts about the study by key."""
        with self.file.reading() as connection:
            rows = connection.execute("SELECT key, value FROM study ORDER BY key")
            found = dict(self.file.values("study", rows, lambda row: (row["key"], row["value"])))
        return Facts(found, lambda finding: damaged(self.path, finding))

    def is_used(self) -> bool:
        """Whether a search or a comparison has recorded anything in it."""
        tables = ("evaluations", "trainings", "failures")
        query = " OR ".join(f"EXISTS (SELECT 1 FROM {table})" for table in tables)
        with self.file.reading() as connection:
            (used,) = connection.execute(f"SELECT {query}").fetchone()
        return bool(used)

    # Networks and evaluations

    def networks(self) -> dict[str, NetworkRecord]:
        """Return all networks by digest, evaluated or not."""
        with self.file.reading() as connection:
            rows = connection.execute("SELECT * FROM networks ORDER BY rowid")
            return dict(self.file.values("networks", rows, network_record))

    def evaluations(self) -> tuple[EvaluationRecord, ...]:
        """Return all evaluations in the order asked for."""
        with self.file.reading():
            return self._evaluations(self.networks())

    def proposals(self) -> tuple[Proposal, ...]:
        """Return the proposals of the search, in order."""
        with self.file.reading():
            return self._proposals(self.networks())

    def _evaluations(self, networks: Mapping[str, NetworkRecord]) -> tuple[EvaluationRecord, ...]:
        numbers = count(1)
        genotype = partial(_genotype, networks)

        def record(row: sqlite3.Row) -> EvaluationRecord:
            if row["number"] != (number := next(numbers)):
                raise ValueError(f"evaluation {number} is missing before it.")
            return EvaluationRecord(
                number=row["number"],
                genotype=genotype(row["network"]),
                why=row["why"],
                incumbent=None if row["incumbent"] is None else genotype(row["incumbent"]),
                proposal=row["batch"],
            )

        with self.file.reading() as connection:
            rows = connection.execute("SELECT * FROM evaluations ORDER BY number")
            return tuple(self.file.values("evaluations", rows, record))

    def _proposals(self, networks: Mapping[str, NetworkRecord]) -> tuple[Proposal, ...]:
        numbers = count(1)
        genotype = partial(_genotype, networks)
        members: dict[int, list[Genotype]] = defaultdict(list)

        def member(row: sqlite3.Row) -> tuple[int, Genotype]:
            return row["proposal"], genotype(row["network"])

        def proposal(row: sqlite3.Row) -> Proposal:
            if row["number"] != (number := next(numbers)):
                raise ValueError(f"proposal {number} is missing before it.")
            return Proposal(
                genotypes=tuple(members[number]),
                incumbent=None if row["incumbent"] is None else genotype(row["incumbent"]),
                why=row["why"],
                initialisations=row["initialisations"],
            )

        with self.file.reading() as connection:
            rows = connection.execute("SELECT * FROM proposed ORDER BY proposal, place")
            for number, network in self.file.values("proposed", rows, member):
                members[number].append(network)
            rows = connection.execute("SELECT * FROM proposals ORDER BY number")
            return tuple(self.file.values("proposals", rows, proposal))

    # Trainings

    def outcomes(self) -> dict[TrainingKey, Outcome]:
        """Return the outcome of every training that ended. Reads no epochs, so it is quick."""
        query = "SELECT id, network, protocol, fold, initialisation, score, wall_s FROM trainings"
        with self.file.reading() as connection:
            return dict(
                self.file.values("trainings", connection.execute(f"{query} ORDER BY id"), outcome)
            )

    def training(self, key: TrainingKey) -> TrainingRecord | None:
        """Return one training, predictions included, or ``None`` if it is not recorded."""
        found = self._trainings(OF_KEY, key_values(key), prediction="prediction")
        return found[0] if found else None

    def confirming(self) -> tuple[TrainingRecord, ...]:
        """Return the trainings of confirmations; their volumes have no predictions."""
        return self._trainings(f"initialisation >= {FIRST_CONFIRMING}", ())

    def num_searched(self) -> int:
        """Return how many trainings of searches have ended."""
        with self.file.reading() as connection:
            (number,) = connection.execute("SELECT count(*) FROM search_scores").fetchone()
        return int(number)

    def search_score(self, network: str) -> float | None:
        """Return the mean over a network's trainings in the search; ``None`` without a score.

        Args:
            network: Digest of the network.
        """
        with self.file.reading():
            trainings = self.trainings(network, self.facts()["protocol"], with_epochs=False)
        scores = [each.score for each in trainings if not each.key.is_fresh]
        known = [each for each in scores if each is not None]
        return math.fsum(known) / len(known) if known and len(known) == len(scores) else None

    def trainings(
        self, network: str | None = None, protocol: str | None = None, *, with_epochs: bool = True
    ) -> tuple[TrainingRecord, ...]:
        """Return trainings in the order recorded: all, or one network's or protocol's.

        Their volumes have no predictions, which are large: :meth:`training` returns these.

        Args:
            network: Digest of the network, or ``None`` for all networks.
            protocol: Digest of the protocol, or ``None`` for all protocols.
            with_epochs: Whether to read their epochs and volumes, which takes longer.
        """
        where = "(?1 IS NULL OR network = ?1) AND (?2 IS NULL OR protocol = ?2)"
        return self._trainings(where, (network, protocol), with_epochs=with_epochs)

    def epochs_of(self, network: str, protocol: str) -> tuple[tuple[EpochRecord, ...], ...]:
        """Return the epochs of each training of a network in the search, which may be none.

        Args:
            network: Digest of the network.
            protocol: Digest of the protocol.
        """
        query = (
            "SELECT epochs.* FROM trainings JOIN epochs ON training = id "
            f"WHERE network = ? AND protocol = ? AND NOT {_FRESH} ORDER BY training, epoch"
        )
        found: dict[int, list[EpochRecord]] = defaultdict(list)
        with self.file.reading() as connection:
            rows = connection.execute(query, (network, protocol))
            for training, epoch in self.file.values("epochs", rows, _epoch_in(self.facts())):
                found[training].append(epoch)
        return tuple(map(tuple, found.values()))

    def _trainings(
        self,
        where: str,
        values: tuple[object, ...],
        *,
        prediction: str = "NULL AS prediction",
        with_epochs: bool = True,
    ) -> tuple[TrainingRecord, ...]:
        epochs: dict[int, list[EpochRecord]] = defaultdict(list)
        volumes: dict[int, list[VolumeRecord]] = defaultdict(list)
        of_these = f"training IN (SELECT id FROM trainings WHERE {where})"
        with self.file.reading() as connection:
            facts = self.facts()
            if with_epochs:
                rows = connection.execute(
                    f"SELECT * FROM epochs WHERE {of_these} ORDER BY training, epoch", values
                )
                for training, epoch in self.file.values("epochs", rows, _epoch_in(facts)):
                    epochs[training].append(epoch)
                rows = connection.execute(
                    f"SELECT training, case_name, patient, held_out, measures, {prediction} "
                    f"FROM volumes WHERE {of_these} ORDER BY training, rowid",
                    values,
                )
                for training, volume in self.file.values("volumes", rows, _volume_in(facts)):
                    volumes[training].append(volume)

            check = _training_check(facts)

            def record(row: sqlite3.Row) -> TrainingRecord:
                number = row["id"]
                made = training_record(
                    row, tuple(epochs.get(number, ())), tuple(volumes.get(number, ()))
                )
                check(made)
                return made

            rows = connection.execute(f"SELECT * FROM trainings WHERE {where} ORDER BY id", values)
            return tuple(self.file.values("trainings", rows, record))

    # Lost runs

    def lost_runs(self) -> tuple[LostRunRecord, ...]:
        """Return all lost runs, in the order recorded."""
        with self.file.reading() as connection:
            rows = connection.execute("SELECT * FROM failures ORDER BY id")
            return tuple(self.file.values("failures", rows, lost_run_record))

    def is_retrying(self) -> bool:
        """Whether a retry of failed trainings is under way."""
        return RETRYING in self.facts()

    def withdrawn(self) -> tuple[TrainingKey, ...]:
        """Return the trainings that were withdrawn and have not ended since."""
        query = (
            "SELECT network, protocol, fold, initialisation FROM failures WHERE withdrawn "
            "EXCEPT SELECT network, protocol, fold, initialisation FROM trainings"
        )
        with self.file.reading() as connection:
            return tuple(map(key_of, connection.execute(query)))


def _genotype(networks: Mapping[str, NetworkRecord], digest: str) -> Genotype:
    if digest not in networks:
        raise ValueError(f"network {digest} is not among the networks.")
    architecture = networks[digest].architecture
    if not isinstance(architecture, Genotype):
        raise TypeError(f"network {architecture} is not a genotype.")
    return architecture


def key_values(key: TrainingKey) -> tuple[object, ...]:
    """Return the values of :data:`OF_KEY`."""
    return key.network, key.protocol, key.fold, key.initialisation


def _epoch_in(facts: Facts) -> Callable[[sqlite3.Row], tuple[int, EpochRecord]]:
    num_classes = facts.num_classes

    def epoch(row: sqlite3.Row) -> tuple[int, EpochRecord]:
        record = epoch_record(row)
        if record.class_dice is not None:
            _check_classes("class_dice", len(record.class_dice), num_classes)
        return row["training"], record

    return epoch


def _volume_in(facts: Facts) -> Callable[[sqlite3.Row], tuple[int, VolumeRecord]]:
    num_classes = facts.num_classes

    def volume(row: sqlite3.Row) -> tuple[int, VolumeRecord]:
        record = volume_record(row)
        _check_classes("measures", len(record.measures), num_classes)
        return row["training"], record

    return volume


def _training_check(facts: Facts) -> Callable[[TrainingRecord], None]:
    """Return what checks a training against the classes and folds of its study."""
    num_classes, num_folds = facts.num_classes, facts.num_folds
    protocol = facts.get("protocol")

    def check(record: TrainingRecord) -> None:
        key = record.key
        if num_folds is not None and key.protocol == protocol and key.fold >= num_folds:
            raise ValueError(f"fold (={key.fold}) must be below {num_folds}.")
        for name in ("collapsed", "absent", "unpredicted"):
            named = getattr(record, name)
            if num_classes is not None and named and max(named) > num_classes:
                raise ValueError(f"{name} (={named}) names one of {num_classes} classes.")

    return check


def _check_classes(name: str, found: int, num_classes: int | None) -> None:
    if num_classes is not None and found != num_classes:
        raise ValueError(f"{name} has {found} values for {num_classes} classes.")
