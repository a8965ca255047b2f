"""Every kind of fault happens on the wire as its name says, and is counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from orchestrator.errors import ManifestError, UsageError
from orchestrator.service.faults.injector import Injector
from orchestrator.service.faults.load import load_script, script_at
from orchestrator.service.faults.phases import place_of
from orchestrator.service.faults.script import Call, Fault, Kind, Phase, Rule, Script
from tests.integration import raw
from tests.integration.serving import Client, running

JOB = "GET", "/v1/jobs/a"


def rule(kind: Kind, *phases: Phase, at: tuple[int, ...] = (1,), **how: Any) -> Rule:
    """A rule that hits the first call of a phase."""
    return Rule((Fault(kind, **how),), frozenset(phases), at=at)


@asynccontextmanager
async def faulty(folder: Path, *rules: Rule, **changes: Any) -> AsyncIterator[Client]:
    """A service under a script."""
    script = Script(7, rules)
    async with running(folder, faults=script, **changes) as client:
        # Or aiohttp would send again by itself what we break.
        client.session._retry_connection = False
        yield client


async def injected(client: Client) -> dict[str, int]:
    """What the service says it did."""
    found: dict[str, int] = (await client.ask("GET", "/v1/faults"))[1]["injected"]
    return found


async def until_cut(client: Client, path: str) -> tuple[int | None, int]:
    """How many bytes were declared, and how many came before the cut."""
    got = 0
    async with client.session.get(client.url + path) as reply:
        try:
            async for chunk in reply.content.iter_any():
                got += len(chunk)
        except aiohttp.ClientPayloadError:
            return reply.content_length, got
    raise AssertionError("the reply was whole")


@pytest.mark.parametrize("after", [None, 3])
async def test_a_refusal_comes_before_the_work(
    tmp_path: Path, after: int | None
) -> None:
    """429 in the API's own words, with Retry-After only where the script says so."""
    busy = rule(Kind.REFUSE, Phase.SUBMIT, status=429, retry_after=after)
    async with faulty(tmp_path, busy) as client:
        status, body, reply = await client.submit("a", b"text")
        assert (status, body["error"]["code"]) == (429, "too_many")
        told = reply.headers.get("Retry-After")
        assert told == (None if after is None else "3")
        assert await client.bill() == (0, 0, 0)
        assert (await client.submit("a", b"text"))[0] == 202
        assert await injected(client) == {"refuse_429": 1}


async def test_a_gateway_refuses_with_a_page(tmp_path: Path) -> None:
    """A status for which the service has no words comes as a web page."""
    async with faulty(
        tmp_path, rule(Kind.REFUSE, Phase.POLL, status=502, retry_after=1)
    ) as client:
        status, body, reply = await client.ask(*JOB)
        assert status == 502
        assert b"<html>" in body
        assert reply.headers["Retry-After"] == "1"


async def test_a_poll_says_503(tmp_path: Path) -> None:
    """The job goes on meanwhile."""
    async with faulty(tmp_path, rule(Kind.REFUSE, Phase.POLL, status=503)) as client:
        await client.submit("a", b"text")
        assert (await client.ask(*JOB))[0] == 503
        assert (await client.until("a", "done"))["id"] == "a"


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("status", [0, 500, 502])
async def test_an_answer_is_lost_after_the_work_was_billed(
    tmp_path: Path, mode: str, status: int
) -> None:
    """The bill has it, whether a status comes or nothing at all."""
    lost = rule(Kind.LOSE, Phase.SUBMIT, status=status)
    async with faulty(tmp_path, lost) as client:
        if status:
            assert (await client.submit("a", b"text", mode=mode))[0] == status
        else:
            with pytest.raises(aiohttp.ClientConnectionError):
                await client.submit("a", b"text", mode=mode)
        assert (await client.until("a", "done"))["id"] == "a"
        assert await client.bill() == (1, 0, 1)


@pytest.mark.parametrize(
    "lost",
    [
        rule(Kind.LOSE, Phase.SUBMIT),
        rule(Kind.LOSE, Phase.SUBMIT, status=502),
        rule(Kind.PAGE, Phase.SUBMIT, worked=True),
    ],
    ids=["nothing", "status", "page"],
)
async def test_a_streamed_answer_is_lost_too(tmp_path: Path, lost: Rule) -> None:
    """Not a byte of a large sync result arrives, and nothing after it is broken."""
    async with faulty(tmp_path, lost) as client:
        with pytest.raises(aiohttp.ClientConnectionError):
            await client.submit("a", b"x" * 3_000_000, mode="sync")
        for _ in range(3):
            assert await client.bill() == (1, 0, 1)


