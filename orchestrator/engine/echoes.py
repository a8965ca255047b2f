"""Which job a webhook means: by our own id, or by the provider's name for the job.

A webhook may be faster than the reply that tells the handle, so what nobody knows yet
is remembered for a while.
"""

from __future__ import annotations

from collections import OrderedDict

from orchestrator.engine.work import Work
from orchestrator.model import Echo

REMEMBERED = 10_000
"""Echoes of unknown jobs that are kept; a stable path also serves other batches."""


class Echoes:
    """The jobs of one account, as webhooks name them."""

    def __init__(self) -> None:
        self._works: dict[str, Work] = {}
        self._names: dict[str, str] = {}
        self._early: OrderedDict[str, Echo] = OrderedDict()

    def follow(self, work: Work) -> bool:
        """Know a job by its id and by the handle that it has now.

        Says whether a webhook was faster.
        """
        self._works[work.name] = work
        keys = {work.name}
        if handle := work.progress.handle:
            self._names[handle] = work.name
            keys.add(handle)
        early = [self._early.pop(key) for key in keys if key in self._early]
        for echo in early:
            work.echo = echo
        return bool(early)

    def forget(self, work: Work) -> None:
        """The job has ended."""
        self._works.pop(work.name, None)
        if handle := work.progress.handle:
            self._names.pop(handle, None)

    def hear(self, echo: Echo) -> list[str]:
        """The jobs that are meant: one, or none that is known by now."""
        name = echo.job if echo.job in self._works else self._names.get(echo.handle)
        if name is None or (work := self._works.get(name)) is None:
            self._keep(echo)
            return []
        work.echo = echo
        return [name]

    def _keep(self, echo: Echo) -> None:
        for key in {echo.job, echo.handle} - {""}:
            self._early[key] = echo
            self._early.move_to_end(key)
        while len(self._early) > REMEMBERED:
            self._early.popitem(last=False)
