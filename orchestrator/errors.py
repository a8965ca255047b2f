"""What can go wrong, and who is told how; performs no I/O.

Two families: an :class:`OrchestratorError` is a message for the user and ends the
command with its own exit code; a :class:`Fault` is one located thing that is wrong in
what the user wrote, and they are collected so that all of them are shown at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar


class Exit(IntEnum):
    """Exit codes of the command (docs/cli.md); any other number is a failure."""

    DONE = 0
    USAGE = 1
    BUG = 2
    SOME_FAILED = 3
    ACCOUNT = 4
    UNSETTLED = 5
    MACHINE = 6
    INTERRUPTED = 130


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something stands in a file; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing that is wrong in a manifest or in the data that it names.

    The message says what is wrong, what was found and what is allowed; the hint says
    how to mend it.
    """

    place: Place
    message: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" + (
            f" ({self.hint})" if self.hint else ""
        )


def plain(text: str) -> str:
    """A message as a terminal may have it: lines, and nothing else that steers it."""
    return "".join(c if c == "\n" or c.isprintable() else "�" for c in text)


class OrchestratorError(Exception):
    """A message for the user, shown without a traceback."""

    exit: ClassVar[Exit] = Exit.BUG


class UsageError(OrchestratorError):
    """The command was called in a way that cannot work."""

    exit = Exit.USAGE


class ManifestError(OrchestratorError):
    """The manifest, or data that it names, has faults."""

    exit = Exit.USAGE

    def __init__(self, faults: list[Fault], *, total: int | None = None) -> None:
        self.faults = sorted(faults)
        self.total = len(faults) if total is None else total
        lines = [str(fault) for fault in self.faults]
        if self.total > len(lines):
            lines.append(f"… and {self.total - len(lines):,} more")
        super().__init__("\n".join(lines))


class AccountError(OrchestratorError):
    """The account cannot go on: wrong key, no quota, or not reachable."""

    exit = Exit.ACCOUNT


class MachineError(OrchestratorError):
    """This machine cannot go on: disk full, folder read-only, batch held, ...."""

    exit = Exit.MACHINE
