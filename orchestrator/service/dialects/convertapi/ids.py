"""Ids of this dialect: 32 lower-case letters and digits, or UUIDs; performs no I/O."""

from __future__ import annotations

import hashlib
import re
import secrets
import string
from uuid import UUID, uuid4

LETTERS = string.ascii_lowercase + string.digits
LENGTH = 32
PLAIN = re.compile(r"[a-z0-9]{32}")


def new_plain() -> str:
    """An id for a file, or for a job of the second generation."""
    return "".join(secrets.choice(LETTERS) for _ in range(LENGTH))


def new_uuid() -> str:
    """An id for a job of the first generation."""
    return str(uuid4())


def is_plain(text: str) -> bool:
    """Whether this is an id of 32 letters and digits."""
    return PLAIN.fullmatch(text) is not None


def job_id(text: str) -> str | None:
    """A caller's own job id in its one spelling, or ``None``."""
    lower = text.strip().lower()
    if is_plain(lower):
        return lower
    try:
        same = str(UUID(lower))
    except ValueError:
        return None
    return same if same == lower else None


def result_id(seed: str, n: int) -> str:
    """The id of a job's n-th result: known only by who knows the seed."""
    number = int.from_bytes(hashlib.sha256(f"{seed}:{n}".encode()).digest())
    picked = []
    for _ in range(LENGTH):
        number, index = divmod(number, len(LETTERS))
        picked.append(LETTERS[index])
    return "".join(picked)
