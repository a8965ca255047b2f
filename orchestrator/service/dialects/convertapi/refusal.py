"""What the API says when something does not work; performs no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
from aiohttp import web

from orchestrator.service.problems import Problem

INVALID = "Parameter validation error."
BUSY = "The service is overloaded. Please retry in a couple of seconds."


class Refusal(Problem):
    """An answer with a code of this API.

    ``invalid`` is what is wrong with which parameter; only code 4000 has it.
    """

    def __init__(
        self,
        status: int,
        code: int,
        message: str,
        invalid: Mapping[str, list[str]] | None = None,
    ) -> None:
        super().__init__("refused", message)
        self.status = status
        self.number = code
        self.invalid = invalid


@dataclass(frozen=True, slots=True)
class Said:
    """How a problem of the service is said here."""

    status: int
    code: int
    message: str = ""


SAID: Mapping[str, Said] = {
    "wrong_method": Said(405, 405),
    "too_large": Said(413, 413),
    "unsupported": Said(415, 415),
    "time_limit": Said(500, 5000),
    "damaged_file": Said(500, 5002),
    "password_needed": Said(500, 5003),
    "render_failed": Said(500, 5001),
    "memory_limit": Said(500, 5001),
    "converter_died": Said(500, 5001),
    "internal": Said(500, 50050),
    "disk_full": Said(500, 50050),
    "too_many": Said(503, 503, BUSY),
    "closing": Said(503, 503, BUSY),
}
# What is wrong with the request itself, and which parameter is most likely meant.
PARAMETERS = {
    "bad_request": "File",
    "wrong_state": "JobId",
    "id_in_use": "JobId",
    "bad_params": "Parameters",
}
GONE = frozenset({"not_found", "expired"})
# Our options by the names that callers know them by.
OPTIONS = {"pages": "PageRange", "dpi": "ImageResolution", "paper": "PageSize"}


def invalid(name: str, text: str) -> Refusal:
    """A parameter that cannot be."""
    return Refusal(400, 4000, INVALID, {name: [text]})


def refusal_of(problem: Problem) -> Refusal:
    """A problem of the service in this API's words."""
    if isinstance(problem, Refusal):
        return problem
    said = SAID.get(problem.code)
    if said is not None:
        return Refusal(said.status, said.code, said.message or problem.message)
    name = PARAMETERS.get(problem.code, "File")
    if problem.code == "bad_params":
        name = OPTIONS.get(problem.message.partition(":")[0], name)
    return invalid(name, problem.message)


def tell(_: web.Request, problem: Problem) -> web.Response:
    """The answer; what is not there is told without a word."""
    if problem.code in GONE:
        return web.Response(status=404)
    refusal = refusal_of(problem)
    body: dict[str, object] = {"Code": refusal.number, "Message": refusal.message}
    if refusal.invalid is not None:
        body["InvalidParameters"] = refusal.invalid
    response = web.Response(
        body=msgspec.json.encode(body),
        status=refusal.status,
        content_type="application/json",
    )
    response.headers.update(problem.headers())
    return response
