"""The driver, with doubles: the order of what is written and what is sent, and ends."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from orchestrator.engine import retry
from orchestrator.engine.drive import Driver
from orchestrator.engine.ending import apart
from orchestrator.engine.limits import Gates
from orchestrator.engine.work import AccountStopped, End, Wait, Work
from orchestrator.model import (
    Blame,
    Document,
    Failure,
    Input,
    Mode,
    Phase,
    Progress,
    Remedy,
    Result,
    State,
    Verdict,
)
from orchestrator.providers import local
from orchestrator.testing import (
    Broken,
    Canned,
    Hang,
    ManualClock,
    MemoryLedger,
    MemoryOutputs,
    ScriptedTransport,
)
from orchestrator.testing.transport import Turn
from orchestrator.wire.flow import Absence, Limits, Pace, Provider, Step
from orchestrator.wire.http import Raw, Repeat, Request, Response
from orchestrator.wire.outcome import NotSent, SourceChanged, Unanswered
from tests.model import PDF, SHA256, Service, document, job_of, problem

ID = f"{1:032x}"
LOST = Broken(Unanswered("reset", "the connection broke"))
NAMED = {"job-id": ID, "etag": f'"{SHA256}"'}
RESULT = Canned(200, NAMED, file=(PDF,))
GONE = problem(404, "not_found")


def said(status: int, state: str, **more: Any) -> Canned:
    """The job in the service's words."""
    return Canned(status, body=json.dumps({"id": ID, "state": state} | more).encode())


FILE = replace(document("d", Mode.PRESIGNED), inputs=(Input("/in/a.docx", 40_000_000),))
DONE = said(200, "done", results=[{"url": f"/v1/jobs/{ID}/results/0", "name": "a"}])


class Scene:
    """A driver with doubles, and one job."""

    def __init__(
        self,
        *script: Turn,
        mode: Mode = Mode.SYNC,
        provider: Provider = local.provider,
        trusted: bool | None = None,
        what: Document | None = None,
    ) -> None:
        self.journal: list[str] = []
        self.clock = ManualClock()
        self.document = what or document("d", mode)
        self.ledger = MemoryLedger(
            [self.document], clock=self.clock, effect=self.journal.append
        )
        self.outputs = MemoryOutputs(effect=self.journal.append)
        self.transport = ScriptedTransport(script, effect=self.journal.append)
        self.limits: list[tuple[str, str]] = []
        self.gates = Gates(
            Limits(),
            self.clock,
            lambda kind, _figure, why: self.limits.append((kind, why)),
        )
        job = job_of(self.document, created=self.clock.now())
        self.work = Work(job, Progress())
        self._provider = provider
        self._trusted = trusted
        self.rewire(self.gates)
        self.waits: list[float] = []

    def rewire(self, gates: Gates) -> None:
        """A driver with these gates."""
        self.gates = gates
        self.driver = Driver(
            self._provider,
            transport=self.transport,
            ledger=self.ledger,
            outputs=self.outputs,
            gates=gates,
            clock=self.clock,
            luck=random.Random(1),
            trusted=self._trusted,
        )

    async def carry(self) -> Sequence[Verdict]:
        """To the end; what it waits for passes at once."""
        while isinstance(outcome := await self._drive(), Wait):
            self.waits.append(outcome.seconds)
            assert len(self.waits) < 200, "it never ends"
            self.clock.skip(outcome.seconds)
        return outcome.verdicts

    async def _drive(self) -> Wait | End:
        return await self.clock.run(self.driver.drive(self.work))

    async def state(self) -> tuple[State, str]:
        """How it ended, in two words."""
        (verdict,) = await self.carry()
        return verdict.state, verdict.failure.code if verdict.failure else ""

    @property
    def intent(self) -> float | None:
        """What a resume would know of an intent."""
        return self.ledger.jobs[ID].intended


def scene_of_service(mode: Mode) -> Scene:
    """Everything goes well."""
    scene = Scene(mode=mode)
    service = Service(effect=scene.journal.append)
    scene.transport._always.append(("*", service.answer))
    return scene


async def test_sync_in_order() -> None:
    """Intent before the first byte, done before DELETE."""
    scene = scene_of_service(Mode.SYNC)
    assert await scene.state() == (State.DONE, "")
    assert scene.journal == [
        "intend submit",
        f"send PUT /v1/jobs/{ID}?mode=sync",
        "billed",
        "reply 200",
        "chunk",
        "chunk",
        "part",
        "name /out/d.pdf",
        "settle done",
        f"send DELETE /v1/jobs/{ID}",
        "deleted",
        "reply 204",
        "advance ended",
    ]


async def test_async_in_order() -> None:
    """The handle is durable before anything that depends on it."""
    scene = scene_of_service(Mode.ASYNC)
    assert await scene.state() == (State.DONE, "")
    assert [each for each in scene.journal if each != "chunk"] == [
        "intend submit",
        f"send PUT /v1/jobs/{ID}?mode=async",
        "billed",
        "reply 202",
        "advance poll",
        f"send GET /v1/jobs/{ID}",
        "reply 200",
        f"send GET /v1/jobs/{ID}",
        "reply 200",
        "advance fetch",
        f"send GET /v1/jobs/{ID}/results/0",
        "reply 200",
        "part",
        "name /out/d.pdf",
        "settle done",
        f"send DELETE /v1/jobs/{ID}",
        "deleted",
        "reply 204",
        "advance ended",
    ]
    assert 0.1 <= scene.waits[0] <= 0.11, "the first poll is after the first wait"


