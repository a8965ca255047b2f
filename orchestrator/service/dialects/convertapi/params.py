"""Parameters of a conversion, whichever way they came; performs no I/O."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from orchestrator.service.dialects.convertapi.refusal import Refusal, invalid

FILE = re.compile(r"(file|files)(?:\[(\d{0,4})\])?")
TRUE = frozenset({"true", "1", "yes", "on"})
FALSE = frozenset({"false", "0", "no", "off", ""})


@dataclass(frozen=True, slots=True)
class Content:
    """A file that came in the request itself."""

    name: str
    data: bytes


Value = str | Content
Pair = tuple[str, Value]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file stands among the others; they are sorted by it."""

    is_list: bool
    n: int


def place(name: str, came: int) -> Place | None:
    """The place of a file parameter; ``None`` for other parameters."""
    found = FILE.fullmatch(name.lower())
    if found is None:
        return None
    is_list = found[1] == "files"
    return Place(is_list, int(found[2]) if found[2] else came)


def flag(texts: dict[str, str], name: str) -> bool:
    """A parameter that is true or false.

    Raises:
        Refusal: it is neither.
    """
    text = texts.get(name.lower(), "").strip().lower()
    if text not in TRUE | FALSE:
        raise invalid(name, f"The value {text[:40]!r} is not valid for {name}.")
    return text in TRUE


def whole(texts: dict[str, str], name: str, low: int, high: int, usual: int) -> int:
    """A parameter that is a whole number.

    Raises:
        Refusal: it is none, or out of bounds.
    """
    text = texts.get(name.lower(), "").strip()
    if not text:
        return usual
    is_number = text.isascii() and text.isdigit() and len(text) < 10
    if not is_number or not low <= int(text) <= high:
        raise invalid(name, f"The field {name} must be between {low} and {high}.")
    return int(text)


def form(text: bytes) -> Iterator[Pair]:
    """Parameters of a form or a query."""
    yield from parse_qsl(text.decode("utf-8", "replace"), keep_blank_values=True)


def json(text: bytes) -> Iterator[Pair]:
    """Parameters of a JSON body: the documented list, or a flat object.

    Raises:
        Refusal: it is not JSON, or not such.
    """
    try:
        body = msgspec.json.decode(text)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, 4002, f"The body is not valid JSON: {error}") from None
    if not isinstance(body, dict):
        raise Refusal(400, 4002, "The body is not a JSON object.")
    listed = {name.lower(): value for name, value in body.items()}.get("parameters")
    if listed is None:
        listed = [{"Name": name, "Value": value} for name, value in body.items()]
    if not isinstance(listed, list) or not all(isinstance(e, dict) for e in listed):
        raise Refusal(400, 4002, "Parameters is not a list of objects.")
    for each in listed:
        yield from _parameter({name.lower(): value for name, value in each.items()})


def _parameter(record: dict[str, Any]) -> Iterator[Pair]:
    name = record.get("name")
    if not isinstance(name, str):
        raise Refusal(400, 4002, "A parameter has no Name.")
    many = record.get("filevalues", record.get("values"))
    if isinstance(many, list):
        for n, each in enumerate(many):
            yield f"{name}[{n}]", _value(name, each)
    elif "filevalue" in record:
        yield name, _value(name, record["filevalue"])
    elif isinstance(record.get("value"), list):
        for n, each in enumerate(record["value"]):
            yield f"{name}[{n}]", _value(name, each)
    else:
        yield name, _value(name, record.get("value"))


def _value(name: str, value: Any) -> Value:
    if isinstance(value, dict):
        return _file(name, {key.lower(): each for key, each in value.items()})
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _file(name: str, value: dict[str, Any]) -> Value:
    for key in ("id", "url"):
        if isinstance(value.get(key), str):
            text: str = value[key]
            return text
    data = value.get("data")
    if not isinstance(data, str) or not data:
        raise Refusal(400, 4005, f"Base64 file content of {name} is not found.")
    try:
        content = b64decode(data, validate=True)
    except ValueError:
        raise Refusal(400, 4005, f"The data of {name} is not Base64.") from None
    return Content(str(value.get("name") or ""), content)


def disposed(header: str | None) -> str | None:
    """The file name in a Content-Disposition, in any of its spellings."""
    if not header:
        return None
    message = Message()
    # aiohttp keeps bytes that are no UTF-8 as lone surrogates, which break the parser.
    text = header.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    message["Content-Disposition"] = text
    return message.get_filename()
