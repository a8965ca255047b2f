"""Mends what the web page converter does wrong; performs no I/O.

ironpress 1.7 breaks a line anywhere within a word that holds a bracket, slash or plus,
as in "(GPL, 155 MB)" -> "1 / 55 MB)". A box of its own for each such word forbids that;
a word joiner would too, but then the line is measured wrongly and runs off the page.
"""

from __future__ import annotations

import re

_OPEN, _CLOSE = '<span style="display:inline-block">', "</span>"
# Longer ones are addresses, paths and the like: better broken than off the page.
_LONGEST = 24
_LONGEST_PATH = 12
_FRAGILE = re.compile(r"[()\[\]{}/+]")
_WORD = re.compile(r"[^\s\u2e80-\U0010ffff]{2,}")
_MARKUP = re.compile(
    r"<!--.*?-->"
    r"|<(style|script|title|textarea|svg|math|pre)\b.*?</\1\s*>"
    r"|<[^>]*>",
    re.DOTALL | re.IGNORECASE,
)


def _word(found: re.Match[str]) -> str:
    word = found[0]
    longest = _LONGEST_PATH if "/" in word else _LONGEST
    if len(word) > longest or not _FRAGILE.search(word):
        return word
    return f"{_OPEN}{word}{_CLOSE}"


def unbroken(page: str) -> str:
    """The same page with words that are not broken at brackets."""
    parts, at = [], 0
    for markup in _MARKUP.finditer(page):
        parts += [_WORD.sub(_word, page[at : markup.start()]), markup[0]]
        at = markup.end()
    return "".join([*parts, _WORD.sub(_word, page[at:])])
