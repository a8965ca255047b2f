"""Jobs of ConvertAPI's dialect: poll rules, own ids, webhooks, ends of lives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.dialects.convertapi import (
    OWN,
    PLAIN,
    RESULT,
    convert,
    polled,
    stranger,
    upload,
    world,
)
from tests.integration.serving import Client, ScriptedRenderer, running

ASYNC = "/async/convert/txt/to/pdf"


def closed() -> ScriptedRenderer:
    """A renderer that waits until it is let go."""
    renderer = ScriptedRenderer()
    renderer.gate.clear()
    return renderer


async def start(one: Client, path: str = ASYNC, **fields: str) -> str:
    """Start a job; return its id."""
    body = await convert(one, path, File=await upload(one), **fields)
    assert list(body) == ["JobId"]
    name = body["JobId"]
    assert isinstance(name, str)
    return name


async def status(one: Client, path: str) -> int:
    """The status of one request."""
    return (await one.ask("GET", path))[0]


@pytest.mark.parametrize("kind", ["first", "second"])
async def test_a_job_is_polled_without_a_key(tmp_path: Path, kind: str) -> None:
    """202 with nothing, then the result, as often as wanted."""
    renderer = closed()
    async with running(tmp_path, renderer) as one, stranger(one.url) as other:
        if kind == "first":
            name = await start(one, RESULT, Async="True")
            assert len(name.split("-")) == 5
            path = f"/job/{name}"
        else:
            name = await start(one)
            assert (len(name), name.isalnum(), name.lower()) == (32, True, name)
            path = f"/async/job/{name}"
        assert (await other.ask("GET", path))[:2] == (202, b"")
        renderer.gate.set()
        first = await polled(other, path)
        assert first[0] == 200
        assert first[1]["Files"][0]["FileName"] == "letter.pdf"
        assert await polled(other, path.upper().replace("ASYNC", "async")) == first
        assert (await one.bill())[0] == 1


async def test_one_poll_at_a_time(tmp_path: Path) -> None:
    """The first is answered at once, later ones are held; beside one, no other."""
    renderer = closed()
    async with running(tmp_path, renderer, hold=0.6) as one:
        path = f"/job/{await start(one, RESULT, Async='true')}"
        loop = asyncio.get_running_loop()
        begun = loop.time()
        assert await status(one, path) == 202
        assert loop.time() - begun < 0.4
        begun = loop.time()
        held = asyncio.create_task(status(one, path))
        await asyncio.sleep(0.1)
        told = await one.ask("GET", path)
        assert (told[0], told[1]["Code"]) == (503, 503)
        assert await held == 202
        assert loop.time() - begun >= 0.55
        held = asyncio.create_task(status(one, path))
        await asyncio.sleep(0.1)
        begun = loop.time()
        renderer.gate.set()
        assert await held == 200  # it ends with the job
        assert loop.time() - begun < 0.4
        assert await status(one, path) == 200


async def test_the_form_of_a_result_was_chosen_at_the_start(tmp_path: Path) -> None:
    """Whatever the poll accepts."""
    async with running(tmp_path) as one:
        headers = {"Accept": "application/octet-stream"}
        form = {"File": await upload(one, b"abc")}
        _, body, _ = await one.ask("POST", ASYNC, data=form, headers=headers)
        path = f"/async/job/{body['JobId']}"
        assert await polled(one, path) == (200, b"abc")
        body = await convert(one, ASYNC, StoreFile="true", **form)
        _, body = await polled(one, f"/async/job/{body['JobId']}")
        assert "Url" in body["Files"][0]


async def test_a_failed_job_tells_its_error(tmp_path: Path) -> None:
    """With the status and body of a failed conversion, again and again."""
    async with running(tmp_path) as one:
        body = await convert(one, ASYNC, File=await upload(one, b"bad"))
        for _ in range(2):
            code, body_ = await polled(one, f"/job/{body['JobId']}")
            assert (code, body_["Code"]) == (500, 5002)


async def test_own_ids_are_taken_over(tmp_path: Path) -> None:
    """A lost sync call goes on, and is found by the id that its caller gave it."""
    renderer = closed()
    async with running(tmp_path, renderer) as one:
        form = {"File": await upload(one, b"abc")}
        path = f"{RESULT}?JobId={OWN}"
        lost = asyncio.create_task(one.ask("POST", path, data=form))
        while not renderer.made:
            await asyncio.sleep(0.02)
        lost.cancel()
        await asyncio.gather(lost, return_exceptions=True)
        assert await status(one, f"/job/{OWN}") == 202
        renderer.gate.set()
        code, body = await polled(one, f"/job/{OWN}")
        assert code == 200
        assert await convert(one, path, **form) == body
        again = await convert(one, f"{path}&Async=true", **form)
        assert again == {"JobId": OWN}
        assert len(renderer.made) == 1
        assert await one.bill() == (1, 2, 1)


async def test_own_ids_have_either_form(tmp_path: Path) -> None:
    """In the query or in the body, for both generations."""
    async with running(tmp_path) as one:
        assert await start(one, f"{ASYNC}?JobId={PLAIN}") == PLAIN
        assert await start(one, ASYNC, jobid=OWN) == OWN
        for name in (PLAIN, OWN):
            assert (await polled(one, f"/job/{name}"))[0] == 200
            assert (await polled(one, f"/async/job/{name}"))[0] == 200


async def test_a_job_whose_request_is_being_read_is_not_unknown(tmp_path: Path) -> None:
    """Its absence would be taken for a proof that nothing happened."""
    go = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"File="
        await go.wait()
        yield b"a" * 32

    async with running(tmp_path) as one:
        path = f"{one.url}{RESULT}?JobId={OWN}"
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        sent = asyncio.create_task(one.ask("POST", path, data=slow(), headers=headers))
        while (found := await status(one, f"/job/{OWN}")) == 404:
            await asyncio.sleep(0.02)
        assert found == 202
        go.set()
        assert (await sent)[0] == 500
        assert await status(one, f"/job/{OWN}") == 404


async def test_webhooks_of_both_generations(tmp_path: Path) -> None:
    """GET with the id in the query, or POST with JSON; also when the work failed."""
    async with world() as host, running(tmp_path) as one:
        hook = f"{host.url}/hook?x=1"
        first = await start(one, RESULT, Async="1", WebHook=hook)
        await host.until_called(1)
        second = await start(one, f"{ASYNC}?WebHook={host.url}/hook")
        await host.until_called(2)
        body = await convert(
            one, ASYNC, File=await upload(one, b"bad"), WebHook=f"{host.url}/hook"
        )
        await host.until_called(3)
        assert host.called == [
            ("GET", {"x": "1", "JobId": first}, ""),
            ("POST", {}, f'application/json{{"JobId":"{second}"}}'),
            ("POST", {}, f'application/json{{"JobId":"{body["JobId"]}"}}'),
        ]
        assert await status(one, f"/job/{first}") == 200


async def test_a_private_webhook_is_refused(tmp_path: Path) -> None:
    """Unless this instance may call such."""
    async with running(tmp_path, allow_private_urls=False) as one:
        form = {"File": await upload(one), "WebHook": "http://127.0.0.1/hook"}
        code, body, _ = await one.ask("POST", ASYNC, data=form)
        assert (code, list(body["InvalidParameters"])) == (400, ["WebHook"])


async def test_a_deleted_job_is_gone(tmp_path: Path) -> None:
    """Stored results stay for their own time; a second delete finds nothing."""
    async with running(tmp_path) as one:
        name = await start(one, StoreFile="true")
        _, body = await polled(one, f"/async/job/{name}")
        for expected in (200, 404):
            answer = await one.ask("DELETE", f"/async/job/{name}")
            assert answer[:2] == (expected, b"")
        assert (await one.ask("GET", f"/async/job/{name}"))[:2] == (404, b"")
        assert await status(one, body["Files"][0]["Url"]) == 200


async def test_a_running_job_can_be_deleted(tmp_path: Path) -> None:
    """Who holds a poll is told that it is unknown."""
    renderer = closed()
    async with running(tmp_path, renderer) as one:
        path = f"/job/{await start(one)}"
        assert await status(one, path) == 202
        held = asyncio.create_task(status(one, path))
        await asyncio.sleep(0.1)
        assert (await one.ask("DELETE", path))[0] == 200
        assert await held == 404
        renderer.gate.set()


async def test_jobs_of_other_apis_are_not_seen(tmp_path: Path) -> None:
    """There is one job table, but an id is found only by the API that made it."""
    async with running(tmp_path) as one:
        await one.submit(PLAIN, b"native")
        await one.until(PLAIN, "done")
        assert await status(one, f"/job/{PLAIN}") == 404
        assert (await one.ask("DELETE", f"/job/{PLAIN}"))[0] == 404
        name = await start(one)
        await polled(one, f"/async/job/{name}")
        assert (await one.job(name))["state"] == "done"


async def test_a_job_lives_for_a_while(tmp_path: Path) -> None:
    """Then its id is unknown; stored results live on their own."""
    async with running(tmp_path, keep_results=0.5) as one:
        name = await start(one, StoreFile="true")
        _, body = await polled(one, f"/job/{name}")
        await asyncio.sleep(0.6)
        assert await status(one, f"/job/{name}") == 404
        assert await status(one, body["Files"][0]["Url"]) == 200


async def test_two_hours_are_the_most(tmp_path: Path) -> None:
    """However long the instance keeps the results of its own jobs."""
    async with running(tmp_path) as one:
        name = await start(one)
        await polled(one, f"/job/{name}")
        job = await one.job(name)
        assert job["expires"] - job["finished"] == pytest.approx(7200)


async def test_jobs_survive_a_restart(tmp_path: Path) -> None:
    """What was accepted is done by the next service, and told in the chosen form."""
    renderer = closed()
    async with running(tmp_path, renderer) as one:
        name = await start(one, StoreFile="true", FileName="later")
    async with running(tmp_path) as one:
        _, body = await polled(one, f"/async/job/{name}")
        (made,) = body["Files"]
        assert made["FileName"] == "later.pdf"
        assert (await one.ask("GET", made["Url"]))[1] == b"some text"
        assert await one.bill() == (1, 0, 1)
