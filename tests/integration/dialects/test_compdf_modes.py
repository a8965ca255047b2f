"""The three modes of ComPDF's second generation, with real conversions."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from pathlib import Path

import aiohttp
import pypdfium2
import pytest
from PIL import Image

from tests.integration.dialects.compdf import form, real, speaking
from tests.integration.render import documents
from tests.integration.serving import KEY


def pages(*widths: int) -> bytes:
    """A PDF with pages of these widths."""
    made = pypdfium2.PdfDocument.new()
    for width in widths:
        made.new_page(width, 50)
    packed = io.BytesIO()
    made.save(packed)
    return packed.getvalue()


def widths(body: bytes) -> list[int]:
    """The widths of the pages of a PDF."""
    return [round(page.get_width()) for page in pypdfium2.PdfDocument(body)]


async def test_sync_answers_in_every_documented_shape(tmp_path: Path) -> None:
    """A task, and its first file, in one object."""
    async with speaking(tmp_path, real(tmp_path)) as (one, native):
        data = form(("letter.docx", documents.letter()), language="1")
        done = await one.good("POST", "v2/process/docx/pdf", data=data)
        assert (done["taskStatus"], done["status"]) == ("TaskFinish", "success")
        file = done["fileInfoDTOList"][0]
        assert {name: done[name] for name in file} == file
        body = await one.fetch(done["downloadUrl"])
        text = pypdfium2.PdfDocument(body)[0].get_textpage().get_text_range()
        assert documents.CJK in text
        assert (done["downFileName"], done["convertSize"]) == ("letter.pdf", len(body))
        assert await native.bill() == (1, 0, 1)


async def test_async_takes_several_files(tmp_path: Path) -> None:
    """A file that cannot be done fails alone, in a task that is finished."""
    async with speaking(tmp_path, real(tmp_path)) as (one, native):
        page = pages(72)
        data = form(("1.pdf", page), ("2.pdf", b"no PDF"), ("3.pdf", page))
        begun = await one.good("POST", "v2/processAsync/pdf/png", data=data)
        assert (begun["taskStatus"], begun["taskFileNum"]) == ("TaskWaiting", 3)
        done = await one.until(begun["taskId"], "TaskFinish")
        counts = ("taskFileNum", "taskSuccessNum", "taskFailNum", "taskCost")
        assert [done[name] for name in counts] == [3, 2, 1, 3]
        first, second, third = done["fileInfoDTOList"]
        assert (second["fileName"], second["status"]) == ("2.pdf", "failed")
        assert (second["failureCode"], second["downloadUrl"]) == ("02203", "")
        assert second["failureReason"]
        for each in (first, third):
            body = await one.fetch(each["downloadUrl"])
            assert Image.open(io.BytesIO(body)).width == 150
        assert await native.bill() == (3, 0, 3)


async def test_presigned_goes_by_the_store(tmp_path: Path) -> None:
    """Both forms of the request, a second file for the task, and both starts."""
    async with speaking(tmp_path, real(tmp_path)) as (one, native):
        first = await one.good(
            "POST", "v2/presignedUrl/txt/pdf", data=form(fileName="a.txt")
        )
        second = await one.good(
            "POST",
            "v2/presignedUrl",
            data={"fileName": "b.txt", "taskId": first["taskId"]},
        )
        other = await one.good(
            "POST",
            "v2/presignedUrl",
            data={"fileName": "c.txt", "executeTypeUrl": "txt/pdf"},
        )
        assert second["taskId"] == first["taskId"] != other["taskId"]
        start = f"v2/execute/start?taskId={first['taskId']}&language=1"
        assert await one.bad("GET", start) == "04003"
        async with aiohttp.ClientSession() as nobody:
            for each in (first, second, other):
                async with nobody.put(each["presignedUrl"], data=b"words") as reply:
                    assert (reply.status, await reply.read()) == (200, b"")
        assert (await one.task(first["taskId"]))["taskStatus"] == "TaskStart"
        assert await native.bill() == (0, 0, 0)
        assert (await one.good("GET", start))["taskId"] == first["taskId"]
        again = {"taskId": other["taskId"]}
        await one.good("POST", "v2/execute/start", data=again)
        for each in (first, other):
            done = await one.until(each["taskId"], "TaskFinish")
            url = done["fileInfoDTOList"][-1]["downloadUrl"]
            assert (await one.fetch(url)).startswith(b"%PDF")
        assert await one.bad("GET", start) == "05002"
        assert await native.bill() == (3, 0, 3)


@pytest.mark.parametrize(
    "fields",
    [
        {"filePageRanges": '["2","all"]'},
        {"parameter": json.dumps({"pageOptions": "['2', 'all']"})},
        {"parameter": json.dumps({"filePageRanges": ["2", ""]})},
    ],
)
async def test_merge_keeps_order_and_pages(
    tmp_path: Path, fields: dict[str, str]
) -> None:
    """The order of the parts is the order of the pages; all spellings say which."""
    async with speaking(tmp_path, real(tmp_path)) as (one, native):
        data = form(
            ("b.pdf", pages(10, 20)),
            ("a", pages(30, 40)),
            outputFileName="both.pdf",
            **fields,
        )
        done = await one.good("POST", "v2/process/pdf/merge", data=data)
        assert widths(await one.fetch(done["downloadUrl"])) == [20, 30, 40]
        assert done["fileInfoDTOList"][0]["downFileName"] == "both.pdf"
        assert await native.bill() == (1, 0, 1)


async def test_merge_of_uploads(tmp_path: Path) -> None:
    """Files that came by the store are merged in the order of their links."""
    async with speaking(tmp_path, real(tmp_path)) as (one, _):
        ask = form(fileName="one.pdf")
        first = await one.good("POST", "v2/presignedUrl/pdf/merge", data=ask)
        ask = form(fileName="two.pdf", taskId=first["taskId"])
        second = await one.good("POST", "v2/presignedUrl", data=ask)
        await one.ask("PUT", second["presignedUrl"], data=pages(30))
        await one.ask("PUT", first["presignedUrl"], data=pages(10, 20))
        await one.good("GET", f"v2/execute/start?taskId={first['taskId']}")
        done = await one.until(first["taskId"], "TaskFinish")
        (file,) = done["fileInfoDTOList"]
        assert file["downFileName"] == "merged.pdf"
        assert widths(await one.fetch(file["downloadUrl"])) == [10, 20, 30]


async def test_several_results_are_one_zip(tmp_path: Path) -> None:
    """A split, and pictures of pages: one link has all of them."""
    async with speaking(tmp_path, real(tmp_path)) as (one, _):
        data = form(("x.pdf", pages(10, 20, 30)), pages="1,2-3", zipFileName="p.zip")
        done = await one.good("POST", "v2/process/pdf/split", data=data)
        assert done["downFileName"] == "p.zip"
        body = await one.fetch(done["downloadUrl"])
        packed = zipfile.ZipFile(io.BytesIO(body))
        assert packed.namelist() == ["x-001.pdf", "x-002.pdf"]
        assert widths(packed.read("x-002.pdf")) == [20, 30]

        data = form(("x.pdf", pages(72, 144)), imageFormat="PNG", imgDpi="72")
        done = await one.good("POST", "v2/process/pdf/img", data=data)
        packed = zipfile.ZipFile(io.BytesIO(await one.fetch(done["downloadUrl"])))
        sizes = [Image.open(packed.open(each)).width for each in packed.namelist()]
        assert sizes == [72, 144]


async def test_pictures_go_both_ways(tmp_path: Path) -> None:
    """``img`` is whatever the file is on the way in, and JPEG on the way out."""
    async with speaking(tmp_path, real(tmp_path)) as (one, _):
        data = form(("disc.PNG", documents.picture("PNG")))
        done = await one.good("POST", "v2/process/img/pdf", data=data)
        assert (done["sourceType"], done["targetType"]) == ("img", "pdf")
        pdf = await one.fetch(done["downloadUrl"])
        data = form(("disc.pdf", pdf), pageRanges="1")
        done = await one.good("POST", "v2/process/pdf/img", data=data)
        assert done["downFileName"] == "disc.jpg"
        body = await one.fetch(done["downloadUrl"])
        assert Image.open(io.BytesIO(body)).format == "JPEG"
        data = form(("disc.pdf", pdf), imageFormat="TGA")
        assert await one.bad("POST", "v2/process/pdf/img", data=data) == "02003"
        data = form(("disc.docx", pdf))
        assert await one.bad("POST", "v2/process/img/pdf", data=data) == "02003"


async def curl(*words: str) -> bytes:
    """What the command prints."""
    child = await asyncio.create_subprocess_exec(
        "curl",
        *("--silent", "--show-error", "--fail", "--noproxy", "*", *words),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await child.communicate()
    assert child.returncode == 0
    return out


async def test_the_three_modes_with_curl(tmp_path: Path) -> None:
    """As the guide describes them: two, three and five calls to a document."""
    path = tmp_path / "in.txt"
    path.write_text("words\n")
    key = f"x-api-key: {KEY}"
    async with speaking(tmp_path / "data", real(tmp_path / "data")) as (one, native):
        base = f"{one.url}/server/v2"

        async def asked(*words: str) -> dict[str, str]:
            said = json.loads(await curl("-H", key, *words))
            assert said["code"] == "200"
            data: dict[str, str] = said["data"]
            return data

        part = ("-F", f"file=@{path}", "-F", 'parameter={"x":"1"}')
        done = await asked(*part, f"{base}/process/txt/pdf")
        assert (await curl(done["downloadUrl"])).startswith(b"%PDF")

        begun = await asked(*part, f"{base}/processAsync/txt/pdf")
        await one.until(begun["taskId"], "TaskFinish")
        info = await asked(f"{base}/task/taskInfo?taskId={begun['taskId']}&language=1")
        assert info["taskStatus"] == "TaskFinish"

        made = await asked("-F", "fileName=in.txt", f"{base}/presignedUrl/txt/pdf")
        kind = "Content-Type: text/plain"
        upload = ("-H", kind, "--upload-file", str(path), made["presignedUrl"])
        assert await curl(*upload) == b""
        await asked(f"{base}/execute/start?taskId={made['taskId']}&language=1")
        done = await one.until(made["taskId"], "TaskFinish")
        file = done["fileInfoDTOList"][0]
        assert (await curl(file["downloadUrl"])).startswith(b"%PDF")
        assert await native.bill() == (3, 0, 3)
