"""Numbers for the documents of a manifest: first looked at, then reserved.

A pass notes what it would give in a temporary database beside the store, which it only
reads. A plan stops there. A run reserves all of it in one IMMEDIATE transaction, if
nobody else has taken numbers meanwhile; else it looks again.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from orchestrator.errors import MachineError, Place
from orchestrator.ledger import numbers, record
from orchestrator.ledger.opening import uri
from orchestrator.manifest.series import NumberRefused, Period, Series
from orchestrator.plan.batch import NumberRange

_NOTES = """
PRAGMA main.synchronous = OFF;
PRAGMA main.journal_mode = MEMORY;
CREATE TABLE new(
  number TEXT PRIMARY KEY, series TEXT, period TEXT, n INTEGER, document TEXT,
  content TEXT, given INTEGER, may_skip INTEGER, file TEXT, line INTEGER,
  "column" INTEGER, UNIQUE(series, document)
) WITHOUT ROWID;
CREATE TABLE kept(
  number TEXT PRIMARY KEY, series TEXT, period TEXT, n INTEGER, content TEXT,
  before TEXT, document TEXT
) WITHOUT ROWID;
CREATE INDEX new_document ON new(document);
CREATE INDEX kept_document ON kept(document);
"""
_BOUND = """
SELECT number, period, n, state, content FROM store.number
WHERE series = ? AND batch = ? AND document = ? AND state <> 'void'
"""
_TAKEN = """
SELECT batch, document, state FROM store.number WHERE number = ?1 UNION ALL
SELECT '', document, 'reserved' FROM main.new WHERE number = ?1
"""
_INSERT = """
INSERT INTO store.number(number, series, period, n, batch, document, content, given,
  state, reserved)
SELECT number, series, period, n, ?, document, content, given, 'reserved', ? FROM new
ORDER BY series, period, n
"""
_REFRESH = """
UPDATE store.number AS old SET content = kept.content FROM kept
WHERE kept.number = old.number AND kept.content <> kept.before
"""
_STALE = """
SELECT 1 FROM kept LEFT JOIN store.number AS old ON old.number = kept.number
WHERE old.state IS NULL OR old.state = 'void' OR old.content <> kept.before LIMIT 1
"""
_RANGES = """
WITH every AS (
  SELECT series, period, 1 AS is_new, n, number FROM main.new UNION ALL
  SELECT series, period, 0, n, number FROM main.kept),
ends AS (
  SELECT series, period, is_new, count(*) AS many, min(n) AS least, max(n) AS most
  FROM every GROUP BY series, period, is_new)
SELECT series, period, is_new, many,
  (SELECT number FROM every WHERE (every.series, every.period, every.n) =
    (ends.series, ends.period, least)),
  (SELECT number FROM every WHERE (every.series, every.period, every.n) =
    (ends.series, ends.period, most))
FROM ends ORDER BY series, period, is_new
"""

_OF = """
SELECT number FROM main.new WHERE document = ?1 UNION ALL
SELECT number FROM main.kept WHERE document = ?1
"""

Knows = Callable[[str, str], bool]
"""Something that the ledger may know of a document under a number."""


class Overtaken(Exception):
    """Somebody else took numbers since they were looked at: look again."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a document asks for."""

    series: Series
    period: Period
    document: str
    content: str
    place: Place


