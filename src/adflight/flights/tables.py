"""A journal's tables. Imports nothing of adflight; `book` reads and writes them."""

from __future__ import annotations

from typing import Final

# "open" is kept beside the state for the partial indexes: the first of them is the promise not to buy twice, once more
_FIRST: Final = (
    "CREATE TABLE runs (id INTEGER PRIMARY KEY, file TEXT NOT NULL, started REAL NOT NULL, ended REAL,"
    " how TEXT NOT NULL DEFAULT '')",
    "CREATE TABLE intents (id INTEGER PRIMARY KEY, run INTEGER NOT NULL, at REAL NOT NULL, operation TEXT NOT NULL,"
    " kind TEXT NOT NULL, creates INTEGER NOT NULL, method TEXT NOT NULL, url TEXT NOT NULL, body BLOB NOT NULL,"
    " settled_after REAL NOT NULL)",
    "CREATE TABLE parts (intent INTEGER NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL, run INTEGER NOT NULL,"
    " creates INTEGER NOT NULL, open INTEGER NOT NULL DEFAULT 1, state TEXT NOT NULL DEFAULT 'sending',"
    " at REAL NOT NULL, fields BLOB NOT NULL, existing BLOB NOT NULL, look_up BLOB NOT NULL, id INTEGER,"
    " facts BLOB NOT NULL DEFAULT '{}', reason TEXT NOT NULL DEFAULT '', cause TEXT NOT NULL DEFAULT '',"
    " sent_at REAL, settled_after REAL, by TEXT NOT NULL DEFAULT '', PRIMARY KEY (intent, key)) WITHOUT ROWID",
    "CREATE UNIQUE INDEX one_create ON parts (kind, key) WHERE open = 1 AND creates = 1",
    "CREATE INDEX open_parts ON parts (kind, key) WHERE open = 1",
    "CREATE INDEX given_up ON parts (kind, key) WHERE state = 'absent'",
    "CREATE TABLE attempts (intent INTEGER NOT NULL, at REAL NOT NULL, number INTEGER NOT NULL, outcome TEXT NOT NULL,"
    " status INTEGER, elapsed REAL NOT NULL)",
    "CREATE INDEX attempts_of ON attempts (intent)",
    "CREATE TABLE ids (kind TEXT NOT NULL, key TEXT NOT NULL, id INTEGER NOT NULL, since REAL NOT NULL, until REAL,"
    " by TEXT NOT NULL DEFAULT '')",
    "CREATE UNIQUE INDEX one_id ON ids (kind, key) WHERE until IS NULL",
    "CREATE UNIQUE INDEX one_key ON ids (kind, id) WHERE until IS NULL",
    "CREATE INDEX ever ON ids (kind, id)",
    "CREATE TABLE failures (run INTEGER NOT NULL, row INTEGER NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL,"
    " outcome TEXT NOT NULL, error TEXT NOT NULL, PRIMARY KEY (run, kind, key)) WITHOUT ROWID",
    "CREATE TABLE applied (kind TEXT NOT NULL, key TEXT NOT NULL, at REAL NOT NULL, fields BLOB NOT NULL,"
    " PRIMARY KEY (kind, key)) WITHOUT ROWID",
)
_SECOND: Final = (
    "CREATE TABLE side_requests (id INTEGER PRIMARY KEY, run INTEGER NOT NULL, at REAL NOT NULL,"
    " operation TEXT NOT NULL, number INTEGER NOT NULL, outcome TEXT NOT NULL, status INTEGER, elapsed REAL NOT NULL,"
    " apart INTEGER NOT NULL)",
    "CREATE INDEX side_requests_of ON side_requests (run)",
)
_THIRD: Final = ("ALTER TABLE parts ADD COLUMN row INTEGER",)
SCHEMA: Final = (_FIRST, _SECOND, _THIRD)
"""By version of the tables, from 1 on: what makes them of the version before."""

WITH_SIDE_REQUESTS: Final = 2
"""The version that has them first."""

WITH_ROWS: Final = 3
"""The version that has the rows of parts first."""

AT_OPENING: Final = (
    "UPDATE runs SET how = 'died' WHERE ended IS NULL",
    # the quota may have held it up until the very moment when its process died, which was before this one
    "UPDATE parts SET sent_at = :now WHERE open = 1 AND state = 'sending' AND sent_at IS NULL",
)
"""Whoever opens it holds the lock, so that nobody else can be at it."""
