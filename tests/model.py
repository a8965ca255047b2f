"""The embedded service as a model in memory, with a bill, and a way to carry jobs.

The model accepts and bills a repeated submit again: what the bill says is what the
client sent.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from orchestrator.engine.drive import Driver
from orchestrator.engine.limits import Gates
from orchestrator.engine.ports import Ledger
from orchestrator.engine.work import End, Wait, Work
from orchestrator.ledger.feed import Pages
from orchestrator.model import (
    Document,
    Input,
    Job,
    Mode,
    Operation,
    Progress,
    Verdict,
)
from orchestrator.providers import local
from orchestrator.testing import (
    Broken,
    Canned,
    ManualClock,
    MemoryOutputs,
    ScriptedTransport,
)
from orchestrator.testing.effect import Effect
from orchestrator.wire.flow import Limits, Provider
from orchestrator.wire.http import FilePart, Form, Json, Request

PDF = b"%PDF-1.7 model <</Type /Page>> %%EOF"
SHA256 = hashlib.sha256(PDF).hexdigest()


def document(id_: str, mode: Mode = Mode.SYNC, **changes: Any) -> Document:
    """A document to be converted in some mode."""
    made = Document(
        id=id_,
        operation=Operation.CONVERT,
        source="txt",
        target="pdf",
        output=f"/out/{id_}.pdf",
        provider="a",
        inputs=(Input(f"/in/{id_}.txt", 10),),
        mode=mode,
    )
    return replace(made, **changes)


def job_of(document: Document, number: int = 1, created: float = 0.0) -> Job:
    """A job for a document, with a name that a test can say."""
    return Job(f"{number:032x}", "a", document.mode, (document,), created)


class Service:
    """The service as docs/service.md has it, without deduplication."""

    def __init__(
        self,
        *,
        effect: Effect = lambda _: None,
        polls: int = 1,
        content: Callable[[str], bytes] = lambda _: PDF,
    ) -> None:
        """Make one that did nothing yet.

        Args:
            effect: Told what happened here.
            polls: How often a job is said to be at work.
            content: What becomes of an input of this name, without its extension.
        """
        self.jobs: dict[str, dict[str, Any]] = {}
        self.bill: Counter[str] = Counter()
        self.charged: Counter[str] = Counter()
        self.names: dict[str, str] = {}
        self.arrived: Counter[str] = Counter()
        self.effect = effect
        self.content = content
        self._polls = polls

    def made(self, id_: str) -> bytes:
        """What comes of a job."""
        return self.content(self.names.get(id_, ""))

    def etag(self, id_: str) -> str:
        """The hash of what comes of a job."""
        return hashlib.sha256(self.made(id_)).hexdigest()

    def paid(self, id_: str) -> str:
        """What the bill calls a job."""
        return id_

    def answer(self, request: Request) -> Canned:
        """Answer a request as the service would."""
        parts = request.url.strip("/").split("/")
        if parts[1] == "deletions":
            return self._delete_all(request)
        if parts[1] == "uploads":
            return self._uploaded(parts[2], "/".join(parts[3:]))
        id_, query = parts[2], dict(request.query)
        if request.method == "PUT":
            self.names[id_] = next(iter(stems(request)), "")
            is_created = query["mode"] == "presigned"
            return (self._create if is_created else self._put)(id_, request)
        if request.method == "POST":
            return self._execute(id_)
        return self._asked(request, id_, is_result=len(parts) > 3)

    def _asked(self, request: Request, id_: str, *, is_result: bool) -> Canned:
        if id_ not in self.jobs:
            return problem(404, "not_found")
        if request.method == "DELETE":
            return self._delete(id_)
        return self._get(id_, is_result=is_result)

    def _delete_all(self, request: Request) -> Canned:
        assert isinstance(request.body, Json)
        for each in request.body.value["jobs"]:
            if each in self.jobs:
                self._delete(each)
        return Canned(204)

    def _delete(self, id_: str) -> Canned:
        del self.jobs[id_]
        self.effect("deleted")
        return Canned(204)

    def _get(self, id_: str, *, is_result: bool) -> Canned:
        if is_result:
            file = self.made(id_)
            etag = f'"{self.etag(id_)}"'
            return Canned(200, {"etag": etag}, file=(file[:5], file[5:]))
        return self._look(id_)

    def _create(self, id_: str, request: Request) -> Canned:
        assert isinstance(request.body, Json)
        job = {"id": id_, "state": "created", "got": set(), "of": places(request.body)}
        self.jobs.setdefault(id_, job)
        self.effect("created")
        return self._said(201, id_)

    def _put(self, id_: str, request: Request) -> Canned:
        self._accept(id_)
        if dict(request.query)["mode"] == "async":
            return self._said(202, id_)
        self.jobs[id_]["state"] = "done"
        file = self.made(id_)
        headers = {
            "job-id": id_,
            "etag": f'"{self.etag(id_)}"',
            "content-length": str(len(file)),
        }
        return Canned(200, headers, file=(file[:5], file[5:]))

    def _accept(self, id_: str) -> None:
        self.jobs[id_] = {"id": id_, "state": "running", "left": self._polls}
        self.bill[self.paid(id_)] += 1
        self.charged[self.names.get(id_, "")] += 1
        self.effect("billed")

    def _uploaded(self, id_: str, place: str) -> Canned:
        job = self.jobs[id_]
        assert place in job["of"]
        job["got"].add(place)
        self.arrived[f"{self.names[id_]} {place}"] += 1
        self.effect("uploaded")
        return Canned(204)

    def _execute(self, id_: str) -> Canned:
        job = self.jobs.get(id_, {})
        if job.get("got", set()) != job.get("of", {}).keys():
            return problem(409, "wrong_state")
        self._accept(id_)
        return self._said(202, id_)

    def _look(self, id_: str) -> Canned:
        record = self.jobs[id_]
        if record["state"] == "running":
            record["left"] -= 1
            if record["left"] < 0:
                record["state"] = "done"
        return self._said(200, id_)

    def _said(self, status: int, id_: str) -> Canned:
        job = self.jobs[id_]
        record = {"id": id_, "state": job["state"]}
        if job["state"] == "created":
            record["uploads"] = [
                {
                    **about,
                    "url": f"/v1/uploads/{id_}/{at}",
                    "received": at in job["got"],
                }
                for at, about in job["of"].items()
            ]
        if job["state"] == "done":
            result = {"name": "a.pdf", "url": f"/v1/jobs/{id_}/results/0"}
            size = len(self.made(id_))
            record["results"] = [result | {"size": size, "sha256": self.etag(id_)}]
        return Canned(status, body=json.dumps(record).encode())


def stems(request: Request) -> list[str]:
    """The names of the files that a request carries or declares, without the rest."""
    body = request.body
    if isinstance(body, Form):
        parts = [each for each in body.parts if isinstance(each, FilePart)]
        return [each.filename.split(".")[0] for each in parts]
    declared = body.value["files"] if isinstance(body, Json) else ()
    return [each["name"].split(".")[0] for each in declared]


def places(body: Json) -> dict[str, dict[str, int]]:
    """Where to put what a pre-signed job declares: each file, or each part of it."""
    found: dict[str, dict[str, int]] = {}
    for n, each in enumerate(body.value["files"]):
        size, step = each["size"], body.value.get("part_size") or each["size"]
        if size <= step:
            found[f"{n}"] = {"file": n}
            continue
        for part, start in enumerate(range(0, size, step), 1):
            about = {"file": n, "offset": start, "size": min(step, size - start)}
            found[f"{n}/{part}"] = about
    return found


def halves(content: bytes) -> tuple[bytes, bytes]:
    """A file as it comes."""
    return content[:5], content[5:]


def problem(status: int, code: str, **more: Any) -> Canned:
    """An error in the service's own words."""
    error = {"code": code, "message": code.replace("_", " "), "retry": False} | more
    return Canned(status, body=json.dumps({"error": error}).encode())


