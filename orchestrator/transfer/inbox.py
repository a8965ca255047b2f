"""Where webhooks become echoes; each wakes a poll, and none is believed a result."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.model import Echo
from orchestrator.transfer.door import Call
from orchestrator.transfer.shapes import PARSERS, Parse

_REMEMBERED = 10_000

Hear = Callable[[Echo], None]


@dataclass(frozen=True, slots=True)
class _Sender:
    parse: Parse
    secrets: tuple[str, ...]


class Inbox:
    """Reads calls of the APIs that it admits; forgeries and repeats change nothing."""

    def __init__(self, hear: Hear) -> None:
        self._hear = hear
        self._senders: dict[str, _Sender] = {}
        self._seen: OrderedDict[tuple[str, str], None] = OrderedDict()

    def admit(self, provider: str, secret: str = "") -> None:
        """Take calls of a provider from now on; each account may have its secret."""
        known = self._senders.get(provider)
        secrets = (*known.secrets, secret) if known else (secret,)
        self._senders[provider] = _Sender(PARSERS[provider], secrets)

    async def answer(self, provider: str, call: Call) -> int:
        """Take a call, and give the status to answer with."""
        sender = self._senders.get(provider)
        if sender is None:
            return 404
        notices = (sender.parse(call, secret) for secret in sender.secrets)
        notice = next((each for each in notices if each is not None), None)
        if notice is None:
            return 401
        if self._is_new((provider, notice.message)):
            self._hear(notice.echo)
        return 204

    def _is_new(self, message: tuple[str, str]) -> bool:
        if message in self._seen:
            return False
        self._seen[message] = None
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return True
