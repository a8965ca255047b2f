"""A code to pay with, drawn as the one file that a template places; no I/O."""

from __future__ import annotations

import io

CODE_FILE = "code.svg"


def code_as_svg(payload: str) -> bytes:
    """Draw a QR code as SVG, without its quiet zone: level M, as both standards ask.

    segno is asked, and imported late: an installation that only sends documents does
    without it.
    """
    import segno  # noqa: PLC0415  # see the docstring

    code = segno.make_qr(payload.encode(), error="m", boost_error=False)
    drawn = io.BytesIO()
    code.save(drawn, kind="svg", border=0, xmldecl=False, nl=False, svgclass=None)
    return drawn.getvalue()
