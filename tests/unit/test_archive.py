"""The archive: any reader takes it, and its bytes are decided by its contents."""

from __future__ import annotations

import io
import zipfile
import zlib

import pytest
from hypothesis import given, strategies as st

from orchestrator.batch.delivery.archive import FULL, Archive

Files = list[tuple[str, bytes]]
TWO: Files = [
    ("rechnungen/Ä-1.pdf", b"one" * 50),
    ("請求書.pdf", b""),
    ("c.pdf", b"\0"),
]


def packed(files: Files, full: int = FULL) -> bytes:
    """The archive of some files."""
    made = io.BytesIO()

    def write(piece: bytes) -> None:
        made.write(piece)

    archive = Archive(write, full=full)
    for name, data in files:
        pieces = [data[:5], data[5:]]
        archive.add(name, pieces, size=len(data), crc=zlib.crc32(data))
    archive.end()
    archive.close()
    return made.getvalue()


@pytest.mark.parametrize("full", [FULL, 0, 40, 200])
def test_readers_take_it(full: int) -> None:
    """Also with fields that are ZIP64, as in one of many gigabytes."""
    with zipfile.ZipFile(io.BytesIO(packed(TWO, full))) as read:
        assert read.testzip() is None
        assert [(x.filename, read.read(x)) for x in read.infolist()] == TWO
        for each in read.infolist():
            assert each.date_time == (1980, 1, 1, 0, 0, 0)
            assert each.external_attr >> 16 == 0o100644


def test_more_entries_than_sixteen_bits_count() -> None:
    """The count of entries moves to ZIP64 alone."""
    many = [(f"{n}", b"") for n in range(70_000)]
    with zipfile.ZipFile(io.BytesIO(packed(many))) as read:
        assert len(read.namelist()) == 70_000


NAMES = st.text("aÄ請-", min_size=1, max_size=6)


@given(st.dictionaries(NAMES, st.binary(max_size=40), max_size=6))
def test_whatever_is_in_it_comes_out(files: dict[str, bytes]) -> None:
    """In order, and with the same bytes each time."""
    listed = list(files.items())
    made = packed(listed)
    assert made == packed(listed)
    with zipfile.ZipFile(io.BytesIO(made)) as read:
        assert [(x.filename, read.read(x)) for x in read.infolist()] == listed


def test_a_wrong_size_is_told() -> None:
    """Else the archive would be read wrong from there on."""
    archive = Archive(lambda _: None)
    with pytest.raises(ValueError, match="3 bytes, and not 4"):
        archive.add("a", [b"abc"], size=4, crc=0)
    archive.close()
