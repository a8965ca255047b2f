"""Signed upload links: the link is the permission, for a while; performs no I/O."""

from __future__ import annotations

import hashlib
import hmac

from orchestrator.service.problems import Problem


class Links:
    """Signs and checks links with a secret of this instance.

    ``life`` is in seconds.
    """

    def __init__(self, secret: bytes, *, life: float) -> None:
        self._secret = secret
        self._life = life

    def sign(self, job_id: str, place: str, *, now: float) -> tuple[str, int]:
        """Path with query of a link for one place, and when it expires.

        A place is the number of a file, or that and the number of a part: ``0/3``.
        """
        expires = int(now + self._life)
        signature = self._signature(job_id, place, str(expires))
        path = f"/v1/uploads/{job_id}/{place}"
        return f"{path}?expires={expires}&signature={signature}", expires

    def check(
        self, job_id: str, place: str, *, expires: str, signature: str, now: float
    ) -> None:
        """Let a request pass or not.

        Raises:
            Problem: the link is not ours, was changed, or has expired.
        """
        right = self._signature(job_id, place, expires)
        if not hmac.compare_digest(right.encode(), signature.encode()):
            raise Problem("bad_signature", "the link was not made by this service")
        if float(expires) <= now:
            raise Problem("expired", "the link has expired; ask for the job again")

    def seal(self, purpose: str, *facts: str) -> str:
        """A signature of facts, good for one purpose alone.

        A purpose has a colon in it, so that it is never taken for the id of a job.
        """
        text = "\n".join((purpose, *facts)).encode("utf-8", "surrogateescape")
        return hmac.new(self._secret, text, hashlib.sha256).hexdigest()

    def _signature(self, job_id: str, place: str, expires: str) -> str:
        facts = f"{job_id}\n{place}\n{expires}".encode()
        return hmac.new(self._secret, facts, hashlib.sha256).hexdigest()