@pytest.mark.parametrize("status", [0, 502])
async def test_a_small_streamed_answer_is_lost_and_the_next_is_not(
    tmp_path: Path, status: int
) -> None:
    """It could be on its way, whole, before anybody thinks of losing it."""
    lost = rule(Kind.LOSE, Phase.POLL, status=status)
    async with faulty(tmp_path, lost) as client:
        stored = client.url + "/convert/txt/to/pdf?StoreFile=true&JobId=" + "a" * 32
        form = aiohttp.FormData()
        form.add_field("File", b"text", filename="a.txt")
        async with client.session.post(stored, data=form) as reply:
            assert reply.status == 200
        job = client.url + "/async/job/" + "a" * 32
        with pytest.raises(aiohttp.ClientConnectionError):
            await client.session.get(job)
        assert (await client.ask("GET", "/healthz"))[0] == 200
        assert await injected(client) == {f"lose_{status}" if status else "lose": 1}


async def test_a_reset_comes_before_the_request_is_read(tmp_path: Path) -> None:
    """Nothing was started, and nobody hears anything."""
    async with faulty(tmp_path, rule(Kind.RESET, Phase.SUBMIT)) as client:
        with pytest.raises((aiohttp.ClientOSError, aiohttp.ServerDisconnectedError)):
            await client.submit("a", b"x" * 5_000_000)
        assert await client.bill() == (0, 0, 0)
        assert await injected(client) == {"reset": 1}


