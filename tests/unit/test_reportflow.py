"""ReportFlow: every recorded exchange, what is asked before, and adoption by echoes."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from orchestrator.batch.accounts import accounts_of
from orchestrator.engine.drive import Driver
from orchestrator.engine.limits import Gates
from orchestrator.engine.work import AccountStopped, Wait, Work
from orchestrator.model import (
    Document,
    Echo,
    Job,
    Mode,
    Operation,
    Phase,
    Progress,
    Result,
)
from orchestrator.providers import reportflow
from orchestrator.providers.reportflow import ask, hear, names, params, refusals
from orchestrator.settings import AccountSettings, SecretReference
from orchestrator.testing import (
    Broken,
    Canned,
    ManualClock,
    MemoryLedger,
    MemoryOutputs,
    ScriptedTransport,
)
from orchestrator.wire.flow import Limits
from orchestrator.wire.http import Json, Repeat, Request, Response
from orchestrator.wire.outcome import Unanswered

FOLDER = Path(__file__).parents[1] / "exchanges" / "reportflow"
CASES = sorted(FOLDER.glob("*.json"))
ID = f"{1:032x}"
PDF = b"%PDF-1.7 x <</Type /Page>> %%EOF"
CUT = Unanswered("reset", "the connection broke")
LOST = Broken(CUT)
ROUTE = "/v1/file/download"


def document(id_: str, mode: Mode = Mode.ASYNC, **changes: Any) -> Document:
    """An invoice."""
    made = Document(
        id=id_,
        operation=Operation.GENERATE,
        source="",
        target="pdf",
        output=f"/out/{id_}.pdf",
        provider="a",
        design="0eGLPoUzbuBv5EEj@3",
        mode=mode,
    )
    return replace(made, **changes)


class Scene:
    """A driver over a script of replies."""

    def __init__(
        self,
        documents: tuple[Document, ...],
        script: list[Any],
        *,
        older: bool = False,
        listens: bool = False,
    ) -> None:
        self.clock = ManualClock()
        self.ledger = MemoryLedger(documents, clock=self.clock)
        self.outputs = MemoryOutputs()
        self.transport = ScriptedTransport([("*", each) for each in script])
        provider = reportflow.provider
        if older and provider.with_secret:
            provider = provider.with_secret
        job = Job(ID, "a", documents[0].mode, documents, self.clock.now())
        self.work = Work(job, Progress())
        self.driver = Driver(
            provider,
            transport=self.transport,
            ledger=self.ledger,
            outputs=self.outputs,
            gates=Gates(Limits(), self.clock, lambda *_: None),
            clock=self.clock,
            luck=random.Random(1),
            listens=listens,
        )
        self.waits: list[float] = []

    async def step(self) -> list[str] | None:
        """Carry on; how its documents ended, or ``None`` if it waits."""
        try:
            outcome = await self.clock.run(self.driver.drive(self.work))
        except AccountStopped as stop:
            return [f"stopped {stop.failure.code}"]
        if isinstance(outcome, Wait):
            self.waits.append(outcome.seconds)
            return None
        return [
            str(each.state) + (f" {each.failure.code}" if each.failure else "")
            for each in outcome.verdicts
        ]

    async def ends(self) -> list[str]:
        """How it ends; waiting takes no time."""
        while (ended := await self.step()) is None:
            assert len(self.waits) < 500, "it never ends"
            self.clock.skip(self.waits[-1])
        return ended


def canned(answer: dict[str, Any]) -> Canned | Broken:
    """A reply of a recorded exchange."""
    headers = answer.get("headers", {})
    if answer.get("cut"):
        return Canned(answer["status"], headers, file=(PDF[:4],), cut=CUT)
    if answer.get("file"):
        return Canned(answer["status"], headers, file=(PDF,))
    body = (
        json.dumps(answer["json"]).encode()
        if "json" in answer
        else answer.get("body", "").encode()
    )
    return Canned(answer["status"], headers, body=body)


def said(request: Request) -> dict[str, Any]:
    """A request in the words of a recorded exchange."""
    found: dict[str, Any] = {
        "method": request.method,
        "url": request.url,
        "keyed": request.keyed,
    }
    if isinstance(request.body, Json):
        found["json"] = request.body.value
    return found


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
async def test_recorded_exchanges(path: Path) -> None:
    """What is asked is what was recorded, and the documents end as they must."""
    case = json.loads(path.read_text("utf-8"))
    documents = tuple(
        document(
            each["id"],
            Mode(case["mode"]),
            output=each["output"],
            design=each["design"],
            params=each["params"],
        )
        for each in case["documents"]
    )
    script = [canned(each["answer"]) for each in case["exchanges"]]
    scene = Scene(documents, script, older=case["generation"] == "older")
    assert await scene.ends() == case["ends"]
    asked = [said(each) for each in scene.transport.requests]
    assert asked == [each["ask"] for each in case["exchanges"]]


async def test_a_lost_reply_is_in_doubt_and_never_sent_again() -> None:
    """There is no lookup."""
    for mode in (Mode.SYNC, Mode.ASYNC):
        scene = Scene((document("a", mode),), [LOST])
        assert await scene.ends() == ["in_doubt reset"]
        assert len(scene.transport.requests) == 1


def echo(*files: str, job: str = ID) -> Echo:
    """A webhook that names files by our key."""
    entries = [(name, f"req-1 file-{n}") for n, name in enumerate(files)]
    return Echo(job=job, handle="req-1", files=tuple(entries))


NAME = f"a-{ID}-0.pdf"
CONFIRMED = Canned(
    200,
    {
        "content-type": "application/pdf",
        "content-disposition": f'attachment; filename="{NAME}"',
    },
    file=(PDF,),
)


@pytest.mark.parametrize("mode", [Mode.SYNC, Mode.ASYNC])
async def test_a_webhook_adopts_what_was_lost(mode: Mode) -> None:
    """By our own key, confirmed with the account's key at its own origin."""
    scene = Scene((document("a", mode),), [LOST, CONFIRMED, CONFIRMED], listens=True)
    assert await scene.step() is None
    scene.clock.skip(scene.waits[-1])
    assert await scene.step() is None
    assert scene.waits[-1] > 200, "it waits for the echo, and asks nothing"
    scene.work.echo = echo(NAME)
    assert await scene.ends() == ["done"]
    asked = scene.transport.requests[1:]
    assert [each.url for each in asked] == [f"{ROUTE}/req-1/file-0"] * 2
    assert all(each.keyed and each.repeat is Repeat.SAFE for each in asked)


