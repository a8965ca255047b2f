"""Inputs that want to read files, fetch URLs, or break the converter."""

import asyncio
import io
import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pikepdf
import pytest

from orchestrator.service.render.work import RenderError
from tests.integration.render import documents
from tests.integration.render.bench import Bench, ink, words

SECRET = "topsecretword"


@dataclass
class Listener:
    """A server on this machine that counts who connects."""

    port: int = 0
    callers: list[bytes] = field(default_factory=list)

    async def met(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Note the first line and hang up."""
        self.callers.append(await reader.readline())
        writer.close()


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    """The server, listening."""
    listener = Listener()
    server = await asyncio.start_server(listener.met, "127.0.0.1", 0)
    listener.port = server.sockets[0].getsockname()[1]
    yield listener
    server.close()
    await server.wait_closed()


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A folder with files that no document was given."""
    folder = tmp_path / "secret"
    folder.mkdir()
    (folder / "words.txt").write_text(SECRET)
    (folder / "page.html").write_text(f"<p>{SECRET}</p>")
    (folder / "style.css").write_text(f"p::before {{ content: '{SECRET}' }}")
    (folder / "disc.png").write_bytes(documents.picture("PNG", "RGB"))
    return folder


PAGES = [
    "<img src='{base}/disc.png'>",
    "<iframe src='{base}/page.html'></iframe>",
    "<object data='{base}/page.html'></object>",
    "<embed src='{base}/page.html'>",
    "<link rel=stylesheet href='{base}/style.css'>",
    "<style>@import '{base}/style.css';</style>",
    "<style>@import url({base}/style.css);</style>",
    "<style>p{{background:url({base}/disc.png)}}</style>",
    "<style>@font-face{{font-family:x;src:url({base}/a.ttf)}}p{{font-family:x}}</style>",
    (
        "<svg width=200 height=200><image href='{base}/disc.png' width=200 height=200>"
        "</image></svg>"
    ),
    (
        "<svg width=200 height=200><image xlink:href='{base}/disc.png' width=200"
        " height=200></image></svg>"
    ),
    "<script>document.write(1)</script><base href='{base}/'><img src='disc.png'>",
    "<meta http-equiv=refresh content='0;url={base}/page.html'>",
]


@pytest.mark.parametrize("ending", ["html", "md"])
@pytest.mark.parametrize("page", PAGES)
async def test_a_page_reads_and_fetches_nothing(
    page: str, ending: str, bench: Bench, secret: Path, listener: Listener
) -> None:
    """Neither by file URL, nor by path, nor over HTTP."""
    bases = [secret.as_uri(), str(secret), f"http://127.0.0.1:{listener.port}"]
    for base in bases:
        text = f"<p>harmless</p>{page.format(base=base)}"
        made = await bench.convert(f"a.{ending}", text.encode())
        found = words(made.files[0].path)
        assert "harmless" in found
        assert SECRET not in found
        # A disc would be far more ink than a word.
        assert ink(made.files[0].path) < 0.01
    assert listener.callers == []


async def test_markdown_pictures_are_not_fetched(
    bench: Bench, secret: Path, listener: Listener
) -> None:
    """Also in Markdown's own way of naming them."""
    text = f"a ![x](file://{secret}/disc.png) ![y](http://127.0.0.1:{listener.port}/y)"
    made = await bench.convert("a.md", text.encode())
    assert ink(made.files[0].path) < 0.01
    assert listener.callers == []


async def test_a_drawing_reads_and_fetches_nothing(
    bench: Bench, secret: Path, listener: Listener
) -> None:
    """A picture within an SVG is drawn only if it is in the file itself."""
    for base in (secret.as_uri(), str(secret), f"http://127.0.0.1:{listener.port}"):
        image = f"<image href='{base}/disc.png' width='300' height='200'/>"
        drawing = (
            "<svg xmlns='http://www.w3.org/2000/svg' width='300' height='200'>"
            f"{image}<text x='10' y='20'>harmless</text></svg>"
        )
        try:
            made = await bench.convert("a.svg", drawing.encode())
        except RenderError as error:
            assert error.code == "render_failed"  # noqa: PT017
        else:
            assert ink(made.files[0].path) < 0.05
    assert listener.callers == []


async def test_an_office_document_fetches_nothing(
    bench: Bench, listener: Listener
) -> None:
    """A picture by reference is left out."""
    packed = io.BytesIO(documents.letter())
    changed = io.BytesIO()
    url = f"http://127.0.0.1:{listener.port}/disc.png".encode()
    with zipfile.ZipFile(packed) as old, zipfile.ZipFile(changed, "w") as new:
        for part in old.infolist():
            data = old.read(part)
            if part.filename == "word/_rels/document.xml.rels":
                data = data.replace(
                    b'Target="media/image1.png"',
                    b'TargetMode="External" Target="' + url + b'"',
                )
                assert url in data
            new.writestr(part.filename, data)
    try:
        await bench.convert("a.docx", changed.getvalue())
    except RenderError as error:
        assert error.code in {"damaged_file", "render_failed"}  # noqa: PT017
    assert listener.callers == []


async def test_a_bomb_is_not_unpacked(bench: Bench) -> None:
    """A small file that becomes a large one is refused before it is opened."""
    bomb = documents.bomb()
    assert len(bomb) < 300_000
    for name in ("a.docx", "a.epub"):
        with pytest.raises(RenderError, match="unpacks") as failed:
            await bench.convert(name, bomb)
        assert failed.value.code == "memory_limit"


async def test_a_huge_picture_is_not_unpacked(bench: Bench) -> None:
    """A PNG of 30,000 by 30,000 pixels of one colour weighs next to nothing."""
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    size = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size)
    png += chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    with pytest.raises(RenderError) as failed:
        await bench.convert("a.png", png)
    assert failed.value.code == "memory_limit"


