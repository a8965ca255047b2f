"""ComPDF's tools and their options, as work for our renderer; performs no I/O.

A tool is named by two words, ``docx/pdf`` or ``pdf/merge``. Options come in several
spellings, by generation and by age of the documentation; all of them are taken, and
those that our renderer has no use for are let pass, as they would be there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from orchestrator.service.dialects.compdf.codes import (
    BAD_PARAMETER,
    INVALID,
    MERGE_LIMIT,
    NO_PAIR,
    NO_PICTURE,
    Refusal,
)
from orchestrator.service.params import decode, is_deeper
from orchestrator.service.render.work import Format

PAIR = re.compile(r"([a-z0-9]{1,16})/([A-Za-z0-9]{1,32})")
PICTURE = "img"
PICTURES = ("png", "jpg", "jpeg", "gif", "webp", "bmp", "tif", "tiff")
DRAWN = {"jpg": "jpg", "jpeg": "jpg", "png": "png"}
MOST_FILES = 5
_KNOBS = {"png": ("dpi",), "jpg": ("dpi", "quality"), "jpeg": ("dpi", "quality")}
_QUOTES = re.compile(r"[\[\]'\"\s]")
_ALL = ("", "all", "0")
_SECRETS = ("password", "passwords")


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool as its name says it: the formats may be ``img``."""

    name: str
    operation: str
    source: str
    target: str

    @property
    def takes_many(self) -> bool:
        """Whether several files are one piece of work."""
        return self.operation == "merge"


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a tool and its options ask of the renderer for one file."""

    source: str
    target: str
    params: Mapping[str, Any]


def tool(name: str) -> Tool:
    """The tool of this name.

    Raises:
        Refusal: no tool can have this name.
    """
    found = PAIR.fullmatch(name.strip("/"))
    if found is None:
        raise Refusal(NO_PAIR, f"there is no tool {name[:60]!r}")
    source, target = found.groups()
    if source == "pdf" and target in ("merge", "split"):
        return Tool(f"pdf/{target}", target, "pdf", "pdf")
    return Tool(f"{source}/{target}", "convert", source, target.lower())


def check(what: Tool, formats: Iterable[Format]) -> Tool:
    """The tool, if this instance has it.

    Raises:
        Refusal: it has not.
    """
    if any(each["executeTypeUrl"] == what.name for each in supported(formats)):
        return what
    raise Refusal(NO_PAIR, f"{what.name} is not supported")


def check_count(what: Tool, count: int) -> None:
    """Check that a tool gets as many files as it needs.

    Raises:
        Refusal: it does not.
    """
    if what.takes_many and not 2 <= count <= MOST_FILES:
        raise Refusal(MERGE_LIMIT, f"{what.name} takes 2 to {MOST_FILES} files")


def supported(formats: Iterable[Format]) -> list[dict[str, str]]:
    """What an instance that has these formats can do, in ComPDF's names."""
    names = {(each.source, each.target) for each in formats if _is_pair(each)}
    names |= {("pdf", "merge"), ("pdf", "split")}
    if any(source in PICTURES for source, _ in names):
        names.add((PICTURE, "pdf"))
    if any(target in DRAWN for source, target in names if source == "pdf"):
        names.add(("pdf", PICTURE))
    return [
        {
            "sourceTypeName": source,
            "targetTypeName": target,
            "executeTypeUrl": f"{source}/{target}",
        }
        for source, target in sorted(names)
    ]


def options(
    fields: Mapping[str, Sequence[str]], known: Iterable[str]
) -> dict[str, Any]:
    """The options of a form: those of its JSON ``parameter``, and single parts.

    Args:
        fields: Text parts by name; one that came several times has several values.
        known: Parts that are no options.

    Raises:
        Refusal: ``parameter`` is not a JSON object.
    """
    found: dict[str, Any] = {}
    for text in fields.get("parameter", ()):
        if text.strip():
            found.update(_object(text))
    for name, values in fields.items():
        if name != "parameter" and name not in known:
            found[name] = values[0] if len(values) == 1 else list(values)
    return found


def open_(found: Mapping[str, Any]) -> dict[str, Any]:
    """Options that may be kept and shown: all but passwords."""
    return {name: each for name, each in found.items() if name not in _SECRETS}


def chosen(what: Tool, file: str, found: Mapping[str, Any]) -> Chosen:
    """What is asked for one file.

    Raises:
        Refusal: a picture has a format that is not made or not read here.
    """
    source = _picture(file) if what.source == PICTURE else what.source
    target = _drawn(found) if what.target == PICTURE else what.target
    params: dict[str, Any] = {}
    if source == "pdf" and what.operation != "merge":
        pages = _pages(_first(found, "pages", "pageRanges", "pageOptions"))
        params = {"pages": pages} if pages else {}
        names = {"dpi": "imgDpi", "quality": "quality"}
        for ours in _KNOBS.get(target, ()):
            if found.get(names[ours]) not in (None, ""):
                params[ours] = found[names[ours]]
    return Chosen(source, target, params)


def ranges(each: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Pages of every file of a merge, from the options that came with each."""
    told = [
        _pages(_first(found, "pageRanges", "pageOptions")) or "all" for found in each
    ]
    return {} if set(told) <= {"all"} else {"ranges": told}


def shared_ranges(found: Mapping[str, Any]) -> dict[str, Any]:
    """Pages of every file of a merge, from the options that came with all of them.

    Raises:
        Refusal: the option is no list.
    """
    value = _first(found, "filePageRanges", "pageOptions")
    if value in (None, ""):
        return {}
    listed = _list(value) if isinstance(value, str) else value
    if not isinstance(listed, list):
        raise Refusal(INVALID, "filePageRanges: a list with one entry for each file")
    return {"ranges": [_pages(each) or "all" for each in listed]}


def _is_pair(each: Format) -> bool:
    return each.operation == "convert"


def _object(text: str) -> dict[str, Any]:
    try:
        value = decode(text.encode())
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError) as error:
        raise Refusal(BAD_PARAMETER, f"parameter is not JSON: {error}") from error
    if not isinstance(value, dict) or is_deeper(value):
        raise Refusal(BAD_PARAMETER, "parameter is not a JSON object")
    return value


def _picture(file: str) -> str:
    ending = file.rpartition(".")[2].lower()
    if ending not in PICTURES:
        raise Refusal(NO_PICTURE, f"no picture that is read here: {file[:60]!r}")
    return ending


def _drawn(found: Mapping[str, Any]) -> str:
    value = str(_first(found, "imageFormat", "imageType") or "jpg").lower()
    if value not in DRAWN:
        raise Refusal(NO_PICTURE, f"imageFormat {value[:20]!r} is not made here")
    return DRAWN[value]


def _first(found: Mapping[str, Any], *names: str) -> Any:
    return next((found[name] for name in names if name in found), None)


def _pages(value: Any) -> str:
    """Pages as our renderer reads them, from any of the vendor's spellings."""
    if isinstance(value, list):
        value = ",".join(map(str, value))
    text = _QUOTES.sub("", "" if value is None else str(value)).rstrip(",")
    return "" if text.lower() in _ALL else text


def _list(text: str) -> Any:
    """A list in a string; an old page of the documentation quotes it singly."""
    for spelling in (text, text.replace("'", '"')):
        try:
            return decode(spelling.encode())
        except msgspec.DecodeError:
            continue
    return None