async def test_presigned_in_order() -> None:
    """Only the execute may cost, so only it has an intent."""
    scene = scene_of_service(Mode.PRESIGNED)
    assert await scene.state() == (State.DONE, "")
    assert scene.journal[:12] == [
        f"send PUT /v1/jobs/{ID}?mode=presigned",
        "created",
        "reply 201",
        "advance upload",
        f"send PUT /v1/uploads/{ID}/0",
        "uploaded",
        "reply 204",
        "advance execute",
        "intend execute",
        f"send POST /v1/jobs/{ID}/execute",
        "billed",
        "reply 202",
    ]
    assert scene.journal[12] == "advance poll"
    upload = scene.transport.requests[1]
    assert not upload.keyed


async def test_a_lost_reply_is_looked_up_and_adopted() -> None:
    """Never sent again: the service has it."""
    scene = Scene(
        ("PUT *", LOST),
        ("GET *", DONE),
        ("GET */results/0", Canned(200, {}, file=(PDF,))),
        ("DELETE *", Canned(204)),
    )
    assert await scene.state() == (State.DONE, "")
    assert scene.transport.lines.count(f"PUT /v1/jobs/{ID}?mode=sync") == 1
    assert scene.journal.index("trust") < scene.journal.index("advance fetch")


async def test_absence_within_the_settle_time_proves_nothing_yet() -> None:
    """The request may still be on its way: wait, look again, then send as the same."""
    scene = Scene(
        ("PUT *", LOST),
        ("GET *", GONE),
        ("GET *", GONE),
        ("PUT *", RESULT),
        ("DELETE *", Canned(204)),
    )
    assert await scene.state() == (State.DONE, "")
    assert [line.split("?")[0] for line in scene.transport.lines] == [
        f"PUT /v1/jobs/{ID}",
        f"GET /v1/jobs/{ID}",
        f"GET /v1/jobs/{ID}",
        f"PUT /v1/jobs/{ID}",
        f"DELETE /v1/jobs/{ID}",
    ]
    assert sum(scene.waits) >= local.provider.settle
    again = [each for each in scene.journal if "intend" in each or "not_sent" in each]
    assert again == ["intend submit", "not_sent absent", "intend submit"]


@pytest.mark.parametrize("is_sent", [True, False])
async def test_what_nobody_wants_now_is_not_sent_again(*, is_sent: bool) -> None:
    """Its documents were edited or removed while nobody knew whether it had arrived."""
    scene = Scene(("GET *", GONE), ("GET *", GONE)) if is_sent else Scene()
    scene.work.job = replace(scene.work.job, unwanted=True)
    scene.work.intended = scene.clock.now() if is_sent else None
    assert await scene.carry() == ()
    assert not [each for each in scene.transport.lines if each.startswith("PUT")]
    assert scene.journal[-1] == "settle failed"
    assert scene.work.progress.cost == 0.0


async def test_what_nobody_wants_now_is_carried_if_it_arrived() -> None:
    """It is paid for."""
    scene = Scene(
        ("GET *", DONE),
        ("GET */results/0", Canned(200, {}, file=(PDF,))),
        ("DELETE *", Canned(204)),
    )
    scene.work.job = replace(scene.work.job, unwanted=True)
    scene.work.intended = scene.clock.now()
    assert await scene.state() == (State.DONE, "")


@pytest.mark.parametrize(
    ("absence", "trusted", "state"),
    [
        (Absence.NOTHING, True, State.IN_DOUBT),
        (Absence.PROVES_ONCE_TRUSTED, None, State.IN_DOUBT),
        (Absence.PROVES_ONCE_TRUSTED, False, State.IN_DOUBT),
        (Absence.PROVES_ONCE_TRUSTED, True, State.DONE),
        (Absence.PROVES, False, State.DONE),
    ],
)
async def test_what_an_absence_proves_is_the_providers_to_say(
    absence: Absence, state: State, *, trusted: bool | None
) -> None:
    """Where it proves nothing the document is in doubt, and nothing is sent."""
    provider = replace(local.provider, absence=absence, settle=0.0)
    scene = Scene(
        ("PUT *", LOST),
        ("GET *", GONE),
        ("PUT *", RESULT),
        ("DELETE *", Canned(204)),
        provider=provider,
        trusted=trusted,
    )
    (verdict,) = await scene.carry()
    assert verdict.state is state
    sent = [line for line in scene.transport.lines if line.startswith("PUT")]
    assert len(sent) == (1 if state is State.IN_DOUBT else 2)
    if state is State.IN_DOUBT:
        assert scene.intent == scene.clock._start, "looked up again at the next run"


