"""What the service says when something does not work; performs no I/O.

The table is that of docs/service.md, section "Errors".
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.model import Blame


@dataclass(frozen=True, slots=True)
class Kind:
    """What a code means on the wire.

    ``retry`` is true only where nothing was started.
    """

    status: int
    blame: Blame
    retry: bool = False


KINDS = {
    "bad_request": Kind(400, Blame.DOCUMENT),
    "unauthorized": Kind(401, Blame.ACCOUNT),
    "bad_signature": Kind(403, Blame.DOCUMENT),
    "not_found": Kind(404, Blame.DOCUMENT),
    "wrong_method": Kind(405, Blame.DOCUMENT),
    "id_in_use": Kind(409, Blame.DOCUMENT),
    "wrong_state": Kind(409, Blame.DOCUMENT),
    "expired": Kind(410, Blame.DOCUMENT),
    "length_required": Kind(411, Blame.DOCUMENT),
    "not_matched": Kind(412, Blame.DOCUMENT),
    "too_large": Kind(413, Blame.DOCUMENT),
    "unsupported": Kind(415, Blame.DOCUMENT),
    "bad_range": Kind(416, Blame.DOCUMENT),
    "damaged_file": Kind(422, Blame.DOCUMENT),
    "password_needed": Kind(422, Blame.DOCUMENT),
    "bad_params": Kind(422, Blame.DOCUMENT),
    "render_failed": Kind(422, Blame.DOCUMENT),
    "time_limit": Kind(422, Blame.DOCUMENT),
    "memory_limit": Kind(422, Blame.DOCUMENT),
    "converter_died": Kind(422, Blame.DOCUMENT),
    "too_many": Kind(429, Blame.SERVICE, retry=True),
    "internal": Kind(500, Blame.SERVICE),
    "closing": Kind(503, Blame.SERVICE, retry=True),
    "storage_down": Kind(503, Blame.SERVICE, retry=True),
    "disk_full": Kind(507, Blame.SERVICE),
}
RETRY_AFTER = 2


class Problem(Exception):
    """An answer that is not the one hoped for.

    ``code`` is one of ``KINDS``; the message is for the caller and holds no secret.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    @property
    def kind(self) -> Kind:
        """What the code means; one that is not in the table is a failed rendering."""
        return KINDS.get(self.code, KINDS["render_failed"])

    def headers(self) -> dict[str, str]:
        """Headers that go with the answer."""
        return {"Retry-After": str(RETRY_AFTER)} if self.kind.retry else {}

    def view(self) -> dict[str, object]:
        """The error as the API shows it, in an answer or in a job."""
        return {
            "code": self.code,
            "message": self.message,
            "blame": self.kind.blame.value,
            "retry": self.kind.retry,
        }
