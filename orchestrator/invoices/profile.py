"""Electronic invoices: which syntax and profile is asked for; performs no I/O.

Identifiers and names are those of Factur-X 1.09 (ZUGFeRD 2.5 is the same), of
XRechnung 3.0 and of Peppol BIS Billing 3.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from pydantic import ConfigDict, with_config

_CEN = "urn:cen.eu:en16931:2017"
_BILLING = "urn:fdc:peppol.eu:2017:poacc:billing"
_PROCESS = f"{_BILLING}:01:1.0"


class Syntax(StrEnum):
    """How the XML is written: UN/CEFACT CII in Factur-X, or OASIS UBL."""

    FACTUR_X = "factur-x"
    UBL = "ubl"


class Profile(StrEnum):
    """How much of an invoice the XML says, and under whose rules."""

    MINIMUM = "minimum"
    BASIC_WL = "basic-wl"
    BASIC = "basic"
    EN16931 = "en16931"
    XRECHNUNG = "xrechnung"
    PEPPOL = "peppol"


_ORDER = tuple(Profile)


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True, slots=True, kw_only=True)
class EInvoice:
    """The electronic invoice that goes with the page."""

    format: Syntax = Syntax.FACTUR_X
    profile: Profile = Profile.EN16931

    def says(self, least: Profile) -> bool:
        """Whether the profile has what ``least`` has."""
        return _ORDER.index(self.profile) >= _ORDER.index(least)

    @property
    def is_complete(self) -> bool:
        """Whether the XML has everything that EN 16931 knows."""
        return self.says(Profile.EN16931)

    @property
    def is_excerpt(self) -> bool:
        """Whether the XML is an excerpt by definition: it has no lines."""
        return not self.says(Profile.BASIC)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a pair of syntax and profile is called.

    Attributes:
        guideline: Specification identifier (BT-24).
        process: Business process (BT-23), where the profile names one.
        level: ``ConformanceLevel`` in the metadata of the PDF.
        version: ``Version`` there.
        file_name: Name of the file inside the PDF.
        relationship: What the file is to the page.
    """

    guideline: str
    process: str | None = None
    level: str = ""
    version: str = "1.0"
    file_name: str = "factur-x.xml"
    relationship: str = "Alternative"


FACTS: Mapping[tuple[Syntax, Profile], Facts] = {
    (Syntax.FACTUR_X, Profile.MINIMUM): Facts(
        "urn:factur-x.eu:1p0:minimum", level="MINIMUM", relationship="Data"
    ),
    (Syntax.FACTUR_X, Profile.BASIC_WL): Facts(
        "urn:factur-x.eu:1p0:basicwl", level="BASIC WL", relationship="Data"
    ),
    (Syntax.FACTUR_X, Profile.BASIC): Facts(
        f"{_CEN}#compliant#urn:factur-x.eu:1p0:basic", level="BASIC"
    ),
    (Syntax.FACTUR_X, Profile.EN16931): Facts(_CEN, level="EN 16931"),
    (Syntax.FACTUR_X, Profile.XRECHNUNG): Facts(
        f"{_CEN}#compliant#urn:xeinkauf.de:kosit:xrechnung_3.0",
        process=_PROCESS,
        level="XRECHNUNG",
        version="3.0",
        file_name="xrechnung.xml",
    ),
    (Syntax.UBL, Profile.EN16931): Facts(_CEN),
    (Syntax.UBL, Profile.XRECHNUNG): Facts(
        f"{_CEN}#compliant#urn:xeinkauf.de:kosit:xrechnung_3.0", process=_PROCESS
    ),
    (Syntax.UBL, Profile.PEPPOL): Facts(
        f"{_CEN}#compliant#{_BILLING}:3.0", process=_PROCESS
    ),
}


def profiles(syntax: Syntax) -> list[str]:
    """The profiles that a syntax has."""
    return [str(profile) for each, profile in FACTS if each is syntax]
