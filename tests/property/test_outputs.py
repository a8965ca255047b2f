"""Cut anywhere, or replaced by a web page: no such file passes for a document."""

from __future__ import annotations

import email.message
import io
import json
import struct
import zipfile
from collections.abc import Callable, Mapping
from functools import cache

import pikepdf
import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image

from orchestrator.manifest.formats import FORMATS
from orchestrator.model import Remedy
from orchestrator.transfer.check import check, may_be_empty
from orchestrator.transfer.forms import FORMS
from orchestrator.transfer.forms.window import Held
from tests.integration.render import documents


def pdf(*, packed: bool = False, linear: bool = False, pages: int = 2) -> bytes:
    """A PDF by qpdf: plain, with packed objects, or linearized."""
    file, made = io.BytesIO(), pikepdf.new()
    for _ in range(pages):
        made.add_blank_page()
    mode = pikepdf.ObjectStreamMode
    made.save(
        file,
        object_stream_mode=mode.generate if packed else mode.disable,
        linearize=linear,
    )
    return file.getvalue()


def revised() -> bytes:
    """A PDF with a second revision behind the end mark of the first."""
    first = pdf()
    start = len(first)
    return first + (
        b"9 0 obj\n<< /Note (added later) >>\nendobj\n"
        b"xref\n9 1\n%010d 00000 n \ntrailer\n<< /Size 10 /Root 1 0 R /Prev 9 >>\n"
        b"startxref\n%d\n%%%%EOF\n" % (start, start + 45)
    )


def thumbed() -> bytes:
    """A JPEG with a whole JPEG in its head."""
    large = documents.picture("JPEG", "RGB")
    small = io.BytesIO()
    Image.new("RGB", (16, 16), "red").save(small, "JPEG")
    inner = b"Exif\0\0" + small.getvalue()
    return large[:2] + struct.pack(">HH", 0xFFE1, len(inner) + 2) + inner + large[2:]


def nested() -> bytes:
    """An archive in which an archive is stored as it is."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("inner.zip", documents.letter())
        archive.writestr("after.txt", b"x" * 500)
    return file.getvalue()


def wide() -> bytes:
    """An archive with more members than the small end record can count."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for n in range(65_540):
            archive.writestr(f"{n}", b"")
    return file.getvalue()


