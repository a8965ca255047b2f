"""Hands over what a batch made: reads ledger and files, writes whole files or none.

One pass over the ledger in the order of the manifest. Every file is held against its
hash, and every invoice is computed again from its data, before anything gets its name.
"""

from __future__ import annotations

import os
import sqlite3
import unicodedata
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from functools import lru_cache
from typing import Any

from orchestrator.batch.bills import bill_of
from orchestrator.batch.delivery.contents import Changed, Content, content_of
from orchestrator.batch.delivery.merged import Unmergeable, pages_of
from orchestrator.batch.delivery.order import TOLD, Delivered, Left, Order
from orchestrator.batch.delivery.sinks import Bound, Item, Sink, Told, Zipped
from orchestrator.batch.delivery.table import of_invoice
from orchestrator.batch.folder import BatchFolder
from orchestrator.designs import DesignError, find
from orchestrator.errors import UsageError
from orchestrator.invoices.control import ControlError, Figures, figures
from orchestrator.ledger.feed import is_named
from orchestrator.ledger.view import Row, View
from orchestrator.model import Document, Output, State
from orchestrator.settings import BatchSettings
from orchestrator.transfer.disk import keep_parts, machine_error
from orchestrator.wire.outcome import OutputExists


def deliver(settings: BatchSettings, folder: BatchFolder, order: Order) -> Delivered:
    """Write what is asked for: all of it, or nothing.

    Nothing is written if a file was changed, if totals contradict each other, or if no
    document is done; the value says which.

    Raises:
        UsageError: the order cannot be meant, or the manifest was never run.
        MachineError: a file cannot be written.
    """
    order.check()
    with ExitStack() as stack:
        view = stack.enter_context(View(folder.ledger))
        sinks = list(_opened(order, stack))
        delivery = _Delivery(settings, order, sinks)
        stack.callback(delivery.close)
        try:
            delivery.read(view)
            delivery.keep()
        except OutputExists as error:
            raise UsageError(f"{error}; replace it with --overwrite") from None
        except OSError as error:
            raise machine_error(
                error, error.filename or str(sinks[0].target)
            ) from error
        return delivery.done


def _opened(order: Order, stack: ExitStack) -> Iterator[Sink]:
    sinks: list[Sink] = []
    if order.archive:
        sinks.append(Zipped(order.archive))
        stack.callback(sinks[-1].drop)
    if order.merged:
        sinks.append(Bound(order.merged))
        stack.callback(sinks[-1].drop)
    for n, path in enumerate(order.reports):
        sinks.append(Told(path, n))
        stack.callback(sinks[-1].drop)
    return iter(sinks)


