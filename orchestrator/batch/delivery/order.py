"""What is to be handed over, and what came of it: values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.errors import Exit, UsageError
from orchestrator.invoices.control import Control
from orchestrator.model import Output, State
from orchestrator.report.outcome import exit_of

TOLD = 50
"""Documents of one kind that are named."""
REPORTS = (".csv", ".json")


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for; paths are absolute.

    Attributes:
        archive: The ZIP archive.
        merged: The PDF of all documents.
        reports: Control reports, each a ``.csv`` or a ``.json``.
        only: Ids or shell patterns of documents; empty means all.
        overwrite: Whether files may be replaced.
    """

    archive: Path | None = None
    merged: Path | None = None
    reports: Sequence[Path] = ()
    only: Sequence[str] = ()
    overwrite: bool = False

    def targets(self) -> Iterator[Path]:
        """All files that are to be written."""
        yield from filter(None, (self.archive, self.merged, *self.reports))

    def check(self) -> None:
        """See that it can be meant.

        Raises:
            UsageError: nothing is asked for, a file is named twice, is there already,
                or a report is of no known kind.
        """
        targets = list(self.targets())
        if not targets:
            raise UsageError("say what to write: --zip, --merged or --report FILE")
        for path in self.reports:
            if path.suffix.lower() not in REPORTS:
                message = f"{path}: a report is a .csv or a .json"
                raise UsageError(message)
        for n, path in enumerate(targets):
            if path in targets[:n]:
                raise UsageError(f"{path} is named twice")
            if path.is_dir():
                raise UsageError(f"{path} is a folder, not a file")
            if path.exists() and not self.overwrite:
                message = f"{path}: there is a file; replace it with --overwrite"
                raise UsageError(message)


@dataclass(frozen=True, slots=True)
class Left:
    """A document that is not handed over: it is not done."""

    id: str
    state: State
    code: str
    message: str


@dataclass(slots=True)
class Delivered:
    """What was handed over, and what was not.

    Attributes:
        states: Documents that were meant, by state.
        left: The first of those that are not done.
        refused: Words about the first files that are not what the ledger says.
        refusals: How many there are; any of them, and nothing was written.
        contradictions: Where totals do not add up; any, and nothing was written.
        files: Outputs in the archive, or in the report; and ``bytes`` of them.
        pages: Pages of those that are PDFs, where they were counted.
        twins: Documents that are another form of an invoice that is counted already.
        control: Totals of the invoices.
        written: The files that were written.
    """

    states: Counter[State] = field(default_factory=Counter)
    left: list[Left] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    refusals: int = 0
    contradictions: list[str] = field(default_factory=list)
    files: int = 0
    bytes: int = 0
    pages: int = 0
    twins: int = 0
    control: Control = field(default_factory=Control)
    written: Mapping[str, Output] = field(default_factory=dict)

    @property
    def documents(self) -> int:
        """All that were meant."""
        return self.states.total()

    @property
    def delivered(self) -> int:
        """Those that were handed over."""
        return self.states[State.DONE] if self.written else 0

    @property
    def exit(self) -> Exit:
        """5: a file was changed, or totals contradict; else as the documents are."""
        if self.refusals or self.contradictions:
            return Exit.UNSETTLED
        ended = exit_of(self.states, stopped=(), is_interrupted=False)
        is_whole = self.states[State.DONE] == self.documents
        return ended if is_whole or ended else Exit.SOME_FAILED

    def refuse(self, words: str) -> None:
        """Note a file that cannot be handed over."""
        self.refusals += 1
        if len(self.refused) < TOLD:
            self.refused.append(words)