def compound(sectors: int = 300) -> bytes:
    """A compound file whose data fill so many sectors of 512 bytes."""
    tables = -(-(sectors + 4) // 128)
    head = bytearray(512)
    head[:8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    struct.pack_into("<5H", head, 24, 0x3E, 3, 0xFFFE, 9, 6)
    struct.pack_into("<2L", head, 44, tables, tables)
    struct.pack_into("<2L", head, 68, 0xFFFFFFFE, 0)
    struct.pack_into("<109L", head, 76, *range(tables), *[0xFFFFFFFF] * (109 - tables))
    used = [0xFFFFFFFD] * tables + [0xFFFFFFFE] * (sectors + 1)
    table = used + [0xFFFFFFFF] * (tables * 128 - len(used))
    body = struct.pack(f"<{len(table)}L", *table) + b"\1" * 512 * (sectors + 1)
    return bytes(head) + body


def message() -> bytes:
    """A message of two parts."""
    made = email.message.EmailMessage()
    made["Subject"] = "A page"
    made.set_content("text")
    made.add_alternative("<p>text</p>", subtype="html")
    return made.as_bytes()


def boxes() -> bytes:
    """The boxes of a HEIC picture."""
    kind = struct.pack(">L4s4s4x4s", 20, b"ftyp", b"heic", b"mif1")
    return kind + struct.pack(">L4s", 508, b"mdat") + b"\1" * 500


def office(part: str) -> bytes:
    """A package with one part."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr(part, "<x/>")
    return file.getvalue()


JSON = json.dumps({"pages": [{"text": 'a "b" \\ {'}] * 40}, indent=1).encode()
PAGE = documents.web()

WHOLE: Mapping[str, tuple[str, Callable[[], bytes]]] = {
    "pdf": ("pdf", pdf),
    "pdf of packed objects": ("pdf", lambda: pdf(packed=True)),
    "linearized pdf": ("pdf", lambda: pdf(linear=True)),
    "linearized and packed pdf": ("pdfa", lambda: pdf(linear=True, packed=True)),
    "revised pdf": ("pdf", revised),
    "png": ("png", lambda: documents.picture("PNG")),
    "jpg": ("jpg", lambda: documents.picture("JPEG", "RGB")),
    "jpg with a small one": ("jpg", thumbed),
    "gif": ("gif", lambda: documents.picture("GIF", "P", 3)),
    "tiff": ("tiff", lambda: documents.picture("TIFF", "RGB", 3)),
    "webp": ("webp", lambda: documents.picture("WEBP")),
    "bmp": ("bmp", lambda: documents.picture("BMP", "RGB")),
    "heic": ("heic", boxes),
    "svg": ("svg", documents.drawing),
    "xml": ("xml", documents.drawing),
    "html": ("html", documents.web),
    "json": ("json", lambda: JSON),
    "mhtml": ("mhtml", message),
    "eml": ("eml", message),
    "rtf": ("rtf", documents.rich),
    "docx": ("docx", documents.letter),
    "xlsx": ("xlsx", documents.workbook),
    "pptx": ("pptx", documents.deck),
    "odt": ("odt", documents.open_text),
    "epub": ("epub", documents.book),
    "vsdx": ("vsdx", lambda: office("visio/document.xml")),
    "ofd": ("ofd", lambda: office("OFD.xml")),
    "xps": ("xps", lambda: office("FixedDocSeq.fdseq")),
    "zip": ("zip", nested),
    "wide zip": ("zip", wide),
    "doc": ("doc", compound),
    "ps": ("ps", lambda: b"%!PS-Adobe-3.0\n" + b"showpage\n" * 99 + b"%%EOF\n"),
    "dxf": ("dxf", lambda: b"0\nSECTION\n0\nENDSEC\n0\nEOF\n"),
}
"""Name -> target and a file that is whole."""
NO_END = {"txt", "csv", "tsv", "md", "log", "dwg", "wpd"}
"""Formats whose files do not tell that they are cut; the reply's length has to."""


@cache
def whole(name: str) -> tuple[str, bytes]:
    """A target and a file of it."""
    target, make = WHOLE[name]
    return target, make()


def is_older(name: str, cut: int) -> bool:
    """Whether what is left is a whole PDF: the revision before the last."""
    return name == "revised pdf" and padding(pdf()) + cut in range(
        len(pdf()), len(pdf()) + 2
    )


def padding(body: bytes) -> int:
    """Bytes at the end that nobody misses."""
    return len(body) - len(body.rstrip(b"\0\r\n\t "))


def test_every_format_of_the_program_is_known() -> None:
    """One that is added later needs a check, too."""
    assert sorted(FORMATS - set(FORMS)) == []


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_what_is_whole_passes(name: str) -> None:
    """It was paid for."""
    target, body = whole(name)
    assert check(target, Held(body)) is None


@given(st.sampled_from(sorted(WHOLE)), st.floats(0, 1, exclude_max=True), st.booleans())
@settings(max_examples=600, deadline=None)
def test_what_is_cut_is_refused(name: str, share: float, near: bool) -> None:  # noqa: FBT001
    """Wherever, and most of all near the end; the bytes may be fetched again."""
    target, body = whole(name)
    size = len(body) - padding(body)
    cut = max(0, size - 1 - int(share * 3000)) if near else int(share * size)
    failure = check(target, Held(body[:cut]))
    if is_older(name, cut):
        return
    assert failure is not None, f"{name} of {size} bytes passes with {cut}"
    assert failure.remedy is Remedy.RETRY


@pytest.mark.parametrize(
    "name", ["revised pdf", "linearized pdf", "gif", "tiff", "zip"]
)
def test_each_cut_of_the_last_bytes_is_refused(name: str) -> None:
    """Of formats in which an end mark may stand in the middle, too."""
    target, body = whole(name)
    size = len(body) - padding(body)
    passing = [
        cut
        for cut in range(max(0, size - 6000), size)
        if check(target, Held(body[:cut])) is None and not is_older(name, cut)
    ]
    assert passing == []


PAGES = [
    PAGE,
    b"\xef\xbb\xbf \r\n<HTML><body>502</body></HTML>",
    b"<!-- a proxy --><!DOCTYPE html><title>Sign in</title>",
    b'<?xml version="1.0"?>\n<!DOCTYPE html>\n<html></html>',
]


@pytest.mark.parametrize("target", sorted(FORMATS - {"html", "mhtml"}))
def test_no_page_passes_for_a_document(target: str) -> None:
    """Nor does an error in JSON, but as a text or as JSON."""
    for page in PAGES:
        assert check(target, Held(page)) is not None
    told = check(target, Held(b'{"code": 500, "message": "sorry"}'))
    if target not in NO_END | {"json", "eml", "dxf"} - {"dwg", "wpd"}:
        assert told is not None
    assert may_be_empty(target) or check(target, Held(b"")) is not None


def test_a_pdf_without_pages_is_refused() -> None:
    """Plain or packed; one that cannot be read by everyone passes."""
    for packed in (False, True):
        failure = check("pdf", Held(pdf(pages=0, packed=packed)))
        assert failure is not None
        assert failure.code == "no_pages"
    file = io.BytesIO()
    locked = pikepdf.new()
    locked.add_blank_page()
    locked.save(file, encryption=pikepdf.Encryption(owner="o", user="u"))
    assert check("pdf", Held(file.getvalue())) is None


@pytest.mark.parametrize(
    ("target", "other"),
    [("docx", "xlsx"), ("xlsx", "docx"), ("pptx", "odt"), ("odt", "pptx")],
)
def test_another_archive_is_no_document(target: str, other: str) -> None:
    """An archive is not enough: its members tell."""
    failure = check(target, Held(whole(other)[1]))
    assert failure is not None
    assert failure.code == f"not_a_{target}"