@pytest.mark.parametrize(
    "answer",
    [
        Canned(404),
        Canned(403),
        replace(
            CONFIRMED,
            headers={
                "content-type": "application/pdf",
                "content-disposition": f'attachment; filename="b-{2:032x}-0.pdf"',
            },
        ),
    ],
)
async def test_a_forged_echo_changes_nothing(answer: Canned) -> None:
    """It is asked about once; then the true one is waited for, or doubt stays."""
    scene = Scene((document("a"),), [LOST, answer, CONFIRMED, CONFIRMED], listens=True)
    await scene.step()
    scene.work.echo = echo(NAME)
    assert await scene.step() is None
    assert scene.waits[-1] > 200
    assert [scene.work.echo] == [None]
    scene.work.echo = echo(NAME)
    assert await scene.ends() == ["done"]


async def test_an_echo_of_half_a_job_is_not_enough() -> None:
    """All of its files have to be spoken of."""
    both = (document("a"), document("b"))
    scene = Scene(both, [LOST], listens=True)
    await scene.step()
    scene.work.echo = echo(NAME)
    assert await scene.ends() == ["in_doubt no_outcome"] * 2
    assert len(scene.transport.requests) == 1
    assert 299 < sum(scene.waits) < 301


async def test_a_resume_adopts_by_an_echo_that_came_meanwhile() -> None:
    """Also when nobody listens any more, and long after the intent."""
    scene = Scene((document("a"),), [LOST, CONFIRMED, CONFIRMED])
    assert await scene.ends() == ["in_doubt reset"]
    ((job, progress, intended),) = scene.ledger.open_jobs("a")
    assert intended is not None
    scene.clock.skip(90_000)
    scene.work = Work(job, progress, intended, echo=echo(NAME))
    assert await scene.ends() == ["done"]


async def test_a_file_that_never_comes_is_overdue() -> None:
    """Accepted is accepted: it is asked for again at the next run."""
    accepted = {"requestId": "r", "files": [{"fileName": NAME, "fileId": "f"}]}
    scene = Scene((document("a"),), [Canned(202, body=json.dumps(accepted).encode())])
    scene.transport._always.append(("*", Canned(404)))
    assert await scene.ends() == ["overdue overdue"]
    methods = {each.method for each in scene.transport.requests[1:]}
    assert methods == {"HEAD", "GET"}, "some polls ask for the file itself"
    assert {each.lane for each in scene.transport.requests} == {"async", "download"}


# Before anything is sent...


