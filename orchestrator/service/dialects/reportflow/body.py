"""Reads what a request wants, and finds its faults at once; performs no I/O.

Faults of types are an array of messages, a fault of a name is one message, as the API
has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec

from orchestrator.service.dialects.reportflow.refusal import MANY_FILES, Refused
from orchestrator.service.params import is_deeper

MOST_FILES = 1000
LONGEST_NAME = 255
SHARES = {"01": "workspace", "02": "invited", "03": "public"}
_LEGACY = re.compile(
    r"[A-Za-z0-9._\-"
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\uff66-\uff9f]+"
)
_CURRENT = re.compile(r'[^/\\:*?"<>|\x00-\x1f\x7f-\x9f]+')
_decoder = msgspec.json.Decoder(float_hook=Decimal)


@dataclass(frozen=True, slots=True)
class Content:
    """One file that is wanted."""

    name: str
    params: Mapping[str, Any]
    share: str = "workspace"
    has_passcode: bool = False
    passthrough: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request: one design, one version, one file or more."""

    design: str
    version: int
    contents: tuple[Content, ...] = field(default_factory=tuple)


def read(text: bytes, *, many: bool, legacy: bool) -> Wanted:
    """The request in a body.

    Raises:
        Refused: it is not one; the messages say where.
    """
    record = _record(text)
    faults = [*_faults(record, many=many)]
    if faults:
        raise Refused(400, faults)
    given = record["contents"] if many else [record["content"]]
    if len(given) > MOST_FILES:
        raise Refused(400, MANY_FILES.format(most=MOST_FILES))
    contents = tuple(_content(each, legacy=legacy) for each in given)
    _check_unique(contents)
    return Wanted(record["designId"], int(record["version"]), contents)


def _record(text: bytes) -> dict[str, Any]:
    try:
        record = _decoder.decode(text)
    except (RecursionError, UnicodeDecodeError, msgspec.DecodeError) as error:
        raise Refused(400, f"the body is not JSON: {error}") from None
    if not isinstance(record, dict):
        raise Refused(400, ["the body must be an object"])
    if is_deeper(record):
        raise Refused(400, ["the body is nested too deeply"])
    return record


def _faults(record: Mapping[str, Any], *, many: bool) -> Iterator[str]:
    if not isinstance(record.get("designId"), str) or not record["designId"]:
        yield "designId must be a string"
    if not _is_version(record.get("version")):
        yield "version must be an integer number"
    if not many:
        yield from _content_faults("content", record.get("content"))
        return
    contents = record.get("contents")
    if not isinstance(contents, list) or not contents:
        yield "contents must be an array with at least 1 element"
        return
    for n, each in enumerate(contents):
        yield from _content_faults(f"contents.{n}", each)


def _content_faults(path: str, content: object) -> Iterator[str]:
    if not isinstance(content, dict):
        yield f"{path} must be an object"
        return
    if not isinstance(content.get("fileName"), str):
        yield f"{path}.fileName must be a string"
    if not isinstance(content.get("params"), dict):
        yield f"{path}.params must be an object"
    share = content.get("shareType", "01")
    if share not in (*SHARES, *SHARES.values()):
        yield f"{path}.shareType must be one of the following values: 01, 02, 03"
    if not isinstance(content.get("passcodeEnabled", False), bool):
        yield f"{path}.passcodeEnabled must be a boolean value"
    if not isinstance(content.get("passthrough", {}), dict):
        yield f"{path}.passthrough must be an object"


def _is_version(value: object) -> bool:
    if isinstance(value, Decimal):
        return value == value.to_integral_value() and 0 < value < 10**9
    return isinstance(value, int) and value is not True and 0 < value < 10**9


def _content(given: Mapping[str, Any], *, legacy: bool) -> Content:
    share = given.get("shareType", "01")
    return Content(
        name=_file_name(given["fileName"], _LEGACY if legacy else _CURRENT),
        params=given["params"],
        share=SHARES.get(share, share),
        has_passcode=given.get("passcodeEnabled", False),
        passthrough=given.get("passthrough"),
    )


def _file_name(name: str, rule: re.Pattern[str]) -> str:
    """The name with its ending, which the API adds where it is missing."""
    stem = name[:-4] if name.lower().endswith(".pdf") else name
    whole = name if stem != name else f"{name}.pdf"
    if not rule.fullmatch(name) or not stem.strip(". "):
        raise Refused(400, f"ファイル名に使用できない文字が含まれています: {name[:80]}")
    if len(whole.encode()) > LONGEST_NAME:
        raise Refused(400, f"ファイル名が長すぎます: {name[:80]}")
    return whole


def _check_unique(contents: tuple[Content, ...]) -> None:
    seen: set[str] = set()
    for each in contents:
        if each.name.casefold() in seen:
            raise Refused(400, f"ファイル名が重複しています: {each.name}")
        seen.add(each.name.casefold())