@pytest.mark.parametrize("size", [1000, 3_000_000])
@pytest.mark.parametrize("after", [0, 10, None])
async def test_a_reply_is_cut_at_a_byte(
    tmp_path: Path, size: int, after: int | None
) -> None:
    """The head says the whole length; exactly so many bytes of the body come."""
    cut = rule(Kind.CUT, Phase.FETCH, after=after)
    async with faulty(tmp_path, cut) as client:
        await client.submit("a", b"x" * size)
        await client.until("a", "done")
        declared, got = await until_cut(client, "/v1/jobs/a/results/0")
        assert declared == size
        assert got == (size // 2 if after is None else after)
        again = await client.ask("GET", "/v1/jobs/a/results/0")
        assert len(again[1]) == size


async def test_a_file_is_cut_and_the_next_reply_is_not(tmp_path: Path) -> None:
    """A file that aiohttp sends by itself is cut as well, and nothing after it."""
    async with faulty(tmp_path, rule(Kind.CUT, Phase.FETCH)) as client:
        stored = client.url + "/upload?filename=a.txt"
        async with client.session.post(stored, data=b"x" * 1000) as reply:
            path = f"/d/{(await reply.json())['FileId']}"
        assert await until_cut(client, path) == (1000, 500)
        for _ in range(3):
            async with client.session.get(client.url + path) as reply:
                assert await reply.read() == b"x" * 1000
        assert await injected(client) == {"cut": 1}


async def test_a_reply_without_a_body_is_cut_in_its_head(tmp_path: Path) -> None:
    """A 204 has nothing else to cut."""
    async with faulty(tmp_path, rule(Kind.CUT, Phase.DELETE)) as client:
        await client.submit("a", b"text")
        await client.until("a", "done")
        with pytest.raises(aiohttp.ClientError):
            await client.ask("DELETE", "/v1/jobs/a")
        assert (await client.ask(*JOB))[0] == 404


async def test_a_slow_reply_is_slow(tmp_path: Path) -> None:
    """It comes whole, and late."""
    loop = asyncio.get_running_loop()
    slow = rule(Kind.SLOW, Phase.POLL, seconds=0.5)
    async with faulty(tmp_path, slow) as client:
        await client.submit("a", b"text")
        began = loop.time()
        assert (await client.ask(*JOB))[0] == 200
        assert loop.time() - began >= 0.5


@pytest.mark.parametrize("status", [403, 410])
async def test_an_upload_link_is_dead(tmp_path: Path, status: int) -> None:
    """Storage says so in its own words; the next link works."""
    async with faulty(tmp_path, rule(Kind.EXPIRE, status=status)) as client:
        created = (await client.create("a", 4))[1]
        url = created["uploads"][0]["url"]
        refused, body, _ = await client.ask("PUT", url, data=b"text")
        assert refused == status
        assert b"expired" in body
        assert (await client.ask("PUT", url, data=b"text"))[0] == 204


async def test_a_body_is_short_under_200(tmp_path: Path) -> None:
    """Its length agrees with what came: only a checksum or a look can tell."""
    async with faulty(tmp_path, rule(Kind.SHORT, Phase.FETCH)) as client:
        await client.submit("a", b"x" * 1000)
        await client.until("a", "done")
        status, body, reply = await client.ask("GET", "/v1/jobs/a/results/0")
        assert (status, len(body), reply.content_length) == (200, 500, 500)


@pytest.mark.parametrize(("worked", "billed"), [(False, 0), (True, 1)])
async def test_a_page_comes_under_200(
    tmp_path: Path, *, worked: bool, billed: int
) -> None:
    """A web page in place of the answer; whether the work was done is the script's."""
    page = rule(Kind.PAGE, Phase.SUBMIT, worked=worked)
    async with faulty(tmp_path, page) as client:
        status, body, reply = await client.submit("a", b"text")
        assert (status, reply.content_type) == (200, "text/html")
        assert body.startswith(b"<!DOCTYPE html>")
        assert (await client.bill())[0] == billed


async def test_a_redirect_names_another_host(tmp_path: Path) -> None:
    """And nothing is done here."""
    away = rule(Kind.REDIRECT, Phase.SUBMIT, status=307, to="http://127.0.0.2:9/x")
    async with faulty(tmp_path, away) as client:
        form = client.form(b"text")
        path = "/v1/jobs/a?mode=async"
        status, _, reply = await client.ask(
            "PUT", path, data=form, allow_redirects=False
        )
        assert (status, reply.headers["Location"]) == (307, "http://127.0.0.2:9/x")
        assert await client.bill() == (0, 0, 0)


async def test_a_file_is_spoiled(tmp_path: Path) -> None:
    """Its job was accepted, and ends as failed with the code of the script."""
    spoil = rule(Kind.SPOIL, code="damaged_file")
    async with faulty(tmp_path, spoil) as client:
        await client.submit("a", b"text")
        await client.submit("b", b"text")
        states = [await client.until(name, "done", "failed") for name in ("a", "b")]
        assert sorted(each["state"] for each in states) == ["done", "failed"]
        codes = [each["error"]["code"] for each in states if each["error"]]
        assert codes == ["damaged_file"]


@pytest.mark.parametrize(
    ("kind", "calls"),
    [(Kind.HOOK_TWICE, 2), (Kind.HOOK_MISSING, 0), (Kind.HOOK_LATE, 1)],
)
async def test_a_webhook_goes_wrong(tmp_path: Path, kind: Kind, calls: int) -> None:
    """Late, twice, or never."""
    loop = asyncio.get_running_loop()
    hear = raw.replies(*[raw.answer()] * 3)
    async with (
        raw.serving(hear) as receiver,
        faulty(tmp_path, rule(kind, seconds=0.6)) as client,
    ):
        await client.submit("a", b"text", webhook=f"{receiver.url}/hook")
        await client.until("a", "done")
        began = loop.time()
        while len(receiver.bodies) < calls:
            await asyncio.sleep(0.02)
        waited = loop.time() - began
        await asyncio.sleep(0.3)
        assert len(receiver.bodies) == calls
        assert (waited >= 0.4) == (kind is Kind.HOOK_LATE)
        assert len(set(receiver.bodies)) == min(calls, 1)


async def test_a_forged_webhook_comes_before_the_true_one(tmp_path: Path) -> None:
    """The same words under two signatures."""
    async with (
        raw.serving(raw.replies(raw.answer(), raw.answer())) as receiver,
        faulty(tmp_path, rule(Kind.HOOK_FORGED)) as client,
    ):
        await client.submit("a", b"text", webhook=f"{receiver.url}/hook")
        while len(receiver.bodies) < 2:
            await asyncio.sleep(0.02)
        signatures = {
            line
            for head in receiver.heads
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"webhook-signature")
        }
        assert len(signatures) == 2


async def test_the_truth_stays_the_truth(tmp_path: Path) -> None:
    """Health, bill and the count of faults are never hit, even by ``other``."""
    every = Rule((Fault(Kind.REFUSE, status=500),), frozenset({Phase.OTHER}), share=1.0)
    async with faulty(tmp_path, every) as client:
        assert (await client.ask("GET", "/v1/formats"))[0] == 500
        assert (await client.ask("GET", "/healthz"))[0] == 200
        assert await client.bill() == (0, 0, 0)
        assert await injected(client) == {"refuse_500": 1}


# Which calls are hit...


def calls(count: int, phase: Phase = Phase.POLL) -> list[Call]:
    """So many polls."""
    return [Call(phase, "native", "GET", f"/v1/jobs/{n}") for n in range(count)]


