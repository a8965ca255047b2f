"""A job in memory while it is carried, and how one turn of carrying it may end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from operator import attrgetter

from orchestrator.clock import Clock
from orchestrator.engine.age import Since
from orchestrator.engine.kinds import Spell
from orchestrator.model import (
    Blame,
    Echo,
    Failure,
    Job,
    Phase,
    Progress,
    Remedy,
    Saved,
    Verdict,
)
from orchestrator.wire.http import Form, Raw, Request, Response
from orchestrator.wire.outcome import NotSent
from orchestrator.wire.ranges import is_download, range_headers

NOWHERE = Failure(
    "cut_reply",
    "the reply that carried the result was cut, and named no other way to it",
    Blame.SERVICE,
    Remedy.LOST,
)
WITHDRAWN = Failure(
    "withdrawn",
    "it was never accepted, and its job is not sent again: the user decided about "
    "another document of it; `orchestrator resolve --resubmit` sends it anew",
    Blame.SERVICE,
    Remedy.DOUBT,
)
UNWANTED = Failure(
    "unwanted",
    "it was never accepted, and the manifest asks for its documents differently now",
    Blame.DOCUMENT,
    Remedy.FAIL,
)


BEFORE = (Phase.SUBMIT, Phase.UPLOAD, Phase.EXECUTE)
"""Phases that end with a request that may cost money; an intent says that it left."""
_NO_PART = Saved("", 0, "")
"""Stands for a part that nobody waits for."""


class AccountStopped(Exception):
    """The account cannot go on; what is open stays open."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


@dataclass(slots=True)
class Work:
    """A job in memory while it is carried.

    ``intended`` is when an intent was written whose outcome is unknown (seconds since
    the epoch); ``attempts`` and ``waited`` count for the step at hand; ``echo`` is the
    last word of a webhook about it; ``linked`` is when its links to upload to were
    asked for; ``rounds`` counts lookups that were answered, and settled nothing;
    ``has_room`` says that room to send all of its inputs is held; ``anew`` that
    its next download is a whole one, whatever was begun; ``heard`` that inputs whose
    hash no request tells were read by this run; ``met`` and ``doubted`` say since when
    this run knows the job, and its intent; ``spell`` is its wait for the provider to be
    done.
    """

    job: Job
    progress: Progress
    intended: float | None = None
    attempts: int = 0
    rounds: int = 0
    waited: float = 0.0
    echo: Echo | None = None
    linked: float | None = None
    has_room: bool = False
    anew: bool = False
    heard: bool = False
    met: Since | None = None
    doubted: Since | None = None
    spell: Spell | None = None

    def age(self, clock: Clock) -> Since:
        """Since when this run knows the job."""
        self.met = self.met or Since.of(self.job.created, clock)
        return self.met

    def doubt(self, clock: Clock) -> Since:
        """Since when this run knows the intent whose outcome nobody knows."""
        written = self.intended or 0.0
        if self.doubted is None or self.doubted.written != written:
            self.doubted = Since.of(written, clock)
        return self.doubted

    @property
    def name(self) -> str:
        """The job's own id."""
        return self.job.id

    def reached(self, progress: Progress) -> None:
        """Take a step forward: what was counted against the last one is forgotten."""
        self.progress = progress
        self.attempts = self.rounds = 0
        self.waited = 0.0
        self.anew = False


@dataclass(frozen=True, slots=True)
class Wait:
    """The job waits that many seconds, or for a webhook.

    One that waits for its turn has a place in a line; then the seconds are what is
    known by now.
    """

    seconds: float
    turn: Spell | None = None


@dataclass(frozen=True, slots=True)
class End:
    """The job has ended for this run."""

    verdicts: Sequence[Verdict]


def is_unsent(work: Work) -> bool:
    """Whether nothing that may cost money has happened for a job so far."""
    return work.intended is None and work.progress.phase in BEFORE