def test_what_fits_into_one_request() -> None:
    """One design and version, async, so many, so large."""
    one = document("a")
    assert ask.fits([one], document("b"))
    assert not ask.fits([one], document("b", design="0eGLPoUzbuBv5EEj@4"))
    assert not ask.fits([one], document("b", Mode.SYNC))
    assert ask.fits([one] * 99, document("b"))
    assert not ask.fits([one] * 100, document("b"))
    large = document("b", params={"x": "y" * 11_000_000})
    assert ask.fits([one], large)
    assert not ask.fits([large], large)
    assert reportflow.provider.with_secret is not None
    assert reportflow.provider.with_secret.fits is None


def test_credentials_of_both_generations() -> None:
    """A key alone is the newer one; a secret beside it makes the older one."""
    key, secret = SecretReference("env", "K"), SecretReference("env", "S")
    settings = AccountSettings("flow", "reportflow", key=key)
    made = accounts_of({"flow": settings})["flow"]
    assert made.auth("k", "") == (("appkey", "k"),)
    both = accounts_of({"flow": replace(settings, secret=secret)})["flow"]
    assert both.auth("k", "s") == (("AppKey", "k"), ("SecretKey", "s"))
    assert both.provider.base_url is None
    older = reportflow.provider.with_secret
    assert reportflow.provider.auth == (("appkey", "{key}"),)
    assert older is not None
    assert dict(older.auth) == {"AppKey": "{key}", "SecretKey": "{secret}"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"design": "name"}, "version"),
        ({"design": "a@0"}, "version"),
        ({"design": None}, "version"),
        ({"target": "html"}, "not html"),
        ({"params": {"x": "y" * 20_000_001}}, "20,000,000"),
    ],
)
def test_objections(changes: dict[str, Any], words: str) -> None:
    """Told without asking."""
    assert words in (ask.objection(document("a", **changes)) or "")
    assert ask.objection(document("a")) is None


def test_names_carry_our_key() -> None:
    """Readable, fit for the stricter generation, unique ignoring case, found again."""
    outputs = ("/o/Ünïcode: №1.pdf", "/o/請求書 7.pdf", "/o/A.pdf", "/p/a.pdf")
    documents = tuple(document(each, output=each) for each in outputs)
    job = Job(ID, "a", Mode.ASYNC, documents, 0.0)
    made = [names.file_name(job, index) for index in range(4)]
    assert made[1] == f"請求書_7-{ID}-1.pdf"
    assert len({each.lower() for each in made}) == 4
    for index, each in enumerate(made):
        assert names.index_of(job, each) == index
        assert names.index_of(job, each.upper()) == index
        assert names.index_of(job, each.removesuffix(".pdf")) == index
        assert names.index_of(replace(job, id="f" * 32), each) is None
    assert names.index_of(job, f"a-{ID}-4.pdf") is None


NEWER = [
    {"name": "number", "type": "text", "label": "Number"},
    {"name": "total", "type": "number", "label": "Total"},
    {"name": "paid", "type": "boolean"},
    {"name": "day", "type": "date"},
    {"name": "lines", "type": "array", "spec": [{"name": "n", "type": "number"}]},
    {"name": "seal", "type": "hologram"},
]
OLDER = {
    "number": "string",
    "total": "number",
    "paid": "boolean",
    "day": "string",
    "lines": {"n": "number"},
}


@pytest.mark.parametrize("structure", [NEWER, {"parameters": NEWER}, OLDER])
def test_params_are_checked_against_the_design(structure: Any) -> None:
    """Types of both shapes; unknown keys and types are let through."""
    check = params.problems(Response(200, body=json.dumps(structure).encode()))
    good = {
        "number": 7,
        "total": Decimal("1.50"),
        "paid": True,
        "lines": [{"n": 1}, {"n": 2, "x": None}],
        "more": None,
        "seal": {},
    }
    assert check(document("a", params=good)) == []
    bad = {
        "number": ["x"],
        "total": "",
        "paid": "yes",
        "lines": [{"n": 1}, {"n": None}],
    }
    assert check(document("a", params=bad)) == [
        "the design wants a text for number, found a list",
        "the design wants a number for total, found ''",
        "the design wants true or false for paid, found 'yes'",
        "the design wants a number for lines.1.n, found nothing",
    ]
    (wrong,) = check(document("a", params={"lines": 4, "total": 1}))
    assert wrong == "the design wants rows for lines, found 4"
    assert check(document("a", params={"total": True})) != []


def test_a_design_that_is_not_there() -> None:
    """Said as an objection; other replies are none."""
    inquiry = params.inquire("0eGLPoUzbuBv5EEj@3")
    assert inquiry.request.url == "/v1/file/design/parameter/0eGLPoUzbuBv5EEj"
    assert inquiry.request.query == (("version", "3"),)
    why = inquiry.objection(
        Response(404, body='{"message":"指定したバージョン(3)が存在しません"}'.encode())
    )
    assert why is not None
    assert "指定したバージョン(3)" in why
    assert inquiry.objection(Response(503)) is None