class _Delivery:
    """One delivery while it is made."""

    def __init__(
        self, settings: BatchSettings, order: Order, sinks: list[Sink]
    ) -> None:
        self._order = order
        self._sinks = sinks
        self._counts_pages = bool(order.merged or order.reports)
        self._seen = _Seen()
        self._base = ""
        folders = (settings.designs,) if settings.designs else ()

        @lru_cache(maxsize=256)
        def is_invoice(design: str) -> bool:
            with suppress(DesignError):
                return find(design, folders).model == "invoice"
            return False

        self._is_invoice = is_invoice
        self.done = Delivered()

    def close(self) -> None:
        """Forget what was seen."""
        self._seen.close()

    def read(self, view: View) -> None:
        """Read everything, and feed the files that are made of it."""
        self._base = _shared(
            each.path
            for row in self._meant(view.rows(state=State.DONE))
            for each in row.outputs
        )
        for row in self._meant(view.rows()):
            self.done.states[row.state] += 1
            if row.state is State.DONE:
                self._take(row)
            else:
                self._leave(row)

    def _meant(self, rows: Iterator[Row]) -> Iterator[Row]:
        only = self._order.only
        for row in rows:
            is_meant = not only or any(is_named(row.document.id, by=x) for x in only)
            if is_meant and row.state is not State.GONE:
                yield row

    def _leave(self, row: Row) -> None:
        failure = row.failure
        code, message = (failure.code, failure.message) if failure else ("", "")
        if len(self.done.left) < TOLD:
            left = Left(row.document.id, row.state, code, message)
            self.done.left.append(left)
        line = {"kind": "left", "id": row.document.id, "state": str(row.state)}
        for each in self._sinks:
            each.add(Item(row.document.id, (), {**line, "code": code or None}, ()))

    def _take(self, row: Row) -> None:
        files: list[tuple[str, Content]] = []
        for output in row.outputs:
            try:
                files.append((self._named(output), content_of(output)))
            except Changed as error:
                self.done.refuse(f"{row.document.id}: {error}")
        if len(files) < len(row.outputs):
            return
        try:
            item = self._item(row, files)
            for each in () if self.done.refusals else self._sinks:
                each.add(item)
        except (Changed, Unmergeable, ControlError) as error:
            self.done.refuse(f"{row.document.id}: {error}")

    def _item(self, row: Row, files: list[tuple[str, Content]]) -> Item:
        line, found = self._line(row.document)
        pages = [self._pages(each) for _, each in files]
        self.done.files += len(files)
        self.done.bytes += sum(each.output.size for _, each in files)
        self.done.pages += sum(filter(None, pages))
        return Item(found.number if found else row.document.id, files, line, pages)

    def _line(self, document: Document) -> tuple[dict[str, Any], Figures | None]:
        """What a report says of a document; amounts are counted once an invoice."""
        line: dict[str, Any] = {"kind": "document", "id": document.id}
        line["state"] = str(State.DONE)
        said = document.said
        if not said.design or not self._is_invoice(said.design):
            return {**line, "counted": False}, None
        found, bill = figures(said.params), bill_of(document)
        is_new = self._seen.add("bill", f"{bill.issuer}\0{bill.number}")
        if is_new:
            self.done.control.add(found)
        else:
            self.done.twins += 1
        return {**line, **of_invoice(found), "counted": is_new}, found

    def _pages(self, content: Content) -> int | None:
        is_pdf = content.output.path.lower().endswith(".pdf")
        if not self._counts_pages or not is_pdf:
            return None
        with pages_of(content.source) as document:
            return len(document.pages)

    def _named(self, output: Output) -> str:
        """The name that a file gets: its path below the folder of all of them.

        Raises:
            Changed: another one has it, for disks that ignore case or Unicode's forms.
        """
        name = os.path.relpath(output.path, self._base)
        likeness = unicodedata.normalize("NFC", name).casefold()
        if not self._seen.add("name", unicodedata.normalize("NFC", likeness)):
            raise Changed(f"{output.path}: another file has this name on some disks")
        return name

    def keep(self) -> None:
        """Give the files their names, if nothing stands against it."""
        done = self.done
        if done.refusals or not done.states[State.DONE]:
            return
        done.contradictions.extend(done.control.differences())
        try:
            parts = [each.end(done.control) for each in self._sinks]
        except Unmergeable as error:
            done.refuse(f"the merged PDF: {error}")
            return
        for each in self._sinks:
            done.contradictions.extend(each.misprints(done.control))
        if done.contradictions:
            return
        finals = [str(each.target) for each in self._sinks]
        kept = keep_parts(parts, finals, overwrite=self._order.overwrite)
        done.written = dict(zip(finals, kept, strict=True))


def _shared(paths: Iterator[str]) -> str:
    """The deepest folder that all files lie below."""
    shared = ""
    for path in paths:
        folder = os.path.dirname(path)  # noqa: PTH120  # strings all the way
        shared = os.path.commonpath([shared, folder]) if shared else folder
    return shared or "/"


class _Seen:
    """Texts that were seen before; on disk, so that millions of them cost no memory."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.execute("PRAGMA journal_mode=OFF")
        self._db.execute(
            "CREATE TABLE seen(kind TEXT, text TEXT, PRIMARY KEY(kind, text)) "
            "WITHOUT ROWID"
        )

    def add(self, kind: str, text: str) -> bool:
        """Whether it is new."""
        found = self._db.execute(
            "INSERT OR IGNORE INTO seen VALUES(?, ?)", (kind, text)
        )
        return found.rowcount == 1

    def close(self) -> None:
        """Forget them."""
        self._db.close()
