"""JSON of callers: exact numbers, bounded depth, one spelling; performs no I/O."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

DEEPEST = 64
_decoder = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(order="sorted", decimal_format="number")


def encode(value: object) -> bytes:
    """JSON with sorted keys; ``Decimal`` is written digit by digit."""
    return _encoder.encode(value)


def decode(text: bytes) -> Any:
    """Any JSON; numbers with a decimal point are ``Decimal``."""
    return _decoder.decode(text)


def is_deeper(value: object, limit: int = DEEPEST) -> bool:
    """Whether lists and objects stand in each other too many times."""
    level: list[object] = [value]
    for _ in range(limit):
        level = [inner for each in level for inner in _inside(each)]
        if not level:
            return False
    return True


def _inside(value: object) -> list[object]:
    if isinstance(value, dict):
        return [*value.values()]
    return value if isinstance(value, list) else []
