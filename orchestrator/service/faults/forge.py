"""Signatures that nobody made; performs no I/O."""

from __future__ import annotations

from collections.abc import Mapping

_DIGITS = "0123456789abcdef"
_OTHERS = str.maketrans(_DIGITS, _DIGITS[1:] + _DIGITS[0])


def forged(headers: Mapping[str, str]) -> dict[str, str]:
    """The same headers, with every signature in the right form and wrong."""
    return {
        name: _other(text) if "signature" in name.lower() else text
        for name, text in headers.items()
    }


def _other(text: str) -> str:
    version, comma, signature = text.rpartition(",")
    return version + comma + signature.translate(_OTHERS)
