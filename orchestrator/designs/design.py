"""A design: what it is called, what data it takes, and what its template gets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from orchestrator import invoices
from orchestrator.designs.code import CODE_FILE, code_as_svg
from orchestrator.designs.letters import letter_problems
from orchestrator.designs.logo import LOGO_FILE, logo_as_svg
from orchestrator.errors import UsageError
from orchestrator.invoices.paycode import NoCode, code_for
from orchestrator.invoices.printed import printed
from orchestrator.invoices.problem import Problem

DATA_FILE = "data.json"

# A date for documents that have none, so that the same input gives the same bytes.
_NO_DATE = date(2000, 1, 1)


class DesignError(UsageError):
    """A design is unknown or broken, or its data has faults."""

    def __init__(self, message: str, problems: Sequence[Problem] = ()) -> None:
        super().__init__("\n".join([message, *(f"  {each}" for each in problems)]))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Design:
    """One version of a design.

    Attributes:
        name: Name of its folder.
        version: Counts from 1.
        title: For people.
        root: Its folder; the template sees nothing else.
        main: The template, relative to ``root``.
        shipped: Whether it comes with the program.
        schema: JSON Schema of the data, for people and editors.
        standards: PDF standards to compile for, as ``a-3b``.
        id: Another name, such as the UUID that it has elsewhere.
        model: ``invoice``, or nothing.
        date_field: The field with the document's date, where there is no model.
        description: What it is for.
        fonts: Families that must have every letter of the data; none to leave it open.
    """

    name: str
    version: int
    title: str
    root: Path
    main: str
    shipped: bool
    schema: Mapping[str, Any]
    standards: tuple[str, ...] = ()
    id: str = ""
    model: str = ""
    date_field: str = ""
    description: str = ""
    fonts: tuple[str, ...] = ()
    _faults: Callable[[Any], list[Problem]] = field(
        default=lambda _: [], repr=False, compare=False
    )

    @property
    def ref(self) -> str:
        """Name and version, as manifests write it."""
        return f"{self.name}@{self.version}"

    def problems(self, params: Mapping[str, Any], target: str = "pdf") -> list[Problem]:
        """Give everything that is wrong with the data, in order of place.

        ``target`` is what is to be made: ``pdf``, or ``xml`` for an e-invoice alone.
        """
        found = self._faults(params)
        if self.model == "invoice":
            found += invoices.check(params, target) or self._code_problems(params)
        elif target != "pdf":
            message = f"{self.ref} makes pdf; {target} is made of designs of invoices"
            found.append(Problem("", "E_TARGET", message))
        if self.fonts and target == "pdf":
            found += letter_problems(params, self.fonts)
        return sorted(set(found))

    def e_invoice(self, params: Mapping[str, Any]) -> invoices.EFile | None:
        """Write the electronic invoice that sound data asks for, if it asks for one.

        Raises:
            DesignError: the data has faults of form.
        """
        if self.model != "invoice" or params.get("e_invoice") is None:
            return None
        invoice = invoices.read(params)
        if isinstance(invoice, list):
            raise DesignError(f"the data for {self.ref} has faults:", invoice)
        return invoices.make(invoice)

    def _code_problems(self, params: Mapping[str, Any]) -> list[Problem]:
        """Say why a code to pay with cannot be had that is asked for."""
        style = params.get("style")
        wanted = style.get("payment_code") if isinstance(style, Mapping) else None
        invoice = invoices.read(params) if wanted in ("epc", "swiss") else None
        if not isinstance(invoice, invoices.Invoice):
            return []
        try:
            code_for(invoice, invoices.compute(invoice), wanted)
        except NoCode as error:
            return [Problem(error.path, "E_PAYMENT_CODE", str(error))]
        return []

    def prepare(self, params: Mapping[str, Any]) -> Mapping[str, bytes]:
        """Give the files that the template reads, under names that never change.

        Raises:
            DesignError: the data has faults.
        """
        problems = self.problems(params)
        if problems:
            count = f"{len(problems)} fault{'s' if len(problems) > 1 else ''}"
            raise DesignError(f"the data for {self.ref} has {count}:", problems)
        if self.model == "invoice":
            return self._prepare_invoice(params)
        return {DATA_FILE: _as_json(_as_text(params))}

    def timestamp(self, params: Mapping[str, Any]) -> int:
        """Give the document's date in seconds since the epoch, at midnight."""
        name = "issue_date" if self.model == "invoice" else self.date_field
        value = params.get(name) if name else None
        day = value if isinstance(value, date) else _day(value)
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        return max(0, int(start.timestamp()))

    def _prepare_invoice(self, params: Mapping[str, Any]) -> Mapping[str, bytes]:
        invoice = invoices.read(params)
        if isinstance(invoice, list):
            raise DesignError(f"the data for {self.ref} has faults:", invoice)
        style = invoice.style
        page = printed(invoice, style.get("labels"))
        logo = style.get("logo")
        page["accent"] = style.get("accent", "#0f4c5c")
        page["paper"] = style.get("paper") or _paper(invoice.seller.address.country)
        page["has_logo"] = logo is not None
        files = {}
        if page["code"] is not None:
            files[CODE_FILE] = code_as_svg(page["code"].pop("payload"))
        files[DATA_FILE] = _as_json(page)
        if logo is not None:
            files[LOGO_FILE] = logo_as_svg(logo)
        return files


def _paper(country: str) -> str:
    return "us-letter" if country in {"US", "CA", "MX", "PH"} else "a4"


def _day(value: object) -> date:
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        return _NO_DATE


def _as_text(value: Any) -> Any:
    """Turn numbers into texts: JSON numbers lose digits on their way to the page."""
    if isinstance(value, Mapping):
        return {str(key): _as_text(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_as_text(each) for each in value]
    if isinstance(value, Decimal):
        return f"{value:f}"
    if value is None or isinstance(value, bool | str):
        return value
    return str(value)


def _as_json(value: Any) -> bytes:
    return msgspec.json.encode(value, order="sorted")
