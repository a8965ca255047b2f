"""What ComPDF refuses, what ends by itself, and what it tells."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from yarl import URL

from orchestrator.service.dialects.compdf.seals import end_of_next_day
from tests.integration.dialects.compdf import (
    Caller,
    form,
    leaping,
    listening,
    real,
    speaking,
)
from tests.integration.serving import KEY, ScriptedRenderer

SYNC, ASYNC = "v2/process/txt/pdf", "v2/processAsync/txt/pdf"
DAY = 86_400.0


async def put(url: str, data: bytes) -> tuple[int, str]:
    """Status and text of an upload without a key."""
    async with aiohttp.ClientSession() as nobody, nobody.put(url, data=data) as reply:
        return reply.status, await reply.text()


async def got(url: str) -> tuple[int, str]:
    """Status and text of a download without a key."""
    async with aiohttp.ClientSession() as nobody, nobody.get(url) as reply:
        return reply.status, await reply.text()


async def test_one_key_opens_both_generations(tmp_path: Path) -> None:
    """As a header, and as both halves of the pair; anything else is 401."""
    async with speaking(tmp_path) as (one, _):
        assert "tenantAsset" in await one.good("GET", "v2/asset/info")
        status, said = await one.ask("GET", "v1/asset/info")
        assert (status, said["code"]) == (401, "401")
        data = await one.login()
        assert data["expiresIn"] == "43200"
        await one.good("GET", "v1/asset/info")
        one.token = KEY
        assert (await one.ask("GET", "v1/asset/info"))[0] == 401
        one.token = data["accessToken"][:-1] + "~"
        assert (await one.ask("GET", "v1/asset/info"))[0] == 401
        one.key = "other"
        for path in (SYNC, "v2/presignedUrl/txt/pdf"):
            status, said = await one.ask("POST", path, data=form(("a.txt", b"a")))
            assert (status, said["code"]) == (401, "401")
        one.token = ""
        await one.good("GET", "v1/tool/support")
        pair = {"publicKey": KEY, "secretKey": "other"}
        assert await one.bad("POST", "v1/oauth/token", json=pair) == "400"
        assert await one.bad("POST", "v1/oauth/token", data=b"{") == "400"


async def test_a_token_dies_and_dies_with_its_key(tmp_path: Path) -> None:
    """Twelve hours, and no longer than the key is known."""
    async with leaping(tmp_path, ScriptedRenderer(), keys=("old", KEY)) as (one, _, to):
        await one.login("old", "old")
        to.leapt = 43_000
        await one.good("GET", "v1/task/list")
        old, to.leapt = one.token, 43_300
        assert (await one.ask("GET", "v1/task/list"))[0] == 401
        await one.login("old", "old")
        old = one.token
    async with leaping(tmp_path, ScriptedRenderer()) as (one, _, to):
        to.leapt, one.token = 43_300, old
        assert (await one.ask("GET", "v1/task/list"))[0] == 401


async def test_refusals_have_the_vendors_codes(tmp_path: Path) -> None:
    """All under HTTP 200, and nothing of it is billed."""
    file = ("a.txt", b"a")
    async with speaking(tmp_path) as (one, native):

        async def code(path: str, *files: tuple[str, bytes], **fields: str) -> str:
            return await one.bad("POST", path, data=form(*files, **fields))

        assert await code("v2/process/pdf/klingon", file) == "02002"
        assert await code("v2/process/nonsense", file) == "02002"
        assert await code(SYNC) == "05005"
        assert await code(SYNC, file, file) == "04007"
        assert await code(SYNC, ("a.txt", b"")) == "01005"
        assert await code(SYNC, file, parameter="{") == "01006"
        assert await code(SYNC, file, parameter="[1]") == "01006"
        assert await code(ASYNC, *[file] * 6) == "05003"
        assert await code(ASYNC, file, callbackUrl="nowhere") == "03000"
        assert await code("v2/process/pdf/merge", file) == "04008"
        assert await code("v2/presignedUrl/txt/pdf") == "03000"
        assert await code("v2/presignedUrl", fileName="a") == "02002"
        assert await code("v2/presignedUrl", fileName="a", taskId="no") == "05001"
        assert await one.bad("GET", "v2/execute/start") == "01007"
        assert await one.bad("GET", "v2/execute/start?taskId=no") == "05001"
        assert await one.bad("GET", "v2/task/taskInfo") == "01007"
        assert await one.bad("GET", "v2/file/fileInfo?fileKey=no_no") == "04001"
        assert await one.bad("GET", "v2/task/list?size=0") == "03000"
        assert await native.bill() == (0, 0, 0)
        assert (await one.good("GET", "v2/task/list"))["records"] == []
    assert not list((tmp_path / "receiving").iterdir())


async def test_other_statuses_are_real(tmp_path: Path) -> None:
    """Unknown paths, wrong methods, bodies over the limit, a full queue."""
    scripted = ScriptedRenderer()
    scripted.gate.clear()
    async with speaking(tmp_path, scripted, max_body=10, max_queue=1, workers=1) as (
        one,
        _,
    ):
        for method, path, wanted in (
            ("GET", "v2/nothing", 404),
            ("GET", "v3/nothing", 404),
            ("DELETE", "v2/task/list", 405),
        ):
            status, said = await one.ask(method, path)
            assert (status, said["code"]) == (wanted, str(wanted))
        data = form(("a.txt", b"x" * 11))
        status, said = await one.ask("POST", SYNC, data=data)
        assert (status, said["code"]) == (413, "02209")
        while (await one.ask("POST", ASYNC, data=form(("a.txt", b"a"))))[0] == 200:
            await asyncio.sleep(0.01)
        status, said = await one.ask("POST", ASYNC, data=form(("a.txt", b"a")))
        assert (status, said["code"]) == (429, "429")
        scripted.gate.set()


async def test_a_failed_sync_says_so_twice(tmp_path: Path) -> None:
    """The code of the answer is that of the file, and the file is there too."""
    async with speaking(tmp_path) as (one, native):
        status, said = await one.ask("POST", SYNC, data=form(("a.txt", b"bad")))
        assert (status, said["code"], said["msg"]) == (200, "02001", "the text is bad")
        data = said["data"]
        assert (data["taskStatus"], data["status"]) == ("TaskFinish", "failed")
        assert (data["failureCode"], data["downloadUrl"]) == ("02001", "")
        assert (data["taskSuccessNum"], data["taskFailNum"]) == (0, 1)
        assert await native.bill() == (1, 0, 1)


@pytest.mark.parametrize("option", [{"pageRanges": "9"}, {"parameter": "{}"}])
async def test_real_failures_have_their_codes(
    tmp_path: Path, option: dict[str, str]
) -> None:
    """Pages that are not there; a PDF that is none."""
    async with speaking(tmp_path, real(tmp_path)) as (one, _):
        text = form(("a.txt", b"words"))
        url = (await one.good("POST", SYNC, data=text))["downloadUrl"]
        pdf = await one.fetch(url) if "pageRanges" in option else b"not a PDF"
        data = form(("a.pdf", pdf), **option)
        _, said = await one.ask("POST", "v2/process/pdf/txt", data=data)
        assert said["code"] == ("03000" if "pageRanges" in option else "02203")


async def test_every_submit_is_a_new_task(tmp_path: Path) -> None:
    """The vendor knows no repetition: the same request again is paid again."""
    async with speaking(tmp_path) as (one, native):
        seen = set()
        for _ in range(3):
            data = form(("a.txt", b"same"))
            seen.add((await one.good("POST", SYNC, data=data))["taskId"])
        assert len(seen) == 3
        assert await native.bill() == (3, 0, 3)


async def test_the_list_pages_newest_first(tmp_path: Path) -> None:
    """Both names for the size of a page."""
    async with speaking(tmp_path) as (one, _):
        made = [
            (await one.good("POST", SYNC, data=form(("a.txt", b"a"))))["taskId"]
            for _ in range(3)
        ]
        page = await one.good("GET", "v2/task/list?page=2&size=2")
        assert [each["taskId"] for each in page["records"]] == [made[0]]
        assert (page["total"], page["pages"], page["current"]) == (3, 2, 2)
        page = await one.good("GET", "v2/task/list?page=1&pageSize=2")
        assert [each["taskId"] for each in page["records"]] == [made[2], made[1]]
        assert page["records"][0]["taskStatus"] == "TaskFinish"


async def opened(one: Caller, count: int = 1) -> tuple[str, list[str]]:
    """A pre-signed task with its links."""
    ask = form(fileName="a.txt")
    first = await one.good("POST", "v2/presignedUrl/txt/pdf", data=ask)
    links = [first["presignedUrl"]]
    for _ in range(count - 1):
        ask = form(fileName="a.txt", taskId=first["taskId"])
        more = await one.good("POST", "v2/presignedUrl", data=ask)
        links.append(more["presignedUrl"])
    return first["taskId"], links


async def test_a_task_takes_five_files_and_none_after_its_start(
    tmp_path: Path,
) -> None:
    """The sixth link is refused, and any link once the task runs."""
    async with speaking(tmp_path) as (one, _):
        task, links = await opened(one, 5)
        ask: dict[str, Any] = {"fileName": "a.txt", "taskId": task}
        assert await one.bad("POST", "v2/presignedUrl", data=ask) == "05003"
        for each in links:
            assert (await put(each, b"a"))[0] == 200
        await one.good("GET", f"v2/execute/start?taskId={task}")
        assert await one.bad("POST", "v2/presignedUrl", data=ask) == "05002"
        assert (await put(links[0], b"b"))[0] == 409


async def test_two_starts_at_once_are_one(tmp_path: Path) -> None:
    """One of them is refused, and the bill has one line."""
    async with speaking(tmp_path) as (one, native):
        task, links = await opened(one)
        await put(links[0], b"a")
        start = f"v2/execute/start?taskId={task}"
        said = await asyncio.gather(*(one.ask("GET", start) for _ in range(4)))
        codes = sorted(each[1]["code"] for each in said)
        assert codes == ["05002", "05002", "05002", "200"]
        assert await native.bill() == (1, 0, 1)


async def test_links_are_for_one_file_and_one_purpose(tmp_path: Path) -> None:
    """A changed link, or an upload link for a download, is refused in XML."""
    async with speaking(tmp_path) as (one, _):
        _, (link, other) = await opened(one, 2)
        changed = link[:-1] + ("0" if link[-1] != "0" else "1")
        assert (await put(changed, b"a"))[0] == 403
        query = other.partition("?")[2]
        mixed = f"{link.partition('?')[0]}?{query}"
        status, text = await put(mixed, b"a")
        assert (status, "<Code>SignatureDoesNotMatch</Code>" in text) == (403, True)
        await put(link, b"a")
        assert (await got(link))[0] == 403
        done = await one.good("POST", SYNC, data=form(("a.txt", b"a")))
        assert (await put(done["downloadUrl"], b"b"))[0] == 403
        assert await got(done["downloadUrl"]) == (200, "a")


async def test_links_and_tasks_come_to_their_end(tmp_path: Path) -> None:
    """The upload link in a quarter of an hour, the task in one, the result next day."""
    async with leaping(tmp_path, ScriptedRenderer()) as (one, _, to):
        task, (link,) = await opened(one)
        done = await one.good("POST", SYNC, data=form(("a.txt", b"a")))
        to.leapt = 901
        status, text = await put(link, b"a")
        assert (status, "Request has expired" in text) == (403, True)
        ask = {"fileName": "a.txt", "taskId": task}
        fresh = await one.good("POST", "v2/presignedUrl", data=ask)
        assert (await put(fresh["presignedUrl"], b"a"))[0] == 200
        to.leapt = 3601
        assert (await one.task(task))["taskStatus"] == "TaskOverdue"
        assert await one.bad("GET", f"v2/execute/start?taskId={task}") == "05004"
        assert await one.bad("POST", "v2/presignedUrl", data=ask) == "05004"
        now = datetime.now(UTC).timestamp()
        to.leapt = end_of_next_day(now) - now - 60
        assert (await got(done["downloadUrl"]))[0] == 200
        to.leapt += 120
        assert (await got(done["downloadUrl"]))[0] == 403
        assert (await one.task(done["taskId"]))["taskStatus"] == "TaskFinish"
        assert (await one.task(task))["taskStatus"] == "TaskOverdue"


@pytest.mark.parametrize(
    ("now", "end"),
    [("2026-03-01T00:00:00", "2026-03-03"), ("2026-12-30T23:59:59", "2027-01-01")],
)
def test_results_go_at_the_end_of_the_next_day(now: str, end: str) -> None:
    """Midnight behind the day behind this one."""
    moment = datetime.fromisoformat(f"{now}+00:00").timestamp()
    assert end_of_next_day(moment) == datetime.fromisoformat(f"{end}T00Z").timestamp()


async def test_a_closed_task_is_over(tmp_path: Path) -> None:
    """Not begun: overdue; finished: its files are gone; at work: refused."""
    scripted = ScriptedRenderer()
    async with speaking(tmp_path, scripted) as (one, native):
        task, (link,) = await opened(one)
        close = "v2/task/closeTask?taskId="
        status, said = await one.ask("POST", close + task)
        assert (status, said) == (200, {"code": "200", "msg": "success"})
        assert (await one.task(task))["taskStatus"] == "TaskOverdue"
        assert (await put(link, b"a"))[0] == 409
        done = await one.good("POST", SYNC, data=form(("a.txt", b"a")))
        await one.ask("POST", close + done["taskId"])
        assert (await got(done["downloadUrl"]))[0] == 404
        assert (await one.task(done["taskId"]))["taskStatus"] == "TaskFinish"
        scripted.gate.clear()
        run = await one.good("POST", ASYNC, data=form(("a.txt", b"a")))
        assert await one.bad("POST", close + run["taskId"]) == "05002"
        scripted.gate.set()
        assert await native.bill() == (2, 0, 2)


async def test_events_are_told_to_the_task_and_to_the_instance(tmp_path: Path) -> None:
    """Six events, each with the fixed token of its receiver."""
    async with listening() as all_, listening() as mine:
        scripted = ScriptedRenderer()
        async with leaping(tmp_path, scripted, compdf_webhook=all_.url) as (one, _, to):
            data = form(("a.txt", b"a"), ("b.txt", b"bad"), callbackUrl=mine.url)
            begun = await one.good("POST", ASYNC, data=data)
            await mine.until("task.finish")
            await all_.until("task.finish")
            names = ["file.failed", "file.start", "file.start", "file.success"]
            wanted = [*names, "task.finish", "task.start"]
            assert sorted(mine.names()) == sorted(all_.names()) == wanted
            done = await one.task(begun["taskId"])
            assert done["callbackUrl"] == mine.url
            keys = {each["fileKey"] for each in done["fileInfoDTOList"]}
            tokens = set()
            for headers, body in mine.got:
                is_task = body["eventName"].startswith("task.")
                assert (body["eventObject"] == begun["taskId"]) is is_task
                assert is_task or body["eventObject"] in keys
                assert headers["ComPDF-Signature"] == body["webhookToken"]
                assert "webhook-signature" not in headers
                tokens.add(body["webhookToken"])
            assert [len(each) for each in tokens] == [32]
            assert all_.got[0][1]["webhookToken"] not in tokens
            await opened(one)
            to.leapt = 3700
            await all_.until("task.overdue")
            assert mine.names().count("task.finish") == 1


async def test_a_sync_task_calls_nobody_back(tmp_path: Path) -> None:
    """``callbackUrl`` belongs to the other mode."""
    async with listening() as mine, speaking(tmp_path) as (one, _):
        data = form(("a.txt", b"a"), callbackUrl=mine.url)
        done = await one.good("POST", SYNC, data=data)
        assert done["callbackUrl"] == ""
        await asyncio.sleep(0.2)
        assert mine.got == []


async def test_the_first_generation_reads_parts_in_any_order(tmp_path: Path) -> None:
    """The file before the task it belongs to, a picture, an option, a password."""
    async with speaking(tmp_path) as (one, _):
        await one.login()
        task = (await one.good("GET", "v1/task/txt/pdf?language=1"))["taskId"]
        data = aiohttp.FormData()
        data.add_field("image", b"pixels", filename="mark.png")
        data.add_field("file", b"words", filename="a.txt")
        data.add_field("parameter", '{"lang": "de", "password": "hush"}')
        data.add_field("password", "hush")
        data.add_field("taskId", task)
        key = (await one.good("POST", "v1/file/upload", data=data))["fileKey"]
        started = await one.good("GET", f"v1/execute/start?taskId={task}", data=b"{}")
        assert started == {"taskId": task}
        await one.until(task, "TaskFinish")
        file = await one.good("GET", f"v1/file/fileInfo?fileKey={key}")
        assert file["fileParameter"] == '{"lang":"de"}'
        assert await one.fetch(file["downloadUrl"]) == b"words"
    stored = b"".join(
        path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()
    )
    assert b"hush" not in stored


async def test_tasks_survive_a_restart(tmp_path: Path) -> None:
    """A task with its upload goes on in the next service."""
    async with speaking(tmp_path) as (one, _):
        task, (link,) = await opened(one)
        await put(link, b"words")
        await one.login()
        v1 = (await one.good("GET", "v1/task/txt/pdf"))["taskId"]
        data = form(("a.txt", b"more"), taskId=v1)
        await one.good("POST", "v1/file/upload", data=data)
    async with speaking(tmp_path) as (one, native):
        for each, text in ((task, b"words"), (v1, b"more")):
            await one.good("GET", f"v2/execute/start?taskId={each}")
            done = await one.until(each, "TaskFinish")
            url = done["fileInfoDTOList"][0]["downloadUrl"]
            assert await one.fetch(url) == text
        assert await native.bill() == (2, 0, 2)


async def test_a_form_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    """Neither a file nor a task nor a line on the bill."""
    head = (
        f"POST /server/{SYNC} HTTP/1.1\r\nHost: here\r\nx-api-key: {KEY}\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\n"
        "Content-Length: 9000000\r\n\r\n--b\r\n"
        'Content-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
    )
    async with speaking(tmp_path) as (one, native):
        _, writer = await asyncio.open_connection("127.0.0.1", URL(one.url).port)
        writer.write(head.encode() + b"x" * 3_000_000)
        while not list((tmp_path / "receiving").rglob("*.part")):
            await asyncio.sleep(0.01)
        writer.transport.abort()
        while list((tmp_path / "receiving").iterdir()):
            await asyncio.sleep(0.01)
        assert (await one.good("GET", "v2/task/list"))["total"] == 0
        assert await native.bill() == (0, 0, 0)
