"""Counts of a search that the ledger's file computes itself: quick, for any number of trainings."""

from __future__ import annotations

import math

from mbnas.space.genotype import Genotype
from mbnas.study.ledger.ledger_reader import LedgerReader
from mbnas.study.ledger.rows import network_record
from mbnas.study.ledger.snapshot import BestNetwork, TrainingCounts


def has_invalid_rows(ledger: LedgerReader) -> bool:
    """Whether a row that :func:`count_search` counts is invalid, so that reading it would fail."""
    facts = ledger.facts()
    with ledger.file.reading() as connection:
        (found,) = connection.execute(_INVALID, (facts.num_folds, facts.get("protocol"))).fetchone()
    return bool(found)


def count_search(
    ledger: LedgerReader, *, folds: int, initialisations: int
) -> tuple[TrainingCounts, BestNetwork | None]:
    """Return a search's counts and its best network, the first of equals, if none is dropped.

    Args:
        ledger: Of the study.
        folds: Of the study's protocol.
        initialisations: Those that make a network's score.
    """
    values = (ledger.facts()["protocol"], initialisations, folds * initialisations)
    with ledger.file.reading() as connection:
        counts = TrainingCounts(**dict(connection.execute(_COUNTS, values).fetchone()))
        best: tuple[float, int, str] | None = None
        for number, network in connection.execute(_BEST, values).fetchall():
            # SQLite's means are equal but for rounding: the exact ones decide.
            scores = connection.execute(
                "SELECT score FROM search_scores WHERE network = ? AND protocol = ? "
                "AND initialisation < ?",
                (network, *values[:2]),
            ).fetchall()
            score = math.fsum(each["score"] for each in scores) / len(scores)
            if best is None or score > best[0]:
                best = score, number, network
        if best is None:
            return counts, None
        score, number, network = best
        rows = connection.execute("SELECT * FROM networks WHERE digest = ?", (network,))
        ((_, record),) = ledger.file.values("networks", rows, network_record)
    assert isinstance(record.architecture, Genotype)
    return counts, BestNetwork(
        number=number,
        genotype=record.architecture,
        score=score,
        parameters=record.parameters,
        macs=record.macs,
    )


_INVALID = """
SELECT EXISTS (
    SELECT 1 FROM trainings WHERE typeof(score) NOT IN ('real', 'null')
        OR score NOT BETWEEN 0 AND 1
        OR typeof(fold) <> 'integer' OR fold < 0 OR (protocol = ?2 AND fold >= ?1)
        OR typeof(initialisation) <> 'integer' OR initialisation < 0
        OR typeof(attempts) <> 'integer' OR attempts < 1
        OR typeof(wall_s) <> 'real' OR wall_s NOT BETWEEN 0 AND 1e308
        OR (score IS NULL) = (error IS NULL)
        OR NOT json_valid(collapsed) OR NOT json_valid(absent) OR NOT json_valid(unpredicted)
        OR network NOT IN (SELECT digest FROM networks)
) OR EXISTS (
    SELECT 1 FROM evaluations WHERE network NOT IN (SELECT digest FROM networks)
) OR (SELECT count(*) <> coalesce(max(number), 0) FROM evaluations)
"""

_OF_SEARCH = """
WITH searched AS (
    SELECT trainings.*, number FROM trainings JOIN evaluations USING (network)
    WHERE protocol = ?1 AND initialisation < ?2
), ended AS (
    SELECT number, network, count(score) AS scored, avg(score) AS score FROM searched
    GROUP BY network HAVING count(*) = ?3
)
"""

_COUNTS = f"""{_OF_SEARCH}
SELECT (SELECT count(*) FROM evaluations) AS asked, (SELECT count(*) FROM ended) AS complete,
    count(*) AS trainings, count(error) AS failed,
    coalesce(sum(collapsed <> '[]'), 0) AS collapsed, coalesce(sum(attempts > 1), 0) AS repeated,
    coalesce(sum(unpredicted <> '[]'), 0) AS unpredicted,
    coalesce(sum(absent <> '[]'), 0) AS absent
FROM searched
"""

_BEST = f"""{_OF_SEARCH}
SELECT number, network FROM ended
WHERE scored = ?3 AND score >= (SELECT max(score) FROM ended WHERE scored = ?3) - 1e-9
ORDER BY number
"""
