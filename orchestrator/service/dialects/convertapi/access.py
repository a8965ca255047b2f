"""Who may convert: a key as Bearer, or in the query as Secret or Token."""

from __future__ import annotations

from aiohttp import web

from orchestrator.service.dialects.convertapi.refusal import Refusal
from orchestrator.service.native.context import CONTEXT

MISSING = "User credentials not set, secret or token must be passed."
WRONG = {
    "secret": (4010, "The secret is not valid."),
    "token": (4011, "The token is not valid."),
}
CREDENTIALS = frozenset({"secret", "token", "apikey"})


def check(request: web.Request) -> None:
    """Let a request pass or not.

    Raises:
        Refusal: its key is missing or wrong.
    """
    given = _given(request)
    if given is None:
        raise Refusal(401, 4013, MISSING)
    kind, key = given
    if not request.app[CONTEXT].keys.fits(key):
        raise Refusal(401, *WRONG[kind])


def _given(request: web.Request) -> tuple[str, str] | None:
    """What kind of key there is, and the key."""
    for name, value in request.query.items():
        if name.lower() in WRONG and value:
            return name.lower(), value
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and key.strip():
        return "secret", key.strip()
    return None
