"""A design's parameters against a document's: before anything is sent; no I/O.

Two shapes are documented: an object ``{name: "string" | "number" | nested}`` (older)
and an array of specs ``{name, type, label, spec?}`` (newer). The service refuses a
number that is null or empty, and prints nothing for a text that it does not know: so
types are checked, and a type that is not known here is let through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any
from urllib.parse import quote

from orchestrator.model import Document
from orchestrator.providers.reportflow.names import parse_design
from orchestrator.providers.reportflow.refusals import message_of
from orchestrator.wire.flow import Inquiry
from orchestrator.wire.http import Repeat, Request, Response

_NUMBERS = ("number", "integer", "float")
_BOOLEANS = ("boolean", "bool")
_TEXTS = ("text", "string", "date", "datetime")
_DEEPEST = 20
_MOST = 20
"""Problems of one document that are told."""

Spec = str | Mapping[str, Any]
"""A type by its word, or the members of an entry."""


def inquire(design: str) -> Inquiry:
    """Ask for the parameters of ``id@version``."""
    id_, version = parse_design(design) or (design, 0)
    return Inquiry(
        Request(
            "GET",
            f"/v1/file/design/parameter/{quote(id_, safe='')}",
            Repeat.SAFE,
            query=(("version", str(version)),),
            timeout=30.0,
        ),
        partial(_objection, design),
        problems,
    )


def _objection(design: str, response: Response) -> str | None:
    if response.status in (400, 404):
        return f"ReportFlow does not have the design {design}: {message_of(response)}"
    return None


def problems(response: Response) -> Callable[[Document], Sequence[str]]:
    """What checks documents; without a structure that can be read, nothing."""
    members = _members(response.json(), _DEEPEST)

    def check(document: Document) -> Sequence[str]:
        found = _of_object(members, document.params, ())
        return [problem for problem, _ in zip(found, range(_MOST), strict=False)]

    return check


def _members(value: Any, depth: int) -> Mapping[str, Any]:
    """The structure in one form: name -> word of a type, or members of its entries."""
    if depth == 0:
        return {}
    if isinstance(value, dict) and isinstance(value.get("parameters"), list):
        value = value["parameters"]
    if isinstance(value, list):
        return {
            each["name"]: _spec(each, depth)
            for each in value
            if isinstance(each, dict) and isinstance(each.get("name"), str)
        }
    if isinstance(value, dict):
        return {name: _older(each, depth) for name, each in value.items()}
    return {}


def _spec(entry: Mapping[str, Any], depth: int) -> Spec:
    nested = entry.get("spec")
    if isinstance(nested, list | dict):
        return _members(nested, depth - 1)
    return str(entry.get("type")).lower()


def _older(value: Any, depth: int) -> Spec:
    if isinstance(value, str):
        return value.lower()
    if isinstance(value, list) and value and isinstance(value[0], dict | list):
        value = value[0]
    return _members(value, depth - 1)


def _of_object(
    members: Mapping[str, Any], params: Mapping[str, Any], path: tuple[str, ...]
) -> Iterator[str]:
    for name, value in params.items():
        if name in members:
            yield from _of_value(members[name], value, (*path, str(name)))


def _of_value(spec: Spec, value: Any, path: tuple[str, ...]) -> Iterator[str]:
    where = ".".join(path)
    if isinstance(spec, Mapping):
        yield from _of_nested(spec, value, path)
    elif spec in _NUMBERS and not _is_number(value):
        yield f"the design wants a number for {where}, found {_shown(value)}"
    elif spec in _BOOLEANS and not isinstance(value, bool):
        yield f"the design wants true or false for {where}, found {_shown(value)}"
    elif spec in _TEXTS and isinstance(value, list | dict):
        yield f"the design wants a text for {where}, found {_shown(value)}"


def _of_nested(
    members: Mapping[str, Any], value: Any, path: tuple[str, ...]
) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield from _of_object(members, value, path)
        return
    if not isinstance(value, Sequence) or isinstance(value, str):
        where = ".".join(path)
        yield f"the design wants rows for {where}, found {_shown(value)}"
        return
    for n, each in enumerate(value):
        if isinstance(each, Mapping):
            yield from _of_object(members, each, (*path, str(n)))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _shown(value: Any) -> str:
    match value:
        case None:
            return "nothing"
        case Mapping():
            return "an object"
        case list() | tuple():
            return "a list"
    return f"{value!r:.60}"
