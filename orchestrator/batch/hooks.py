"""Webhooks of a run: who may call, where, and what came while nobody ran."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import msgspec

from orchestrator.batch.accounts import Account, secret_of
from orchestrator.batch.folder import BatchFolder
from orchestrator.clock import Clock
from orchestrator.errors import AccountError, MachineError, UsageError
from orchestrator.model import Echo
from orchestrator.settings import HookSettings, SecretMissing, address_of
from orchestrator.transfer.door import Door
from orchestrator.transfer.inbox import Inbox
from orchestrator.transfer.mailbox import Mailbox, path_token
from orchestrator.transfer.shapes import PARSERS, SIGNED

LOOK = 0.5
"""Seconds between two looks into the durable inbox."""

Hear = Callable[[Echo], None]
Say = Callable[[str], None]


class Hooks:
    """Receives webhooks for the accounts of a run; without settings, none come."""

    def __init__(
        self,
        settings: HookSettings,
        *,
        hear: Hear,
        environment: Mapping[str, str],
        base: Path,
        clock: Clock,
        say: Say,
    ) -> None:
        """Describe them.

        Args:
            settings: Where and how.
            hear: Told every echo.
            environment: Where references to secrets lead.
            base: Folder of the manifest, at which relative paths start.
            clock: For the looks into the durable inbox.
            say: Told what the user should know of.
        """
        self._settings = settings
        self._hear = hear
        self._environment = environment
        self._base = base
        self._clock = clock
        self._say = say
        self._inbox = Inbox(self._take)
        self._wanted: Collection[str] | None = None
        self._admitted: set[str] = set()
        self._box: Mailbox | None = None
        self._read = 0
        self._url = ""

    async def open(
        self, stack: AsyncExitStack, accounts: Sequence[Account], folder: BatchFolder
    ) -> None:
        """Open the door and the durable inbox, as far as there are any.

        Raises:
            UsageError: the settings are of no use.
            AccountError: a secret leads nowhere.
            MachineError: the address or the folder cannot be used.
        """
        said = self._settings
        if said.listen is None and said.inbox is None:
            if said.url is not None:
                raise UsageError(
                    "webhooks have a URL, and nobody listens: say where with "
                    "--listen HOST:PORT, or which durable inbox with --inbox DIR"
                )
            return
        for account in accounts:
            self._admit(account)
        token = self._token(folder)
        if said.inbox is not None:
            box = Mailbox(self._base / said.inbox, self._clock)
            self._box = stack.enter_context(box)
        url = said.url
        if said.listen is not None:
            door = await self._open_door(stack, said.listen, token)
            url = url or door.url
        self._url = f"{url.rstrip('/')}/{token}" if url else ""

    async def _open_door(self, stack: AsyncExitStack, listen: str, token: str) -> Door:
        host, port = address_of(listen) or ("127.0.0.1", 0)
        try:
            return await stack.enter_async_context(
                Door(self._inbox.answer, token=token, host=host, port=port)
            )
        except OSError as error:
            message = f"cannot listen on {listen}: {error.strerror or error}"
            raise MachineError(message) from None

    def _admit(self, account: Account) -> None:
        name = account.provider.name
        if account.settings.is_private or name not in PARSERS:
            return
        reference = account.settings.webhook_secret
        secret = secret_of(account, reference, self._environment, self._base)
        if secret or name not in SIGNED:
            self._inbox.admit(name, secret)
            self._admitted.add(account.name)

    def _token(self, folder: BatchFolder) -> str:
        """The secret part of the path: the user's, the inbox's or the batch's."""
        said = self._settings
        if said.path is not None:
            try:
                return said.path.resolve(self._environment, self._base).reveal()
            except SecretMissing as error:
                raise AccountError(f"webhooks: {error}") from None
        if said.inbox is not None:
            return path_token(self._base / said.inbox)
        return path_token(folder.path, "webhook-path")

    # While it runs...

    def listens(self, account: Account) -> bool:
        """Whether webhooks of an account may come."""
        return account.name in self._admitted

    def callback(self, account: Account) -> str | None:
        """The URL that an account's provider may be told, with its secret part."""
        if not self._url or not self.listens(account):
            return None
        return f"{self._url}/{account.provider.name}"

    async def catch_up(self, wanted: Callable[[], Collection[str]]) -> None:
        """Hear what came earlier about the jobs that are open: their ids, handles.

        An inbox that cannot be read costs time, and no document: the poll is the truth.
        """
        if self._box is None:
            return
        self._wanted = wanted()
        try:
            while await self._look():
                pass
        except (sqlite3.Error, msgspec.MsgspecError) as error:
            self._say(
                f"the inbox {self._base / (self._settings.inbox or '')} cannot be read "
                f"({error}): what came while nothing ran is not heard, and jobs are "
                "polled instead; move a damaged inbox away while nobody listens"
            )
        finally:
            self._wanted = None

    async def follow(self) -> None:
        """Hear what comes into the durable inbox, until cancelled."""
        while self._box is not None:
            await self._clock.sleep(LOOK)
            # The poll is the truth: a box that cannot be read only costs time.
            with suppress(sqlite3.Error, msgspec.MsgspecError):
                while await self._look():
                    pass

    async def _look(self) -> bool:
        if self._box is None:
            return False
        kept = await asyncio.to_thread(list, self._box.after(self._read))
        for each in kept:
            self._read = each.key
            await self._inbox.answer(each.provider, each.call)
        return bool(kept)

    def _take(self, echo: Echo) -> None:
        wanted = self._wanted
        if wanted is None or echo.job in wanted or echo.handle in wanted:
            self._hear(echo)
