"""Many PDFs as one: an outline entry and page labels for each of them.

Documents are merged by the chunk, and the chunks are merged once more from disk: qpdf
keeps what it copies until it is written, so the bytes of one chunk are all that is in
memory. The same documents in the same order give the same bytes.
"""

from __future__ import annotations

import io
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import pikepdf
from pikepdf import (
    Array,
    Dictionary,
    Name,
    ObjectStreamMode,
    StreamDecodeLevel,
    String,
)

from orchestrator.errors import UsageError

CHUNK = 200
MOST = 2_500
"""Documents in one file: all objects of it are in memory when it is written."""


class Unmergeable(Exception):
    """A document is no PDF that can be merged; the message says why."""


class Merged:
    """One PDF in the making.

    Args:
        folder: Where chunks may wait; the caller removes what is in it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._titles: list[tuple[str, int]] = []
        self._chunks: list[Path] = []
        self._chunk = pikepdf.new()
        self._waiting = 0

    def close(self) -> None:
        """Forget what waits."""
        self._chunk.close()

    def add(self, title: str, document: pikepdf.Pdf) -> None:
        """Add a document behind the others; it is not needed afterwards.

        Raises:
            Unmergeable: it cannot be.
            UsageError: there are too many.
        """
        if len(self._titles) == MOST:
            raise UsageError(
                f"a merged PDF takes at most {MOST:,} documents; make several, each of "
                "a part that --only names"
            )
        if document.is_encrypted:
            raise Unmergeable("it is encrypted")
        self._titles.append((title, len(document.pages)))
        self._chunk.pages.extend(document.pages)
        self._waiting += 1
        if self._waiting == CHUNK:
            self._close_chunk()

    def _close_chunk(self) -> None:
        path = self._folder / f"{len(self._chunks)}.pdf"
        _save(self._chunk, path)
        self._chunk.close()
        self._chunks.append(path)
        self._chunk = pikepdf.new()
        self._waiting = 0

    def end(self, path: Path) -> None:
        """Write it."""
        if self._waiting:
            self._close_chunk()
        with ExitStack() as stack:
            whole = stack.enter_context(pikepdf.new())
            for each in self._chunks:
                chunk = stack.enter_context(pikepdf.open(each))
                whole.pages.extend(chunk.pages)
            for page in whole.pages:
                # They point into trees of tags, which are those of single documents.
                for key in ("/StructParents", "/Tabs"):
                    if key in page:
                        del page[key]
            self._label(whole)
            _save(whole, path)

    def _label(self, whole: pikepdf.Pdf) -> None:
        """Outline and labels: a document's pages are called by its title."""
        at, labels, entries = 0, Array(), []
        root = whole.make_indirect(Dictionary(Type=Name.Outlines))
        for title, count in self._titles:
            place = Array([whole.pages[at].obj, Name.Fit])
            entry = Dictionary(Title=String(title), Parent=root, Dest=place)
            entries.append(whole.make_indirect(entry))
            label = Dictionary(P=String(title))
            if count > 1:
                label = Dictionary(P=String(f"{title} · "), S=Name.D, St=1)
            labels.append(at)
            labels.append(label)
            at += count
        for one, other in pairwise(entries):
            one.Next, other.Prev = other, one
        root.First, root.Last, root.Count = entries[0], entries[-1], len(entries)
        whole.Root.Outlines = root
        whole.Root.PageLabels = Dictionary(Nums=labels)
        whole.Root.PageMode = Name.UseOutlines


def pages_of(content: Path | bytes) -> pikepdf.Pdf:
    """A PDF, opened; of a file or of bytes in memory.

    Raises:
        Unmergeable: it cannot be opened.
    """
    source = io.BytesIO(content) if isinstance(content, bytes) else content
    try:
        return pikepdf.open(source)
    except (pikepdf.PdfError, pikepdf.PasswordError) as error:
        raise Unmergeable(f"it cannot be opened as a PDF: {error}") from None


def _save(document: pikepdf.Pdf, path: Path) -> None:
    document.save(
        path,
        deterministic_id=True,
        fix_metadata_version=False,
        compress_streams=False,
        stream_decode_level=StreamDecodeLevel.none,
        object_stream_mode=ObjectStreamMode.generate,
    )
