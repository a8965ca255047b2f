"""Whom this API lets in, and which generation a request is of; performs no I/O."""

from __future__ import annotations

from aiohttp import web

from orchestrator.service.auth import Keys
from orchestrator.service.dialects.reportflow.refusal import BAD_KEY, NO_KEY, Refused

OPEN = "/v1/file/"


def admit(request: web.Request, keys: Keys) -> None:
    """Check the credentials; a link to a file is a credential itself.

    Raises:
        Refused: they are missing or wrong.
    """
    if not request.path.startswith(OPEN):
        return
    headers = request.headers
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    given = [headers[name] for name in ("AppKey", "SecretKey") if name in headers]
    if "AppKey" not in headers:
        if scheme.lower() != "bearer":
            raise Refused(412, NO_KEY)
        given.append(token)
    if not all(keys.fits(each) for each in given):
        raise Refused(401, BAD_KEY)


def is_legacy(request: web.Request) -> bool:
    """Whether a request is of the first generation of the API."""
    return "SecretKey" in request.headers
