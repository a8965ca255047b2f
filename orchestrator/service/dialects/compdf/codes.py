"""ComPDF's error codes, and what of ours each stands for; performs no I/O."""

from __future__ import annotations

from orchestrator.service.problems import Problem

SUCCESS = "200"
BAD_KEYS = "400"
EMPTY = "01005"
BAD_PARAMETER = "01006"
NO_TASK_ID = "01007"
NO_PAIR = "02002"
NO_PICTURE = "02003"
INVALID = "03000"
NO_FILE_KEY = "04001"
ZERO_SIZE = "04002"
NO_FILE = "04003"
ONE_FILE_ONLY = "04007"
MERGE_LIMIT = "04008"
NO_TASK = "05001"
WRONG_STATE = "05002"
TASK_LIMIT = "05003"
OVERDUE = "05004"
NEEDS_FILE = "05005"

_NUMBERS = {
    "internal": "01001",
    "disk_full": "01002",
    "unsupported": NO_PAIR,
    "bad_request": INVALID,
    "bad_params": INVALID,
    "wrong_state": WRONG_STATE,
    "expired": OVERDUE,
    "too_large": "02209",
    "damaged_file": "02001",
    "password_needed": "02201",
}
# Codes of the renderer that have no number of their own are a failed processing.
_FAILED = "02210"
_DAMAGED_PDF = "02203"
# These are real statuses, with the status as the code in the body; HTTP 200 carries
# all the others.
_STATUSES = {
    "unauthorized": 401,
    "not_found": 404,
    "wrong_method": 405,
    "too_large": 413,
    "too_many": 429,
    "closing": 503,
}


class Refusal(Problem):
    """A refusal in ComPDF's own numbers."""

    def __init__(self, number: str, message: str) -> None:
        super().__init__("bad_request", message)
        self.number = number


def number(problem: Problem) -> str:
    """The code that an answer carries for a problem."""
    if isinstance(problem, Refusal):
        return problem.number
    if problem.code in _NUMBERS:
        return _NUMBERS[problem.code]
    return str(_STATUSES.get(problem.code, _FAILED))


def status(problem: Problem) -> int:
    """The HTTP status of the answer."""
    return 200 if isinstance(problem, Refusal) else _STATUSES.get(problem.code, 200)


def failure(code: str, source: str) -> str:
    """The code of a file that could not be worked on, by our own code for it."""
    if code == "damaged_file" and source == "pdf":
        return _DAMAGED_PDF
    return _NUMBERS.get(code, _FAILED)
