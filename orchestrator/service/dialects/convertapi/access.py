"""Who may convert: a key as Bearer, or in the query as Secret or Token."""

from __future__ import annotations

from aiohttp import web

from orchestrator.service.auth import Keys
from orchestrator.service.dialects.convertapi.refusal import Refusal
from orchestrator.service.native.context import CONTEXT

MISSING = "User credentials not set, secret or token must be passed."
WRONG = {
    "secret": (4010, "The secret is not valid."),
    "token": (4011, "The token is not valid."),
}
UPLOADS = frozenset({"/upload", "/upload-from-url"})
OPEN = ("/job/", "/async/job/", "/d/", "/info/")
CREDENTIALS = frozenset({"secret", "token", "apikey"})


def admit(request: web.Request, keys: Keys) -> None:
    """Check the key, where one is needed: ids of jobs and files are secrets.

    Raises:
        Refusal: it is missing or wrong.
    """
    if not _is_guarded(request):
        return
    given = _given(request)
    if given is None:
        raise Refusal(401, 4013, MISSING)
    kind, key = given
    if not keys.fits(key):
        raise Refusal(401, *WRONG[kind])


def _is_guarded(request: web.Request) -> bool:
    path = request.path.lower()
    if path in UPLOADS:
        return request.app[CONTEXT].settings.strict_uploads
    return not path.startswith(OPEN) and path != "/info"


def _given(request: web.Request) -> tuple[str, str] | None:
    """What kind of key there is, and the key."""
    for name, value in request.query.items():
        if name.lower() in WRONG and value:
            return name.lower(), value
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and key.strip():
        return "secret", key.strip()
    return None
