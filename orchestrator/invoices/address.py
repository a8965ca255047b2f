"""How an address is set in the country that it is in; performs no I/O."""

from __future__ import annotations

import unicodedata

from orchestrator.invoices.model import Address

_CITY_FIRST = {"AU", "CA", "IN", "NZ", "US"}
_OWN_LINES = {"GB", "IE", "HK", "SG"}
_LARGE_TO_SMALL = {"CN", "JP", "KR", "TW", "HK", "MO"}


def set_address(address: Address, country: str = "") -> list[str]:
    """Give the lines of an address; ``country`` is its name, if it is to be told."""
    if address.country in _LARGE_TO_SMALL and _is_wide(address):
        # Whoever brings it from abroad reads the last line.
        return [*_large_to_small(address), *([country] if country else [])]
    last = [country] if country else []
    return [*address.lines, *_town(address), *last]


def _town(address: Address) -> list[str]:
    city, region, postcode = address.city, address.region, address.postcode
    if address.country in _CITY_FIRST:
        state = " ".join(each for each in (region, postcode) if each)
        lines = [", ".join(each for each in (city, state) if each)]
    elif address.country in _OWN_LINES:
        lines = [city or "", region or "", postcode or ""]
    else:
        lines = [" ".join(each for each in (postcode, city) if each), region or ""]
    return [each for each in lines if each]


def _large_to_small(address: Address) -> list[str]:
    first, *rest = address.lines or ("",)
    street = f"{address.region or ''}{address.city or ''}{first}"
    postcode = address.postcode or ""
    if address.country == "JP":
        head = [f"〒{postcode}"] if postcode else []
        return [*head, street, *rest]
    return [street, *rest, *([postcode] if postcode else [])]


def _is_wide(address: Address) -> bool:
    text = "".join((*address.lines, address.city or "", address.region or ""))
    return any(unicodedata.east_asian_width(each) in "WF" for each in text)
