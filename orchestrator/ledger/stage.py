"""From manifest to ledger: compare first, then merge in one transaction.

While a manifest is validated its documents are staged in a temporary database, so that
memory stays flat and nothing touches the ledger before the whole manifest is valid. A
plan compares stage and ledger and throws the stage away; a run merges it.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from orchestrator.errors import MachineError, Place
from orchestrator.ledger import record
from orchestrator.ledger.bill import Committed, committed, unsent
from orchestrator.ledger.feed import is_named
from orchestrator.ledger.flights import flights
from orchestrator.ledger.opening import (
    broken,
    check_not_gone,
    check_sound,
    connect,
    telling,
    uri,
)
from orchestrator.ledger.retry import Retry
from orchestrator.ledger.schema import NOW, tables_in
from orchestrator.ledger.stranded import stranded
from orchestrator.model import LARGE, Document, Mode, Operation, State, Stranded
from orchestrator.plan.deadlines import Flight

CACHE = "PRAGMA cache_size=-8000"
"""More gains nothing: pages that are put out stay in the memory of the system."""
NOTE = "valid"
"""The word of the ledger under which a merge notes what it was made of."""

_STAGE = """
CREATE TABLE new(
  key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, n INTEGER, account TEXT,
  mode TEXT, large INTEGER, priority INTEGER, size INTEGER, request_hash TEXT,
  fingerprint TEXT, spec TEXT, fate TEXT NOT NULL DEFAULT 'new'
);
"""
_NOBODY = Document("", Operation.CONVERT, "", "", "", "")
BILLS = """
CREATE TABLE bill(
  issuer TEXT, number TEXT, form TEXT, content TEXT,
  id TEXT, file TEXT, line INTEGER, "column" INTEGER
);
CREATE TABLE read(path TEXT PRIMARY KEY, sha256 TEXT) WITHOUT ROWID;
"""
_FATES = """
UPDATE new SET fate = CASE
  WHEN old.request_hash <> new.request_hash THEN 'changed'
  WHEN old.fingerprint <> new.fingerprint THEN 'touched'
  ELSE 'same' END
FROM ledger.document AS old WHERE old.id = new.id
"""
_STALE = """
SELECT new.id, link.spec, new.request_hash, new.fingerprint
FROM ledger.job AS job
CROSS JOIN ledger.job_document AS link ON link.job = job.id
CROSS JOIN ledger.document AS old ON old.id = link.document AND old.job = job.id
CROSS JOIN new ON new.id = old.id
WHERE job.phase <> 'ended' AND job.phase <> 'release' AND link.spec IS NOT NULL
  AND old.stale & 1 AND old.state IN ('open', 'in_doubt', 'overdue')
"""
"""Documents that were edited while in flight, each as its job has it."""
_KEEP_SPECS = """
UPDATE ledger.job_document SET spec = (
  SELECT document.spec FROM ledger.document AS document
  WHERE document.id = job_document.document)
WHERE spec IS NULL
  AND document IN (SELECT id FROM new WHERE fate = 'changed')
  AND job IN (SELECT id FROM ledger.job WHERE phase <> 'ended')
"""
_TELL = f"""
INSERT INTO ledger.event(at, kind, account, job, document, detail)
SELECT {NOW}, CASE new.fate WHEN 'changed' THEN 'changed' ELSE 'reopened' END,
  old.account, old.job, old.id, old.state
FROM ledger.document AS old JOIN new ON new.id = old.id
WHERE (new.fate = 'changed' OR old.state = 'gone')
  AND (old.job IS NOT NULL OR old.outputs IS NOT NULL)
