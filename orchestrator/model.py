"""The values that the parts of the program hand each other; performs no I/O.

Words are those of docs/design.md, section "Words". Every value is immutable: what
changes is a new value, and what a resume needs is in :class:`Progress`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any

LARGE = 10_000_000
"""Bytes from which a document counts as a large upload."""


class Operation(StrEnum):
    """What is to be done with a document."""

    CONVERT = "convert"
    MERGE = "merge"
    SPLIT = "split"
    GENERATE = "generate"


class Mode(StrEnum):
    """The three ways to hand a document to a provider."""

    SYNC = "sync"
    ASYNC = "async"
    PRESIGNED = "presigned"


class Phase(StrEnum):
    """Where a job stands in its flow."""

    SUBMIT = "submit"
    UPLOAD = "upload"
    EXECUTE = "execute"
    POLL = "poll"
    FETCH = "fetch"
    RELEASE = "release"
    ENDED = "ended"


class State(StrEnum):
    """Where a document stands in the ledger."""

    OPEN = "open"
    DONE = "done"
    FAILED = "failed"
    IN_DOUBT = "in_doubt"
    OVERDUE = "overdue"
    LOST = "lost"
    MISSING = "missing"
    GONE = "gone"


class Blame(StrEnum):
    """Who must act on a failure."""

    DOCUMENT = "document"
    ACCOUNT = "account"
    SERVICE = "service"
    NETWORK = "network"
    MACHINE = "machine"


class Remedy(StrEnum):
    """What a failure allows us to do next."""

    RETRY = "retry"
    """It was refused before any work was done: the same request may go again."""
    LOOKUP = "lookup"
    """The outcome is unknown: only asking the provider may tell."""
    ABSENT = "absent"
    """A lookup did not find the job."""
    FAIL = "fail"
    """The document cannot be done."""
    STOP = "stop"
    """The account cannot go on; its documents stay open."""
    OVERDUE = "overdue"
    """Accepted, but not finished by its deadline: asked again at the next run."""
    LOST = "lost"
    """Billed, and no longer obtainable."""
    DOUBT = "doubt"
    """It may have been billed, and nobody can tell: the user decides."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why something did not work, in words for the user and a code for machines.

    ``retry_after`` is the provider's own demand, in seconds.
    """

    code: str
    message: str
    blame: Blame
    remedy: Remedy
    status: int | None = None
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Input:
    """A file to be sent, as it was when the plan was made.

    ``size`` is in bytes, ``mtime`` in nanoseconds since the epoch; a file that differs
    when it is opened is not sent.
    """

    path: str
    size: int
    mtime: int = 0
    inode: int = 0

    @property
    def name(self) -> str:
        """The file's own name, which the provider is told."""
        return self.path.rsplit("/", 1)[-1]


