"""Which request mode a document takes, and why in words; performs no I/O."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from orchestrator.model import Mode, Operation
from orchestrator.wire.flow import Thresholds

_SAFEST = (Mode.SYNC, Mode.ASYNC, Mode.PRESIGNED)
_UNITS = ((10**9, "GB"), (10**6, "MB"), (10**3, "kB"))
Lacks = Mapping[Mode, tuple[Mode, str]]


@dataclass(frozen=True, slots=True)
class Choice:
    """A mode, and the reason for it."""

    mode: Mode
    reason: str


def choose(
    size: int,
    operation: Operation,
    asked: Mode | None,
    thresholds: Thresholds,
    lacks: Lacks,
    *,
    once: Collection[Mode] | None = None,
) -> Choice:
    """Choose the mode for a document.

    Args:
        size: Bytes to be sent.
        operation: What is to be done; what is generated sends no file.
        asked: The mode that the manifest insists on.
        thresholds: Sizes up to which sync and async are chosen.
        lacks: Modes that the provider does not have: what replaces them, and why.
        once: Where exactly-once is preferred: the modes whose every charged request
            can be looked up.
    """
    choice = (
        Choice(asked, "the manifest asks for it")
        if asked is not None
        else _preferred(_by_size(size, operation, thresholds), once)
    )
    seen = {choice.mode}
    while choice.mode in lacks:
        mode, why = lacks[choice.mode]
        reason = f"{choice.reason}; {choice.mode} is not there ({why}): {mode}"
        choice = Choice(mode, reason)
        if mode in seen:
            break
        seen.add(mode)
    return choice


def _by_size(size: int, operation: Operation, thresholds: Thresholds) -> Choice:
    low, high = thresholds.sync, max(thresholds.sync, thresholds.asynchronous)
    if operation is Operation.GENERATE and size == 0:
        return Choice(Mode.SYNC, "no file to send")
    found = _size(size, (low, high))
    if size <= low:
        return Choice(Mode.SYNC, f"{found} is up to {_bound(low)}")
    if size <= high:
        reason = f"{found} is over {_bound(low)} and up to {_bound(high)}"
        return Choice(Mode.ASYNC, reason)
    return Choice(Mode.PRESIGNED, f"{found} is over {_bound(high)}")


def _preferred(choice: Choice, once: Collection[Mode] | None) -> Choice:
    """The same, or the first mode that is exactly once where that is preferred."""
    if once is None or choice.mode in once:
        return choice
    named = next((mode for mode in _SAFEST if mode in once), None)
    if named is None:
        return Choice(choice.mode, f"{choice.reason}; no mode here is exactly once")
    return Choice(named, f"{choice.reason}, but {named} is exactly once")


def _size(size: int, bounds: tuple[int, int]) -> str:
    """Bytes for a reader; exact where rounding would hide on which side they are."""
    for unit, name in _UNITS:
        if size >= unit:
            text = f"{size / unit:,.1f} {name}"
            near = any(b != size and abs(b - size) < unit / 10 for b in bounds)
            return f"{size:,} bytes" if near else text
    return f"{size} bytes"


def _bound(size: int) -> str:
    """A threshold as it was written: 10 MB, 2.5 MB, 1,048,576 bytes."""
    for unit, name in _UNITS:
        if size >= unit and size % (unit // 10) == 0:
            return f"{size / unit:,.1f}".removesuffix(".0") + f" {name}"
    return f"{size:,} bytes"