def is_free(work: Work, failure: Failure, *, spares: bool) -> bool:
    """Whether a job that failed has provably cost nothing.

    ``spares`` says that the provider does not charge for work that failed. Work that
    has results did not fail there, whatever we think of them; and a job that was
    accepted has failed only where the provider says so. Without it, a refusal of what
    was asked for may be the end of work that was tried.
    """
    progress = work.progress
    if progress.cost is not None or progress.results or progress.phase is Phase.FETCH:
        return False
    is_word = failure.remedy is Remedy.FAIL
    if is_unsent(work):
        return spares or failure.status is None or not is_word
    return spares and is_word


def without_inline(progress: Progress) -> Progress:
    """The same, when the reply that carried a result is over."""
    results = tuple(replace(each, inline=False) for each in progress.results)
    return replace(progress, results=results)


def without_parts(progress: Progress) -> Progress:
    """The same, when every result has to be fetched again."""
    results = tuple(replace(each, saved=None) for each in progress.results)
    return replace(progress, results=results)


def spared(job: Job, progress: Progress) -> Progress:
    """The same, with nothing to fetch for documents that do not wait for it."""
    if not job.withdrawn:
        return progress
    results = tuple(
        replace(each, saved=each.saved or _NO_PART)
        if each.document in job.withdrawn
        else each
        for each in progress.results
    )
    return replace(progress, results=results)


_lasting = attrgetter(
    *(e.name for e in fields(Progress) if e.name not in ("polls", "wait", "failure"))
)


def is_news(before: Progress, after: Progress) -> bool:
    """Whether a resume would go on differently."""
    return bool(_lasting(before) != _lasting(after))


def is_alone(job: Job, progress: Progress) -> bool:
    """Whether a job has one document with one result, that can be fetched again."""
    is_single = len(progress.results) == len(job.documents) == 1
    return is_single and progress.results[0].url is not None and not job.withdrawn


def redirected(request: Request, response: Response) -> Request | None:
    """Where a download goes on, or ``None``; nothing else is ever redirected.

    The place may be anybody's: the account's key and headers stay behind.
    """
    place = response.headers.get("location", "")
    if not is_download(request) or response.status not in (301, 302, 303, 307, 308):
        return None
    if not place.lower().startswith(("https://", "http://")):
        return None
    return replace(
        request, url=place, query=(), headers=range_headers(request), keyed=False
    )


def is_nowhere(progress: Progress) -> bool:
    """Whether a result is to be fetched, and no reply said from where."""
    lacking = (each.url for each in progress.results if each.saved is None)
    return progress.phase is Phase.FETCH and next(lacking, "-") is None


def elsewhere(response: Response) -> Failure:
    """What a refusal means at a place that a download was redirected to."""
    why = f"the storage that it was redirected to says {response.status}"
    return Failure(
        "not_in_storage",
        why,
        Blame.SERVICE,
        Remedy.RETRY,
        response.status,
        response.retry_after(),
    )


def load_of(request: Request) -> int:
    """Bytes of inputs that a request carries."""
    body = request.body
    if isinstance(body, Raw):
        return body.size
    if isinstance(body, Form):
        return sum(each.input.size for each in body.parts if hasattr(each, "input"))
    return 0


def unsent(error: NotSent) -> Failure:
    """A request that did not arrive: nobody is there, or it cannot be asked at all."""
    if error.code == "bad_request":
        # An address that a service made up: no reason to give up the account.
        return Failure(error.code, str(error), Blame.SERVICE, Remedy.FAIL)
    return Failure(error.code, str(error), Blame.NETWORK, Remedy.RETRY)


def billed(failure: Failure) -> Failure:
    """What cannot be used was paid for; nothing asks for it again by itself."""
    why = f"{failure.message}; it was billed, and is not done again by itself"
    return replace(failure, message=why)


def doubt(cause: Failure | None, phase: Phase | None = None) -> Failure:
    """It may have been billed, and nobody can tell.

    ``phase`` is that of the request, where nothing tells why it has no outcome.
    """
    if cause and cause.remedy is Remedy.DOUBT:
        return cause
    request = f"the request to {phase}" if phase else "a request"
    why = cause.message if cause else f"{request} was sent, and no answer is on record"
    return Failure(
        cause.code if cause else "no_outcome",
        f"{why}; it may have been billed, and the provider cannot tell",
        cause.blame if cause else Blame.NETWORK,
        Remedy.DOUBT,
    )
