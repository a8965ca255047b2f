"""What the service and its worker processes tell each other; performs no I/O.

One JSON object on one line in each direction: a :class:`Task`, then its
:class:`Answer`. The first line that a worker writes is an empty answer: it is ready.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from orchestrator.service.render.options import Options


@dataclass(frozen=True, slots=True)
class Setup:
    """What a worker is told when it starts.

    Attributes:
        parent: Process id of the service; the worker does not outlive it.
        memory: Limit of the address space, in bytes.
        scratch: Folder for fonts, profiles and other things that are made once.
        office: Path of LibreOffice's program, or ``None``.
        patience: Seconds that LibreOffice may take before it is tried again.
    """

    parent: int
    memory: int
    scratch: str
    office: str | None = None
    patience: float = 50.0


@dataclass(frozen=True, slots=True)
class Attached:
    """An electronic invoice for a PDF, and what the metadata tells of it.

    ``level`` and ``version`` are of its profile; ``relationship`` says what it is to
    the page; ``timestamp`` is its date, in seconds since the epoch.
    """

    name: str
    text: str
    level: str
    version: str
    relationship: str
    description: str
    timestamp: int


@dataclass(frozen=True, slots=True)
class Sheet:
    """A Typst document to compile: a folder, a file in it, and its data as text.

    ``timestamp`` is in seconds since the epoch; without it no date is written. Tags
    tell a screen reader the structure; the time for them grows with its square.
    """

    root: str
    main: str
    texts: Mapping[str, str] = field(default_factory=dict)
    timestamp: int | None = None
    standards: tuple[str, ...] = ()
    tags: bool = True
    attached: Attached | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """One thing for a worker to do; outputs go into ``folder``.

    ``names`` are those of the inputs inside an archive.
    """

    call: str
    folder: str
    inputs: tuple[str, ...] = ()
    source: str = ""
    target: str = ""
    options: Options = field(default_factory=Options)
    sheet: Sheet | None = None
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a task: files and what made them, or an error with its code.

    ``spent`` asks for a new process: this one may not be sound any more.
    """

    files: tuple[str, ...] = ()
    made_by: str = ""
    warnings: tuple[str, ...] = ()
    code: str = ""
    message: str = ""
    spent: bool = False
