"""The first manifest of a batch: staged in the file that becomes its ledger.

A merge copies every document once more, and a million of them take as long as a run can
do without. Where there is no ledger yet, there is nothing to compare with: documents go
into the tables of a new one while the manifest is read, under another name, and a valid
manifest gives it its name. What was written goes to the disk meanwhile, so that little
is left at the end. A faulty manifest leaves nothing.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from orchestrator.ledger.kept import Kept
from orchestrator.ledger.opening import broken, drop_new, give_name, new_of, uri
from orchestrator.ledger.schema import TABLES, VERSION
from orchestrator.ledger.stage import BILLS, CACHE, NOTE, Diff, Share, Stage, refuse
from orchestrator.model import Operation

_TEMPORARY = """
CREATE TEMP VIEW new AS
SELECT id, n, account, mode, large, priority, size, request_hash, fingerprint, spec,
  'new' AS fate
FROM main.document;
"""
_SYNC_EVERY = 20_000
"""Documents after which what was written is sent to the disk: some ten megabytes."""


class Fresh(Kept):
    """Documents of a manifest that has no ledger yet; the batch is held.

    Args:
        ledger: Where it will be; its folder is there.

    Raises:
        MachineError: the file cannot be written, or a ledger was there until now.
    """

    ADD = Stage.ADD.replace("INTO new(", "INTO main.document(")

    def __init__(self, ledger: Path) -> None:
        self._new = new_of(ledger)
        self._is_merged = False
        self._written = 0
        self._syncing: threading.Thread | None = None
        Stage.__init__(self, ledger)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, trace)
        self._synced()
        if not self._is_merged:
            drop_new(self._path)

    def _open(self) -> sqlite3.Connection:
        if self._is_merged:
            return super()._open()
        drop_new(self._path)
        try:
            db = sqlite3.connect(
                uri(self._new, "rwc"),
                uri=True,
                isolation_level=None,
                check_same_thread=False,
            )
            # Until it has its name, nobody misses it.
            db.execute("PRAGMA journal_mode=OFF")
            db.execute("PRAGMA synchronous=OFF")
            db.execute(CACHE)
            db.executescript(f"{TABLES} PRAGMA user_version={VERSION};")
            db.executescript(BILLS.replace("CREATE TABLE", "CREATE TEMP TABLE"))
            db.executescript(_TEMPORARY)
        except sqlite3.Error as error:
            raise broken(self._path, error) from error
        return db

    def _flush(self) -> None:
        before, self._written = self._written, self._written + len(self._buffer)
        super()._flush()
        if before // _SYNC_EVERY < self._written // _SYNC_EVERY:
            self._synced()
            self._syncing = threading.Thread(target=self._sync, name="sync")
            self._syncing.start()

    def _sync(self) -> None:
        with suppress(OSError):  # the last one counts
            file = os.open(self._new, os.O_RDONLY)
            try:
                os.fdatasync(file)
            finally:
                os.close(file)

    def _synced(self) -> None:
        if self._syncing is not None:
            self._syncing.join()
            self._syncing = None

    def compare(self) -> Diff:
        """All of it is new; nothing is, once it is merged."""
        return super().compare() if self._is_merged else Stage.compare(self)

    def shares(self) -> list[Share]:
        """What is to be done, by account and mode."""
        return super().shares() if self._is_merged else Stage.shares(self)

    def unsent(self) -> list[tuple[str, Operation, int]]:
        """Documents that have to be sent yet, by account and operation."""
        return super().unsent() if self._is_merged else Stage.unsent(self)

    def again(self, free: Collection[str], *, most: int = 10) -> tuple[int, list[str]]:
        """Nothing was ever asked for."""
        return super().again(free, most=most)

    def merge(self, note: str | None = None) -> None:
        """Give the ledger its name; see ``Stage.merge``."""
        refuse(self._path, exists=False)
        self._flush()
        self._synced()
        try:
            if note is not None:
                self._db.execute("INSERT INTO main.meta VALUES(?, ?)", (NOTE, note))
            self._db.execute("COMMIT")
            self._db.close()
            give_name(self._path)
        except sqlite3.Error as error:
            raise broken(self._path, error) from error
        self._is_merged = self._exists = True
        self._db = self._open()
        self._attach(sound=True)
        self._view()
        super().merge()