async def test_an_old_intent_is_in_doubt_run_after_run() -> None:
    """Beyond half the retention an absence proves nothing; each run says it once."""
    scene = Scene(("GET *", GONE), ("GET *", GONE))
    await scene.ledger.intend(scene.work.job, Progress())
    said = set()
    for _ in range(2):
        scene.clock.skip(50_000)
        job, progress, intended = scene.ledger.open_jobs("a")[0]
        scene.work = Work(job, progress, intended)
        (verdict,) = await scene.carry()
        assert verdict.state is State.IN_DOUBT
        assert verdict.failure is not None
        said.add(verdict.failure.message)
    assert len(said) == 1


async def test_a_proxys_404_proves_nothing() -> None:
    """Only the service's own words say that a job is not there."""
    html = Canned(404, body=b"<h1>Not Found</h1>")
    scene = Scene(("PUT *", LOST), *(("GET *", html) for _ in range(6)))
    assert (await scene.state())[0] is State.IN_DOUBT
    assert len(scene.transport.lines) == 7


@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_obeyed_by_the_whole_account(status: int) -> None:
    """The intent is taken back, everybody waits; one refusal tells no limit."""
    full = problem(status, "too_many")
    scene = Scene(
        ("PUT *", replace(full, headers={"retry-after": "7"})),
        ("PUT *", RESULT),
        ("DELETE *", Canned(204)),
    )
    began = scene.clock.monotonic()
    assert await scene.state() == (State.DONE, "")
    assert scene.clock.monotonic() - began >= 7
    assert "not_sent too_many" in scene.journal
    assert scene.limits == []


async def test_a_service_without_room_stops_the_account() -> None:
    """Nothing is wrong with the document: it stays open for the next run."""
    scene = Scene(*(("PUT *", problem(429, "too_many")) for _ in range(6)))
    with pytest.raises(AccountStopped):
        await scene.carry()
    assert scene.ledger.state("d") is State.OPEN
    assert scene.intent is None


async def test_a_service_with_room_for_others_stops_nothing() -> None:
    """Each time that it is refused, another document is taken."""
    rounds, done = retry.SERVICE.attempts + 2, ("DELETE *", Canned(204))
    full = ("PUT *", problem(429, "too_many"))
    scene = Scene(*(full, ("PUT *", RESULT), done) * rounds, ("PUT *", RESULT), done)
    for n in range(rounds):
        outcome = await scene._drive()
        assert isinstance(outcome, Wait)
        scene.clock.skip(outcome.seconds)
        other = Work(job_of(document(f"e{n}"), n + 2), Progress())
        scene.ledger.put(other.job.document)
        assert isinstance(await scene.clock.run(scene.driver.drive(other)), End)
    assert await scene.state() == (State.DONE, "")


async def test_a_refused_key_stops_the_account_and_takes_the_intent_back() -> None:
    """Nothing was done, and every other document would fare the same."""
    scene = Scene(("PUT *", problem(401, "unauthorized", blame="account")))
    with pytest.raises(AccountStopped, match="unauthorized"):
        await scene.carry()
    assert scene.journal[-1] == "not_sent unauthorized"
    assert scene.ledger.state("d") is State.OPEN


async def test_nobody_there_stops_the_account() -> None:
    """A dead network fails no document."""
    refused = Broken(NotSent("refused", "refused"), asked=False)
    scene = Scene(*(("PUT *", refused) for _ in range(20)))
    with pytest.raises(AccountStopped):
        await scene.carry()
    assert scene.ledger.state("d") is State.OPEN
    assert scene.ledger.jobs == {}


async def test_an_address_that_cannot_be_asked_fails_its_document_alone() -> None:
    """A service that makes up a link is no reason to give up the account."""
    bad = Broken(NotSent("bad_request", "not a URL"), asked=False)
    scene = Scene(("PUT *", said(202, "queued")), ("GET *", DONE), ("GET *", bad))
    assert await scene.state() == (State.FAILED, "bad_request")


async def test_a_cut_body_is_fetched_again() -> None:
    """The job is known: the sync result is taken over by its handle."""
    cut = replace(RESULT, file=(PDF[:4],), cut=Unanswered("cut", "cut"))
    scene = Scene(
        ("PUT *", cut),
        ("GET *", DONE),
        ("GET */results/0", cut),
        ("GET */results/0", Canned(200, {}, file=(PDF,))),
        ("DELETE *", Canned(204)),
    )
    assert await scene.state() == (State.DONE, "")
    assert scene.outputs.files == {"/out/d.pdf": PDF}


async def test_a_result_that_is_always_cut_is_kept_for_the_next_run() -> None:
    """It is paid for, and the account works: neither failed nor a reason to stop."""
    cut = Canned(200, {}, file=(b"%",), cut=Unanswered("cut", "cut"))
    scene = Scene(
        ("PUT *", said(202, "done", results=[{"url": "/r"}])),
        *(("GET /r", cut) for _ in range(12)),
        mode=Mode.ASYNC,
    )
    assert await scene.state() == (State.OVERDUE, "cut")
    assert scene.ledger.open_jobs("a")[0][1].phase is Phase.FETCH


TAGGED = {"etag": f'"{SHA256}"'}
FETCHING = Progress(Phase.FETCH, handle=ID, results=(Result("a", "/r"),))
CUT = Unanswered("cut", "cut")


