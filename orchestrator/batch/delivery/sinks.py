"""The files that are written: each is fed with items, and is whole or absent."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from orchestrator.batch.delivery.archive import Archive
from orchestrator.batch.delivery.contents import Content
from orchestrator.batch.delivery.merged import Merged, Unmergeable, pages_of
from orchestrator.batch.delivery.table import Csv, Json, misprints, totals_of
from orchestrator.invoices.control import Control
from orchestrator.model import Saved
from orchestrator.transfer.disk import PartFile
from orchestrator.transfer.examine import examine
from orchestrator.transfer.names import part_name


@dataclass(frozen=True, slots=True)
class Item:
    """A document that is handed over.

    ``files`` are its outputs under the names that they get, ``line`` is what a report
    says of it but for the files; ``pages`` are those of each file that is a PDF.
    """

    title: str
    files: Sequence[tuple[str, Content]]
    line: Mapping[str, Any]
    pages: Sequence[int | None]


class Sink(Protocol):
    """A file in the making."""

    target: Path

    def add(self, item: Item) -> None:
        """Add a document."""
        ...

    def end(self, control: Control) -> Saved:
        """End it, and make it durable."""
        ...

    def misprints(self, control: Control) -> Iterator[str]:
        """Where it contradicts the totals."""
        ...

    def drop(self) -> None:
        """Remove what is left of it."""
        ...


def _part(target: Path, n: int) -> PartFile:
    return PartFile(str(target.with_name(part_name(f"deliver{n}", os.getpid()))))


class Zipped:
    """The archive."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self._file = _part(target, 0)
        self._archive = Archive(self._file.write_on)

    def add(self, item: Item) -> None:
        """Add the files of a document.

        Raises:
            Changed: one was changed meanwhile.
        """
        for name, each in item.files:
            size = each.output.size
            self._archive.add(name, each.pieces(), size=size, crc=each.crc)

    def end(self, control: Control) -> Saved:  # noqa: ARG002  # of the protocol
        """End it."""
        self._archive.end()
        return self._file.complete()

    def misprints(self, control: Control) -> Iterator[str]:  # noqa: ARG002
        """It has no totals."""
        return iter(())

    def drop(self) -> None:
        """Remove it."""
        self._archive.close()
        self._file.drop()


class Bound:
    """The PDF of all documents."""

    def __init__(self, target: Path) -> None:
        self.target = target
        target.parent.mkdir(parents=True, exist_ok=True)
        self._folder = tempfile.TemporaryDirectory(
            prefix=".orchestrator-", dir=target.parent
        )
        self._merged = Merged(Path(self._folder.name))

    def add(self, item: Item) -> None:
        """Add the PDFs of a document.

        Raises:
            Unmergeable: one is encrypted.
            UsageError: there are too many.
        """
        for (name, each), pages in zip(item.files, item.pages, strict=True):
            if pages is None:
                continue
            title = item.title if len(item.files) == 1 else f"{item.title} {name}"
            with pages_of(each.source) as document:
                self._merged.add(title, document)

    def end(self, control: Control) -> Saved:  # noqa: ARG002  # of the protocol
        """Write it.

        Raises:
            Unmergeable: it has no pages.
        """
        path = Path(self._folder.name) / "merged.pdf"
        self._merged.end(path)
        seen = examine(str(path), "pdf", sync=True)
        if seen.failure is not None:
            raise Unmergeable(seen.failure.message)
        return Saved(str(path), seen.size, seen.sha256)

    def misprints(self, control: Control) -> Iterator[str]:  # noqa: ARG002
        """It has no totals."""
        return iter(())

    def drop(self) -> None:
        """Remove it."""
        self._merged.close()
        self._folder.cleanup()


class Told:
    """A control report."""

    def __init__(self, target: Path, n: int) -> None:
        self.target = target
        self._file = _part(target, n + 1)
        self._is_json = target.suffix.lower() == ".json"
        self._table = (Json if self._is_json else Csv)(self._file.write_on)

    def add(self, item: Item) -> None:
        """Add a line; a document of several files has a line for each of them."""
        if not item.files:
            self._table.add(item.line)
        for n, ((name, each), pages) in enumerate(
            zip(item.files, item.pages, strict=True)
        ):
            file = {"file": name, "sha256": each.output.sha256, "pages": pages}
            # Only the first of several is counted.
            line = item.line if n == 0 else {**item.line, "counted": False}
            self._table.add({**line, **file})

    def end(self, control: Control) -> Saved:
        """Write the totals."""
        self._table.end(totals_of(control.sums))
        return self._file.complete()

    def misprints(self, control: Control) -> Iterator[str]:
        """Where its columns do not sum to the totals."""
        path = Path(self._file.path)
        for each in misprints(path, control, is_json=self._is_json):
            yield each.replace(path.name, self.target.name)

    def drop(self) -> None:
        """Remove it."""
        self._file.drop()
