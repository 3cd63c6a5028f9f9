"""The schema of a ledger; ``docs/internals/ledger.md`` describes it for users."""

from __future__ import annotations

from mbnas.study.ledger.facts import FOLDS, INITIALISATIONS
from mbnas.training.training_record import FIRST_CONFIRMING, FIRST_FRESH

APPLICATION_ID = 0x6D626E61  # "mbna"
SCHEMA_VERSION = 6

_SEARCHED = f"(initialisation < {FIRST_FRESH})"
_FRESH = f"(initialisation BETWEEN {FIRST_FRESH} AND {FIRST_CONFIRMING - 1})"
_CONFIRMING = f"(initialisation >= {FIRST_CONFIRMING})"
_SCORES = """SELECT id AS training, network, protocol, fold, initialisation, score, collapsed, error
    FROM trainings"""

SCHEMA = f"""
BEGIN;
CREATE TABLE study (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
CREATE TABLE networks (
    digest TEXT PRIMARY KEY,
    architecture TEXT NOT NULL UNIQUE,
    parameters INTEGER,
    macs INTEGER,
    macs_32 INTEGER,
    latency_ms REAL
);
CREATE TABLE evaluations (
    number INTEGER PRIMARY KEY CHECK (number >= 1),
    network TEXT NOT NULL UNIQUE REFERENCES networks (digest),
    why TEXT NOT NULL,
    incumbent TEXT REFERENCES networks (digest),
    asked_at TEXT NOT NULL,
    batch INTEGER
);
CREATE TABLE proposals (
    number INTEGER PRIMARY KEY CHECK (number >= 1),
    why TEXT NOT NULL,
    incumbent TEXT REFERENCES networks (digest),
    initialisations INTEGER CHECK (initialisations >= 1)
);
CREATE TABLE proposed (
    proposal INTEGER NOT NULL REFERENCES proposals (number),
    place INTEGER NOT NULL CHECK (place >= 1),
    network TEXT NOT NULL REFERENCES networks (digest),
    PRIMARY KEY (proposal, place)
) WITHOUT ROWID;
CREATE TABLE trainings (
    id INTEGER PRIMARY KEY,
    network TEXT NOT NULL REFERENCES networks (digest),
    protocol TEXT NOT NULL,
    fold INTEGER NOT NULL,
    initialisation INTEGER NOT NULL,
    score REAL,
    collapsed TEXT NOT NULL,
    absent TEXT NOT NULL,
    unpredicted TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    error TEXT,
    wall_s REAL NOT NULL,
    slices_per_s REAL,
    worker TEXT NOT NULL,
    started_at TEXT NOT NULL,
    borrowed INTEGER NOT NULL DEFAULT 0 CHECK (borrowed IN (0, 1)),
    UNIQUE (network, protocol, fold, initialisation),
    CHECK ((score IS NULL) <> (error IS NULL))
);
CREATE TABLE failures (
    id INTEGER PRIMARY KEY,
    network TEXT NOT NULL REFERENCES networks (digest),
    protocol TEXT NOT NULL,
    fold INTEGER NOT NULL,
    initialisation INTEGER NOT NULL,
    kind TEXT NOT NULL,
    reason TEXT NOT NULL,
    wall_s REAL NOT NULL,
    worker TEXT NOT NULL,
    started_at TEXT NOT NULL,
    withdrawn INTEGER NOT NULL CHECK (withdrawn IN (0, 1))
);
CREATE TABLE epochs (
    training INTEGER NOT NULL REFERENCES trainings (id),
    epoch INTEGER NOT NULL,
    learning_rate REAL NOT NULL,
    loss REAL,
    class_dice TEXT,
    PRIMARY KEY (training, epoch)
) WITHOUT ROWID;
CREATE TABLE volumes (
    training INTEGER NOT NULL REFERENCES trainings (id),
    case_name TEXT NOT NULL,
    patient TEXT NOT NULL,
    held_out INTEGER NOT NULL CHECK (held_out IN (0, 1)),
    measures TEXT NOT NULL,
    prediction BLOB,
    PRIMARY KEY (training, case_name)
);
CREATE VIEW search_scores AS {_SCORES} WHERE {_SEARCHED};
CREATE VIEW fresh_scores AS {_SCORES} WHERE {_FRESH};
CREATE VIEW confirming_scores AS {_SCORES} WHERE {_CONFIRMING};
CREATE VIEW asked AS
    SELECT network, max(coalesce(initialisations, (
        SELECT CAST(value AS INTEGER) FROM study WHERE key = '{INITIALISATIONS}'
    ))) AS initialisations
    FROM proposed JOIN proposals ON proposals.number = proposed.proposal GROUP BY network;
CREATE VIEW network_scores AS
    SELECT number, trainings.network, protocol, architecture, parameters, macs,
        CASE WHEN count(score) FILTER (WHERE {_SEARCHED}) = (
            SELECT CAST(folds.value AS INTEGER)
                * coalesce(asked.initialisations, CAST(initialisations.value AS INTEGER))
            FROM study AS folds, study AS initialisations
            WHERE folds.key = '{FOLDS}' AND initialisations.key = '{INITIALISATIONS}'
        ) THEN avg(score) FILTER (WHERE {_SEARCHED}) END AS search_score,
        count(*) FILTER (WHERE {_SEARCHED}) AS search_trainings,
        CASE WHEN count(error) FILTER (WHERE {_FRESH}) = 0
            THEN avg(score) FILTER (WHERE {_FRESH}) END AS fresh_score,
        count(*) FILTER (WHERE {_FRESH}) AS fresh_trainings,
        CASE WHEN count(error) FILTER (WHERE {_CONFIRMING}) = 0
            THEN avg(score) FILTER (WHERE {_CONFIRMING}) END AS confirmed_score,
        count(*) FILTER (WHERE {_CONFIRMING}) AS confirming_trainings
    FROM trainings JOIN networks ON digest = trainings.network
        LEFT JOIN evaluations ON evaluations.network = trainings.network
        LEFT JOIN asked ON asked.network = trainings.network
    GROUP BY trainings.network, protocol;
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
COMMIT;
"""
