"""The three modes, replays and conflicts, over real sockets."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import aiohttp
import pypdfium2
import pytest

from orchestrator.service.run import make_renderer
from orchestrator.service.settings import ServiceSettings
from tests.integration.serving import KEY, ScriptedRenderer, client, running


async def test_sync_answers_with_a_real_pdf(tmp_path: Path) -> None:
    """The reply is the result, with real glyphs in it."""
    real = make_renderer(ServiceSettings(data=tmp_path, keys=(), webhook_secret=""))
    async with running(tmp_path, real) as one:
        text = "Grüße 世界\n".encode()
        status, body, reply = await one.submit("s1", text, mode="sync")
        assert status == 200
        shown = pypdfium2.PdfDocument(body)[0].get_textpage().get_text_range()
        assert "Grüße 世界" in shown
        assert reply.headers["Job-Id"] == "s1"
        assert reply.headers["Job-Converter"].startswith("typst ")
        assert reply.headers["ETag"] == f'"{hashlib.sha256(body).hexdigest()}"'
        assert 'filename="letter.pdf"' in reply.headers["Content-Disposition"]
        assert await one.bill() == (1, 0, 1)


async def test_a_job_without_files_may_be_json(tmp_path: Path) -> None:
    """It is the same job as in a form, digit by digit."""
    record = '{"operation": "generate", "design": "x@1", "params": {"sum": 1.10}}'
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("job", record, content_type="application/json")
    json = {"Content-Type": "Application/JSON; charset=utf-8"}
    async with running(tmp_path) as one:
        path = "/v1/jobs/g1?mode=sync"
        first = await one.ask("PUT", path, data=record, headers=json)
        again = await one.ask("PUT", path, data=form)
        assert (first[0], first[1]) == (again[0], again[1]) == (200, b"no input")
        assert await one.bill() == (1, 1, 1)
        lacking = '{"operation": "convert", "source": "txt", "files": [{"name": "a"}]}'
        found = await one.ask(
            "PUT", "/v1/jobs/c1?mode=async", data=lacking, headers=json
        )
        assert found[1]["error"]["message"] == "convert needs a file"


async def test_async_is_accepted_and_can_be_fetched(tmp_path: Path) -> None:
    """202 comes first, and the job tells the rest."""
    async with running(tmp_path) as one:
        status, job, _ = await one.submit("a1", b"text")
        assert (status, job["state"], job["mode"]) == (202, "queued", "async")
        job = await one.until("a1", "done")
        assert job["converter"] == "scripted 1"
        assert job["warnings"] == ["a warning"]
        result = job["results"][0]
        status, body, _ = await one.ask("GET", result["url"])
        assert (status, body) == (200, b"text")
        assert result["size"] == 4
        assert result["sha256"] == hashlib.sha256(b"text").hexdigest()
        assert job["created"] <= job["started"] <= job["finished"] < job["expires"]


async def test_presigned_is_billed_at_execute_only(tmp_path: Path) -> None:
    """Creating and uploading cost nothing."""
    async with running(tmp_path) as one:
        status, job, _ = await one.create("p1", 5, None, operation="merge")
        assert (status, job["state"]) == (201, "created")
        first, second = (each["url"] for each in job["uploads"])
        async with aiohttp.ClientSession() as nobody:  # the link is the key
            for url, text in ((first, b"first"), (second, b"second")):
                async with nobody.put(url, data=text) as reply:
                    assert reply.status == 204
        assert (await one.ask("PUT", first, data=b"first"))[0] == 204
        assert (await one.ask("PUT", first, data=b"other"))[0] == 409
        assert await one.bill() == (0, 0, 0)
        assert (await one.ask("POST", "/v1/jobs/p1/execute"))[0] == 202
        assert (await one.ask("POST", "/v1/jobs/p1/execute"))[0] == 202
        await one.until("p1", "done")
        assert await one.bill() == (1, 1, 1)
        assert (await one.ask("GET", "/v1/jobs/p1/results/0"))[1] == b"first"


async def test_execute_before_the_uploads_is_refused(tmp_path: Path) -> None:
    """Nothing is billed for a job that cannot start."""
    async with running(tmp_path) as one:
        await one.create("p1", 5)
        status, body, _ = await one.ask("POST", "/v1/jobs/p1/execute")
        assert (status, body["error"]["code"]) == (409, "wrong_state")
        assert "file 0" in body["error"]["message"]
        assert (await one.ask("POST", "/v1/jobs/none/execute"))[0] == 404
        await one.submit("a1", b"text")
        assert (await one.ask("POST", "/v1/jobs/a1/execute"))[0] == 409
        assert await one.bill() == (1, 0, 1)


async def test_a_replay_starts_nothing(tmp_path: Path) -> None:
    """The same request again is answered like the first one."""
    renderer = ScriptedRenderer()
    async with running(tmp_path, renderer) as one:
        assert (await one.submit("r1", b"text", mode="sync"))[1] == b"text"
        assert (await one.submit("r1", b"text", mode="sync"))[1] == b"text"
        assert (await one.submit("r1", b"text"))[0] == 202
        assert (await one.create("p1", 4))[0] == 201
        assert (await one.create("p1", 4))[0] == 201
        assert len(renderer.made) == 1
        assert await one.bill() == (1, 2, 1)
        assert not [*(tmp_path / "receiving").iterdir()]


async def test_two_at_once_are_one_job(tmp_path: Path) -> None:
    """Eight equal requests at the same time are one job and one bill."""
    renderer = ScriptedRenderer()
    async with running(tmp_path, renderer) as one:
        sent = [one.submit("r1", b"text", mode="sync") for _ in range(8)]
        answers = await asyncio.gather(*sent)
        assert [body for _, body, _ in answers] == [b"text"] * 8
        assert len(renderer.made) == 1
        assert await one.bill() == (1, 7, 1)


async def test_without_deduplication_a_replay_is_billed(tmp_path: Path) -> None:
    """The switch shows what a naive client would pay."""
    async with running(tmp_path, deduplicate=False) as one:
        await one.submit("r1", b"text", mode="sync")
        await one.submit("r1", b"text", mode="sync")
        assert await one.bill() == (2, 0, 1)


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        (b"other", {}),
        (b"text", {"params": {"dpi": 300}}),
        (b"text", {"target": "png"}),
        (b"text", {"operation": "merge"}),
    ],
)
async def test_another_request_under_the_same_id_is_refused(
    tmp_path: Path, text: bytes, changes: dict[str, Any]
) -> None:
    """An id names one request for ever."""
    async with running(tmp_path) as one:
        await one.submit("c1", b"text")
        status, body, _ = await one.submit("c1", text, **changes)
        assert (status, body["error"]["code"]) == (409, "id_in_use")
        assert body["error"]["retry"] is False
        assert await one.bill() == (1, 0, 1)


async def test_several_results_are_listed(tmp_path: Path) -> None:
    """A sync answer with many results is the job."""
    async with running(tmp_path, ScriptedRenderer(copies=3)) as one:
        status, job, _ = await one.submit("m1", b"text", mode="sync")
        assert status == 200
        assert [each["name"] for each in job["results"]] == [
            f"result{n}.pdf" for n in range(3)
        ]
        for each in job["results"]:
            assert (await one.ask("GET", each["url"]))[1] == b"text"
        assert (await one.ask("GET", "/v1/jobs/m1/results/3"))[0] == 404


async def test_a_failure_is_told_and_kept(tmp_path: Path) -> None:
    """A failed document is 422, and a bug stops nothing."""
    async with running(tmp_path) as one:
        status, body, _ = await one.submit("f1", b"bad", mode="sync")
        assert status == 422
        assert body["error"] == {
            "code": "damaged_file",
            "message": "the text is bad",
            "blame": "document",
            "retry": False,
        }
        job = await one.job("f1")
        assert (job["state"], job["error"]) == ("failed", body["error"])
        assert (await one.submit("f1", b"bad", mode="sync"))[0] == 422
        status, body, _ = await one.submit("f2", b"bug", mode="sync")
        assert (status, body["error"]["code"]) == (500, "internal")
        assert (await one.submit("ok", b"text", mode="sync"))[0] == 200


async def test_the_service_names_a_job(tmp_path: Path) -> None:
    """POST is for callers without ids of their own."""
    async with running(tmp_path) as one:
        form = one.form(b"text")
        status, job, _ = await one.ask("POST", "/v1/jobs?mode=async", data=form)
        assert (status, len(job["id"])) == (202, 32)
        assert (await one.until(job["id"], "done"))["id"] == job["id"]


async def test_an_unsupported_pair_is_never_accepted(tmp_path: Path) -> None:
    """415 comes before job and bill."""
    async with running(tmp_path) as one:
        status, body, _ = await one.submit("u1", b"text", source="xyz")
        assert (status, body["error"]["code"]) == (415, "unsupported")
        assert (await one.create("u2", 4, source="xyz"))[0] == 415
        assert (await one.ask("GET", "/v1/jobs/u1"))[0] == 404
        assert await one.bill() == (0, 0, 0)
        assert not [*(tmp_path / "receiving").iterdir()]


async def test_a_request_on_its_way_is_told_from_none(tmp_path: Path) -> None:
    """A lookup sees a request whose body is still coming."""
    async with running(tmp_path) as one:
        go_on = asyncio.Event()

        async def slowly() -> object:
            form = one.form(b"text")()
            whole = await form.as_bytes()

            async def pieces() -> object:
                yield whole[:200]
                await go_on.wait()
                yield whole[200:]

            headers = {"Content-Type": form.headers["Content-Type"]}
            path = "/v1/jobs/w1?mode=async"
            return (await one.ask("PUT", path, data=pieces(), headers=headers))[0]

        sending = asyncio.create_task(slowly())
        assert (await one.until("w1", "receiving"))["id"] == "w1"
        assert (await one.ask("DELETE", "/v1/jobs/w1"))[0] == 409
        assert (await one.ask("GET", "/v1/jobs/never"))[0] == 404
        go_on.set()
        assert await sending == 202
        await one.until("w1", "done")


async def test_a_client_that_leaves_does_not_stop_its_job(tmp_path: Path) -> None:
    """What was accepted is finished and kept."""
    renderer = ScriptedRenderer()
    renderer.gate.clear()
    async with running(tmp_path, renderer) as one:
        async with client(one.url, KEY) as leaving:
            sent = asyncio.create_task(leaving.submit("l1", b"text", mode="sync"))
            await one.until("l1", "running")
            sent.cancel()
            await asyncio.gather(sent, return_exceptions=True)
        renderer.gate.set()
        await one.until("l1", "done")
        assert (await one.ask("GET", "/v1/jobs/l1/results/0"))[1] == b"text"


async def test_jobs_are_listed_in_pages(tmp_path: Path) -> None:
    """Pages follow the order of arrival."""
    async with running(tmp_path) as one:
        for n in range(5):
            await one.submit(f"j{n}", b"text", mode="sync")
        await one.create("made", 4)
        seen, after = [], ""
        while True:
            path = f"/v1/jobs?state=done&limit=2&after={after}"
            page = (await one.ask("GET", path))[1]
            seen += [job["id"] for job in page["jobs"]]
            after = page["next"]
            if after is None:
                break
        assert seen == [f"j{n}" for n in range(5)]
        every = (await one.ask("GET", "/v1/jobs"))[1]["jobs"]
        assert [job["id"] for job in every][-1] == "made"
        assert (await one.ask("GET", "/v1/jobs?after=none"))[0] == 404
        assert (await one.ask("GET", "/v1/jobs?state=odd"))[0] == 400


async def test_designs_are_shown_with_their_schemas(tmp_path: Path) -> None:
    """The list and the single one say the same; an unknown one is 404."""
    async with running(tmp_path) as one:
        designs = (await one.ask("GET", "/v1/designs"))[1]["designs"]
        invoice = next(each for each in designs if each["name"] == "invoice")
        path = f"/v1/designs/invoice/{invoice['version']}"
        assert (await one.ask("GET", path))[1] == invoice
        assert invoice["schema"]["properties"]
        for path in ("/v1/designs/none/1", "/v1/designs/invoice/x"):
            status, body, _ = await one.ask("GET", path)
            assert (status, body["error"]["code"]) == (404, "not_found")