def asked(scene: Scene) -> list[dict[str, str]]:
    """What each download asked for."""
    return [dict(each.headers) for each in scene.transport.requests if each.url == "/r"]


async def test_a_cut_download_asks_for_what_is_missing() -> None:
    """A try that brought something is none of those that are counted."""
    pieces = [PDF[n : n + 1] for n in range(len(PDF))]
    assert len(pieces) > retry.NETWORK.attempts
    script: list[Turn] = [("GET /r", Canned(200, TAGGED, file=(pieces[0],), cut=CUT))]
    for n, piece in enumerate(pieces[1:], 1):
        given = {**TAGGED, "content-range": f"bytes {n}-{len(PDF) - 1}/{len(PDF)}"}
        is_last = n == len(PDF) - 1
        reply = Canned(206, given, file=(piece,), cut=None if is_last else CUT)
        script.append(("GET /r", reply))
    scene = Scene(*script, ("DELETE *", Canned(204)), mode=Mode.ASYNC)
    scene.work.progress = FETCHING
    assert await scene.state() == (State.DONE, "")
    assert scene.outputs.files == {"/out/d.pdf": PDF}
    assert asked(scene)[2] == {"Range": "bytes=2-", "If-Range": f'"{SHA256}"'}


@pytest.mark.parametrize(
    "reply", [Canned(416), Canned(206, {"content-range": "bytes 1-2/9"}, file=(b"x",))]
)
async def test_a_rest_that_does_not_fit_is_fetched_whole(reply: Canned) -> None:
    """A service that has another file now, or cannot tell parts."""
    scene = Scene(
        ("GET /r", Canned(200, TAGGED, file=(PDF[:4],), cut=CUT)),
        ("GET /r", reply),
        ("GET /r", Canned(200, TAGGED, file=(PDF,))),
        ("DELETE *", Canned(204)),
        mode=Mode.ASYNC,
    )
    scene.work.progress = FETCHING
    assert await scene.state() == (State.DONE, "")
    assert scene.outputs.files == {"/out/d.pdf": PDF}
    assert [each.get("Range") for each in asked(scene)] == [None, "bytes=4-", None]
    assert not scene.work.anew


async def test_a_range_goes_along_with_a_redirect() -> None:
    """The key does not."""
    scene = Scene(
        ("GET /r", Canned(200, TAGGED, file=(PDF[:4],), cut=CUT)),
        ("GET /r", Canned(307, {"location": "https://store/r"})),
        ("GET https://store/r", Canned(200, TAGGED, file=(PDF,))),
        ("DELETE *", Canned(204)),
        mode=Mode.ASYNC,
    )
    scene.work.progress = FETCHING
    assert await scene.state() == (State.DONE, "")
    assert scene.outputs.files == {"/out/d.pdf": PDF}
    onward = scene.transport.requests[2]
    assert onward.headers == (("Range", "bytes=4-"), ("If-Range", f'"{SHA256}"'))
    assert not onward.keyed


async def test_a_result_that_is_never_right_fails() -> None:
    """Fetched a few times and no more: never for ever."""
    wrong = Canned(200, {"etag": f'"{"0" * 64}"'}, file=(PDF,))
    scene = Scene(
        ("PUT *", said(202, "done", results=[{"url": "/r"}])),
        *(("GET /r", wrong) for _ in range(6)),
        mode=Mode.ASYNC,
    )
    (verdict,) = await scene.carry()
    assert verdict.state is State.FAILED
    assert verdict.failure is not None
    assert verdict.failure.code == "wrong_hash"
    assert verdict.failure.message.endswith("is not done again by itself")
    assert scene.transport.lines.count("GET /r") == 6


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_an_error_of_a_poll_is_asked_again(status: int) -> None:
    """Nothing is at stake in a question: it is never in doubt."""
    gateway = Canned(status, body=b"<h1>Bad Gateway</h1>")
    scene = Scene(
        ("PUT *", said(202, "queued")),
        ("GET *", gateway),
        ("GET *", gateway),
        ("GET *", DONE),
        ("GET *", Canned(200, {}, file=(PDF,))),
        ("DELETE *", Canned(204)),
        mode=Mode.ASYNC,
    )
    assert await scene.state() == (State.DONE, "")


async def test_a_poll_that_always_fails_keeps_the_job() -> None:
    """What is accepted is not called failed."""
    scene = Scene(
        ("PUT *", said(202, "queued")),
        *(("GET *", Canned(500)) for _ in range(6)),
        mode=Mode.ASYNC,
    )
    assert await scene.state() == (State.OVERDUE, "http_500")


@pytest.mark.parametrize("status", [301, 200, 202, 408, 500, 504])
async def test_a_reply_that_says_nothing_is_looked_up(status: int) -> None:
    """A redirect, a proxy's page: the request may have been accepted."""
    scene = Scene(
        ("PUT *", Canned(status, body=b"<html>")),
        ("GET *", DONE),
        ("GET *", Canned(200, {}, file=(PDF,))),
        ("DELETE *", Canned(204)),
        mode=Mode.ASYNC,
    )
    assert await scene.state() == (State.DONE, "")
    assert scene.transport.lines.count(f"PUT /v1/jobs/{ID}?mode=async") == 1