class Register:
    """Fits ``manifest.series.Numbering``; changes nothing before :meth:`reserve`.

    Args:
        path: The store of numbers, which need not be there.
        batch: Name of the batch; with the document's id it tells documents apart.
        is_made: Whether the ledger knows outputs of a document under a number.
        is_ours: Whether the ledger knows a document under a number at all.
        hold: Whether others have to wait until this is closed: a second try cannot be
            overtaken then.
    """

    def __init__(
        self,
        path: Path,
        batch: str,
        is_made: Knows,
        is_ours: Knows,
        *,
        hold: bool = False,
    ) -> None:
        self._path = path
        self._batch = batch
        self._is_made = is_made
        self._is_ours = is_ours
        self._next: dict[tuple[str, str], int] = {}
        self._seen: dict[tuple[str, str], int] = {}
        self._is_held = False
        self._hold = hold
        self._open: sqlite3.Connection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._open is not None:
            self._open.close()

    @property
    def _db(self) -> sqlite3.Connection:
        """Opened by the first document that asks: most manifests have no series."""
        if self._open is None:
            self._open = sqlite3.connect(
                "",
                uri=True,
                isolation_level=None,
                check_same_thread=False,
                timeout=numbers.PATIENCE,
            )
            self._open.executescript(_NOTES)
            self._attach(create=self._hold)
            if self._hold:
                self._lock()
                self._is_held = True
        return self._open

    def _attach(self, *, create: bool) -> None:
        self._exists = self._path.exists() or create
        if self._exists:
            numbers.connect(self._path, create=create).close()
            self._db.execute("ATTACH ? AS store", (uri(self._path, "rw"),))
            self._db.execute("PRAGMA store.synchronous=EXTRA")
        else:
            self._db.execute("ATTACH ':memory:' AS store")
            self._db.executescript(numbers.tables("store"))

    def _lock(self) -> None:
        try:
            self._db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            raise MachineError(
                f"store of numbers {self._path}: another run holds it for more than "
                f"{numbers.PATIENCE:.0f} seconds ({error}); try again"
            ) from error

    # A pass over the manifest

    def begin(self) -> None:
        """Forget what an earlier pass noted."""
        self._next.clear()
        self._seen.clear()
        if self._open is None:
            return
        self._db.execute("DELETE FROM main.new")
        self._db.execute("DELETE FROM main.kept")

    def number(
        self, series: Series, document: str, params: Mapping[str, Any], place: Place
    ) -> str:
        """The number that a document has, or would get.

        Raises:
            NumberRefused: its data gives one that is taken or of another form, or it
                was delivered with other content.
        """
        period = series.period(params)
        content = _content(params, series.field)
        asked = _Asked(series, period, document, content, place)
        given = params.get(series.field)
        if given is not None and not isinstance(given, str):
            given = str(given)
        row = self._db.execute(_BOUND, (series.name, self._batch, document)).fetchone()
        if row is not None:
            return self._kept(asked, row, given)
        row = self._db.execute(
            "SELECT number FROM main.new WHERE series = ? AND document = ?",
            (series.name, document),
        ).fetchone()
        if row is not None:
            return str(row[0])  # the same id twice: a fault of its own
        return self._new(asked, given)

    def _kept(self, asked: _Asked, row: tuple[str, ...], given: str | None) -> str:
        number, period, n, state, before = row
        series = asked.series
        if given not in (None, number):
            message = f"{series.field} is {given}, but the document has {number} since"
            raise NumberRefused(f"{message} an earlier run", _VOID, series.field)
        if period != asked.period.key:
            message = f"the document has the number {number} of {period}, and its "
            message += f"{series.date} is of {asked.period.key} now"
            raise NumberRefused(message, _VOID, series.date)
        is_delivered = state == numbers.Standing.DELIVERED
        if before != asked.content and not self._is_ours(asked.document, number):
            # Another batch of this name may have it: two bills would share a number.
            message = f"{number} is held for a document of this id in a batch of this "
            raise NumberRefused(f"{message}name, with other content", _NAME)
        is_frozen = before != asked.content and not series.may_change
        if is_frozen and (is_delivered or self._is_made(asked.document, number)):
            raise NumberRefused(f"{number} was delivered with other content", _CREDIT)
        self._db.execute(
            "INSERT OR IGNORE INTO main.kept VALUES(?, ?, ?, ?, ?, ?, ?)",
            (number, series.name, period, n, asked.content, before, asked.document),
        )
        return number

    def _new(self, asked: _Asked, given: str | None) -> str:
        series, period = asked.series, asked.period
        last = self._following(series, period)
        if given is None:
            n = last
            number = series.write(n, period)
        else:
            number = given
            found = series.read(number, period)
            if found is None:
                message = f"{series.field} {given} is no number of series {series.name}"
                hint = f"as in {series.write(last, period)}"
                raise NumberRefused(message, hint, series.field)
            n = found
        self._refuse_taken(asked, number)
        self._next[series.name, period.key] = max(last, n + 1)
        place = asked.place
        self._db.execute(
            "INSERT INTO main.new VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(number, series.name, period.key, n, asked.document, asked.content),
                *(given is not None, series.may_skip),
                *(place.file, place.line, place.column),
            ),
        )
        return number

    def _following(self, series: Series, period: Period) -> int:
        """The number after the last one of a period."""
        key = (series.name, period.key)
        if key not in self._next:
            self._seen[key] = last = self._last(key)
            self._next[key] = series.start if last < 0 else last + 1
        return self._next[key]

    def _last(self, key: tuple[str, str]) -> int:
        row = self._db.execute(
            "SELECT max(n) FROM store.number WHERE series = ? AND period = ?", key
        ).fetchone()
        return -1 if row[0] is None else int(row[0])

    def _refuse_taken(self, asked: _Asked, number: str) -> None:
        row = self._db.execute(_TAKEN, (number,)).fetchone()
        if row is None:
            return
        batch, document, state = row
        if state == numbers.Standing.VOID:
            message = f"the number {number} is void, and is not given again"
        else:
            where = f" of batch {batch}" if batch not in ("", self._batch) else ""
            message = f"the number {number} is taken by document {document}{where}"
        hint = "numbers are unique: every series has a format of its own"
        field = asked.series.field
        raise NumberRefused(f"{message} [E_DUPLICATE_NUMBER]", hint, field)

    def problems(self) -> Iterator[tuple[Place, str, str]]:
        """Gaps that numbers from the data would leave."""
        if self._open is None:
            return
        rows = self._open.execute(
            "SELECT series, period, n, number, may_skip, file, line, "
            '"column" FROM main.new ORDER BY series, period, n'
        )
        key, before = ("", ""), -1
        for series, period, n, number, may_skip, *place in rows:
            if (series, period) != key:
                key, before = (series, period), self._seen[series, period]
            if before >= 0 and n > before + 1 and not may_skip:
                missing = n - before - 1
                what = "1 number" if missing == 1 else f"{missing:,} numbers"
                message = f"{number} leaves a gap of {what} before it in {series}"
                hint = "give them, or say gaps: allow in the entry's number"
                yield Place(*place), f"{message} [E_NUMBER_GAP]", hint
            before = max(before, n)

    def ranges(self) -> list[NumberRange]:
        """The numbers of this pass, by series and period."""
        if self._open is None:
            return []
        return [
            NumberRange(series, period, bool(is_new), count, first, last)
            for series, period, is_new, count, first, last in self._db.execute(_RANGES)
        ]

    def of(self, document: str) -> str | None:
        """The number of a document of this pass, if it gets one from a series."""
        if self._open is None:
            return None
        row = self._open.execute(_OF, (document,)).fetchone()
        return row and str(row[0])

    # What lasts

    def reserve(self, now: float) -> None:
        """Reserve what the pass noted: all of it, or nothing.

        Raises:
            Overtaken: others took numbers since.
            MachineError: the store cannot be written.
        """
        if self._open is None:
            return
        changes = "SELECT EXISTS (SELECT 1 FROM main.new) OR EXISTS (SELECT 1 FROM "
        changes += "main.kept WHERE content <> before)"
        if not self._db.execute(changes).fetchone()[0]:
            return
        if not self._exists:
            self._db.execute("DETACH store")
            self._attach(create=True)
        if not self._is_held:
            self._lock()
        try:
            self._refuse_overtaken()
            self._db.execute(_INSERT, (self._batch, now))
            self._db.execute(_REFRESH)
            self._db.execute("COMMIT")
        except sqlite3.IntegrityError as error:
            self._db.execute("ROLLBACK")
            raise Overtaken from error
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            message = f"store of numbers {self._path}: {error}"
            raise MachineError(message) from error
        except Overtaken:
            self._db.execute("ROLLBACK")
            raise
        self._is_held = False

    def _refuse_overtaken(self) -> None:
        is_older = any(self._last(key) != last for key, last in self._seen.items())
        if is_older or self._db.execute(_STALE).fetchone():
            raise Overtaken


_VOID = "declare it void first: orchestrator numbers void"
_NAME = (
    "give this manifest a `name` of its own; or, if nobody else uses that number, "
    "orchestrator numbers void"
)
_CREDIT = (
    "issue a credit note under an id of its own; or say changes: allow in the entry's "
    "number"
)


def _content(params: Mapping[str, Any], field: str) -> str:
    """What a number stands for: the data, without the number and without its looks."""
    bare = {key: params[key] for key in params if key not in (field, "style")}
    return hashlib.sha256(record.text(bare).encode()).hexdigest()
