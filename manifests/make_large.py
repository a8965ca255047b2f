"""Makes ``in/large/``: albums of 1, 20 and 120 MB for ``03-modes-by-size.yaml``.

An album is a PDF with a picture and a few words on each page. The pictures are noise,
which nothing can compress, so a file is as large as it says, and always the same.
Needs nothing but Python, a second or two, and little memory.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "in" / "large"
PAGES = (1, 20, 120)
WIDE, HIGH = 640, 521
"""Of a picture, in pixels of three bytes: a million bytes, near enough."""


def main() -> None:
    """Make the albums that are not there."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for pages in PAGES:
        path = FOLDER / f"album-{pages}.pdf"
        if not path.exists():
            part = path.with_suffix(".part")
            write(part, pages)
            part.rename(path)
        print(f"{path.stat().st_size:13,} bytes  {path}")


def write(path: Path, pages: int) -> None:
    """Write an album piece by piece."""
    places = []
    with path.open("wb") as file:
        file.write(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
        for number, content in enumerate(_objects(pages), 1):
            places.append(file.tell())
            file.write(b"%d 0 obj\n%b\nendobj\n" % (number, content))
        start = file.tell()
        file.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(places) + 1))
        file.writelines(b"%010d 00000 n \n" % place for place in places)
        root = b"<< /Size %d /Root 1 0 R >>" % (len(places) + 1)
        file.write(b"trailer\n%b\nstartxref\n%d\n%%%%EOF\n" % (root, start))


def _objects(pages: int) -> Iterator[bytes]:
    """Catalogue, tree of pages, font; then page, words and picture for each page."""
    chance = random.Random(pages)
    kids = b" ".join(b"%d 0 R" % (4 + 3 * n) for n in range(pages))
    yield b"<< /Type /Catalog /Pages 2 0 R >>"
    yield b"<< /Type /Pages /Kids [%b] /Count %d >>" % (kids, pages)
    yield b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
    for n in range(pages):
        at = 4 + 3 * n
        yield _page(at)
        yield _stream(b"", _words(n + 1, pages))
        yield _stream(_PICTURE, chance.randbytes(WIDE * HIGH * 3))


def _page(at: int) -> bytes:
    uses = b"<< /Font << /F 3 0 R >> /XObject << /P %d 0 R >> >>" % (at + 2)
    return (
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] "
        b"/Resources %b /Contents %d 0 R >>" % (uses, at + 1)
    )


def _words(page: int, pages: int) -> bytes:
    lines = (
        f"Album of the harbour, page {page} of {pages}",
        "Taken by night, without a lens, with the cap on: so much for the noise.",
        f"Sheet {page:03} was filed at gate {page % 7 + 1}.",
    )
    shown = b"".join(b"(%b) Tj T* " % line.encode() for line in lines)
    picture = b"q 475 0 0 386.7 60 330 cm /P Do Q"
    return b"BT /F 14 Tf 22 TL 60 770 Td %bET %b" % (shown, picture)


def _stream(about: bytes, content: bytes) -> bytes:
    head = b"<< /Length %d %b>>" % (len(content), about)
    return b"%b\nstream\n%b\nendstream" % (head, content)


_PICTURE = (
    b"/Type /XObject /Subtype /Image /Width %d /Height %d "
    b"/ColorSpace /DeviceRGB /BitsPerComponent 8 " % (WIDE, HIGH)
)

if __name__ == "__main__":
    main()
