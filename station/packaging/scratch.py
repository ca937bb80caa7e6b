"""What an export must sort or remember, in a file beside the package: memory stays small however many documents there are."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from station.packaging.placing import private_file

SEALING = ("sealed", "renewed", "signed")
"""Types of entries each of which has a file."""
GONE = ("erased", "deleted")
"""Types of entries after which a document has none."""

_TABLES = """
CREATE TABLE entry (sequence INTEGER PRIMARY KEY, document TEXT NOT NULL, type TEXT NOT NULL, at TEXT NOT NULL, archive TEXT, extends TEXT);
CREATE TABLE chosen (document TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE other (sequence INTEGER PRIMARY KEY);
CREATE TABLE line (sealed INTEGER NOT NULL, document TEXT NOT NULL, json TEXT NOT NULL, PRIMARY KEY (sealed, document)) WITHOUT ROWID;
CREATE TABLE member (path TEXT PRIMARY KEY, sha256 TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE withheld (entry INTEGER PRIMARY KEY, document TEXT NOT NULL, reason TEXT NOT NULL);
CREATE TABLE gap (code TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Named:
    """An entry of the ledger that names a document."""

    sequence: int
    document: str
    type: str
    at: str
    archive: str | None
    extends: str | None


@dataclass(frozen=True, slots=True)
class Withheld:
    """A sealed file that should be in the package and is not."""

    entry: int
    document: str
    reason: str
    """confidential, missing or damaged."""


class Scratch:
    """Tables of one export; closed and gone with it. For one thread."""

    def __init__(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        private_file(path)
        self._path = path
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.executescript(
            "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-16000; PRAGMA temp_store=FILE;" + _TABLES
        )
        self._db.execute("BEGIN")

    def close(self) -> None:
        self._db.close()
        self._path.unlink(missing_ok=True)

    # --- entries ---

    def note_entries(self, entries: Iterable[Named]) -> None:
        rows = ((e.sequence, e.document, e.type, e.at, e.archive, e.extends) for e in entries)
        self._db.executemany("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?)", rows)

    def choose(self, document: str) -> None:
        self._db.execute("INSERT OR IGNORE INTO chosen VALUES (?)", (document,))

    def choose_sealed(self, begin: str, end: str) -> None:
        """Documents with a file that was sealed in the half-open interval of entry times."""
        self._db.execute("CREATE INDEX entry_document ON entry (document, sequence)")
        self._db.execute(
            "INSERT OR IGNORE INTO chosen SELECT document FROM entry WHERE type IN (?, ?, ?) AND at >= ? AND at < ?", (*SEALING, begin, end)
        )

    def forget(self, document: str) -> None:
        """It has no row; its entries outside the segment are not needed."""
        self._db.execute("DELETE FROM chosen WHERE document = ?", (document,))

    def count_chosen(self) -> int:
        return int(self._one("SELECT count(*) FROM chosen"))

    def chosen(self, size: int) -> Iterator[list[str]]:
        """Identifiers in order, so many at a time; those forgotten meanwhile do no harm."""
        last = ""
        while rows := self._db.execute("SELECT document FROM chosen WHERE document > ? ORDER BY document LIMIT ?", (last, size)).fetchall():
            last = rows[-1][0]
            yield [row[0] for row in rows]

    def entries_of(self, documents: Sequence[str]) -> list[Named]:
        """By sequence."""
        marks = ", ".join("?" * len(documents))
        rows = self._db.execute(
            f"SELECT sequence, document, type, at, archive, extends FROM entry WHERE document IN ({marks}) ORDER BY sequence",  # noqa: S608 only marks
            list(documents),
        )
        return [Named(*row) for row in rows]

    def add_others(self, sequences: Iterable[int]) -> None:
        self._db.executemany("INSERT OR IGNORE INTO other VALUES (?)", ((sequence,) for sequence in sequences))

    def count_others(self) -> int:
        return int(self._one("SELECT count(*) FROM other"))

    def others(self) -> Iterator[int]:
        return (row[0] for row in self._db.execute("SELECT sequence FROM other ORDER BY sequence"))

    # --- rows, gaps, what is withheld ---

    def add_line(self, sealed: int, document: str, json: str) -> None:
        self._db.execute("INSERT INTO line VALUES (?, ?, ?)", (sealed, document, json))

    def lines(self) -> Iterator[str]:
        """In the order of the index."""
        return (row[0] for row in self._db.execute("SELECT json FROM line ORDER BY sealed, document"))

    def add_gap(self, code: str) -> None:
        self._db.execute("INSERT INTO gap VALUES (?, 1) ON CONFLICT (code) DO UPDATE SET count = count + 1", (code,))

    def gaps(self) -> dict[str, int]:
        return dict(self._db.execute("SELECT code, count FROM gap ORDER BY code").fetchall())

    def withhold(self, withheld: Withheld) -> None:
        self._db.execute("INSERT INTO withheld VALUES (?, ?, ?)", (withheld.entry, withheld.document, withheld.reason))

    def withheld(self) -> tuple[Withheld, ...]:
        """By entry."""
        return tuple(Withheld(*row) for row in self._db.execute("SELECT entry, document, reason FROM withheld ORDER BY entry"))

    # --- the manifest ---

    def note_member(self, path: str, sha256: str) -> None:
        """Raises sqlite3.IntegrityError where a path comes twice."""
        self._db.execute("INSERT INTO member VALUES (?, ?)", (path, sha256))

    def members(self) -> Iterator[tuple[str, str]]:
        """Path and SHA-256, by the bytes of the path."""
        return ((row[0], row[1]) for row in self._db.execute("SELECT path, sha256 FROM member ORDER BY path"))

    def _one(self, query: str) -> int:
        row = self._db.execute(query).fetchone()
        return int(row[0])