"""  # noqa: S608  # the only insertion is a constant
_CHANGE = """
UPDATE ledger.document AS old SET
  n = new.n, account = new.account, mode = new.mode, large = new.large,
  priority = new.priority, size = new.size, request_hash = new.request_hash,
  fingerprint = new.fingerprint,
  spec = CASE WHEN old.outputs IS NOT NULL
              AND old.spec->>'$.output' = new.spec->>'$.output'
         THEN json_set(new.spec, '$.overwrite', json('true')) ELSE new.spec END,
  outputs = CASE WHEN old.spec->>'$.output' = new.spec->>'$.output'
            THEN old.outputs END,
  failure = NULL,
  code = CASE WHEN open.id IS NULL AND old.state IN ('open', 'failed')
         THEN old.code END,
  stale = open.id IS NOT NULL,
  state = CASE WHEN open.id IS NULL THEN 'open' ELSE old.state END,
  job = CASE WHEN open.id IS NULL THEN NULL ELSE old.job END
FROM new LEFT JOIN (
  SELECT job.id, document.id AS document FROM ledger.job JOIN ledger.document
  ON document.job = job.id AND document.state IN ('open', 'in_doubt', 'overdue')
  WHERE job.phase NOT IN ('release', 'ended')
) AS open ON open.document = new.id
WHERE old.id = new.id AND new.fate = 'changed'
"""
_INSERT = """
INSERT INTO ledger.document(id, n, account, mode, large, priority, size,
  request_hash, fingerprint, spec)
SELECT id, n, account, mode, large, priority, size, request_hash, fingerprint, spec
FROM new WHERE fate = 'new' ORDER BY n
"""
_REFRESH = """
UPDATE ledger.document AS old SET n = new.n, account = new.account,
  priority = new.priority, mode = new.mode, large = new.large, size = new.size,
  request_hash = new.request_hash, fingerprint = new.fingerprint,
  spec = CASE WHEN old.outputs IS NULL THEN new.spec
         ELSE json_set(new.spec, '$.overwrite', json('true')) END,
  failure = CASE WHEN old.state = 'gone' THEN NULL ELSE old.failure END,
  code = CASE WHEN old.state = 'gone' THEN NULL ELSE old.code END,
  job = CASE WHEN old.state = 'gone' THEN NULL ELSE old.job END,
  state = CASE WHEN old.state = 'gone' THEN 'open' ELSE old.state END,
  stale = CASE WHEN new.fate = 'back' THEN 0 ELSE old.stale & 1 END
FROM new WHERE old.id = new.id AND new.fate IN ('same', 'touched', 'back')
  AND (old.spec <> new.spec OR old.fingerprint <> new.fingerprint
       OR old.state = 'gone' OR old.stale > 1 OR new.fate = 'back')
"""
_LEAVE = """
UPDATE ledger.document SET state = 'gone'
WHERE state IN ('open', 'failed') AND id NOT IN (SELECT id FROM new)
  AND (state = 'failed' OR job IS NULL
       OR job NOT IN (SELECT id FROM ledger.job WHERE phase <> 'ended'))
"""
_UNWANT = """
UPDATE ledger.document SET stale = stale | 2
WHERE state IN ('open', 'in_doubt', 'overdue') AND job IS NOT NULL
  AND id NOT IN (SELECT id FROM new)
"""
_TOUCHED = """
SELECT id, spec FROM new WHERE fate = 'touched' AND id > ? ORDER BY id LIMIT ?
"""
_FREE = """
UPDATE ledger.document SET job = NULL WHERE state = 'open' AND job IN (
  SELECT job.id FROM ledger.job JOIN ledger.document AS mine ON mine.job = job.id
  WHERE job.phase IN ('submit', 'execute') AND job.intended IS NULL
  AND (mine.id IN (SELECT id FROM new WHERE fate = 'changed')
       OR mine.id NOT IN (SELECT id FROM new)))
"""
_ABANDON = """
UPDATE ledger.job SET phase = 'ended', progress = json_set(progress, '$.cost', 0)
WHERE phase IN ('submit', 'execute') AND intended IS NULL
  AND id NOT IN (SELECT job FROM ledger.document WHERE job IS NOT NULL)
"""
_DOUBLES = """
SELECT mine.number, mine.file, mine.line, mine."column",
  first.file || ':' || first.line || ':' || first."column"
FROM bill AS mine JOIN bill AS first ON first.rowid = (
  SELECT min(rowid) FROM bill AS each
  WHERE each.number = mine.number AND each.issuer = mine.issuer
  AND (each.form = mine.form OR each.content <> mine.content))
