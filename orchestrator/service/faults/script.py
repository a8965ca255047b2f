"""A fault script as a value; performs no I/O.

A rule says which requests it watches, which of them it hits, and what then goes wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase


class Phase(StrEnum):
    """Where in its conversation a request stands, as the service sees it.

    ``WORK`` is the rendering itself, ``WEBHOOK`` a call that the service makes.
    """

    SUBMIT = "submit"
    UPLOAD = "upload"
    EXECUTE = "execute"
    POLL = "poll"
    FETCH = "fetch"
    DELETE = "delete"
    OTHER = "other"
    WORK = "work"
    WEBHOOK = "webhook"


class Kind(StrEnum):
    """What can go wrong."""

    REFUSE = "refuse"
    """A status that says no, before any work."""
    LOSE = "lose"
    """The work is done and billed, and its answer is lost."""
    RESET = "reset"
    """The connection is reset before the body of the request is read."""
    CUT = "cut"
    """The connection ends in the middle of the reply."""
    SLOW = "slow"
    """The reply takes its time."""
    EXPIRE = "expire"
    """The upload link is dead."""
    SHORT = "short"
    """A body that lacks its end, under a length that says it is whole."""
    PAGE = "page"
    """A web page under 200."""
    REDIRECT = "redirect"
    """Another host is said to know better."""
    FORGET_ID = "forget_id"
    """The caller's own id of the job is ignored."""
    SPOIL = "spoil"
    """A file cannot be rendered; its job ends as failed."""
    HOOK_LATE = "hook_late"
    HOOK_TWICE = "hook_twice"
    HOOK_FORGED = "hook_forged"
    HOOK_MISSING = "hook_missing"

    @property
    def phases(self) -> frozenset[Phase]:
        """Where it can happen."""
        return PHASES.get(self, REQUESTS)


REQUESTS = frozenset(Phase) - {Phase.WORK, Phase.WEBHOOK, Phase.OTHER}
"""What a rule without a phase watches, as far as its faults can happen there."""
HOOKS = frozenset(
    {Kind.HOOK_LATE, Kind.HOOK_TWICE, Kind.HOOK_FORGED, Kind.HOOK_MISSING}
)
PHASES: Mapping[Kind, frozenset[Phase]] = {
    Kind.EXPIRE: frozenset({Phase.UPLOAD}),
    Kind.FORGET_ID: frozenset({Phase.SUBMIT}),
    Kind.SPOIL: frozenset({Phase.WORK}),
    **dict.fromkeys(HOOKS, frozenset({Phase.WEBHOOK})),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        kind: What.
        status: HTTP status, where the kind answers with one; 0 means no answer.
        retry_after: Seconds of the Retry-After header; ``None`` leaves it out.
        body: ``own`` are the words of the API, ``page`` a web page, ``none`` nothing.
        after: Bytes of the body that are sent before a cut; ``None`` is half of it.
        seconds: How late.
        to: Where a redirect leads.
        worked: Whether the work was done before a page hides its answer.
        code: Why a spoiled file cannot be rendered.
    """

    kind: Kind
    status: int = 0
    retry_after: int | None = None
    body: str = "own"
    after: int | None = None
    seconds: float = 1.0
    to: str = "http://elsewhere.invalid/"
    worked: bool = False
    code: str = "render_failed"

    def fits(self, call: Call) -> bool:
        """Whether it can happen to a call; ConvertAPI's uploads have no link."""
        has_link = self.kind is not Kind.EXPIRE or call.dialect != "convertapi"
        return call.phase in self.kind.phases and has_link


@dataclass(frozen=True, slots=True)
class Call:
    """What a rule looks at."""

    phase: Phase
    dialect: str
    method: str
    path: str


@dataclass(frozen=True, slots=True)
class Rule:
    """Which calls are hit by which faults; one of the four counts is set.

    Attributes:
        faults: One of them is taken for each hit.
        phases: Empty: wherever the faults can happen, except ``other``.
        dialect: ``None``: every one.
        method: ``None``: every one.
        path: A pattern, in which ``*`` matches anything.
        share: The part of the calls that is hit, by lot.
        first: The first so many are hit.
        every: Every so many-th is hit.
        at: These are hit, counted from 1.
    """

    faults: tuple[Fault, ...]
    phases: frozenset[Phase] = frozenset()
    dialect: str | None = None
    method: str | None = None
    path: str = "*"
    share: float | None = None
    first: int | None = None
    every: int | None = None
    at: tuple[int, ...] = ()

    def able(self, call: Call) -> Sequence[Fault]:
        """Its faults that can happen to this call; empty where it does not watch."""
        is_watched = (
            self.dialect in (None, call.dialect)
            and self.method in (None, call.method)
            and fnmatchcase(call.path, self.path)
        )
        if not is_watched:
            return ()
        if self.phases:
            return self.faults if call.phase in self.phases else ()
        return [each for each in self.faults if each.fits(call)]

    def is_hit(self, n: int, luck: float) -> bool:
        """Whether the n-th call that it watches is hit, with a number in [0, 1)."""
        if self.share is not None:
            return luck < self.share
        if self.first is not None:
            return n <= self.first
        if self.every is not None:
            return n % self.every == 0
        return n in self.at


@dataclass(frozen=True, slots=True)
class Script:
    """Rules, and the seed of their dice; the first rule that hits wins."""

    seed: int = 0
    rules: tuple[Rule, ...] = ()


NOTHING = Script()
"""No faults at all."""
