"""The record that describes a job, as callers send it; performs no I/O."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Literal

import msgspec

from orchestrator.model import Mode
from orchestrator.service.address import objection
from orchestrator.service.jobs import ID, Input, Order
from orchestrator.service.params import encode, is_deeper
from orchestrator.service.parts import check_parts
from orchestrator.service.problems import Problem
from orchestrator.service.storage import clean_name

MOST_FILES = 1000
MOST_IDS = 1000
FORMAT = re.compile(r"[a-z0-9]{1,16}")
DESIGN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}@[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")


class Declared(msgspec.Struct, forbid_unknown_fields=True):
    """A file that will be uploaded; size in bytes."""

    name: str
    size: int | None = None


class Record(msgspec.Struct, forbid_unknown_fields=True):
    """What is to be done."""

    operation: Literal["convert", "merge", "split", "generate"]
    source: str = ""
    target: str = "pdf"
    params: dict[str, Any] = {}
    design: str | None = None
    webhook: str | None = None
    files: list[Declared] | None = None
    part_size: int | None = None


class Ids(msgspec.Struct, forbid_unknown_fields=True):
    """Jobs that something is to be done with."""

    jobs: list[str]


_decoder = msgspec.json.Decoder(Record, float_hook=Decimal)


def parse(text: bytes) -> Record:
    """The record in a body or in a part.

    Raises:
        Problem: it is not one; the message says where.
    """
    try:
        record = _decoder.decode(text)
    except RecursionError as error:
        raise Problem("bad_request", "job: nested too deeply") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Problem("bad_request", f"job: {error}") from error
    wrong = _fault(record)
    if wrong is not None:
        raise Problem("bad_request", f"job: {wrong}")
    return record


def parse_ids(text: bytes) -> list[str]:
    """The ids in a body.

    Raises:
        Problem: it is no such list; the message says where.
    """
    try:
        ids = msgspec.json.decode(text, type=Ids).jobs
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Problem("bad_request", f"jobs: {error}") from error
    if len(ids) > MOST_IDS or not all(map(ID.fullmatch, ids)):
        why = f"jobs: at most {MOST_IDS} ids of 1 to 64 of A-Z a-z 0-9 - _"
        raise Problem("bad_request", why)
    return ids


def order(record: Record, job_id: str, mode: Mode, *, allow_private: bool) -> Order:
    """The order of a record.

    Raises:
        Problem: its webhook goes where this instance does not call.
    """
    if record.webhook is not None:
        wrong = objection(record.webhook, allow_private=allow_private)
        if wrong is not None:
            raise Problem("bad_request", f"job: webhook: {wrong}")
    return Order(
        id=job_id,
        mode=mode,
        operation=record.operation,
        source=record.source,
        target=record.target,
        params=encode(record.params),
        design=record.design,
        webhook=record.webhook,
        extra={"part_size": record.part_size} if record.part_size else {},
    )


def declared(record: Record, max_body: int) -> list[Input]:
    """The files that a pre-signed job announces.

    Raises:
        Problem: they are too many, or too large, for this instance or in such parts.
    """
    files = record.files or []
    if len(files) > MOST_FILES:
        raise Problem("bad_request", f"job: files: at most {MOST_FILES}")
    if any(each.size is not None and each.size > max_body for each in files):
        raise Problem("too_large", f"a file may have {max_body} bytes")
    if any(each.size is not None and each.size < 0 for each in files):
        raise Problem("bad_request", "job: files: a size is not negative")
    check_parts(record.part_size, (each.size for each in files))
    return [Input(clean_name(each.name), declared=each.size) for each in files]


def check_files(record: Record, count: int) -> None:
    """Check that files come where they are needed, and only there.

    Raises:
        Problem: they do not.
    """
    if record.operation == "generate" and count:
        raise Problem("bad_request", "generate takes no files; its data is in params")
    if record.operation != "generate" and not count:
        raise Problem("bad_request", f"{record.operation} needs a file")


def _fault(record: Record) -> str | None:
    is_generate = record.operation == "generate"
    if not FORMAT.fullmatch(record.target):
        return "target: a format is 1 to 16 of a-z 0-9"
    if not is_generate and not FORMAT.fullmatch(record.source):
        return "source: a format is 1 to 16 of a-z 0-9"
    if is_generate and record.source:
        return "source: generate has none"
    if is_generate and not DESIGN.fullmatch(record.design or ""):
        return "design: generate needs one, as in invoice@1"
    if not is_generate and record.design is not None:
        return "design: only generate has one"
    return "params: nested too deeply" if is_deeper(record.params) else None
