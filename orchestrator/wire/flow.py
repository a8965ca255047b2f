"""Flows as tables: what each provider says, in which order; performs no I/O.

Theory of operation
-------------------
A mode is a short conversation. Each turn is a pair of pure functions: *build* the
request from job and progress, *parse* the reply into new progress. A provider is a
table mode -> phase -> step; one driver (``engine/drive.py``) sends, waits, records and
retries, and knows no API. The state between turns is a value, because the ledger has
to hold it: a suspended coroutine cannot be saved.

``parse`` is total: an unknown reply becomes a failure with a short excerpt, never an
exception. It is called when the head of a streamed reply is here and before its body
is read, so that a handle is durable before a cut body could lose it.

A step that may cost money names its ``find``: a SAFE step that looks the job up after
its outcome was lost. ``find`` parses to progress beyond the step (adopted), or to a
failure with ``Remedy.ABSENT``. What an absence proves is the provider's to declare.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from orchestrator.model import Document, Echo, Job, Mode, Operation, Phase, Progress
from orchestrator.wire.http import Request, Response

Build = Callable[[Job, Progress], Request]
Parse = Callable[[Job, Progress, Response], Progress]


@dataclass(frozen=True, slots=True)
class Step:
    """One turn of a conversation; ``beside`` where its requests need no order."""

    build: Build
    parse: Parse
    find: Step | None = None
    beside: Beside | None = None


@dataclass(frozen=True, slots=True)
class Beside:
    """The uploads of one step, which may go beside each other, in any order.

    Each is known by its place among ``Progress.uploads``: ``left`` tells the places of
    those to be made, ``build`` and ``parse`` are a step's for one of them, and ``done``
    is the progress once it is made. A reply that leads back counts a lap.
    """

    left: Callable[[Progress], Sequence[int]]
    build: Callable[[Job, Progress, int], Request]
    parse: Callable[[Job, Progress, int, Response], Progress]
    done: Callable[[Progress, int], Progress]


Flow = Mapping[Phase, Step]


class Absence(StrEnum):
    """What a lookup that finds nothing proves."""

    PROVES = "proves"
    """The provider records a job before it starts on it, and keeps it long enough."""
    PROVES_ONCE_TRUSTED = "proves_once_trusted"
    """Only after a lookup of one of our own ids was answered positively."""
    NOTHING = "nothing"
    """The provider has no lookup that could prove it."""


@dataclass(frozen=True, slots=True)
class Pace:
    """When to poll, as long as nobody knows how long jobs take.

    First after ``first`` seconds, and then whenever a tenth of a job's age has passed,
    or ``first`` if that is more.
    ``floor`` is what the API demands between two polls of one job, ``cap`` the longest
    wait, ``deadline`` when an accepted job counts as overdue; all in seconds.
    """

    first: float = 0.2
    floor: float = 0.0
    cap: float = 60.0
    deadline: float = 3600.0

    def gap(self, age: float, luck: float = 0.0) -> float:
        """Seconds to the next poll at that age; ``luck`` from 0 to 1 spreads them."""
        share = min(self.cap, 0.1 * age) * (1 - 0.1 * luck)
        return max(self.floor, self.first, share)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Sizes in bytes up to which a mode is chosen."""

    sync: int = 10_000_000
    asynchronous: int = 50_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """Ceilings of one account; ``None`` means that the engine finds its own.

    Attributes:
        width: Requests on the wire at the same time.
        rate: Requests a second, polls included.
        jobs: Jobs accepted by the provider and not finished.
        uploads: Large uploads at the same time.
        bytes_in_flight: Bytes of inputs being sent at the same time.
    """

    width: int = 8
    rate: float | None = None
    jobs: int = 1000
    uploads: int = 4
    bytes_in_flight: int = 512_000_000


def no_objection(document: Document) -> str | None:  # noqa: ARG001  # fits the signature
    """The check of a provider that takes everything."""
    return None


@dataclass(frozen=True, slots=True, order=True)
class Wish:
    """One kind of work that an account is asked for."""

    account: str
    operation: Operation
    source: str
    target: str
    design: str = ""


def no_objections(
    response: Response,  # noqa: ARG001  # fits the signature
    wishes: Collection[Wish],  # noqa: ARG001
) -> Sequence[tuple[Wish, str]]:
    """The answer of a survey that tells nothing of what an account can do."""
    return ()


@dataclass(frozen=True, slots=True)
class Standing:
    """What an account is worth: ``refusal`` says why it cannot work at all.

    ``balance`` is in the provider's units, as far as it tells.
    """

    refusal: str = ""
    balance: float | None = None


def by_status(response: Response) -> Standing:
    """The standing where 401 and 403 are all that is known of it."""
    is_refused = response.status in (401, 403)
    why = f"the key is refused (status {response.status})" if is_refused else ""
    return Standing(why)


