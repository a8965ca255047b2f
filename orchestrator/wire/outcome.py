"""What can happen to a request or to its files on the way; performs no I/O.

Raised by ``transfer``, judged by ``engine``: the two do not know each other.
"""

from __future__ import annotations

_UNSENT = "The request provably did not arrive."


class NotSent(Exception):
    """The request provably never left, or was not complete."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Unanswered(Exception):
    """The request may have been received; its outcome is unknown."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class SourceChanged(Exception):
    """An input cannot be read, or is not what the plan saw."""


class OutputExists(Exception):
    """A file that the ledger does not know stands where an output should go."""


class PartMissing(Exception):
    """A part file that was saved is gone or cut; it has to be fetched again."""


def mark_unsent(error: BaseException) -> None:
    """Note on a cancellation that the request provably did not arrive.

    A cancellation has to go on as what it is, so it cannot become ``NotSent``.
    """
    error.add_note(_UNSENT)


def is_unsent(error: BaseException) -> bool:
    """Whether the request provably did not arrive; also true for ``NotSent``."""
    return isinstance(error, NotSent) or _UNSENT in getattr(error, "__notes__", ())
