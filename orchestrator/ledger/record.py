"""Values as text in the ledger and back; performs no I/O."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import msgspec

from orchestrator.model import Document, Failure, Input, Output, Phase, Progress

_encode = msgspec.json.Encoder(decimal_format="number", order="deterministic").encode
_document = msgspec.json.Decoder(Document, float_hook=Decimal)
_progress = msgspec.json.Decoder(Progress)
_failure = msgspec.json.Decoder(Failure)
_failures = msgspec.json.Decoder(dict[str, Failure])
_outputs = msgspec.json.Decoder(tuple[Output, ...])


def text(value: Any) -> str:
    """A value as JSON; ``Decimal`` digit by digit."""
    return _encode(value).decode()


def document(source: str) -> Document:
    """A document out of the ledger."""
    return _document.decode(source)


def progress(source: str) -> Progress:
    """Progress out of the ledger."""
    return _progress.decode(source)


def failure(source: str) -> Failure:
    """A failure out of the ledger."""
    return _failure.decode(source)


def failures(source: str) -> dict[str, Failure]:
    """Failures by account out of the ledger."""
    return _failures.decode(source)


def outputs(source: str) -> tuple[Output, ...]:
    """Outputs out of the ledger."""
    return _outputs.decode(source)


def durable(value: Progress) -> Progress:
    """Progress as it may be written down.

    Signed upload URLs are secrets and short-lived: they are not kept, so a resume asks
    for new ones. Asking is repeatable by its declaration (``Repeat.SAME``). Links to
    results are kept for as long as something may be left to fetch.
    """
    if value.phase is Phase.ENDED:
        results = tuple(replace(each, url=None) for each in value.results)
        return replace(
            value, handle=unsigned(value.handle), uploads=(), results=results
        )
    if not value.uploads:
        return value
    phase = Phase.SUBMIT if value.phase is Phase.UPLOAD else value.phase
    return replace(value, phase=phase, uploads=())


def unsigned(handle: str | None) -> str | None:
    """A handle that is a link, without what makes it a secret."""
    is_link = handle is not None and "://" in handle
    return handle.partition("?")[0] if handle and is_link else handle


def request_hash(value: Document) -> str:
    """What was asked for: operation, parameters, design, account, input paths."""
    asked: tuple[object, ...] = (
        value.operation,
        value.source,
        value.target,
        value.params,
        value.design,
        value.provider,
        [each.path for each in value.inputs],
        value.output,
    )
    if value.original is not None:
        asked = (*asked, value.original)
    return hashlib.sha256(_encode(asked)).hexdigest()


def fingerprint(inputs: Sequence[Input]) -> str:
    """What tells cheaply that inputs are those of the last time."""
    shown = [f"[{each.size},{each.mtime},{each.inode}]" for each in inputs]
    return f"[{','.join(shown)}]"
