"""What an API beside the native one consists of; performs no I/O."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aiohttp import web

from orchestrator.service.auth import Keys
from orchestrator.service.hooks import Announce
from orchestrator.service.problems import Problem


@dataclass(frozen=True, slots=True)
class Dialect:
    """One API.

    Attributes:
        name: What its jobs have as their dialect.
        routes: Its paths.
        owns: Whether a path is one of its own, also one that it does not know.
        admit: Raises a ``Problem`` for a request whose credentials do not fit.
        tell: Says in its words what is wrong.
        announce: Body of its webhook, or ``None`` when there is nothing to tell yet;
            an empty body is sent as a GET.
        setup: Makes ready what it remembers beside its jobs.
        life: For how long its jobs can be asked for at most, in seconds.
    """

    name: str
    routes: Sequence[web.RouteDef]
    owns: Callable[[str], bool]
    admit: Callable[[web.Request, Keys], None]
    tell: Callable[[web.Request, Problem], web.Response]
    announce: Announce
    setup: Callable[[web.Application], None] | None = None
    life: float | None = None
