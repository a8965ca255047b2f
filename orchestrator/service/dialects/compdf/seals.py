"""Tokens and links that carry their own proof and their own end; performs no I/O."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from orchestrator.service.links import Links
from orchestrator.service.problems import Problem

TOKEN_LIFE = 43_200
PUT, GET = "compdf:put", "compdf:get"


def token(links: Links, key: str, now: float) -> str:
    """A bearer token of the first generation, good for twelve hours and for one key."""
    expires, nonce = str(int(now) + TOKEN_LIFE), secrets.token_urlsafe(12)
    return f"{expires}.{nonce}.{links.seal('compdf:token', key, expires, nonce)}"


def check_token(links: Links, keys: Sequence[str], given: str, now: float) -> None:
    """Let a request with this token pass or not.

    Raises:
        Problem: it is not ours, or its time is over, or its key no longer opens.
    """
    expires, _, rest = given.partition(".")
    nonce, _, signature = rest.partition(".")
    right = [links.seal("compdf:token", key, expires, nonce) for key in keys]
    fits = [_same(each, signature) for each in right]
    if not any(fits) or float(expires) <= now:
        raise Problem("unauthorized", "the token is wrong or its time is over")


def link(links: Links, purpose: str, key: str, expires: float) -> str:
    """Path with query of a link to a file; whoever has it needs nothing else."""
    end = str(int(expires))
    signature = links.seal(purpose, key, end)
    return f"/server/storage/{key}?expires={end}&signature={signature}"


def check_link(
    links: Links, purpose: str, key: str, *, expires: str, signature: str, now: float
) -> None:
    """Let a request for a file pass or not.

    Raises:
        Problem: the link is not ours, was changed, or its time is over.
    """
    if not _same(links.seal(purpose, key, expires), signature):
        raise Problem("bad_signature", "the link was not made by this service")
    if float(expires) <= now:
        raise Problem("expired", "Request has expired")


def end_of_next_day(now: float) -> float:
    """When results go: at the end of the day behind this one, in UTC."""
    today = datetime.fromtimestamp(now, UTC).replace(
        hour=0, minute=0, second=0, microsecond=0
    )
    return (today + timedelta(days=2)).timestamp()


def webhook_token(links: Links, url: str) -> str:
    """The 32 hexadecimal digits that go with every event to this address."""
    return links.seal("compdf:webhook", url)[:32]


def _same(right: str, given: str) -> bool:
    return hmac.compare_digest(right.encode(), given.encode("utf-8", "surrogateescape"))
