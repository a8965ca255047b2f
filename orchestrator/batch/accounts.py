"""Accounts of a manifest, each with the provider that it is an account of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.errors import AccountError
from orchestrator.providers import local
from orchestrator.settings import AccountSettings, SecretMissing
from orchestrator.wire.flow import Limits, Provider, Thresholds

PROVIDERS: Mapping[str, Provider] = {each.name: each for each in (local.provider,)}
"""Every API that the program speaks, by the word for it in manifests."""


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

    def auth(self, key: str) -> tuple[tuple[str, str], ...]:
        """The headers that carry the key."""
        return tuple((name, text.format(key=key)) for name, text in self.provider.auth)


def accounts_of(settings: Mapping[str, AccountSettings]) -> dict[str, Account]:
    """Every account of a manifest by name."""
    return {name: _account(each) for name, each in settings.items()}


def _account(settings: AccountSettings) -> Account:
    provider = PROVIDERS[settings.type]
    return Account(
        settings=settings,
        provider=provider,
        limits=replace(provider.limits, **settings.limits.given()),  # type: ignore[arg-type]  # the fields of both are the same
        thresholds=replace(provider.thresholds, **settings.thresholds.given()),  # type: ignore[arg-type]
    )


def key_of(account: Account, environment: Mapping[str, str], folder: Path) -> str:
    """The account's key; empty where it has none.

    Raises:
        AccountError: the reference leads nowhere.
    """
    reference = account.settings.key
    if reference is None:
        return ""
    try:
        return reference.resolve(environment, folder).reveal()
    except SecretMissing as error:
        raise AccountError(f"account {account.name}: {error}") from None
