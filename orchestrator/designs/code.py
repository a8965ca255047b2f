"""A code to pay with, drawn as the one file that a template places; no I/O."""

from __future__ import annotations

import re

CODE_FILE = "code.svg"

_SIDE = re.compile(r'<svg width="(\d+)"')
_PATHS = re.compile(r'<path d="[^"]*"/>')


def code_as_svg(payload: str) -> bytes:
    """Draw a QR code as SVG, without its quiet zone: level M, as both standards ask.

    Its bytes are plain UTF-8: apps of banks do not know the mark that would say so.
    The encoder is imported late: an installation that only sends documents does
    without it.
    """
    import zxingcpp  # noqa: PLC0415  # see the docstring

    qr_code = zxingcpp.BarcodeFormat.QRCode
    code = zxingcpp.create_barcode(payload.encode(), qr_code, ec_level="M")
    drawn = code.to_svg(scale=1, add_quiet_zones=False)
    side = _SIDE.search(drawn)
    assert side is not None  # noqa: S101 -- every drawing has one
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side[1]} {side[1]}">'
        f"{''.join(_PATHS.findall(drawn))}</svg>"
    ).encode()
