"""What a broken exchange means, in a short word; no library's exception gets past.

Messages are made from scratch: the library's own hold URLs with their queries and, in
the request that they carry along, the account's key.
"""

from __future__ import annotations

import os
import ssl

import aiohttp
from aiohttp.http_exceptions import BadHttpMessage, ContentEncodingError

from orchestrator.transfer.body import Stalled

_WORDS = {
    "bad_request": "the request cannot be written",
    "connect_failed": "no connection",
    "connect_timed_out": "no connection in time",
    "cut_body": "the reply's body ended early",
    "dns_failed": "the host name cannot be resolved",
    "hung_up": "the connection was closed without an answer",
    "malformed": "the reply is not HTTP as it should be",
    "proxy_failed": "the proxy refused",
    "reset": "the connection broke",
    "stalled": "the other side took no more bytes",
    "timed_out": "no answer in time",
    "tls_failed": "no secure connection",
    "too_long": "the reply is longer than the limit",
}

_BEFORE: tuple[tuple[type[BaseException], str], ...] = (
    (aiohttp.ClientConnectorDNSError, "dns_failed"),
    (aiohttp.ClientConnectorCertificateError, "tls_failed"),
    (aiohttp.ClientSSLError, "tls_failed"),
    (aiohttp.ServerFingerprintMismatch, "tls_failed"),
    (ssl.SSLError, "tls_failed"),
    (aiohttp.ConnectionTimeoutError, "connect_timed_out"),
    (aiohttp.ClientProxyConnectionError, "proxy_failed"),
    (aiohttp.ClientHttpProxyError, "proxy_failed"),
    (aiohttp.ClientConnectorError, "connect_failed"),
    (aiohttp.InvalidURL, "bad_request"),
    (aiohttp.NonHttpUrlClientError, "bad_request"),
)
_DURING: tuple[tuple[type[BaseException], str], ...] = (
    (Stalled, "stalled"),
    (aiohttp.ServerDisconnectedError, "hung_up"),
    (aiohttp.ClientPayloadError, "cut_body"),
    (ContentEncodingError, "malformed"),
    (aiohttp.ClientResponseError, "malformed"),
    (BadHttpMessage, "malformed"),
    (TimeoutError, "timed_out"),
    (ConnectionError, "reset"),
    (aiohttp.ClientConnectionError, "reset"),
    (aiohttp.ClientError, "reset"),
    (OSError, "reset"),
    (ValueError, "bad_request"),
)


def code_of(error: BaseException) -> str | None:
    """The short word for an exception of the network or of the library.

    ``None`` for anything else: that is a bug and has to be seen as one.
    """
    for kind, code in _BEFORE + _DURING:
        if isinstance(error, kind):
            return code
    return None


def describe(code: str, method: str, url: str, error: BaseException | None) -> str:
    """A message that names neither key nor query; ``url`` is redacted already."""
    why = _reason(error)
    return f"{method} {url}: {_WORDS.get(code, code)}" + (f" ({why})" if why else "")


def _reason(error: BaseException | None) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        found = error.certificate_error
        return str(getattr(found, "verify_message", "")) or "certificate not valid"
    number = getattr(error, "errno", None)
    # The resolver's numbers are negative and not those of the system.
    return os.strerror(number) if isinstance(number, int) and number > 0 else ""