async def test_a_reply_that_leads_out_of_the_flow_is_looked_up() -> None:
    """A sync job has nothing to upload, whatever the service says."""

    def astray(_: object, progress: Progress, __: Response) -> Progress:
        return progress.at(Phase.UPLOAD)

    submit = local.provider.flows[Mode.SYNC][Phase.SUBMIT]
    flows = {
        Mode.SYNC: dict(local.provider.flows[Mode.SYNC])
        | {Phase.SUBMIT: replace(submit, parse=astray)}
    }
    scene = Scene(
        ("PUT *", Canned(200)),
        ("GET *", DONE),
        ("GET *", Canned(200, {}, file=(PDF,))),
        ("DELETE *", Canned(204)),
        provider=replace(local.provider, flows=flows),
    )
    assert await scene.state() == (State.DONE, "")


async def test_an_expired_upload_link_is_asked_for_again_within_bounds() -> None:
    """A new link, a few times; then the document fails, unbilled."""
    upload = [{"file": 0, "url": "/up", "received": False}]
    lap: list[Turn] = [
        ("PUT */jobs/*", said(201, "created", uploads=upload)),
        ("PUT /up", problem(410, "expired")),
    ]
    scene = Scene(*lap * 4, mode=Mode.PRESIGNED)
    assert await scene.state() == (State.FAILED, "too_many_laps")
    assert scene.transport.script == []
    assert not any("intend" in each for each in scene.journal)


def in_parts(*there: int, of: int = 4) -> Canned:
    """A job that waits for a file in parts, of which some are there."""
    uploads = [
        {
            "file": 0,
            "part": n,
            "offset": n,
            "size": 1,
            "url": f"/u/{n}",
            "received": n in there,
        }
        for n in range(of)
    ]
    return said(201, "created", uploads=uploads)


def sends(scene: Scene) -> list[str]:
    """The parts that were put, in any order; and what was asked for between them."""
    return [each for each in scene.transport.lines if each.startswith("PUT")]


WHOLE = {"file": 0, "url": "/u/0", "received": True}
TO_THE_END: list[Turn] = [
    ("POST *execute", DONE),
    ("GET */results/0", Canned(200, {}, file=(PDF,))),
    ("DELETE *", Canned(204)),
]
CREATE = f"PUT /v1/jobs/{ID}?mode=presigned"


async def test_parts_that_are_missing_are_put_side_by_side() -> None:
    """And the file is read whole beside them, since no part tells its hash."""
    scene = Scene(
        ("PUT /v1/*", in_parts(1)), *TO_THE_END, mode=Mode.PRESIGNED, what=FILE
    )
    scene.transport._always.append(("PUT /u/*", Canned(204)))
    assert await scene.state() == (State.DONE, "")
    assert sends(scene) == [CREATE, "PUT /u/0", "PUT /u/2", "PUT /u/3"]
    parts = [each.body for each in scene.transport.requests[1:4]]
    assert [each.part for each in parts if isinstance(each, Raw)] == [
        (0, 1),
        (2, 1),
        (3, 1),
    ]
    assert scene.journal.count("read a.docx") == 1


@pytest.mark.parametrize(
    "there", [in_parts(0, 1, of=2), said(201, "created", uploads=[WHOLE])]
)
async def test_a_file_that_is_all_there_is_read_for_its_hash(there: Canned) -> None:
    """A former run put it, and was killed before that was on record."""
    scene = Scene(("PUT *", there), *TO_THE_END, mode=Mode.PRESIGNED, what=FILE)
    assert await scene.state() == (State.DONE, "")
    assert sends(scene) == [CREATE]
    read = scene.journal.index("read a.docx")
    assert read < scene.journal.index("intend execute")


async def test_nothing_of_a_part_is_on_record() -> None:
    """Until a request is due that may cost money, a resume asks for what is there."""
    scene = Scene(("PUT *", in_parts()), *TO_THE_END, mode=Mode.PRESIGNED, what=FILE)
    scene.transport._always.append(("PUT /u/*", Canned(204)))
    assert await scene.state() == (State.DONE, "")
    written = [e for e in scene.journal if e.startswith(("advance", "intend"))]
    assert written[:2] == ["advance upload", "intend execute"]


@pytest.mark.parametrize("status", [403, 410])
async def test_a_part_whose_link_died_leads_back(status: int) -> None:
    """The service says what came meanwhile; only the rest is put again."""
    scene = Scene(
        ("PUT /v1/*", in_parts()),
        ("PUT /u/1", Canned(status)),
        ("PUT /v1/*", in_parts(0, 2, 3)),
        *TO_THE_END,
        mode=Mode.PRESIGNED,
        what=FILE,
    )
    scene.transport._always.append(("PUT /u/*", Canned(204)))
    assert await scene.state() == (State.DONE, "")
    assert sends(scene)[-2:] == [CREATE, "PUT /u/1"]
    assert scene.work.progress.laps == 1