WHERE first.rowid < mine.rowid AND mine.id <> first.id
ORDER BY mine.rowid
"""
_USED = """
SELECT bill.number, bill.file, bill.line, bill."column", old.id
FROM ledger.document AS old JOIN bill
ON bill.number = coalesce(
  old.spec->>'$.original.params.number', old.spec->>'$.params.number')
  AND bill.id <> old.id
WHERE old.outputs IS NOT NULL AND old.id NOT IN (SELECT id FROM new)
  AND bill.issuer IN (old.spec->>'$.params.seller.tax_ids[0].value',
    old.spec->>'$.params.seller.name',
    old.spec->>'$.original.params.seller.tax_ids[0].value',
    old.spec->>'$.original.params.seller.name')
"""
_TODO = """
SELECT new.account, new.mode, count(*), sum(new.size), new.id, max(new.size)
FROM new LEFT JOIN ledger.document AS old ON old.id = new.id
WHERE new.fate IN ('new', 'changed')
   OR old.state IN ('open', 'in_doubt', 'overdue', 'gone')
GROUP BY new.account, new.mode
ORDER BY new.account, instr('sync async presigned', new.mode)
"""
_IS_ALL = """
SELECT (SELECT count(*) FROM new) = (SELECT count(*) FROM ledger.document)
  - (SELECT count(*) FROM ledger.document WHERE state <> 'done' AND state = 'gone')
"""
_AGAIN = """
FROM new JOIN ledger.document AS old ON old.id = new.id
WHERE new.fate = 'changed' AND new.account NOT IN (SELECT value FROM json_each(?))
  AND (old.state IN ('done', 'missing', 'lost', 'in_doubt', 'overdue')
       OR old.state = 'open' AND old.job IN (
         SELECT id FROM ledger.job
         WHERE intended IS NOT NULL OR phase IN ('poll', 'fetch', 'release')))
