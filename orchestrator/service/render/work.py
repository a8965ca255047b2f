"""What the service asks of its renderers, and what it gets; performs no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Work:
    """One piece of work.

    Attributes:
        operation: ``convert``, ``merge``, ``split``, ``archive`` or ``generate``.
        inputs: Files on this machine, in order; never changed.
        names: The caller's names for them, for the names of results only.
        source: Format of the inputs, a lower-case extension; empty for ``generate``.
        target: Format of the outputs, a lower-case extension.
        folder: An empty folder of this work's own, where outputs are written.
        params: Options, or the data for the design (JSON values, ``Decimal`` kept).
        design: ``name@version`` for ``generate``.
    """

    operation: str
    inputs: Sequence[Path]
    names: Sequence[str]
    source: str
    target: str
    folder: Path
    params: Mapping[str, Any] = field(default_factory=dict)
    design: str | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """One complete output file: where it is, and its name for the caller."""

    path: Path
    name: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """What came of a piece of work, and what made it (``name version``)."""

    files: Sequence[Made]
    converter: str
    warnings: Sequence[str] = ()


class RenderError(Exception):
    """The work cannot be done.

    ``code`` is one of docs/service.md, Errors; the message is for the user.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Format:
    """One thing that this instance can do, with its converters in order."""

    operation: str
    source: str
    target: str
    converters: tuple[str, ...]
    many: bool = False


class Renderer(Protocol):
    """Does work without ever blocking the event loop, on all cores."""

    async def start(self) -> None:
        """Make ready; may start processes."""
        ...

    def objection(self, work: Work) -> RenderError | None:
        """Say at once why the work cannot be done here, or ``None``."""
        ...

    async def make(self, work: Work) -> Rendered:
        """Do it.

        Raises:
            RenderError: it cannot be done; only this work is concerned.
        """
        ...

    def formats(self) -> Sequence[Format]:
        """What this instance can do."""
        ...

    async def close(self) -> None:
        """Stop at once, with every process that it started."""
        ...
