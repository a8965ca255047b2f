"""Which tool of ComPDF does what, and what it takes; performs no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from orchestrator.model import Document, Job, Mode, Operation
from orchestrator.wire.http import Field, FilePart

FILES = 5
"""Files that one task takes."""
TOGETHER = 50_000_000
"""Bytes that travel in one asynchronous task of several documents."""

PICTURES = frozenset({"bmp", "gif", "jpg", "png", "tiff", "webp"})
_TO_PDF = frozenset(
    {"csv", "doc", "docx", "html", "ppt", "pptx", "rtf", "txt", "xls", "xlsx"}
)
_FROM_PDF = {
    **{
        each: each
        for each in (
            *("csv", "docx", "html", "json", "ofd", "pptx"),
            *("rtf", "txt", "xlsx"),
        )
    },
    "md": "markdown",
}
_FROM_PICTURE = frozenset({"csv", "docx", "html", "json", "pptx", "rtf", "txt", "xlsx"})
_OURS = frozenset({"callbackUrl", "executeTypeUrl", "file", "fileName", "taskId"})
_MIME = {
    "csv": "text/csv",
    "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "html": "text/html",
    "jpg": "image/jpeg",
    "pdf": "application/pdf",
    "png": "image/png",
    "ppt": "application/vnd.ms-powerpoint",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "tiff": "image/tiff",
    "txt": "text/plain",
    "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}

_encoder = msgspec.json.Encoder(decimal_format="number")


def tool_of(document: Document) -> str | None:
    """The ``executeTypeUrl`` of a document's tool, or ``None`` where there is none."""
    source, target = document.source, document.target
    match document.operation:
        case Operation.MERGE:
            return "pdf/merge" if source == target == "pdf" else None
        case Operation.SPLIT:
            return "pdf/split" if source == target == "pdf" else None
        case Operation.CONVERT:
            return _conversion(source, target)
        case _:
            return None


def _conversion(source: str, target: str) -> str | None:
    if target == "pdf":
        if source in PICTURES:
            return "img/pdf"
        return f"{source}/pdf" if source in _TO_PDF else None
    if source == "pdf":
        if target in ("jpg", "png"):
            return "pdf/img"
        return f"pdf/{_FROM_PDF[target]}" if target in _FROM_PDF else None
    if source in PICTURES and target in _FROM_PICTURE:
        return f"img/{target}"
    return None


def objection(document: Document) -> str | None:
    """Why a document cannot be done, or ``None``."""
    if tool_of(document) is None:
        return _no_tool(document)
    if found := sorted(_OURS & set(document.params)):
        return f"the client sets {', '.join(found)} itself; remove it from params"
    if document.operation is Operation.MERGE:
        return _objection_to_merge(document)
    if len(document.inputs) != 1:
        return f"compdf takes one input to {document.operation}"
    return None


def _no_tool(document: Document) -> str:
    if document.operation is Operation.GENERATE:
        return "compdf has no designs"
    if document.operation is not Operation.CONVERT:
        return f"compdf can {document.operation} only pdf into pdf"
    return f"compdf has no tool from {document.source} to {document.target}"


def _objection_to_merge(document: Document) -> str | None:
    if any(not each.name.lower().endswith(".pdf") for each in document.inputs):
        return "compdf merges only PDF files; convert the others first"
    if not 2 <= len(document.inputs) <= FILES:
        return f"compdf merges 2 to {FILES} files, and these are {len(document.inputs)}"
    if document.mode is Mode.PRESIGNED:
        return "compdf takes one file pre-signed; say mode: async to merge"
    return None


def fits(taken: Sequence[Document], document: Document) -> bool:
    """Whether one more document may go into an asynchronous task.

    Pictures do not: several of them may become one PDF. Nor do empty files, which would
    have the whole task refused.
    """
    first = taken[0]
    return (
        first.mode is Mode.ASYNC is document.mode
        and first.operation is Operation.CONVERT is document.operation
        and len(taken) < FILES
        and (first.source, first.target) == (document.source, document.target)
        and first.source not in PICTURES
        and first.params == document.params
        and min(document.size, first.size) > 0
        and sum(each.size for each in taken) + document.size <= TOGETHER
    )


# What is sent...


def sent_name(job: Job, place: int) -> str:
    """The name of the job's n-th file at the provider: it says whose it is.

    Files of a task are told apart by it, and a task whose reply was lost can be found
    by it in the provider's console.
    """
    given = [(doc, each) for doc in job.documents for each in doc.inputs]
    document, given_file = given[place]
    stem, dot, _ = given_file.name.rpartition(".")
    kept = "".join(c for c in (stem if dot else given_file.name) if c.isprintable())
    return f"{kept[:80]}.{job.id}-{place}.{document.source}"


def place_in(job: Job, *names: Any) -> int | None:
    """Which document of the job a file of a task belongs to, by our names."""
    if len(job.documents) == 1:
        return 0
    texts = [each for each in names if isinstance(each, str)]
    for place in range(len(job.documents)):
        if any(f".{job.id}-{place}." in each for each in texts):
            return place
    return None


def files(job: Job) -> tuple[FilePart, ...]:
    """Every input of the job, in order."""
    inputs = [(doc, each) for doc in job.documents for each in doc.inputs]
    return tuple(
        FilePart("file", sent_name(job, place), each, mime(document))
        for place, (document, each) in enumerate(inputs)
    )


def options(document: Document) -> tuple[Field, ...]:
    """Options as one part each: the style of the current documents."""
    chosen: dict[str, Any] = {"language": 1}
    if tool_of(document) == "pdf/img" and not _has_format(document.params):
        chosen["imageFormat"] = document.target.upper()
    chosen |= document.params
    return tuple(
        Field(name, _written(value))
        for name, value in chosen.items()
        if value is not None
    )


def _has_format(params: Mapping[str, Any]) -> bool:
    return "imageFormat" in params or "imageType" in params


def _written(value: Any) -> str:
    return value if isinstance(value, str) else _encoder.encode(value).decode()


def mime(document: Document) -> str:
    """The media type of a document's inputs."""
    return _MIME.get(document.source, "application/octet-stream")
