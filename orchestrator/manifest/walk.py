"""Walks over a YAML file: the head of a manifest, then its entries, one by one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

from yaml import CLoader, MarkedYAMLError, YAMLError
from yaml.events import (
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from orchestrator.errors import Place
from orchestrator.manifest.compose import (
    Broken,
    Composer,
    Event,
    Mark,
    Marks,
    Node,
    Spot,
)
from orchestrator.manifest.faults import Faults, shown
from orchestrator.manifest.lines import Lines
from orchestrator.manifest.text import CHUNK, UTF16, Readable, Text, foreign

LIST = "documents"
_LIST_KEY = re.compile(rb"""(?:^|[\r\n])["']?documents["']?[ \t]*:""")
_NEXT_KEY = re.compile(rb"[\r\n][^\s#\-]")


class Spotted(NamedTuple):
    """A value of a YAML file, and where its parts stand."""

    value: Any
    spot: Spot
    is_flawed: bool = False


@dataclass(slots=True)
class Start:
    """A mark that no parser gave."""

    line: int = 0
    column: int = 0


@dataclass(slots=True)
class Head:
    """The keys of a manifest beside its documents.

    ``is_whole`` says that all of them could be read.
    """

    values: dict[str, Any] = field(default_factory=dict)
    keys: dict[str, Mark] = field(default_factory=dict)
    spots: dict[str, Spot] = field(default_factory=dict)
    flawed: set[str] = field(default_factory=set)
    is_whole: bool = False

    @property
    def marks(self) -> Marks:
        """Where everything stands, as for any other mapping."""
        marks = Marks(Start())
        marks.keys, marks.values = self.keys, self.spots
        return marks


class Walk:
    """One pass over one file."""

    def __init__(
        self, file: Readable, name: str, faults: Faults, *, what: str = "a manifest"
    ) -> None:
        self._name = name
        self._what = what
        self._faults = faults
        self._lines = Lines(Text(file, self._foreign), self._twice)
        self._next: Callable[[], Event] = CLoader(self._lines).get_event
        self._composer = Composer(self._next, self.report)

    def place(self, mark: Mark) -> Place:
        """A mark as a place."""
        return Place(self._name, mark.line + 1, mark.column + 1)

    def report(self, mark: Mark, message: str, hint: str = "") -> None:
        """Note a fault of the text itself."""
        self._faults.add(self.place(mark), message, hint)

    def head(self, *, stops: bool) -> Head:
        """All keys beside the documents; ``stops`` says that none comes after them."""
        head = Head()
        try:
            for key, _, event in self._root(head):
                if key != LIST:
                    self._keep(head, key, event)
                elif stops:
                    break
                else:
                    self._composer.skip(event)
            head.is_whole = True
        except (YAMLError, Broken):
            pass  # the pass over the entries meets it again, after what stands before
        return head

    def entries(self, *, last: bool = False) -> Iterator[Spotted]:
        """The documents of a manifest, in order; ``last``: no key was read below."""
        is_below = False
        try:
            for key, mark, event in self._root(Head()):
                if key == LIST:
                    yield from self._list(event, LIST)
                    is_below = last
                    continue
                if is_below:
                    self.report(mark, f"{shown(key)} must stand above the documents")
                self._composer.entry(event)
        except (YAMLError, Broken) as error:
            yield from self._taken(inf)
            self._broken(error)

    def rows(self) -> Iterator[Spotted]:
        """The items of a file that is one list."""
        try:
            event = self._open()
            if event is None:
                return
            yield from self._list(event, "a file of rows")
            self._close()
        except (YAMLError, Broken) as error:
            yield from self._taken(inf)
            self._broken(error)

    def _keep(self, head: Head, key: str, event: Event) -> None:
        node = self._composer.entry(event)
        head.values[key] = node.value
        if self._composer.is_flawed:
            head.flawed.add(key)
        head.spots[key] = node.spot

    def _open(self) -> Event | None:
        """The first event of the root, or ``None`` for a file without content."""
        self._next()
        event = self._next()
        if type(event) is not DocumentStartEvent:
            self.report(Start(), "the file is empty")
            return None
        return self._next()

    def _close(self) -> None:
        self._next()
        event = self._next()
        if type(event) is not StreamEndEvent:
            self.report(
                event.start_mark,
                "a second YAML document starts here; allowed is one in a file",
                "remove the line ---",
            )

    def _root(self, head: Head) -> Iterator[tuple[str, Mark, Event]]:
        """Keys of the root, once each, with the event that their value starts with."""
        start = self._open()
        if start is None:
            return
        if type(start) is not MappingStartEvent:
            node: Node = self._composer.entry(start)
            self.report(
                start.start_mark,
                f"{self._what} is a mapping of keys, found {shown(node.value)}",
                "start with version: 1" if self._what == "a manifest" else "",
            )
            return
        while type(event := self._next()) is not MappingEndEvent:
            value = self._next() if type(event) is ScalarEvent else None
            if value is None:
                self.report(event.start_mark, "a key must be a text")
                self._composer.entry(event)
                self._composer.skip(self._next())
            elif (key := str(event.value)) in head.keys:
                self.report(event.start_mark, f"the key {shown(key)} is here twice")
                self._composer.skip(value)
            else:
                head.keys[key] = event.start_mark
                yield key, event.start_mark, value
        self._close()

    def _list(self, start: Event, what: str) -> Iterator[Spotted]:
        if type(start) is not SequenceStartEvent:
            node = self._composer.entry(start)
            self.report(
                start.start_mark,
                f"{what} must be a list, found {shown(node.value)}",
                "start each item with a dash",
            )
            return
        lines = self._lines
        while type(event := self._next()) is not SequenceEndEvent:
            mark: Mark = event.start_mark
            if lines.taken:
                yield from self._taken(mark.line)
            node = self._composer.entry(event)
            if not lines.is_sure and type(event) is MappingStartEvent:
                lines.begins(mark.line, mark.column)
            yield Spotted(node.value, node.spot, self._composer.is_flawed)
        yield from self._taken(inf)

    def _taken(self, line: float) -> Iterator[Spotted]:
        """Entries above a line that the parser was spared."""
        for value, entry in self._lines.before(line):
            yield Spotted(value, entry)

    def _twice(self, key: str, mark: Mark, first: Mark) -> None:
        self._composer.twice(key, mark, first)

    def _foreign(self, line: int, column: int, found: str) -> None:
        if found == UTF16:
            raise Broken(Start(), foreign(found), "save the file as UTF-8")
        self.report(Start(line, column), foreign(found), "save the file as UTF-8")

    def _broken(self, error: YAMLError | Broken) -> None:
        if isinstance(error, Broken):
            self.report(error.mark, error.message, error.hint)
        elif isinstance(error, MarkedYAMLError):
            mark: Any = error.problem_mark or error.context_mark or Start()
            problem = f"not valid YAML: {error.problem or error.context}"
            self.report(mark, problem, _yaml_hint(str(error.problem)))
        else:
            self.report(Start(), "not valid YAML")


def _yaml_hint(problem: str) -> str:
    if "cannot start any token" in problem:
        return "tabs cannot indent; a text that starts with @, ` or % needs quotes"
    if "mapping values are not allowed" in problem:
        return "a text that holds a colon and a space needs quotes"
    if "expected <block end>" in problem or "did not find expected" in problem:
        return "look at the indentation here and in the lines above"
    return ""


def ends_with_documents(path: Path) -> bool:
    """Whether no key can follow the documents; a cheap look that may say no in doubt.

    It saves a pass: keys may stand in any order, but most manifests end with their
    documents.
    """
    pattern = _LIST_KEY
    with path.open("rb") as file:
        tail = b"\n"
        while chunk := file.read(CHUNK * 16):
            text = tail + chunk
            at = 0
            if pattern is _LIST_KEY:
                found = pattern.search(text)
                if found is None:
                    tail = text[-64:]
                    continue
                pattern, at = _NEXT_KEY, found.end()
            if pattern.search(text, at):
                return False
            tail = text[-1:]
    return pattern is _NEXT_KEY
