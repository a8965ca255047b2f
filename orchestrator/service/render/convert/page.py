"""Web pages and Markdown to PDF with ironpress."""

from __future__ import annotations

import html
import re
from pathlib import Path

import ironpress
from markdown_it import MarkdownIt

from orchestrator.service.render import fonts, glyphs, mend, text
from orchestrator.service.render.bench import Bench, output, versions
from orchestrator.service.render.task import Answer, Task
from orchestrator.service.render.work import RenderError

_CHARSET = re.compile(
    rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([-\w]+)", re.IGNORECASE
)
_PAPERS = {"a4": "A4", "letter": "Letter"}
_MARGIN = 54.0
_BEYOND_LATIN = "\u2e80"
STYLE = (Path(__file__).parent.parent / "sheets" / "page.css").read_text("utf-8")


def convert(task: Task, bench: Bench) -> Answer:
    """Print a web page or a Markdown text."""
    data = Path(task.inputs[0]).read_bytes()
    if task.source in {"md", "markdown"}:
        read, notes = text.decode(data)
        page, made_by = markdown_page(read), versions("markdown-it-py", "ironpress")
    else:
        named = _CHARSET.search(data[:4096])
        read, notes = text.decode(data, named and named[1].decode("ascii"))
        page, made_by = read, versions("ironpress")
    path = output(task)
    path.write_bytes(printed(page, task.options.paper))
    return Answer((str(path),), made_by, (*notes, *_missing(page)))


def markdown_page(source: str) -> str:
    """A web page in our own style from Markdown with tables and strike-through."""
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    return (
        "<!doctype html><html><head><meta charset='utf-8'>"
        f"<style>{STYLE}</style></head><body>{parser.render(source)}</body></html>"
    )


def printed(page: str, paper: str) -> bytes:
    """The PDF of a page, which sees no file and no network."""
    printer = ironpress.HtmlConverter()
    printer.page_size(_PAPERS[paper])
    printer.margin(_MARGIN)
    face = fonts.cjk()
    shown = _wide(page, known=True)
    if face and shown:
        printer.add_font_pack("cjk-jp", glyphs.truetype(face, shown))
    try:
        return bytes(printer.convert(mend.unbroken(page)))
    except ValueError as error:
        raise RenderError("render_failed", f"ironpress: {error}") from None


def _wide(page: str, *, known: bool) -> str:
    """The characters for the CJK font that it has, or has not, each once."""
    face = fonts.cjk()
    has = glyphs.covered(face) if face else frozenset()
    wide = (each for each in set(html.unescape(page)) if each >= _BEYOND_LATIN)
    return "".join(sorted(each for each in wide if (ord(each) in has) is known))


def _missing(page: str) -> tuple[str, ...]:
    """Say which characters no font of ours can show."""
    shown = " ".join(_wide(page, known=False)[:10])
    return (f"no glyph for: {shown}",) if shown else ()
