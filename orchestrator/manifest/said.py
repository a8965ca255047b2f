"""What the head of a manifest says, as settings; performs no I/O."""

from __future__ import annotations

from pathlib import Path

from orchestrator.manifest import schema
from orchestrator.settings import (
    AccountSettings,
    HookSettings,
    LimitSettings,
    ThresholdSettings,
)


def account_of(name: str, said: schema.Account) -> AccountSettings:
    """An account, but for its designs."""
    limits, modes = said.limits, said.modes
    return AccountSettings(
        name=name,
        type=said.type,
        url=said.url,
        key=said.key,
        secret=said.secret,
        webhook_secret=said.webhook_secret,
        limits=LimitSettings(
            width=limits.width,
            rate=limits.rate,
            jobs=limits.jobs,
            uploads=limits.uploads,
            bytes_in_flight=limits.bytes_in_flight,
        ),
        thresholds=ThresholdSettings(
            sync=modes.sync_up_to, asynchronous=modes.async_up_to
        ),
        prefer=modes.prefer,
        price=said.price,
        max_cost=said.max_cost or {},
    )


def webhooks_of(said: schema.Webhooks, folder: Path) -> HookSettings:
    """Where webhooks come in; paths start at a folder."""
    inbox = folder / said.inbox if said.inbox else None
    return HookSettings(said.url, said.listen, said.path, inbox)
