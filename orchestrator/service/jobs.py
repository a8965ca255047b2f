"""Jobs as values, the same for every dialect; performs no I/O."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import msgspec

from orchestrator.model import Mode
from orchestrator.service.parts import Part, parts_of

ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class JobState(StrEnum):
    """Where a job stands (docs/service.md, section "The job")."""

    RECEIVING = "receiving"
    CREATED = "created"
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    EXPIRED = "expired"
    DELETED = "deleted"

    @property
    def is_ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self in ENDED


ENDED = frozenset({JobState.DONE, JobState.FAILED, JobState.EXPIRED, JobState.DELETED})


@dataclass(frozen=True, slots=True)
class Order:
    """What a caller wants.

    Attributes:
        id: The job's id: the caller's own, or one made for it.
        mode: How it was handed over.
        operation: ``convert``, ``merge``, ``split`` or ``generate``.
        source: Format of the inputs; empty for ``generate``.
        target: Format of the outputs.
        params: Options, or the data for the design, as canonical JSON.
        design: ``name@version`` for ``generate``.
        webhook: Where to tell of the end.
        dialect: Which API it came by.
        extra: What that API alone has to remember.
    """

    id: str
    mode: Mode
    operation: str
    source: str
    target: str
    params: bytes = b"{}"
    design: str | None = None
    webhook: str | None = None
    dialect: str = "native"
    extra: Mapping[str, Any] = field(default_factory=dict)

    def fingerprint(self, inputs: Sequence[Input]) -> str:
        """What tells another request from the same one.

        The mode in which the answer is wanted and the webhook say how to be told,
        not what to do; they are no part of it.
        """
        facts = (
            self.dialect,
            self.operation,
            self.source,
            self.target,
            self.design,
            msgspec.Raw(self.params),
            [(each.name, each.declared, each.sha256) for each in inputs],
        )
        return hashlib.sha256(msgspec.json.encode(facts)).hexdigest()


@dataclass(frozen=True, slots=True)
class Input:
    """One file of a job: declared, then received.

    ``declared`` is the size that the caller announced (bytes); ``size`` and ``sha256``
    are what was received, ``None`` until then. What was put to a store has a ``tag``
    instead of a hash: the store's word for these very bytes. ``parts`` are the numbers
    of those that are there of a file that comes in parts, ``upload`` what a store calls
    them together; both are found by looking, and never written down.
    """

    name: str
    declared: int | None = None
    size: int | None = None
    sha256: str | None = None
    tag: str | None = None
    parts: frozenset[int] = frozenset()
    upload: str = ""

    @property
    def is_received(self) -> bool:
        """Whether its bytes are here, as many as were declared."""
        has_come = self.sha256 is not None or self.tag is not None
        return has_come and self.declared in (None, self.size)


@dataclass(frozen=True, slots=True)
class Result:
    """One file that was made; size in bytes; ``stored`` if a store gives it out."""

    name: str
    size: int
    sha256: str
    stored: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it is on disk; times in seconds since the epoch.

    Attributes:
        n: Place in the order of arrival.
        folder: Name of its folder below the data folder; empty once it is removed.
        deaths: How often the service died while it ran.
        error: Code and message of what went wrong.
    """

    n: int
    order: Order
    state: JobState
    fingerprint: str
    folder: str
    created: float
    deaths: int = 0
    started: float | None = None
    finished: float | None = None
    expires: float | None = None
    converter: str = ""
    warnings: tuple[str, ...] = ()
    results: tuple[Result, ...] = ()
    error: tuple[str, str] | None = None
    inputs: tuple[Input, ...] = ()

    @property
    def id(self) -> str:
        """The caller's name for it."""
        return self.order.id

    @property
    def is_presigned(self) -> bool:
        """Whether its files are handed over through links."""
        return self.order.mode is Mode.PRESIGNED

    @property
    def uses_depot(self) -> bool:
        """Whether they lie at the depot; dialects play stores of their own."""
        return self.is_presigned and self.order.dialect == "native"

    def parts(self, n: int) -> tuple[Part, ...]:
        """The parts in which an input comes; none where it comes in one piece."""
        size = self.order.extra.get("part_size", 0) if self.uses_depot else 0
        return parts_of(self.inputs[n].declared, size)

    def has_parts(self) -> bool:
        """Whether an input comes in parts."""
        return any(self.parts(n) for n in range(len(self.inputs)))

    def has_expired(self, now: float) -> bool:
        """Whether its files are no longer given out."""
        return self.state is JobState.EXPIRED or (
            self.expires is not None and self.expires <= now
        )


@dataclass(frozen=True, slots=True)
class Bill:
    """What was accepted for work, and what was only a repetition."""

    accepted: int
    replays: int
    jobs: int