def hits(script: Script, seen: list[Call]) -> list[int]:
    """Which of them are hit, counted from 1."""
    injector = Injector(script)
    return [n for n, call in enumerate(seen, 1) if injector.pick(call)]


def test_counts_say_which_calls_are_hit() -> None:
    """First, every and at are exact."""
    faults = (Fault(Kind.RESET),)
    seen = calls(10)
    assert hits(Script(1, (Rule(faults, first=2),)), seen) == [1, 2]
    assert hits(Script(1, (Rule(faults, every=4),)), seen) == [4, 8]
    assert hits(Script(1, (Rule(faults, at=(3, 9)),)), seen) == [3, 9]


def test_a_share_is_the_same_for_the_same_seed() -> None:
    """A tenth of many, by lot; another seed hits others."""
    rules = (Rule((Fault(Kind.RESET),), share=0.1),)
    seen = calls(5000)
    hit = hits(Script(1, rules), seen)
    assert hit == hits(Script(1, rules), seen)
    assert hit != hits(Script(2, rules), seen)
    assert 400 < len(hit) < 600


def test_a_fault_happens_only_where_it_can() -> None:
    """Of many faults in one rule, a poll gets one that a poll can have."""
    every = Script(3, (Rule(tuple(Fault(kind) for kind in Kind), share=1.0),))
    injector = Injector(every)
    for phase in Phase:
        got = [injector.pick(call) for call in calls(300, phase)]
        kinds = {each.fault.kind for each in got if each}
        assert kinds == {kind for kind in Kind if phase in kind.phases}


def test_a_rule_looks_at_method_path_and_dialect() -> None:
    """All of what it names must fit."""
    reset = (Fault(Kind.RESET),)
    path = Script(0, (Rule(reset, path="/v1/jobs/1*", share=1.0),))
    assert hits(path, calls(20)) == [2, *range(11, 21)]
    assert hits(Script(0, (Rule(reset, method="PUT", share=1.0),)), calls(3)) == []
    assert hits(Script(0, (Rule(reset, dialect="x", share=1.0),)), calls(3)) == []


@pytest.mark.parametrize(
    ("request_line", "place"),
    [
        ("PUT /v1/jobs/a", ("native", Phase.SUBMIT)),
        ("POST /v1/jobs", ("native", Phase.SUBMIT)),
        ("PUT /v1/uploads/a/0", ("native", Phase.UPLOAD)),
        ("POST /v1/jobs/a/execute", ("native", Phase.EXECUTE)),
        ("GET /v1/jobs/a", ("native", Phase.POLL)),
        ("GET /v1/jobs/a/results/0", ("native", Phase.FETCH)),
        ("DELETE /v1/jobs/a", ("native", Phase.DELETE)),
        ("GET /v1/formats", ("native", Phase.OTHER)),
        ("POST /server/v2/process/docx/pdf", ("compdf", Phase.SUBMIT)),
        ("POST /server/v2/processAsync/pdf/merge", ("compdf", Phase.SUBMIT)),
        ("POST /server/v2/presignedUrl", ("compdf", Phase.SUBMIT)),
        ("GET /server/v1/task/docx/pdf", ("compdf", Phase.SUBMIT)),
        ("GET /server/v2/execute/start", ("compdf", Phase.EXECUTE)),
        ("GET /server/v2/task/taskInfo", ("compdf", Phase.POLL)),
        ("GET /server/v2/task/list", ("compdf", Phase.POLL)),
        ("PUT /server/storage/k", ("compdf", Phase.UPLOAD)),
        ("GET /server/storage/k", ("compdf", Phase.FETCH)),
        ("GET /server/v2/asset/info", ("compdf", Phase.OTHER)),
        ("POST /convert/docx/to/pdf", ("convertapi", Phase.SUBMIT)),
        ("POST /async/Convert/docx/to/pdf", ("convertapi", Phase.SUBMIT)),
        ("POST /upload", ("convertapi", Phase.UPLOAD)),
        ("GET /async/job/a", ("convertapi", Phase.POLL)),
        ("DELETE /job/a", ("convertapi", Phase.DELETE)),
        ("GET /d/a/b.pdf", ("convertapi", Phase.FETCH)),
        ("GET /user", ("convertapi", Phase.OTHER)),
        ("POST /v1/file/sync/single", ("reportflow", Phase.SUBMIT)),
        ("GET /v1/file/download/a/b", ("reportflow", Phase.FETCH)),
        ("HEAD /w/design/d/files/r", ("reportflow", Phase.FETCH)),
        ("GET /v1/file/design/parameter/d", ("reportflow", Phase.OTHER)),
    ],
)
def test_a_request_is_known_for_what_it_does(
    request_line: str, place: tuple[str, Phase]
) -> None:
    """In every API that the service speaks."""
    method, path = request_line.split()
    assert place_of(method, path) == place


