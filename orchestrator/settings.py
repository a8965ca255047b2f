"""Settings of accounts and of the batch, as values; performs no I/O of its own.

What the manifest leaves open is ``None`` here: the provider's own figures apply.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

from orchestrator.model import Operation

NUMBERS = "numbers.sqlite"
_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:/\[\]]+):([0-9]{1,5})")


def address_of(text: str) -> tuple[str, int] | None:
    """Host and port out of ``HOST:PORT``, or ``None``."""
    match = _ADDRESS.fullmatch(text)
    if match is None or int(match[2]) > 65_535:
        return None
    return match[1].strip("[]"), int(match[2])


class SecretMissing(Exception):
    """A reference to a secret leads nowhere; the message never holds a secret."""


class Secret:
    """A text that never shows itself; ``reveal`` is the only way to it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text, for the one header that carries it."""
        return self._text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __repr__(self) -> str:
        return "Secret(…)"


@dataclass(frozen=True, slots=True)
class SecretReference:
    """Where a secret is kept: ``env`` or ``file``, and the name or path of it."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"${{{self.kind}:{self.name}}}"

    def resolve(self, environment: Mapping[str, str], folder: Path) -> Secret:
        """Fetch the secret; a relative path starts at ``folder``.

        Raises:
            SecretMissing: there is none.
        """
        text = (
            environment.get(self.name, "")
            if self.kind == "env"
            else self._read(folder / self.name)
        ).strip()
        if not text:
            where = "variable" if self.kind == "env" else "file"
            message = f"{self} leads nowhere: the {where} is not there or is empty"
            raise SecretMissing(message)
        if not (text.isascii() and text.isprintable()):
            message = f"{self} is no key: it must be one line of printable ASCII"
            raise SecretMissing(message)
        return Secret(text)

    def _read(self, path: Path) -> str:
        try:
            return path.read_text("utf-8")
        except (OSError, UnicodeDecodeError, ValueError):
            message = f"{self} leads nowhere: the file cannot be read as text"
            raise SecretMissing(message) from None


@dataclass(frozen=True, slots=True)
class _Given:
    """Settings that may each be left open."""

    def given(self) -> dict[str, int | float]:
        """The figures that were said, by name: ``replace(limits, **x.given())``."""
        said = ((each.name, getattr(self, each.name)) for each in fields(self))
        return {name: value for name, value in said if value is not None}


@dataclass(frozen=True, slots=True)
class LimitSettings(_Given):
    """Ceilings of an account as far as the manifest says; see ``wire.flow.Limits``."""

    width: int | None = None
    rate: float | None = None
    jobs: int | None = None
    uploads: int | None = None
    bytes_in_flight: int | None = None


@dataclass(frozen=True, slots=True)
class ThresholdSettings(_Given):
    """Sizes in bytes up to which a mode is chosen; see ``wire.flow.Thresholds``."""

    sync: int | None = None
    asynchronous: int | None = None


class Prefer(StrEnum):
    """What counts more than size where a mode is chosen."""

    EXACTLY_ONCE = "exactly_once"


@dataclass(frozen=True, slots=True)
class TheirDesign:
    """A design that an account has in the place of one of ours.

    Attributes:
        design: What the account calls it.
        params: Where the value of each of its parameters comes from
            (``invoices.foreign``).
        file: The file that says so, as the manifest names it; empty if the manifest
            does.
    """

    design: str
    params: Mapping[str, Any]
    file: str = ""


@dataclass(frozen=True, slots=True)
class AccountSettings:
    """One set of credentials at one API.

    Attributes:
        name: The word for it in the manifest.
        type: The API that it is an account of.
        url: Where the API lives; ``None`` for the provider's own, or for a private
            service where the type is ``local``.
        key: Where its key is kept.
        secret: Where its second credential is kept, for APIs that have two.
        webhook_secret: Where the secret is kept that its webhooks are checked with.
        limits: Ceilings.
        thresholds: Sizes up to which a mode is chosen.
        prefer: What counts more than size.
        price: Money for a unit, for estimates and for a budget in money.
        max_cost: Units that one document may cost at most, by operation; under
            ``None`` for all operations that are not named.
        designs: Its designs in the place of ours, by the names of ours.
    """

    name: str
    type: str
    url: str | None = None
    key: SecretReference | None = None
    secret: SecretReference | None = None
    webhook_secret: SecretReference | None = None
    limits: LimitSettings = field(default_factory=LimitSettings)
    thresholds: ThresholdSettings = field(default_factory=ThresholdSettings)
    prefer: Prefer | None = None
    price: Decimal | None = None
    max_cost: Mapping[Operation | None, Decimal] = field(default_factory=dict)
    designs: Mapping[str, TheirDesign] = field(default_factory=dict)

    @property
    def is_private(self) -> bool:
        """Whether a service of its own is started for the run."""
        return self.type == "local" and self.url is None

    def at_most(self, operation: Operation) -> Decimal | None:
        """Units that a document may cost at most; ``None`` where it was not said.

        The private service is ours: it costs nothing.
        """
        if self.is_private:
            return Decimal(0)
        return self.max_cost.get(operation, self.max_cost.get(None))


@dataclass(frozen=True, slots=True)
class HookSettings:
    """Where webhooks come in, as far as it was said.

    Attributes:
        url: What the providers are told: the public address, without its secret part.
        listen: ``HOST:PORT`` to listen on while a run lasts.
        path: Where the secret part of the path is kept.
        inbox: Folder of the durable inbox (``orchestrator listen``).
    """

    url: str | None = None
    listen: str | None = None
    path: SecretReference | None = None
    inbox: Path | None = None


@dataclass(frozen=True, slots=True)
class BudgetSettings:
    """What a batch may cost at most, over all of its runs.

    ``limit`` is in units, or in money where there is a ``currency``.
    """

    limit: Decimal
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class Bound:
    """How many failures are too many: a number, or a share in percent."""

    count: int | None = None
    percent: Decimal | None = None

    def is_passed(self, failed: int, ended: int, after: int) -> bool:
        """Whether there are more; a share counts once ``after`` documents ended."""
        if self.count is not None:
            return failed > self.count
        share = self.percent if self.percent is not None else Decimal(100)
        return ended >= after and failed * 100 > share * ended

    def __str__(self) -> str:
        return f"{self.count:,}" if self.count is not None else f"{self.percent:f}%"


@dataclass(frozen=True, slots=True)
class StopSettings:
    """When a run stops to start documents, because too many of them fail.

    ``codes`` bounds single reasons; ``after`` is the smallest sample for a share.
    """

    failures: Bound | None = None
    codes: Mapping[str, Bound] = field(default_factory=dict)
    after: int = 20


@dataclass(frozen=True, slots=True)
class BatchSettings:
    """What a manifest says about all of its documents.

    Attributes:
        path: The manifest, absolute.
        folder: Its folder, absolute: relative paths start here.
        name: The batch's name.
        accounts: All accounts by name; ``local`` is always there.
        designs: Folder of the user's own designs.
        webhooks: Where webhooks come in.
        numbers: The store of numbers, which need not be there.
        budget: What it may cost at most; ``None`` for no bound.
        stop_at: When too many documents have failed.
    """

    path: Path
    folder: Path
    name: str
    accounts: Mapping[str, AccountSettings]
    designs: Path | None = None
    webhooks: HookSettings = field(default_factory=HookSettings)
    numbers: Path = Path(NUMBERS)
    budget: BudgetSettings | None = None
    stop_at: StopSettings = field(default_factory=StopSettings)
