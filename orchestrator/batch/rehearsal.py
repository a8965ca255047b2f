"""A run for nothing: against a private service in the dialect of each provider.

Nothing of the manifest changes but where requests and outputs go, and whatever would
only make the rehearsal slow.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from orchestrator.batch.accounts import Account
from orchestrator.batch.folder import BatchFolder
from orchestrator.clock import Clock
from orchestrator.errors import AccountError, MachineError, UsageError
from orchestrator.model import Document
from orchestrator.wire.flow import Pace, Provider
from orchestrator.wire.http import Repeat, Request
from orchestrator.wire.outcome import NotSent, Unanswered

if TYPE_CHECKING:
    from orchestrator.transfer.client import HttpTransport

SPOKEN = frozenset({"local", "compdf", "convertapi", "reportflow"})
"""Providers whose API the embedded service speaks."""
LONGEST_POLL = 1.0
LONGEST_SETTLE = 2.0
LONGEST_PATIENCE = 15.0
"""Seconds: the private service is near, and has nothing else to do."""
_MARK = "rehearsal"


@dataclass(frozen=True, slots=True)
class Tab:
    """What the private service counted: its bill, and the faults that it injected.

    ``faults`` are by kind, ``phases`` by phase and kind.
    """

    accepted: int = 0
    replays: int = 0
    jobs: int = 0
    faults: Mapping[str, int] = field(default_factory=dict)
    phases: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """Where a rehearsal happens.

    Attributes:
        base: Folder of the manifest.
        folder: Folder of the rehearsal; all that it writes is in there.
        arguments: More arguments for the private service.
    """

    base: Path
    folder: Path
    arguments: tuple[str, ...] = ()

    def document(self, document: Document) -> Document:
        """The same document, with its output in the folder of the rehearsal."""
        output = Path(document.output)
        try:
            place = output.relative_to(self.base)
        except ValueError:
            place = Path("elsewhere", *output.parts[1:])
        return replace(document, output=str(self.folder / "out" / place))

    def account(self, account: Account) -> Account:
        """The same account at the private service, without a key, in a hurry."""
        provider = account.provider
        if provider.name not in SPOKEN:
            raise AccountError(
                f"account {account.name}: the embedded service does not speak "
                f"{provider.name}, so it cannot be rehearsed"
            )
        return replace(
            account,
            settings=replace(account.settings, url=None, key=None),
            provider=hurried(provider),
            limits=replace(account.limits, rate=None),
        )


def hurried(provider: Provider) -> Provider:
    """The provider without its rates, and with short waits."""
    pace, adoption = provider.pace, provider.adoption
    if adoption is not None:
        patience = min(adoption.patience, LONGEST_PATIENCE)
        adoption = replace(adoption, patience=patience)
    return replace(
        provider,
        adoption=adoption,
        rates={},
        settle=min(provider.settle, LONGEST_SETTLE),
        pace=Pace(
            first=min(pace.first, 0.2),
            floor=min(pace.floor, 0.2),
            cap=min(pace.cap, LONGEST_POLL),
            deadline=pace.deadline,
        ),
    )


def root_of(provider: Provider) -> str:
    """The path under which the embedded service speaks a provider's API: its own."""
    return urlsplit(provider.base_url or "").path.rstrip("/")


def begin(manifest: Path, state: Path | None, clock: Clock) -> Path:
    """The folder of a rehearsal, empty: every rehearsal starts anew.

    Raises:
        UsageError: the folder holds something else.
        MachineError: a rehearsal is running in it, or it cannot be written.
    """
    place = state or manifest.with_name(f"{manifest.stem}.rehearsal")
    folder = BatchFolder(place.absolute())
    mark = folder.path / _MARK
    try:
        is_strange = folder.path.exists() and any(folder.path.iterdir())
        if is_strange and not mark.exists():
            raise UsageError(
                f"{folder.path}: holds something else than a rehearsal, which would "
                "be removed; choose another place with --state DIR"
            )
        folder.make()
        with folder.held(clock):
            mark.touch()
            for each in folder.path.iterdir():
                if each.name not in (_MARK, "lock", "holder.json"):
                    _remove(each)
    except OSError as error:
        raise MachineError(f"{folder.path}: {error.strerror}") from error
    return folder.path


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


async def tab_of(url: str, key: str, clock: Clock) -> Tab | None:
    """What a private service counted; ``None`` if it does not say."""
    from orchestrator.transfer.client import HttpTransport  # noqa: PLC0415  # slow

    auth = (("Authorization", f"Bearer {key}"),)
    async with HttpTransport(url, clock=clock, auth=auth) as transport:
        bill = await _ask(transport, "/v1/bill")
        faults = await _ask(transport, "/v1/faults")
    if not bill:
        return None
    return Tab(
        accepted=bill.get("accepted", 0),
        replays=bill.get("replays", 0),
        jobs=bill.get("jobs", 0),
        faults=faults.get("injected", {}),
        phases=faults.get("phases", {}),
    )


async def _ask(transport: HttpTransport, path: str) -> dict[str, Any]:
    try:
        async with transport.send(Request("GET", path, Repeat.SAFE)) as reply:
            answer = reply.response.json()
    except (NotSent, Unanswered):
        return {}
    return answer if isinstance(answer, dict) else {}