# Scripts in files...


def test_a_script_is_read(tmp_path: Path) -> None:
    """Words, mappings and lists of faults."""
    path = tmp_path / "faults.yaml"
    path.write_text(
        "seed: 7\n"
        "rules:\n"
        "- match: {phase: [submit, poll], method: PUT, path: /v1/jobs/*}\n"
        "  share: 0.1\n"
        "  fault: [reset, {kind: refuse, retry_after: 2}, {kind: cut, after: 9}]\n"
        "- {first: 1, fault: expire}\n"
    )
    script = load_script(path)
    first, second = script.rules
    assert script.seed == 7
    assert first.faults == (
        Fault(Kind.RESET),
        Fault(Kind.REFUSE, status=429, retry_after=2),
        Fault(Kind.CUT, after=9),
    )
    assert first.phases == {Phase.SUBMIT, Phase.POLL}
    assert (first.method, first.path, first.share) == ("PUT", "/v1/jobs/*", 0.1)
    assert second.faults == (Fault(Kind.EXPIRE, status=403),)


def test_what_is_wrong_in_a_script_is_said_at_its_place(tmp_path: Path) -> None:
    """All at once, each with line and column."""
    path = tmp_path / "faults.yaml"
    path.write_text(
        "seed: 1\n"
        "rules:\n"
        "- {match: {phse: poll}, share: 2, fault: refuse}\n"
        "- {match: {phase: submit}, first: 1, fault: [expire, resett]}\n"
        "- {fault: {kind: cut, seconds: 1}}\n"
    )
    with pytest.raises(ManifestError) as caught:
        load_script(path)
    said = [str(each).removeprefix(f"{path}:") for each in caught.value.faults]
    assert said[0].startswith("3:12: unknown key “phse”")
    assert "did you mean phase?" in said[0]
    assert said[1].startswith("3:32: share must be at most 1")
    assert said[2].startswith("4:19: expire cannot happen in the phase submit")
    assert said[3].startswith("4:54: fault must be one of refuse")
    assert "did you mean reset?" in said[3]
    assert said[4].startswith("5:3: needs one of share, first, every, at")
    assert said[5].startswith("5:11: cut has no seconds")
    assert len(said) == 6


def test_a_script_without_a_seed_tells_its_other_faults_too(tmp_path: Path) -> None:
    """All of them, in one go."""
    path = tmp_path / "faults.yaml"
    path.write_text("rules: [{at: [1], fault: rest}, {fault: cut}]\n")
    with pytest.raises(ManifestError) as error:
        load_script(path)
    said = [each.message for each in error.value.faults]
    assert said[0] == "the key seed is missing"
    assert said[1].startswith("fault must be one of")
    assert said[2].startswith("needs one of share")
    assert len(said) == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rules: [", "not valid YAML"),
        ("- 1\n", "a fault script is a mapping of keys"),
        ("", "the file is empty"),
        ("seed: 1\n", "the key rules is missing"),
        ("seed: 1\nrules: []\n", "rules must not be empty"),
        ("seed: 1\nrules: [7]\n", "must be a mapping"),
        ("seed: 1\nrules: [{at: [1], fault: 7}]\n", "must be a kind"),
        ("seed: 1\nrules: [{at: [1], fault: []}]\n", "must be a kind"),
        ("seed: 1\nrules: [{at: [1]}]\n", "the key fault is missing"),
        ("seed: 1\ndocuments: []\nrules: [{at: [1], fault: cut}]\n", "unknown key"),
    ],
)
def test_a_broken_script_is_refused(tmp_path: Path, text: str, said: str) -> None:
    """Never with a traceback, never in silence."""
    path = tmp_path / "faults.yaml"
    path.write_text(text)
    with pytest.raises(ManifestError, match=said):
        load_script(path)


def test_a_script_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    """With the path in the message."""
    with pytest.raises(UsageError, match=r"none\.yaml"):
        load_script(tmp_path / "none.yaml")


def test_a_script_that_is_built_in_goes_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless there is a file of that name; any other name is a path."""
    monkeypatch.chdir(tmp_path)
    assert load_script(script_at(Path("storm"))).rules
    assert script_at(Path("other")) == Path("other")
    (tmp_path / "storm").write_text("mine")
    assert script_at(Path("storm")) == Path("storm")
