"""Mends what the web page converter does wrong; performs no I/O.

ironpress 1.7 breaks a line anywhere within a word that holds a bracket, slash or plus,
as in "(GPL, 155 MB)" -> "1 / 55 MB)". A word joiner (U+2060) beside such a character
forbids the break, and leaves no trace in the PDF.
"""

from __future__ import annotations

import re

_JOINER = "\u2060"
# Longer words are addresses and the like: better broken than off the page.
_LONGEST = 40
_FRAGILE = re.compile(r"[()\[\]{}/+]")
_WORD = re.compile(r"[^\s\u2e80-\U0010ffff]{2,}")
_MARKUP = re.compile(
    r"<!--.*?-->|<(style|script|title|textarea|svg|math)\b.*?</\1\s*>|<[^>]*>",
    re.DOTALL | re.IGNORECASE,
)


def _word(found: re.Match[str]) -> str:
    word = found[0]
    if len(word) > _LONGEST or not _FRAGILE.search(word):
        return word
    return _FRAGILE.sub(f"{_JOINER}\\g<0>{_JOINER}", word).strip(_JOINER)


def unbroken(page: str) -> str:
    """The same page with words that are not broken at brackets."""
    parts, at = [], 0
    for markup in _MARKUP.finditer(page):
        parts += [_WORD.sub(_word, page[at : markup.start()]), markup[0]]
        at = markup.end()
    return "".join([*parts, _WORD.sub(_word, page[at:])])