class Book(Ledger, Protocol):
    """A ledger that can be asked what is left."""

    def open_jobs(self, account: str) -> list[tuple[Job, Progress, float | None]]:
        """Jobs that were left."""
        ...

    def open_documents(
        self, account: str, *, large: bool, after: tuple[int, int] | None, limit: int
    ) -> Sequence[Document]:
        """Open documents that are in no job."""
        ...

    def trust_of(self, account: str) -> bool | None:
        """Whether the API goes by our own ids, as far as it was seen."""
        ...


class Heard:
    """A ledger that tells what it wrote, after it was written."""

    def __init__(self, book: Book, effect: Effect) -> None:
        self._book = book
        self._effect = effect

    async def intend(self, job: Job, progress: Progress) -> None:
        """Write an intent."""
        await self._book.intend(job, progress)
        self._effect(f"intend {progress.phase}")

    async def not_sent(self, job: Job, progress: Progress, why: str) -> None:
        """Take an intent back."""
        await self._book.not_sent(job, progress, why)
        self._effect(f"not_sent {why}")

    async def advance(self, job: Job, progress: Progress) -> None:
        """Write where the job stands."""
        await self._book.advance(job, progress)
        self._effect(f"advance {progress.phase}")

    async def settle(
        self, job: Job, progress: Progress, verdicts: Sequence[Verdict]
    ) -> None:
        """Write how documents ended."""
        await self._book.settle(job, progress, verdicts)
        self._effect(f"settle {' '.join(each.state for each in verdicts)}")

    async def trust(self, account: str) -> None:
        """Note trust."""
        await self._book.trust(account)
        self._effect("trust")

    async def distrust(self, account: str) -> None:
        """Note distrust."""
        await self._book.distrust(account)
        self._effect("distrust")


