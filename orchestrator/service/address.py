"""Where the service may call: never into the private network, unless told so.

The address that was checked is the address that is connected to, because the check sits
in the resolver: a name that changes its address in between gains nothing.
"""

from __future__ import annotations

import ipaddress
import socket
from ipaddress import IPv4Address, IPv6Address

import aiohttp
from aiohttp import ThreadedResolver
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

NAT64 = ipaddress.ip_network("64:ff9b::/96")


class Refused(OSError):
    """The address is private and this instance does not call such."""


class GuardedResolver(AbstractResolver):
    """Resolves names and gives out public addresses only."""

    def __init__(self) -> None:
        self._inner = ThreadedResolver()

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,
    ) -> list[ResolveResult]:
        """The public addresses of a name.

        Raises:
            Refused: it has none.
        """
        found = await self._inner.resolve(host, port, family)
        public = [each for each in found if is_public(each["host"])]
        if not public:
            raise Refused(f"{host} has private addresses only")
        return public

    async def close(self) -> None:
        """Let go of the inner resolver."""
        await self._inner.close()


def guarded_session(
    timeout: aiohttp.ClientTimeout, *, allow_private: bool
) -> aiohttp.ClientSession:
    """A session without memory that cannot be led into the private network."""
    resolver = None if allow_private else GuardedResolver()
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(resolver=resolver, use_dns_cache=False),
        timeout=timeout,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
    )


def objection(url: str, *, allow_private: bool) -> str | None:
    """Say what is wrong with a URL to call, as far as its text tells."""
    try:
        parsed = URL(url)
    except ValueError:
        return "not a URL"
    if parsed.scheme not in ("http", "https") or not parsed.host:
        return "not an absolute http or https URL"
    if not allow_private and _is_literal(parsed.host) and not is_public(parsed.host):
        return "a private address, which this instance does not call"
    return None


def is_public(address: str) -> bool:
    """Whether an address belongs to the public Internet, also behind a mapping."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    inner = _unmapped(ip) if isinstance(ip, IPv6Address) else None
    if inner is not None:
        ip = inner
    return ip.is_global and not ip.is_multicast


def _unmapped(ip: IPv6Address) -> IPv4Address | None:
    if ip in NAT64:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    teredo = ip.teredo[1] if ip.teredo else None
    return ip.ipv4_mapped or ip.sixtofour or teredo


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