"""
_MERGE = (
    _FREE,
    _ABANDON,
    _KEEP_SPECS,
    _TELL,
    _CHANGE,
    _INSERT,
    _REFRESH,
    _LEAVE,
    _UNWANT,
)
"""In this order; a job that was never sent is not sent for what nobody wants now."""


@dataclass(frozen=True, slots=True)
class Share:
    """What is to be done at one account in one mode, with an example."""

    account: str
    mode: str
    documents: int
    bytes: int
    example: Document


@dataclass(frozen=True, slots=True)
class Diff:
    """Manifest against ledger, in numbers of documents."""

    documents: int
    new: int
    changed: int
    same: int
    gone: int
    states: dict[str, int]


class Stage:
    """Documents of one manifest, on their way to a plan or to the ledger.

    Args:
        ledger: Where the ledger is, if there is one.
        sound: Whether it was looked through just now.
    """

    FLUSH = 500
    ADD = """
    INSERT OR IGNORE INTO new(id, n, account, mode, large, priority, size, request_hash,
      fingerprint, spec) VALUES(?,?,?,?,?,?,?,?,?,?)
    """
    """Two of one id are a fault already, and are told as one."""

    def __init__(self, ledger: Path, *, sound: bool = False) -> None:
        self._path = ledger
        self._exists = ledger.exists()
        self._db = self._open()
        self._buffer: list[tuple[Any, ...]] = []
        self._bills: list[tuple[str | int, ...]] = []
        self._fresh: dict[tuple[str, Mode], list[Any]] = {}
        self._share: list[Any] = [0, 0, _NOBODY, 0]
        self.retry: Retry | None = None
        """After the merge: what a retry asks for, if there is nothing else to do."""
        self._attach(sound=sound)
        self._db.execute("BEGIN")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._db.close()

    def _open(self) -> sqlite3.Connection:
        # An empty name is a private temporary file: it spills instead of growing.
        db = sqlite3.connect(
            "", uri=True, isolation_level=None, check_same_thread=False
        )
        db.execute("PRAGMA synchronous=OFF")
        db.execute(CACHE)
        db.executescript(_STAGE + BILLS)
        return db

    def _attach(self, *, sound: bool) -> None:
        if self._exists:
            if not sound:
                check_sound(self._path)
            with telling(self._path):
                self._db.execute("ATTACH ? AS ledger", (uri(self._path, "ro"),))
        else:
            check_not_gone(self._path)
            self._db.execute("ATTACH ':memory:' AS ledger")
            self._db.executescript(tables_in("ledger"))

    def add(self, document: Document) -> None:
        """Stage a document."""
        row = _row(document)
        self._buffer.append(row)
        self._count(document, row)
        if len(self._buffer) >= self.FLUSH:
            self._flush()

    def _count(self, document: Document, row: tuple[Any, ...]) -> None:
        """Add a document to its share of what is to be done, if all of them are new."""
        size, known = row[6], self._share
        example = known[2]
        if document.mode is not example.mode or document.provider != example.provider:
            key = (document.provider, document.mode)
            self._share = known = self._fresh.setdefault(key, [0, 0, document, size])
        known[0] += 1
        known[1] += size
        if size > known[3]:
            known[2], known[3] = document, size

    def _flush(self) -> None:
        self._db.executemany(self.ADD, self._buffer)
        self._buffer.clear()
        self._db.executemany("INSERT INTO bill VALUES(?,?,?,?,?,?,?,?)", self._bills)
        self._bills.clear()

    def is_ours(self, document: Document) -> bool:
        """Whether the ledger knows why the document's output may be there already."""
        if not self._exists:
            return False
        row = self._db.execute(
            "SELECT 1 FROM ledger.document WHERE id = ? "
            "AND (outputs IS NOT NULL OR job IS NOT NULL) "
            "AND spec->>'$.output' = ?",
            (document.id, document.output),
        ).fetchone()
        return row is not None

    def is_known(self, document: Document) -> bool:
        """Whether the ledger has a document of that id."""
        if not self._exists:
            return False
        query = "SELECT 1 FROM ledger.document WHERE id = ?"
        return self._db.execute(query, (document.id,)).fetchone() is not None

    def is_numbered(self, document: str, number: str, *, made: bool = False) -> bool:
        """Whether the ledger knows a document, or its outputs, under a number."""
        if not self._exists:
            return False
        row = self._db.execute(
            "SELECT 1 FROM ledger.document AS old, json_each("
            "coalesce(old.spec->'$.original.params', old.spec->'$.params')) AS field "
            "WHERE old.id = ? AND field.value = ? AND (old.outputs IS NOT NULL OR ?)",
            (document, number, not made),
        ).fetchone()
        return row is not None

    def is_made(self, document: str, number: str) -> bool:
        """Whether the ledger knows outputs of a document under a number."""
        return self.is_numbered(document, number, made=True)

    def bill(
        self, document: str, names: tuple[str, str, str, str], place: Place
    ) -> None:
        """Note whose number a document has: issuer, number, form and content."""
        self._bills.append((*names, document, place.file, place.line, place.column))
        if len(self._bills) >= self.FLUSH:
            self._flush()

    def doubles(self) -> Iterator[tuple[Place, str]]:
        """Numbers of one issuer that two invoices have, or one of an earlier run.

        One invoice may have several documents, if each is another form of it.
        """
        self._flush()
        self._db.execute("CREATE INDEX bill_number ON bill(number, issuer)")
        for number, file, line, column, other in self._db.execute(_DOUBLES):
            message = f"the number {number} is taken; the other is at {other}"
            yield Place(file, line, column), f"{message} [E_DUPLICATE_NUMBER]"
        for number, file, line, column, other in self._db.execute(_USED):
            message = f"the number {number} was used for {other} in an earlier run"
            yield Place(file, line, column), f"{message} [E_DUPLICATE_NUMBER]"

    def compare(self) -> Diff:
        """Say what is new, changed, the same and gone; changes nothing."""
        self._flush()
        if not self._exists:
            every = sum(share[0] for share in self._fresh.values())
            return Diff(every, every, 0, 0, 0, {})
        self._decide()
        fates = dict(self._db.execute("SELECT fate, count(*) FROM new GROUP BY fate"))
        gone = self._db.execute(
            "SELECT count(*) FROM ledger.document WHERE state <> 'gone' "
            "AND id NOT IN (SELECT id FROM new)"
        ).fetchone()[0]
        states = dict(
            self._db.execute(
                "SELECT old.state, count(*) FROM new JOIN ledger.document AS old "
                "ON old.id = new.id WHERE new.fate NOT IN ('new', 'changed') GROUP BY 1"
            )
        )
        return Diff(
            documents=sum(fates.values()),
            new=fates.get("new", 0),
            changed=fates.get("changed", 0),
            same=sum(fates.get(each, 0) for each in ("same", "touched", "back")),
            gone=gone,
            states=states,
        )

    def _decide(self) -> None:
        self._db.execute(_FATES)
        self._settle_touched()
        self._settle_back()

    def _settle_touched(self) -> None:
        """Let the hash decide where only size, time or inode differ."""
        after = ""
        while rows := self._db.execute(_TOUCHED, (after, self.FLUSH)).fetchall():
            after = rows[-1][0]
            changed = [
                (id_,)
                for id_, spec in rows
                if not all(
                    self._is_as_sent(each.path) for each in record.document(spec).inputs
                )
            ]
            self._db.executemany(
                "UPDATE new SET fate = 'changed' WHERE id = ?", changed
            )

    def _settle_back(self) -> None:
        """Find edits that were undone: what is in flight is what is asked for now."""
        back = [
            (id_,)
            for id_, spec, *now in self._db.execute(_STALE)
            if self._is_asked(record.document(spec), *now)
        ]
        self._db.executemany("UPDATE new SET fate = 'back' WHERE id = ?", back)

    def _is_asked(self, sent: Document, request_hash: str, fingerprint: str) -> bool:
        return record.request_hash(sent) == request_hash and (
            record.fingerprint(sent.inputs) == fingerprint
            or all(self._is_as_sent(each.path) for each in sent.inputs)
        )

    def _is_as_sent(self, path: str) -> bool:
        row = self._db.execute(
            "SELECT sha256 FROM ledger.input WHERE path = ?", (path,)
        ).fetchone()
        return row is not None and self._sha256(path) == row[0]

    def _sha256(self, path: str) -> str | None:
        """Of a file as it is; read once, however often it is asked for."""
        row = self._db.execute("SELECT sha256 FROM read WHERE path = ?", (path,))
        if known := row.fetchone():
            return str(known[0]) if known[0] else None
        found = _sha256(path)
        self._db.execute("INSERT INTO read VALUES(?, ?)", (path, found))
        return found

    def states(self) -> dict[str, int]:
        """Documents of the manifest by their state in the ledger."""
        return dict(
            self._db.execute(
                "SELECT old.state, count(*) FROM new JOIN ledger.document AS old "
                "ON old.id = new.id GROUP BY 1"
            )
        )

    def again(self, free: Collection[str], *, most: int = 10) -> tuple[int, list[str]]:
        """Changed documents that were paid for, or may have been; after ``compare``.

        Args:
            free: Accounts that bill nothing.
            most: How many ids to give, in the order of the manifest.
        """
        names = (record.text(sorted(free)),)
        count = self._db.execute(f"SELECT count(*) {_AGAIN}", names)  # a constant
        ids = self._db.execute(
            f"SELECT new.id {_AGAIN} ORDER BY new.n LIMIT ?",
            (*names, most),
        )
        return int(count.fetchone()[0]), [id_ for (id_,) in ids]

    def unknown(self, names: Sequence[str]) -> list[str]:
        """Ids and shell patterns that mean no document of the manifest."""
        left = list(dict.fromkeys(names))
        for (id_,) in self._db.execute("SELECT id FROM new") if left else ():
            left = [each for each in left if not is_named(id_, by=each)]
            if not left:
                break
        return left

    def shares(self) -> list[Share]:
        """What is to be done, by account and mode."""
        if self._exists:
            return self._shares(_TODO)
        modes = list(Mode)
        every = sorted(self._fresh, key=lambda key: (key[0], modes.index(key[1])))
        return [
            Share(account, mode, count, size, example)
            for account, mode in every
            for count, size, example, _ in [self._fresh[account, mode]]
        ]

    def _shares(self, todo: str) -> list[Share]:
        todo, bound = (self.retry.todo, self.retry.bound) if self.retry else (todo, ())
        rows = self._db.execute(todo, bound).fetchall()
        return [
            Share(account, mode, count, size or 0, self._example(example))
            for account, mode, count, size, example, _ in rows
        ]

    def _example(self, id_: str) -> Document:
        spec = self._db.execute("SELECT spec FROM new WHERE id = ?", (id_,))
        return record.document(spec.fetchone()[0])

    def unsent(self) -> list[tuple[str, Operation, int]]:
        """Documents that have to be sent yet, by account and operation."""
        return self.retry.unsent(self._db) if self.retry else unsent(self._db)

    def committed(self) -> list[Committed]:
        """What jobs have cost or may have cost, as the ledger knows it."""
        return committed(self._db)

    def flights(self) -> Iterator[Flight]:
        """Documents that a former run left at a provider."""
        return flights(self._db, "ledger")

    def stranded(self, here: Mapping[str, str]) -> list[Stranded]:
        """Jobs that were left at other accounts or servers than these."""
        return stranded(self._db, here)

    def documents(self) -> Iterator[tuple[Document, State, str]]:
        """Every document with its state in the ledger and its fate, in order."""
        rows = self._db.execute(
            "SELECT new.spec, coalesce(old.state, 'open'), new.fate FROM new "
            "LEFT JOIN ledger.document AS old ON old.id = new.id ORDER BY new.n"
        )
        for spec, state, fate in rows:
            yield record.document(spec), State(state), fate

    def gone(self) -> Iterator[tuple[Document, State, str]]:
        """Documents that the manifest has no more, with their states."""
        rows = self._db.execute(
            "SELECT spec, state FROM ledger.document WHERE state <> 'gone' "
            "AND id NOT IN (SELECT id FROM new) ORDER BY n"
        )
        for spec, state in rows:
            yield record.document(spec), State(state), "gone"

    def merge(self, note: str | None = None) -> None:
        """Write the staged documents into the ledger, in one transaction.

        Args:
            note: What this merge is made of, in place of what is noted of the one
                before. Left out where the ledger has other documents, too: what
                becomes of those is for every merge to say.

        Raises:
            MachineError: the ledger cannot be written, or came or went meanwhile.
        """
        refuse(self._path, exists=self._exists)
        connect(self._path).close()
        try:
            self._db.execute("COMMIT")
            self._db.execute("DETACH ledger")
            self._db.execute("ATTACH ? AS ledger", (uri(self._path, "rw"),))
            self._db.execute("PRAGMA ledger.synchronous=FULL")
            self._db.execute("BEGIN IMMEDIATE")
            # Another run may have come and gone since the manifest was compared.
            self._decide()
            for statement in _MERGE:
                self._db.execute(statement)
            self._note(note)
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise broken(self._path, error) from error
        self._exists = True

    def _note(self, note: str | None) -> None:
        self._db.execute("DELETE FROM ledger.meta WHERE key = ?", (NOTE,))
        if note is not None and self._db.execute(_IS_ALL).fetchone()[0]:
            self._db.execute("INSERT INTO ledger.meta VALUES(?, ?)", (NOTE, note))


def refuse(path: Path, *, exists: bool) -> None:
    """Go no further if a ledger came or went: nobody has agreed to that.

    Raises:
        MachineError: it did.
    """
    if path.exists() is not exists:
        raise MachineError(
            f"ledger {path}: it was {'removed' if exists else 'made'} "
            "while the manifest was read; see to it and run the same command again"
        )


def _row(document: Document) -> tuple[Any, ...]:
    size = document.size
    return (
        document.id,
        document.n,
        document.provider,
        document.mode,
        int(size >= LARGE),
        document.priority,
        size,
        record.request_hash(document),
        record.fingerprint(document.inputs),
        record.text(document),
    )


def _sha256(path: str) -> str | None:
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