async def test_after_a_dead_link_no_other_is_tried() -> None:
    """They were made together, and have died together."""
    scene = Scene(
        ("PUT /v1/*", in_parts()),
        ("PUT /u/0", Canned(403)),
        ("PUT /v1/*", in_parts(1)),
        *TO_THE_END,
        mode=Mode.PRESIGNED,
        what=FILE,
    )
    scene.transport._always.append(("PUT /u/*", Canned(204)))
    scene.rewire(Gates(Limits(uploads=1), scene.clock, lambda *_: None))
    assert await scene.state() == (State.DONE, "")
    again = [CREATE, "PUT /u/0", "PUT /u/2", "PUT /u/3"]
    assert sends(scene) == [CREATE, "PUT /u/0", *again]


async def test_a_part_that_breaks_is_put_again_alone() -> None:
    """With the links at hand, after a while; what is done stays done."""
    scene = Scene(
        ("PUT /v1/*", in_parts()),
        ("PUT /u/1", LOST),
        *TO_THE_END,
        mode=Mode.PRESIGNED,
        what=FILE,
    )
    scene.transport._always.append(("PUT /u/*", Canned(204)))
    assert await scene.state() == (State.DONE, "")
    assert sends(scene).count(CREATE) == 1
    assert Counter(sends(scene))["PUT /u/1"] == 2
    assert Counter(sends(scene))["PUT /u/0"] == 1
    assert len(scene.waits) == 1
    assert scene.journal.count("read a.docx") == 1


async def test_a_file_in_parts_that_changed_fails_unsent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its parts may be of two files: it is never executed."""
    scene = Scene(("PUT /v1/*", in_parts()), mode=Mode.PRESIGNED, what=FILE)
    scene.transport._always.append(("PUT /u/*", Canned(204)))

    async def changed(_: object) -> None:
        raise SourceChanged("it changed")

    monkeypatch.setattr(scene.transport, "read_over", changed)
    assert await scene.state() == (State.FAILED, "source_changed")
    assert not [each for each in scene.transport.lines if "execute" in each]


@pytest.mark.parametrize(
    ("uploads", "width", "most"), [(1, 8, 1), (3, 8, 3), (8, 3, 2)]
)
async def test_parts_keep_within_the_gates(
    uploads: int, width: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many as there are uploads, and one place on the wire stays for the others."""
    scene = Scene(
        ("PUT /v1/*", in_parts(of=12)), *TO_THE_END, mode=Mode.PRESIGNED, what=FILE
    )
    scene.transport._always.append(("PUT /u/*", Canned(204)))
    seen = {0}
    limits = Limits(uploads=uploads, width=width)
    scene.rewire(Gates(limits, scene.clock, lambda *_: None))
    send = scene.transport.send

    @asynccontextmanager
    async def slowly(request: Request, **more: Any) -> AsyncIterator[Any]:
        async with send(request, **more) as reply:
            seen.add(scene.gates.meter.busy)
            await asyncio.sleep(0)
            yield reply

    monkeypatch.setattr(scene.transport, "send", slowly)
    assert await scene.state() == (State.DONE, "")
    assert max(seen) == most
    assert scene.gates.meter.busy == 0
    assert scene.gates.uploads._value == uploads


async def test_a_part_that_left_is_fetched_again() -> None:
    """Between two runs somebody tidied up."""
    lost = replace(Result("a", "/r"), saved=None)
    scene = Scene(("GET /r", Canned(200, {}, file=(PDF,))), ("DELETE *", Canned(204)))
    from orchestrator.model import Saved

    saved = replace(lost, saved=Saved("gone", 3, "0" * 64))
    scene.work.progress = Progress(Phase.FETCH, handle=ID, results=(saved,))
    assert await scene.state() == (State.DONE, "")
    assert scene.work.progress.laps == 1


async def test_nothing_is_paid_for_what_has_no_place() -> None:
    """A file is in the way already: the document fails before it is sent."""
    scene = Scene(("PUT *", RESULT))
    scene.outputs.files["/out/d.pdf"] = b"a stranger's"
    assert await scene.state() == (State.FAILED, "output_exists")
    assert scene.transport.lines == []
    assert scene.work.progress.cost == 0
    may = replace(document("d"), overwrite=True)
    allowed = Scene(("PUT *", RESULT), ("DELETE *", Canned(204)), what=may)
    allowed.outputs.files["/out/d.pdf"] = b"a stranger's"
    assert (await allowed.state())[0] is State.DONE


def test_a_document_without_a_place_travels_alone() -> None:
    """So that it takes no other with it, and the others do not pay for it."""
    outputs, (a, b, c) = MemoryOutputs(), map(document, "abc")
    outputs.files[b.output] = b"a stranger's"
    fits = apart(lambda _taken, _document: True, outputs)
    assert fits is not None
    assert fits([a], c)
    assert not fits([a], b)
    assert not fits([b], c)
    assert apart(None, outputs) is None


