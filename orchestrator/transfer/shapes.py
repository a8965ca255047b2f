"""What webhooks of each API look like; a table of parsers, and nothing is believed.

A call that is read gives an :class:`Echo`: which job it is about, in whatever words
the API has for it. Nothing here raises, whatever came in.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from standardwebhooks import Webhook, WebhookVerificationError

from orchestrator.model import Echo
from orchestrator.transfer.door import Call

_OWN = re.compile(r"-([0-9a-f]{32})-[0-9]{1,6}(?:\.pdf)?", re.IGNORECASE)
_BARE = re.compile(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
_LONGEST_ID = 300
_MOST_FILES = 10_000


@dataclass(frozen=True, slots=True)
class Notice:
    """A call that is believed to come from the API.

    ``message`` tells it from other messages, so that its repeats change nothing.
    """

    message: str
    echo: Echo


Parse = Callable[[Call, str], Notice | None]
"""Reads a call with the account's secret, which may be empty where the API signs
nothing; ``None`` is a forgery or nonsense."""


def standard(call: Call, secret: str) -> Notice | None:
    """Standard Webhooks, as the embedded service sends them."""
    value = _verified(call, secret) if secret else None
    job = _text(value, "data", "id")
    if not job:
        return None
    return Notice(call.headers["webhook-id"], Echo(job=job, handle=job))


def convertapi(call: Call, secret: str) -> Notice | None:
    """``GET ?JobId=`` or a POST of ``{"JobId"}``; unsigned, guarded by the path."""
    del secret
    given = dict(call.query)
    if call.method == "POST":
        body = _json(call.body)
        given |= body if isinstance(body, dict) else {}
    elif call.method != "GET":
        return None
    named = {key.lower(): value for key, value in given.items()}
    job = _id(named.get("jobid"))
    if not job:
        return None
    own = job.replace("-", "").lower() if _BARE.fullmatch(job) else job
    return Notice(job, Echo(job=own, handle=job))


def compdf(call: Call, secret: str) -> Notice | None:
    """Events of ComPDF; its signature counts as a token that both sides know.

    The body's ``sendTime`` is documented without quotes: the few words that matter are
    found in text that is no JSON, too. Events of single files wake nobody.
    """
    said = _compdf_body(call)
    event, about = _id(said.get("eventName")), _id(said.get("eventObject"))
    given = [
        call.headers.get("ComPDF-Signature", ""),
        call.headers.get("ComPDFKit-Signature", ""),
        said.get("webhookToken", ""),
    ]
    if call.method != "POST" or not event or not about:
        return None
    if secret and not any(_is_same(each, secret) for each in given):
        return None
    is_end = event in ("task.finish", "task.overdue")
    return Notice(_digest(call), Echo(handle=about) if is_end else Echo())


def reportflow(call: Call, secret: str) -> Notice | None:
    """``file.completed`` of both generations; our key is in the names of the files.

    The API documents no signature. With a secret, one as in Standard Webhooks is
    demanded; without one, the path guards.
    """
    value = _verified(call, secret) if secret else _json(call.body)
    if call.method != "POST" or _text(value, "event") != "file.completed":
        return None
    request = _id(value.get("requestId"))
    files: list[tuple[str, str]] = []
    handle, job = request, ""
    entries = value.get("files")
    for each in entries[:_MOST_FILES] if isinstance(entries, list) else ():
        name, file = _text(each, "fileName"), _id(_text(each, "fileId"))
        # What is the request now was the file's uuid once.
        group = request or _id(_text(each, "uuid"))
        handle = handle or group
        if match := _OWN.search(name):
            job = job or match[1].lower()
        if name and file and group:
            files.append((name, f"{group} {file}"))
    if not (job or handle):
        return None
    return Notice(_digest(call), Echo(job=job, handle=handle, files=tuple(files)))


PARSERS: Mapping[str, Parse] = {
    "local": standard,
    "compdf": compdf,
    "convertapi": convertapi,
    "reportflow": reportflow,
}
"""Provider -> its parser; the same word is the last part of the path."""

SIGNED = frozenset({"local"})
"""Providers whose calls are refused without a secret."""


def _verified(call: Call, secret: str) -> Any:
    """The body of a call with a good signature, or ``None``."""
    try:
        # The library raises its own error for a wrong signature, and all sorts of
        # ValueError for what is not a signature, not UTF-8 or not JSON.
        return Webhook(secret).verify(call.body, dict(call.headers))
    except (WebhookVerificationError, ValueError, RecursionError):
        return None


def _compdf_body(call: Call) -> dict[str, str]:
    value = _json(call.body)
    if not isinstance(value, dict):
        text = call.body[:100_000].decode("utf-8", "replace")
        words = ("eventName", "eventObject", "webhookToken")
        value = {word: match[1] for word in words if (match := _word(word, text))}
    return {key: each for key, each in value.items() if isinstance(each, str)}


def _word(name: str, text: str) -> re.Match[str] | None:
    return re.search(rf'"{name}"\s{{0,99}}:\s{{0,99}}"([^"\\]{{0,300}})"', text)


def _is_same(given: str, secret: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), secret.encode())


def _digest(call: Call) -> str:
    return hashlib.sha256(call.body).hexdigest()


def _json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _id(value: Any) -> str:
    """An id of the provider's, if it can be one."""
    is_text = isinstance(value, str) and 0 < len(value) <= _LONGEST_ID
    return value if is_text and value.isprintable() else ""


def _text(value: Any, *path: str) -> str:
    """The text at a path of nested objects, or nothing."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""
