"""Accounts of a manifest, each with the provider that it is an account of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from urllib.parse import urlsplit

from orchestrator.errors import AccountError
from orchestrator.providers import compdf, convertapi, local, reportflow
from orchestrator.settings import AccountSettings, SecretMissing, SecretReference
from orchestrator.wire.flow import Limits, Provider, Thresholds

GROUP = "orchestrator.providers"
"""Entry points of this group name a ``Provider`` of another package."""

OURS = (local.provider, reportflow.provider, compdf.provider, convertapi.provider)


@cache
def providers() -> Mapping[str, Provider]:
    """Every API that the program speaks, by the word for it in manifests.

    Those of other packages come through entry points; ours cannot be replaced.
    """
    others: list[Provider] = [each.load() for each in entry_points(group=GROUP)]
    return {each.name: each for each in (*others, *OURS)}


@dataclass(frozen=True, slots=True)
class Account:
    """Settings and provider, with what the manifest leaves open filled in."""

    settings: AccountSettings
    provider: Provider
    limits: Limits
    thresholds: Thresholds

    @property
    def name(self) -> str:
        """Its name in the manifest."""
        return self.settings.name

    def auth(self, key: str, secret: str) -> tuple[tuple[str, str], ...]:
        """The headers that carry key and secret, as far as there are any."""
        return tuple(
            (name, text.format(key=key, secret=secret))
            for name, text in self.provider.auth
            if (key or "{key}" not in text) and (secret or "{secret}" not in text)
        )


def accounts_of(settings: Mapping[str, AccountSettings]) -> dict[str, Account]:
    """Every account of a manifest by name."""
    return {name: _account(each) for name, each in settings.items()}


def _account(settings: AccountSettings) -> Account:
    provider = providers()[settings.type]
    if settings.secret is not None and provider.with_secret is not None:
        provider = provider.with_secret
    return Account(
        settings=settings,
        provider=provider,
        limits=replace(provider.limits, **settings.limits.given()),  # type: ignore[arg-type]  # the fields of both are the same
        thresholds=replace(provider.thresholds, **settings.thresholds.given()),  # type: ignore[arg-type]
    )


def servers_of(accounts: Mapping[str, Account]) -> dict[str, str]:
    """Where each account is: origin and path of its address, and its API.

    The port of a private service is another one each time, and its data lie in the
    batch: it is always in the same place.
    """
    return {name: _server(each) for name, each in accounts.items()}


def _server(account: Account) -> str:
    if account.settings.is_private:
        return "the private service"
    parts = urlsplit(account.settings.url or account.provider.base_url or "")
    origin = f"{parts.scheme}://{parts.netloc}".lower()
    return f"{origin}{parts.path.rstrip('/')} ({account.provider.name})"


def secret_of(
    account: Account,
    reference: SecretReference | None,
    environment: Mapping[str, str],
    folder: Path,
) -> str:
    """What a reference leads to; empty where the account has none.

    Raises:
        AccountError: the reference leads nowhere.
    """
    if reference is None:
        return ""
    try:
        return reference.resolve(environment, folder).reveal()
    except SecretMissing as error:
        raise AccountError(f"account {account.name}: {error}") from None