async def test_a_strangers_file_fails_the_document_and_keeps_what_was_paid() -> None:
    """Once the name is free the result is fetched, not bought again."""

    def meanwhile(_request: Request) -> Canned:
        scene.outputs.files["/out/d.pdf"] = b"a stranger's"
        return RESULT

    scene = Scene(("PUT *", meanwhile))
    assert await scene.state() == (State.FAILED, "output_exists")
    assert scene.outputs.files == {"/out/d.pdf": b"a stranger's"}
    assert scene.outputs.parts == {}
    held = scene.ledger.jobs[ID]
    assert (held.phase, held.intended) == (Phase.FETCH, None)
    assert not any("DELETE" in line for line in scene.transport.lines)


async def cancelled(scene: Scene) -> None:
    """Drive, and cancel when nothing moves any more."""
    task = asyncio.create_task(scene.driver.drive(scene.work))
    for _ in range(30):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("sent", [True, False])
async def test_cancelled_on_the_way(*, sent: bool) -> None:
    """What provably did not arrive is taken back; what may have arrived stays."""
    scene = Scene(("PUT *", Hang(sent=sent)))
    await cancelled(scene)
    assert (scene.intent is not None) is sent
    assert ("not_sent cancelled" in scene.journal) is not sent
    assert scene.gates.meter.busy == 0