class Killed(BaseException):
    """The power went."""


class Knife:
    """Hears effects and cuts after some of them, counted from 1."""

    def __init__(self, *cuts: int) -> None:
        self._cuts = frozenset(cuts)
        self.heard: list[str] = []

    def __call__(self, effect: str) -> None:
        """Hear an effect."""
        self.heard.append(effect)
        if len(self.heard) in self._cuts:
            raise Killed(effect)


@dataclass
class World:
    """What outlives a run: the service, the files, the time; and the next run."""

    book: Book
    service: Service = field(default_factory=Service)
    clock: ManualClock = field(default_factory=ManualClock)
    outputs: MemoryOutputs = field(default_factory=MemoryOutputs)
    provider: Provider = local.provider
    made: int = 0

    def driver(
        self,
        effect: Effect = lambda _: None,
        answer: Callable[[Request], Canned | Broken] | None = None,
    ) -> Driver:
        """A driver of a new run."""
        self.service.effect = effect
        self.outputs.tell(effect)
        return Driver(
            self.provider,
            transport=ScriptedTransport(
                always=[("*", answer or self.service.answer)], effect=effect
            ),
            ledger=Heard(self.book, effect),
            outputs=self.outputs,
            gates=Gates(Limits(), self.clock, lambda *_: None),
            clock=self.clock,
            luck=random.Random(7),
            trusted=self.book.trust_of("a"),
        )

    async def run(self, driver: Driver) -> list[Verdict]:
        """Carry everything, one job after the other, as a run does."""
        verdicts: list[Verdict] = []
        for left in self.book.open_jobs("a"):
            verdicts += await self.carry(driver, Work(*left))
        while page := self.book.open_documents("a", large=False, after=None, limit=1):
            self.made += 1
            job = job_of(page[0], self.made, self.clock.now())
            verdicts += await self.carry(driver, Work(job, Progress()))
        return verdicts

    async def feed(self, driver: Driver, feed: Pages) -> None:
        """The same, of what a feed gives."""
        while page := await feed.left(100):
            for left in page:
                await self.carry(driver, Work(*left))
        while documents := await feed.page(large=False, limit=1):
            self.made += 1
            job = job_of(documents[0], self.made, self.clock.now())
            await self.carry(driver, Work(job, Progress()))

    async def carry(self, driver: Driver, work: Work) -> Iterable[Verdict]:
        """Carry one job to its end; waiting takes no time."""
        while isinstance(outcome := await self._driven(driver, work), Wait):
            self.clock.skip(outcome.seconds)
        return outcome.verdicts

    async def _driven(self, driver: Driver, work: Work) -> Wait | End:
        # Gates keep requests apart: that takes no time, either.
        return await self.clock.run(driver.drive(work))