@dataclass(frozen=True, slots=True)
class Original:
    """What a document's params were made of, where an account has words of its own.

    ``params`` are the data as the manifest has them, for the design of ours.
    """

    design: str
    params: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Document:
    """What the user gets: inputs, an operation, outputs.

    Attributes:
        id: The user's own name for it, unique in the batch.
        operation: What is to be done.
        source: Format of the inputs, a lower-case extension; empty for GENERATE.
        target: Format of the outputs, a lower-case extension.
        output: Path of the output, absolute; with ``{n}`` where several may come.
        provider: Name of the account in the manifest.
        inputs: Files to send, in order.
        params: Options of the operation, or the data for the design (JSON values;
            numbers with a decimal point are ``Decimal``).
        design: ``name@version`` for GENERATE.
        asked: The mode that the manifest asks for; ``None`` leaves it to the plan.
        mode: The mode that the plan chose.
        reason: Why, in words.
        priority: Higher goes first.
        n: Place in the manifest, from 0.
        overwrite: Whether a file that has the output's name may be replaced: the
            user said so, or the ledger knows that it is ours.
        original: What params and design were before they were put into the words of
            the account; ``None`` where they are what the manifest says.
    """

    id: str
    operation: Operation
    source: str
    target: str
    output: str
    provider: str
    inputs: tuple[Input, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    design: str | None = None
    asked: Mode | None = None
    mode: Mode = Mode.SYNC
    reason: str = ""
    priority: int = 0
    n: int = 0
    overwrite: bool = False
    original: Original | None = None

    @property
    def said(self) -> Original:
        """Design and data as the manifest has them."""
        return self.original or Original(self.design or "", self.params)

    @property
    def size(self) -> int:
        """Bytes to be sent."""
        return sum([each.size for each in self.inputs])

    @property
    def is_large(self) -> bool:
        """Whether it travels in the lane for large uploads."""
        return self.size >= LARGE

    @property
    def has_many_outputs(self) -> bool:
        """Whether the operation may yield several files."""
        return "{n" in self.output


@dataclass(frozen=True, slots=True)
class Saved:
    """A complete part file on this machine, hashed while it was written."""

    part: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Output:
    """A file under its final name."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Upload:
    """A place to put one input: a signed URL, its expiry, and whether it was used.

    Where an input goes in parts, ``size`` bytes of it from ``offset`` on belong here.
    """

    url: str
    input: int = 0
    expires: float | None = None
    done: bool = False
    headers: tuple[tuple[str, str], ...] = ()
    offset: int = 0
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """One file that the provider made.

    ``url`` is where it can be fetched (relative to the account's base URL or
    absolute); ``inline`` says that the reply in hand carries it.
    """

    name: str
    url: str | None = None
    document: int = 0
    size: int | None = None
    sha256: str | None = None
    expires: float | None = None
    inline: bool = False
    saved: Saved | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a job stands: all that a resume needs.

    Attributes:
        phase: The next thing to do.
        handle: What finds the job again at the provider.
        uploads: Places to put the inputs.
        results: What came of it so far.
        failure: What the last step met, or why the job ended.
        rejected: Failures of single documents of a job, by index.
        wait: Seconds to wait before the next step, when the provider says so.
        polls: How often the job was asked for.
        laps: How often a phase went back (a link that died); bounded by the driver.
        cost: Units that the provider says it charged.
        made_by: Converter and version, as far as the provider tells.
        suspects: Handles of which one may be this job's, whose reply was lost: a lookup
            asks for one after the other.
    """

    phase: Phase = Phase.SUBMIT
    handle: str | None = None
    uploads: tuple[Upload, ...] = ()
    results: tuple[Result, ...] = ()
    failure: Failure | None = None
    rejected: tuple[tuple[int, Failure], ...] = ()
    wait: float | None = None
    polls: int = 0
    laps: int = 0
    cost: float | None = None
    made_by: str = ""
    suspects: tuple[str, ...] = ()

    def at(self, phase: Phase, **changes: Any) -> Progress:
        """The same job at another phase, with nothing held against it."""
        return replace(self, phase=phase, failure=None, wait=None, **changes)

    def failed(self, failure: Failure) -> Progress:
        """The same place, with a failure to be judged by the engine."""
        return replace(self, failure=failure)

    def has_saved(self) -> bool:
        """Whether every result is on this machine."""
        return all(each.saved for each in self.results)


@dataclass(frozen=True, slots=True)
class Job:
    """The provider's unit of work and of billing.

    Attributes:
        id: Our own id: 32 characters of 0-9 and a-f, made once, durable before use.
        account: Name of the account in the manifest.
        mode: How it is handed over.
        documents: What it is for; most jobs have one.
        created: Seconds since the epoch.
        callback: URL for the provider's webhook, where one listens.
        reserved: Units that it may cost at most, as far as that was declared.
        withdrawn: Places of documents that are no longer its own: they are done, or
            the user decided about them. What still comes for them is let go.
        unwanted: Whether every document that waits for it was edited or removed since
            it was made: it is carried if it was accepted, and never sent again.
    """

    id: str
    account: str
    mode: Mode
    documents: tuple[Document, ...]
    created: float
    callback: str | None = None
    withdrawn: frozenset[int] = frozenset()
    unwanted: bool = False
    reserved: Decimal = Decimal(0)

    def own(self) -> Iterator[tuple[int, Document]]:
        """The documents that wait for it, with their places."""
        for place, document in enumerate(self.documents):
            if place not in self.withdrawn:
                yield place, document

    @property
    def document(self) -> Document:
        """The first document, for providers that take one a job."""
        return self.documents[0]

    @property
    def size(self) -> int:
        """Bytes to be sent."""
        return sum(each.size for each in self.documents)


@dataclass(frozen=True, slots=True)
class Echo:
    """What a webhook says of a job: a reason to ask, and never a result.

    Attributes:
        job: Our own id, where the API gives it back.
        handle: The provider's name for the job.
        files: Name of each file, and what finds it at the provider.
    """

    job: str = ""
    handle: str = ""
    files: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one document ended, for now or for good."""

    document: Document
    state: State
    outputs: tuple[Output, ...] = ()
    failure: Failure | None = None
    made_by: str = ""


@dataclass(frozen=True, slots=True)
class Stranded:
    """What was left at an account, or at a server, that the manifest does not have.

    Attributes:
        account: Its name.
        jobs: How many were left there.
        documents: Documents that wait for them.
        was: Where the account was then, if that is on record.
        now: Where the manifest has it now; ``None`` if it has no such account.
    """

    account: str
    jobs: int
    documents: int
    was: str = ""
    now: str | None = None


@dataclass(frozen=True, slots=True)
class Trouble:
    """A document that needs eyes, as the ledger knows it.

    Times are in seconds since the epoch.

    Attributes:
        document: As the manifest has it.
        state: In doubt, overdue, lost, missing or failed.
        failure: What stands against it.
        account: Name of the account.
        mode: How its job was handed over.
        job: Our own id of the job, if there is one.
        phase: Where the job stands.
        handle: What finds the job at the provider, without what makes a link a secret.
        intended: When the request left whose outcome is unknown.
        created: When the job was made.
        units: What may have been spent on this document.
        guessed: Whether nobody told the units: one is assumed then.
        runs: How many runs left it in this state, the last of them at ``last``.
    """

    document: Document
    state: State
    failure: Failure | None
    account: str
    mode: Mode
    job: str | None
    phase: Phase | None
    handle: str | None
    intended: float | None
    created: float | None
    units: float
    guessed: bool
    runs: int
    last: float | None


@dataclass(frozen=True, slots=True)
class Reason:
    """What stands against documents of a state, with a few of their ids.

    ``failure`` is that of one of them.
    """

    state: State
    code: str
    documents: int
    examples: tuple[str, ...]
    failure: Failure | None