async def test_cancelled_before_the_first_byte(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While the intent is being written: it is taken back."""
    scene = Scene(("PUT *", RESULT))
    intend = scene.ledger.intend

    async def slow(*args: Any) -> None:
        await intend(*args)
        await asyncio.get_running_loop().create_future()

    monkeypatch.setattr(scene.ledger, "intend", slow)
    await cancelled(scene)
    assert scene.journal == ["intend submit", "not_sent cancelled"]
    assert scene.intent is None
    assert scene.transport.requests == []


async def test_overdue_is_kept_and_asked_again() -> None:
    """Never called failed; the next run polls at once and takes what is there."""
    provider = replace(local.provider, pace=Pace(first=10, deadline=25))
    scene = Scene(
        ("PUT *", said(202, "queued")),
        *(("GET *", said(200, "running")) for _ in range(3)),
        mode=Mode.ASYNC,
        provider=provider,
    )
    assert await scene.state() == (State.OVERDUE, "overdue")
    job, progress, intended = scene.ledger.open_jobs("a")[0]
    assert (progress.phase, intended) == (Phase.POLL, None)
    scene.work = Work(job, progress, intended)
    scene.transport.script = [
        ("GET *", DONE),
        ("GET *", Canned(200, {}, file=(PDF,))),
        ("DELETE *", Canned(204)),
    ]
    assert await scene.state() == (State.DONE, "")


async def test_a_changed_source_fails_its_document_and_takes_the_intent_back() -> None:
    """It is not what the plan saw; nothing arrived."""
    scene = Scene(("PUT *", Broken(SourceChanged("changed"))))
    assert await scene.state() == (State.FAILED, "source_changed")
    assert scene.journal[-2:] == ["not_sent source_changed", "settle failed"]


async def test_a_ledger_that_cannot_write_sends_nothing() -> None:
    """Without an intent on disk nothing that may cost leaves."""
    from orchestrator.errors import MachineError

    scene = Scene(("PUT *", RESULT))
    scene.ledger.fails = MachineError("disk full")
    with pytest.raises(MachineError):
        await scene.carry()
    assert scene.transport.requests == []
    assert scene.gates.meter.busy == 0


async def test_a_full_disk_leaves_the_intent_for_the_next_run() -> None:
    """The result was paid for: the next run looks it up."""
    from orchestrator.errors import MachineError

    scene = Scene(("PUT *", RESULT))
    scene.outputs.full = True
    with pytest.raises(MachineError):
        await scene.carry()
    assert scene.intent is not None


@pytest.mark.parametrize("answer", [LOST, Canned(500), Canned(404)])
async def test_a_delete_is_tried_once(answer: Any) -> None:
    """What is left expires by itself; the document is done whatever happens."""
    scene = Scene(("PUT *", RESULT), ("DELETE *", answer))
    assert await scene.state() == (State.DONE, "")


async def test_a_rejected_job_ends_without_a_second_try() -> None:
    """The service says that it cannot be done."""
    scene = Scene(("PUT *", problem(422, "damaged_file", blame="document")))
    assert await scene.state() == (State.FAILED, "damaged_file")
    assert scene.ledger.jobs[ID].phase is Phase.ENDED


# A provider without names of ours: a charged request...


def charged(find: Step | None) -> Provider:
    """An API that bills before it says how a job is called."""

    def submit(_: object, __: Progress) -> Request:
        return Request("POST", "/do", Repeat.CHARGED, takes_file=True)

    def on_submitted(_: object, progress: Progress, response: Response) -> Progress:
        handle = response.headers["handle"]
        result = Result("a", f"/get/{handle}", inline=True)
        return progress.at(Phase.FETCH, handle=handle, results=(result,))

    flow = dict(local.provider.flows[Mode.SYNC])
    flow[Phase.SUBMIT] = Step(submit, on_submitted, find)
    return replace(local.provider, flows={Mode.SYNC: flow}, release=None)


async def test_a_charged_reply_is_durable_before_its_body() -> None:
    """A cut body goes on by the handle, and the charged request is never repeated."""
    cut = Canned(200, {"handle": "h"}, file=(b"%",), cut=Unanswered("cut", "cut"))
    scene = Scene(
        ("POST /do", cut),
        ("GET /get/h", Canned(200, {}, file=(PDF,))),
        provider=charged(None),
    )
    assert await scene.state() == (State.DONE, "")
    assert scene.journal[:5] == [
        "intend submit",
        "send POST /do",
        "reply 200",
        "advance fetch",
        "chunk",
    ]


async def test_a_charged_request_without_a_reply_is_in_doubt() -> None:
    """Nobody can tell; it is not repeated, in this run or in the next."""
    scene = Scene(("POST /do", LOST), provider=charged(None))
    assert await scene.state() == (State.IN_DOUBT, "reset")
    job, progress, intended = scene.ledger.open_jobs("a")[0]
    scene.work = Work(job, progress, intended)
    assert await scene.state() == (State.IN_DOUBT, "reset")
    assert scene.transport.lines == ["POST /do"]


async def test_a_charged_reply_that_leaves_a_doubt_keeps_its_intent() -> None:
    """What came may be billed: the next run does not take it for never sent."""
    provider = charged(None)
    flow = dict(provider.flows[Mode.SYNC])
    strays = Failure("strays", "anyone's", Blame.SERVICE, Remedy.DOUBT)
    flow[Phase.SUBMIT] = replace(
        flow[Phase.SUBMIT], parse=lambda _job, before, _reply: before.failed(strays)
    )
    scene = Scene(
        ("POST /do", Canned(200)), provider=replace(provider, flows={Mode.SYNC: flow})
    )
    assert await scene.state() == (State.IN_DOUBT, "strays")
    job, progress, intended = scene.ledger.open_jobs("a")[0]
    assert intended is not None
    scene.work = Work(job, progress, intended)
    assert await scene.state() == (State.IN_DOUBT, "strays")
    assert scene.transport.lines == ["POST /do"]


async def test_several_documents_of_a_job_end_apart() -> None:
    """A stranger's file at one output does not fail the other."""
    scene = Scene(what=document("d"))
    other = document("e")
    scene.ledger.put(other)
    scene.work.job = replace(scene.work.job, documents=(scene.document, other))
    results = tuple(Result(str(n), f"/r{n}", document=n) for n in range(2))
    scene.work.progress = Progress(Phase.FETCH, handle=ID, results=results)
    scene.transport.script = [
        ("GET /r0", Canned(200, {}, file=(PDF,))),
        ("GET /r1", Canned(200, {}, file=(PDF,))),
    ]
    scene.outputs.files["/out/d.pdf"] = b"a stranger's"
    verdicts = await scene.carry()
    assert [each.state for each in verdicts] == [State.FAILED, State.DONE]
    assert scene.ledger.jobs[ID].phase is Phase.FETCH
    # Opened again once the name is free: what is done is not fetched again.
    del scene.outputs.files["/out/d.pdf"]
    scene.ledger.entries["d"].state = State.OPEN
    ((job, progress, _),) = scene.ledger.open_jobs("a")
    assert job.withdrawn == {1}
    scene.work = Work(job, progress)
    scene.transport.script = [
        ("GET /r0", Canned(200, {}, file=(PDF,))),
        ("DELETE *", Canned(204)),
    ]
    verdicts = await scene.carry()
    assert [(each.document.id, each.state) for each in verdicts] == [("d", State.DONE)]
    assert scene.transport.lines.count("GET /r1") == 1
    assert scene.outputs.files == {"/out/d.pdf": PDF, "/out/e.pdf": PDF}


MOVED = {"location": "https://store.example/a?signature=s"}


async def test_a_download_follows_a_redirect_without_our_headers() -> None:
    """The place that a result is fetched from may be anybody's."""
    scene = Scene(
        ("PUT *", said(202, "queued")),
        ("GET *", DONE),
        ("GET /v1/jobs/*/results/0", Canned(307, MOVED)),
        ("GET https://store.example/*", Canned(200, {"etag": '"md5"'}, file=(PDF,))),
        ("DELETE *", Canned(204)),
        mode=Mode.ASYNC,
    )
    assert await scene.state() == (State.DONE, "")
    asked = scene.transport.requests[3]
    assert (asked.url, asked.keyed, asked.headers) == (MOVED["location"], False, ())


async def test_only_downloads_are_redirected_and_not_for_ever() -> None:
    """A redirected submit may have been accepted: it is looked up, never followed."""
    scene = Scene(
        ("PUT *", Canned(307, MOVED)),
        ("GET /v1/jobs/*", DONE),
        *[("GET *", Canned(302, MOVED))] * 200,
    )
    state, _ = await scene.state()
    assert state is State.OVERDUE
    lines = scene.transport.lines
    assert lines[:3] == [
        f"PUT /v1/jobs/{ID}?mode=sync",
        f"GET /v1/jobs/{ID}",
        f"GET /v1/jobs/{ID}/results/0",
    ]
    assert lines[3:6] == [f"GET {MOVED['location']}"] * 3
    assert lines[6] == f"GET /v1/jobs/{ID}/results/0"