def test_only_two_refusals_may_be_sent_again() -> None:
    """Whatever the status: RETRY is for 429 alone, doubt for all that is unknown."""
    remedies = {
        status: refusals.failure_of(Response(status)).remedy
        for status in range(100, 600)
    }
    assert [status for status, each in remedies.items() if each == "retry"] == [429]
    for status in (200, 302, 405, 408, 418, 500, 502, 503, 504, 599):
        assert remedies[status] == "lookup"


def test_messages_are_lists_too_and_safe_to_print() -> None:
    """As the framework of the service makes them."""
    body = json.dumps({"message": ["one", 2, "\x1b[31mtwo"]}).encode()
    assert refusals.message_of(Response(400, body=body)) == "status 400: one; ?[31mtwo"
    assert refusals.message_of(Response(400, body=b"\x00")) == "status 400: ?"


# Nothing that comes in raises...

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "requestId",
                    "url",
                    "files",
                    "fileId",
                    "fileName",
                    "message",
                    "spec",
                    "name",
                    "type",
                    "parameters",
                    "x",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
BODIES = st.binary(max_size=60) | JSON.map(
    lambda value: json.dumps(value, ensure_ascii=True).encode()
)
HEADERS = st.dictionaries(
    st.sampled_from(
        [
            "content-type",
            "content-length",
            "location",
            "retry-after",
            "file-url",
            "request-id",
            "file-id",
            "x-file-mapping",
            "content-disposition",
        ]
    ),
    st.text(max_size=40)
    | st.sampled_from(["application/pdf", "https://a/b", "%5B%7B%7D%5D", "[1]", "7"]),
)
RESULTS = st.lists(
    st.sampled_from([Result("", "/v1/x/y/z"), Result("/v1/a", "https://s/x")]),
    max_size=2,
).map(tuple)


@given(
    st.sampled_from([100, 200, 201, 202, 204, 301, 302, 400, 404, 409, 410, 422, 500]),
    HEADERS,
    BODIES,
    RESULTS,
    st.integers(0, 8),
)
def test_parsers_are_total(
    status: int,
    headers: dict[str, str],
    body: bytes,
    results: tuple[Result, ...],
    polls: int,
) -> None:
    """Whatever comes: progress, and a phase that the flow has or a failure."""
    response = Response(status, headers, body)
    job = Job(ID, "a", Mode.ASYNC, (document("a"),), 0.0)
    before = Progress(Phase.POLL, results=results, polls=polls)
    for parse in (
        hear.on_accepted,
        hear.on_made,
        hear.on_looked,
        hear.on_file,
        hear.on_confirmed,
    ):
        after = parse(job, before, response)
        assert after.failure or after.phase in (Phase.POLL, Phase.FETCH)
    params.problems(response)(document("a", params={"x": [1, {"name": None}]}))
    inquiry = params.inquire("a@1")
    assert inquiry.objection(response) is None or status in (400, 404)


@given(st.text(max_size=60), st.text(max_size=20), st.text(max_size=40))
def test_adoption_is_total(name: str, handle: str, way: str) -> None:
    """An echo is anybody's text."""
    job = Job(ID, "a", Mode.ASYNC, (document("a"),), 0.0)
    for each in (name, NAME):
        heard = Echo(job=ID, handle=handle, files=((each, way),))
        found = hear.adopt(job, Progress(), heard)
        assert found is None or (found.results[0].url or "").startswith(f"{ROUTE}/")


@pytest.mark.parametrize(
    "way", [".. ..", "r ..", "r .", "r", "r ", " f", "r é", "a b c"]
)
def test_what_is_no_id_is_not_asked_for(way: str) -> None:
    """Dots alone would climb out of the route."""
    job = Job(ID, "a", Mode.ASYNC, (document("a"),), 0.0)
    assert hear.adopt(job, Progress(), Echo(job=ID, files=((NAME, way),))) is None


def test_no_id_leaves_its_place_in_a_route() -> None:
    """An id of a webhook cannot lead to another route of the API."""
    job = Job(ID, "a", Mode.ASYNC, (document("a"),), 0.0)
    heard = Echo(job=ID, files=((NAME, "../x?y=1#z ../../admin"),))
    found = hear.adopt(job, Progress(), heard)
    assert found is not None
    assert found.results[0].url == f"{ROUTE}/..%2Fx%3Fy%3D1%23z/..%2F..%2Fadmin"