def _locked() -> bytes:
    packed = io.BytesIO()
    with pikepdf.new() as document:
        document.add_blank_page()
        document.save(packed, encryption=pikepdf.Encryption(user="x", owner="y"))
    return packed.getvalue()


async def test_a_locked_pdf_asks_for_its_password(bench: Bench) -> None:
    """It is not damaged."""
    locked = [("a.pdf", _locked())]
    for operation, target in (("convert", "png"), ("convert", "txt"), ("split", "pdf")):
        with pytest.raises(RenderError) as failed:
            await bench.renderer.make(bench.work(operation, locked, target))
        assert failed.value.code == "password_needed"


async def test_a_locked_office_document_asks_for_its_password(bench: Bench) -> None:
    """Word wraps what it encrypts in another kind of file."""
    ole = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(16)
    ole += (62).to_bytes(2, "little") + (3).to_bytes(2, "little") + bytes(2000)
    with pytest.raises(RenderError) as failed:
        await bench.convert("a.docx", ole)
    assert failed.value.code in {"password_needed", "damaged_file"}


BROKEN = [b"", b"nonsense", b"PK\x03\x04 truncated", b"%PDF-1.7\nbroken", b"\x00" * 999]


@pytest.mark.parametrize(
    "name",
    ["a.docx", "a.xlsx", "a.pptx", "a.png", "a.jpg", "a.tiff", "a.gif", "a.epub"],
)
@pytest.mark.parametrize("data", BROKEN)
async def test_a_broken_file_is_named_so(name: str, data: bytes, bench: Bench) -> None:
    """A clear error with the right blame, and the worker goes on."""
    with pytest.raises(RenderError) as failed:
        await bench.convert(name, data)
    assert failed.value.code == "damaged_file", str(failed.value)
    assert str(bench.folder) not in str(failed.value)


@pytest.mark.parametrize("data", BROKEN)
@pytest.mark.parametrize("operation", ["split", "merge", "convert"])
async def test_a_broken_pdf_is_named_so(
    operation: str, data: bytes, bench: Bench
) -> None:
    """Whatever is to be done with it."""
    work = bench.work(
        operation, [("a.pdf", data)], "png" if operation == "convert" else "pdf"
    )
    with pytest.raises(RenderError) as failed:
        await bench.renderer.make(work)
    assert failed.value.code == "damaged_file"
    assert str(bench.folder) not in str(failed.value)


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"\x00\x01\x02", b"\x80" * 50])
@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.html"])
async def test_any_bytes_are_some_text(name: str, data: bytes, bench: Bench) -> None:
    """Nothing is no error: an empty page."""
    made = await bench.convert(name, data)
    assert made.files[0].path.stat().st_size > 200


async def test_deep_nesting_is_an_error(bench: Bench) -> None:
    """It neither ends the process nor takes for ever."""
    with pytest.raises(RenderError) as failed:
        await bench.convert("a.html", b"<div>" * 50_000)
    assert failed.value.code in {"render_failed", "converter_died"}
    await bench.convert("a.html", documents.web())
