"""The routes, matched without regard to case."""

from __future__ import annotations

import re
from collections.abc import Iterator

from aiohttp import web
from aiohttp.typedefs import Handler

from orchestrator.service.dialects.convertapi import account, convert, files, info, poll
from orchestrator.service.dialects.convertapi.access import admit
from orchestrator.service.dialects.convertapi.order import JOB_LIFE, NAME, announce
from orchestrator.service.dialects.convertapi.poll import POLLS, Polls
from orchestrator.service.dialects.convertapi.refusal import tell
from orchestrator.service.dialects.dialect import Dialect

OURS = re.compile(
    "/(?:convert|async|job|upload|upload-from-url|d|user|info)(?:/.*)?|/[^/]+/to/[^/]+",
    re.IGNORECASE,
)
PAIR = "{source}/to/{target}"
TABLE: list[tuple[str, str, Handler]] = [
    ("GET POST", f"/convert/{PAIR}", convert.convert),
    ("GET POST", f"/convert/{PAIR}/converter/{{name}}", convert.convert),
    ("GET POST", f"/async/convert/{PAIR}", convert.convert_async),
    ("GET", "/job/{id}", poll.get_job),
    ("DELETE", "/job/{id}", poll.delete_job),
    ("GET", "/async/job/{id}", poll.get_job),
    ("DELETE", "/async/job/{id}", poll.delete_job),
    ("POST", "/upload", files.upload),
    ("POST", "/upload-from-url", files.upload),
    ("GET", "/d/{file}", files.get_file),
    ("DELETE", "/d/{file}", files.delete_file),
    ("GET", "/d/{file}/{name}", files.get_file),
    ("DELETE", "/d/{file}/{name}", files.delete_file),
    ("GET", "/user", account.get_user),
    ("GET", "/user/statistic", account.get_statistic),
    ("GET", "/info", info.get_all),
    ("GET", "/info/openapi", info.get_openapi),
    ("GET", f"/info/openapi/{PAIR}", info.get_openapi),
    ("GET", "/info/converter/{name}", info.get_converter),
    ("GET", f"/info/canconvert/{PAIR}", info.can_convert),
    ("GET", f"/info/{PAIR}", info.get_all),
    ("GET POST", f"/{PAIR}", convert.convert),
]


def _routes() -> Iterator[web.RouteDef]:
    for methods, path, handler in TABLE:
        for method in methods.split():
            # A HEAD must not convert; where it makes sense, aiohttp makes it of GET.
            plain = {"allow_head": False} if handler is not files.get_file else {}
            more = plain if method == "GET" else {}
            yield web.route(method, _any_case(path), handler, **more)


def _any_case(path: str) -> str:
    """The path with every fixed word in any case."""
    parts = path.strip("/").split("/")
    return "".join(
        f"/{part}" if part.startswith("{") else f"/{{w{n}:(?i:{re.escape(part)})}}"
        for n, part in enumerate(parts)
    )


def _owns(path: str) -> bool:
    return OURS.fullmatch(path) is not None


def _setup(app: web.Application) -> None:
    app[POLLS] = Polls()


CONVERTAPI = Dialect(
    name=NAME,
    routes=[*_routes()],
    owns=_owns,
    admit=admit,
    tell=tell,
    announce=announce,
    setup=_setup,
    life=JOB_LIFE,
)
