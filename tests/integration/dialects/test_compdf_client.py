"""The vendor's own Python client, unmodified but for its address."""

from __future__ import annotations

import asyncio
import gc
import io
import time
import urllib.request
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from compdfkit import client as vendor
from compdfkit.enums import CPDFConversionEnum as Conversion
from compdfkit.exception import CPDFException
from compdfkit.param import CPDFPageMergeParameter, CPDFToPngParameter
from PIL import Image

from tests.integration.dialects.compdf import real, speaking
from tests.integration.render import documents
from tests.integration.serving import KEY

# The client leaves the files that it uploads open.
pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning"
)


@pytest.fixture(autouse=True)
def swept() -> Iterator[None]:
    """What the client leaves open is collected here, and charged to no other test."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture(autouse=True)
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy stands between this machine and itself."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


async def at(
    url: str, monkeypatch: pytest.MonkeyPatch, work: Callable[..., Any], *args: Any
) -> Any:
    """Do what the client does, at this address, in a thread of its own."""
    monkeypatch.setattr(vendor.CPDFHttpClient, "ADDRESS", f"{url}/server/")
    return await asyncio.to_thread(work, *args)


def finished(one: Any, task: str) -> Any:
    """Poll as the vendor's samples do."""
    while (info := one.get_task_info(task)).task_status != "TaskFinish":
        time.sleep(0.05)
    return info


def fetched(info: Any) -> bytes:
    """Download the last file; the client's list of files grows with every poll."""
    url = info.cpdf_file_info_list[-1].download_url
    with urllib.request.urlopen(url) as reply:
        body: bytes = reply.read()
        return body


def run(path: Path, kind: Any, parameter: Any = None) -> tuple[Any, bytes]:
    """Create, upload, execute, poll and download."""
    one = vendor.CPDFClient(KEY, KEY)
    task = one.create_task(kind).task_id
    key = one.upload_file(str(path), task, file_parameter=parameter).file_key
    one.execute_task(task)
    info = finished(one, task)
    assert one.get_file_info(key).status == "success"
    return info, fetched(info)


async def test_a_word_document_becomes_a_pdf(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole first generation, with real words in a real PDF."""
    path = tmp_path / "Quarter 4 見積.docx"
    path.write_bytes(documents.letter())
    async with speaking(tmp_path / "data", real(tmp_path / "data")) as (one, native):
        info, body = await at(one.url, monkeypatch, run, path, Conversion.DOCX_TO_PDF)
        text = pypdfium2.PdfDocument(body)[0].get_textpage().get_text_range()
        assert documents.LATIN in text
        file = info.cpdf_file_info_list[-1]
        assert (file.file_name, file.down_file_name) == (
            "Quarter 4 見積.docx",
            "Quarter 4 見積.pdf",
        )
        assert (file.file_size, file.convert_size) == (path.stat().st_size, len(body))
        assert (info.task_file_num, info.task_success_num, info.task_fail_num) == (
            1,
            1,
            0,
        )
        assert await native.bill() == (1, 0, 1)


async def test_a_pdf_becomes_a_picture_and_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The option of the client reaches the renderer: so many dots per inch."""
    path = tmp_path / "page.pdf"
    page = pypdfium2.PdfDocument.new()
    page.new_page(144, 72)
    page.save(path)
    async with speaking(tmp_path / "data", real(tmp_path / "data")) as (one, _):
        dots = CPDFToPngParameter()
        _, body = await at(one.url, monkeypatch, run, path, Conversion.PDF_TO_PNG, dots)
        assert Image.open(io.BytesIO(body)).size == (600, 300)
        _, body = await at(one.url, monkeypatch, run, path, Conversion.PDF_TO_TXT)
        assert body.decode() == "\n"


def merge(paths: list[Path]) -> tuple[Any, bytes]:
    """Two files of one task, with the pages of each."""
    one = vendor.CPDFClient(KEY, KEY)
    task = one.create_task("pdf/merge").task_id
    for path, pages in zip(paths, (["2"], ["1", "3"]), strict=True):
        chosen = CPDFPageMergeParameter()
        chosen.page_options = pages
        one.upload_file(str(path), task, file_parameter=chosen)
    one.execute_task(task)
    info = finished(one, task)
    return info, fetched(info)


async def test_files_of_a_task_are_merged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each upload chooses pages of its own; what comes is one file."""
    paths = [tmp_path / "a.pdf", tmp_path / "b.pdf"]
    for path, width in zip(paths, (100, 200), strict=True):
        whole = pypdfium2.PdfDocument.new()
        for n in range(3):
            whole.new_page(width + n, 50)
        whole.save(path)
    async with speaking(tmp_path / "data", real(tmp_path / "data")) as (one, native):
        info, body = await at(one.url, monkeypatch, merge, paths)
        made = pypdfium2.PdfDocument(body)
        assert [round(page.get_width()) for page in made] == [101, 200, 202]
        assert info.task_file_num == 1
        assert await native.bill() == (1, 0, 1)


def around(path: Path) -> dict[str, Any]:
    """What else the client can ask."""
    one = vendor.CPDFClient(KEY, KEY)
    task = one.create_task(Conversion.TXT_TO_PDF).task_id
    with pytest.raises(CPDFException) as no_files:
        one.execute_task(task)
    key = one.upload_file(str(path), task).file_key
    one.execute_task(task)
    with pytest.raises(CPDFException) as started:
        one.upload_file(str(path), task)
    with pytest.raises(CPDFException) as unknown:
        one.get_task_info("nothing")
    with pytest.raises(CPDFException) as unsupported:
        one.create_task("pdf/klingon")
    errors = (no_files, started, unknown, unsupported)
    return {
        "codes": [each.value.get_code() for each in errors],
        "tools": {each.execute_type_url for each in one.get_tools()},
        "asset": one.get_asset_info(),
        "list": one.get_task_list("1", "5"),
        "key": key,
    }


async def test_the_client_reads_tools_assets_lists_and_errors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every answer has the shape that the client needs, and every refusal its code."""
    path = tmp_path / "letter.txt"
    path.write_bytes(b"text")
    async with speaking(tmp_path / "data") as (one, _):
        seen = await at(one.url, monkeypatch, around, path)
        assert seen["codes"] == ["05005", "05002", "05001", "02002"]
        assert {"txt/pdf", "pdf/merge", "pdf/split"} <= seen["tools"]
        assert seen["asset"]["tenantAsset"][0]["asset"] == 999_999
        assert seen["list"]["total"] == 1
        assert seen["list"]["size"] == 5
        assert seen["list"]["records"][0]["taskFileNum"] == 1


def wrong_keys() -> Any:
    """A client with a wrong half of the pair."""
    with pytest.raises(CPDFException) as met:
        vendor.CPDFClient(KEY, "other")
    return met.value.get_code()


def failing(path: Path) -> str:
    """A file of a finished task that could not be done."""
    one = vendor.CPDFClient(KEY, KEY)
    task = one.create_task(Conversion.TXT_TO_PDF).task_id
    one.upload_file(str(path), task)
    one.execute_task(task)
    with pytest.raises(CPDFException) as met:
        finished(one, task)
    return str(met.value)


async def test_the_client_sees_wrong_keys_and_failed_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both come under HTTP 200, and the client raises what they say."""
    path = tmp_path / "letter.txt"
    path.write_bytes(b"bad")
    async with speaking(tmp_path / "data") as (one, _):
        assert await at(one.url, monkeypatch, wrong_keys) == "400"
        said = await at(one.url, monkeypatch, failing, path)
        assert "02001" in said
        assert "the text is bad" in said
