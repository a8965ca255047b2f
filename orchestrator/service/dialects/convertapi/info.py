"""Handlers that tell what can be converted, read off this instance's own formats."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aiohttp import web

from orchestrator.service.dialects.convertapi.answer import show
from orchestrator.service.dialects.convertapi.order import ANY, KNOBS, PAGES, Aim, aim
from orchestrator.service.native.context import CONTEXT
from orchestrator.service.problems import Problem
from orchestrator.service.render.routes import knobs
from orchestrator.service.render.work import Format

NAMES = {"pages": "PageRange", "dpi": "ImageResolution", "quality": "ImageQuality"}
STAR = "*"
COMMON = (
    ("StoreFile", "Bool", "Store the result and answer with its URL."),
    ("FileName", "String", "Name of the result without its extension."),
    ("Timeout", "Integer", "Longest conversion in seconds."),
)


@dataclass(frozen=True, slots=True)
class Way:
    """One route of this API that leads somewhere."""

    source: str
    target: str
    aim: Aim

    @property
    def name(self) -> str:
        """The converter's name."""
        return f"{self.source.capitalize()}To{self.target.capitalize()}"


async def get_all(request: web.Request) -> web.Response:
    """``GET /info`` and ``GET /info/{from}/to/{to}``, each of which may be ``*``."""
    source = request.match_info.get("source", STAR).lower()
    target = request.match_info.get("target", STAR).lower()
    ways = [
        each
        for each in _ways(request)
        if source in (STAR, each.source) and target in (STAR, each.target)
    ]
    return show([_view(each) for each in ways])


async def get_converter(request: web.Request) -> web.Response:
    """``GET /info/converter/{Name}``."""
    name = request.match_info["name"].lower()
    found = [_view(each) for each in _ways(request) if each.name.lower() == name]
    return show(found) if found else web.Response(status=404)


async def can_convert(request: web.Request) -> web.Response:
    """``GET /info/canconvert/{from}/to/{to}``: 200 or 404, nothing more."""
    source, target = (request.match_info[each] for each in ("source", "target"))
    try:
        made = aim(source, target, [f"file.{source}"])
    except Problem:
        return web.Response(status=404)
    formats = request.app[CONTEXT].desk.formats()
    is_any = source.lower() in ANY and target.lower() == "pdf"
    is_able = is_any or any(_fits(each, made) for each in formats)
    return web.Response(status=200 if is_able else 404)


async def get_openapi(request: web.Request) -> web.Response:
    """``GET /info/openapi``: each route, without details of its parameters."""
    source = request.match_info.get("source", STAR).lower()
    target = request.match_info.get("target", STAR).lower()
    paths = {
        f"/convert/{each.source}/to/{each.target}": {"post": _operation(each)}
        for each in _ways(request)
        if source in (STAR, each.source) and target in (STAR, each.target)
    }
    origin = str(request.url.origin())
    return show(
        {
            "openapi": "3.0.1",
            "info": {"title": "orchestrator", "version": "v2"},
            "servers": [{"url": origin}],
            "paths": paths,
        }
    )


def _ways(request: web.Request) -> Iterator[Way]:
    for each in request.app[CONTEXT].desk.formats():
        made = Aim(each.operation, each.source, each.target)
        if each.operation == "convert":
            yield Way(each.source, each.target, made)
        elif each.operation == "archive":
            yield Way("any", "zip", made)
        elif each.operation in ("merge", "split"):
            yield Way(each.source, each.operation, made)
        if (each.operation, each.source, each.target) == ("convert", "html", "pdf"):
            yield from (Way(page, "pdf", made) for page in sorted(PAGES))


def _fits(found: Format, made: Aim) -> bool:
    return (found.operation, found.source, found.target) == (
        made.operation,
        made.source,
        made.target,
    )


def _view(way: Way) -> dict[str, object]:
    return {
        "Name": way.name,
        "SourceFileFormats": [way.source],
        "DestinationFileFormats": [way.target],
        "SourceExtensions": [way.aim.source],
        "DestinationExtensions": [way.aim.target],
        "ConverterParameterGroups": [
            {"Name": "Parameters", "ConverterParameters": [*_parameters(way)]}
        ],
    }


def _parameters(way: Way) -> Iterator[dict[str, object]]:
    is_many = way.aim.operation in ("merge", "archive")
    yield _parameter("Files" if is_many else "File", "File", "", array=is_many)
    for name, kind, text in COMMON:
        yield _parameter(name, kind, text)
    for each in sorted(knobs(way.aim.operation, way.aim.source, way.aim.target)):
        if each in KNOBS:
            yield _parameter(NAMES[each], "String", "")


def _parameter(
    name: str, kind: str, text: str, *, array: bool = False
) -> dict[str, object]:
    return {
        "Name": name,
        "Type": kind,
        "Required": kind == "File",
        "Array": array,
        "Description": text,
        "Default": None,
    }


def _operation(way: Way) -> dict[str, object]:
    return {
        "operationId": way.name,
        "responses": {"200": {"description": "The result."}},
    }