@dataclass(frozen=True, slots=True)
class Survey:
    """Asks an account what it can do, before the first document is sent to it.

    ``objections`` and ``standing`` are total: a reply that they cannot read objects to
    nothing. An empty balance refuses nothing: what was paid for may be left to fetch.
    """

    request: Request
    objections: Callable[[Response, Collection[Wish]], Sequence[tuple[Wish, str]]]
    standing: Callable[[Response], Standing] = by_status


@dataclass(frozen=True, slots=True)
class Inquiry:
    """Asks an account about one design, before the first document is sent to it.

    ``objection`` says what is against the design itself, ``problems`` what is against
    a document of it; both are total. A reply that is neither good nor an objection
    is asked for again, and then stops the account.
    """

    request: Request
    objection: Callable[[Response], str | None]
    problems: Callable[[Response], Callable[[Document], Sequence[str]]]


@dataclass(frozen=True, slots=True)
class Adoption:
    """Takes a job over whose reply was lost, by what its webhook echoes.

    For an API without lookups. ``read`` gives the progress that the echo speaks of, or
    ``None``; ``confirm`` asks the account's own origin whether that is true, as a
    ``Step.find`` does. An echo is waited for ``patience`` seconds after the intent.
    """

    read: Callable[[Job, Progress, Echo], Progress | None]
    confirm: Step
    patience: float


@dataclass(frozen=True, slots=True)
class RollCall:
    """Asks with one SAFE request which jobs the provider still works on.

    ``build`` is given the handles in question; ``pending`` tells the handles that are
    said to be unfinished, and is total: a reply that it cannot read names none. It is
    a hint, as a webhook is: whoever is not named is polled, and the poll is the truth.
    """

    build: Callable[[Sequence[str]], Request]
    pending: Callable[[Response], Collection[str]]


@dataclass(frozen=True, slots=True)
class Provider:
    """An API as data.

    Attributes:
        name: The word for it in manifests.
        flows: Mode -> phase -> step.
        auth: Headers that carry the key, with ``{key}`` in their values; those with
            ``{secret}`` go only where the account has one.
        absence: What a lookup that finds nothing proves.
        settle: Seconds after an intent before a lookup may prove absence; the time in
            which the request itself could still arrive.
        retention: Seconds for which a job can be looked up.
        link_life: Seconds for which a signed upload link lives, if it has an end.
        pace: When to poll.
        thresholds: Sizes up to which a mode is chosen.
        limits: What the API allows when the manifest does not say.
        lacks: Mode -> what replaces it and why, for modes that it does not have.
        operations: What it can do.
        exactly_once: Modes whose every charged request is named before it is sent.
        objection: Says why a document cannot be done, or ``None``.
        release: Deletes the job once its results are safe.
        release_all: Deletes several jobs with one request, where the API can.
        survey: Asks what the account can do; also tells a wrong key before any work.
        base_url: Where it lives when the manifest does not say.
        fits: Whether one more document may go into a job that has some; ``None`` where
            a job carries one document.
        rates: Requests a second that the API allows in each lane of its requests.
        inquire: What to ask about a design that documents name; ``None`` where its
            parameters cannot be asked for.
        adoption: Takes over a job whose reply was lost, by the echo of a webhook.
        with_secret: The API as it is for accounts that have a second credential,
            where that means another generation of it.
        roll: Asks for many jobs at once; ``None`` where each has to be polled.
        spares_failures: Whether work that failed is not charged.
        is_ours: Whether a job's handle is an id that we made: then a good answer to a
            poll shows that the API goes by our ids, as a lookup would.
    """

    name: str
    flows: Mapping[Mode, Flow]
    auth: tuple[tuple[str, str], ...]
    absence: Absence
    settle: float
    retention: float
    link_life: float | None = None
    pace: Pace = field(default_factory=Pace)
    thresholds: Thresholds = field(default_factory=Thresholds)
    limits: Limits = field(default_factory=Limits)
    lacks: Mapping[Mode, tuple[Mode, str]] = field(default_factory=dict)
    operations: frozenset[Operation] = frozenset(Operation)
    exactly_once: frozenset[Mode] = frozenset()
    objection: Callable[[Document], str | None] = no_objection
    release: Step | None = None
    release_all: Callable[[Sequence[Job]], Request] | None = None
    survey: Survey | None = None
    base_url: str | None = None
    fits: Callable[[Sequence[Document], Document], bool] | None = None
    rates: Mapping[str, float] = field(default_factory=dict)
    inquire: Callable[[str], Inquiry] | None = None
    adoption: Adoption | None = None
    with_secret: Provider | None = None
    roll: RollCall | None = None
    spares_failures: bool = False
    is_ours: Callable[[Job, str], bool] | None = None
