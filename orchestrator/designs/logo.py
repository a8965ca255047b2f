"""A logo given as data, turned into the one file that a template places; no I/O."""

from __future__ import annotations

import base64
import binascii
import re
import struct

LOGO_FILE = "logo.svg"
LARGEST = 2_000_000

_DATA_URL = re.compile(r"data:image/(png|svg\+xml);base64,([A-Za-z0-9+/=\s]+)")
_PNG = b"\x89PNG\r\n\x1a\n"


class BadLogo(ValueError):
    """The logo cannot be placed."""


def logo_as_svg(logo: str) -> bytes:
    """Give the logo as SVG; a PNG is wrapped, since templates take texts only.

    Raises:
        BadLogo: it is neither SVG text nor a data URL of a PNG or an SVG.
    """
    if len(logo) > LARGEST:
        raise BadLogo("is larger than 2 MB")
    if "<svg" in logo[:2000]:
        return _svg(logo)
    match = _DATA_URL.fullmatch(logo.strip())
    if match is None:
        raise BadLogo("is neither SVG text nor a data URL of a PNG or SVG (base64)")
    try:
        content = base64.b64decode(match[2], validate=False)
    except binascii.Error:
        raise BadLogo("is not valid base64") from None
    if match[1] == "png":
        return _wrapped(content)
    try:
        return _svg(content.decode())
    except UnicodeDecodeError:
        raise BadLogo("is an SVG that is not UTF-8") from None


def _svg(text: str) -> bytes:
    links = re.findall(r"""(?:href|src)\s*=\s*["']([^"']*)""", text)
    if any(not each.startswith(("#", "data:image/")) for each in links):
        raise BadLogo("is an SVG that refers to other files")
    if "<!ENTITY" in text:
        raise BadLogo("is an SVG with entities")
    return text.encode()


def _wrapped(content: bytes) -> bytes:
    if not content.startswith(_PNG) or len(content) < 24:
        raise BadLogo("is not a PNG")
    width, height = struct.unpack(">II", content[16:24])
    if not (0 < width <= 8000 and 0 < height <= 8000):
        raise BadLogo("has more than 8000 pixels on a side")
    data = base64.b64encode(content).decode()
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}"><image width="{width}" height="{height}" '
        f'href="data:image/png;base64,{data}"/></svg>'
    ).encode()
