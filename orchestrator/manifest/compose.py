"""YAML events into plain values, one node at a time, every position kept beside them.

Theory of operation
-------------------
PyYAML's C parser turns a stream into events. Loading the whole of a large manifest with
it costs a gigabyte, so this composes one node (one document of the manifest) when asked
and forgets it. Values are what JSON has, with ``Decimal`` for numbers with a point.
Where each key and value stands is kept in a tree of the same shape, made of the
parser's own marks: nothing is computed for the entries that have no fault.

Anchors live as long as the pass. An alias gives the anchored value itself, never a
copy, and counts with the size of what it stands for, so that a few lines that expand to
millions of nodes are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from orchestrator.manifest.faults import listed, near, shown
from orchestrator.manifest.scalars import resolve

Event = Any
"""An event of the parser: its C classes carry no types that tell anything."""
DEEPEST = 64
BORROWED = 100_000
"""Nodes that one entry may take through aliases."""
_TAG = "tag:yaml.org,2002:"
_PLAIN_TAGS = {_TAG + each for each in ("int", "float", "bool", "null")}
_TEXT_TAGS = {"!", _TAG + "str"}
_GROUP_TAGS = {None, "!", _TAG + "map", _TAG + "seq"}


class Mark(Protocol):
    """Where something starts; both count from 0."""

    @property
    def line(self) -> int:
        """Lines above it."""
        ...

    @property
    def column(self) -> int:
        """Characters before it."""
        ...


class Marks:
    """Where a mapping or a list, its keys and its values start."""

    __slots__ = ("keys", "start", "values")

    def __init__(self, start: Mark) -> None:
        self.start = start
        self.keys: dict[str, Mark] = {}
        self.values: dict[str, Spot] | list[Spot] = {}


Spot = Mark | Marks


class Node(NamedTuple):
    """A value, where it stands, and how many nodes it has."""

    value: Any
    spot: Spot
    size: int = 1


class Broken(Exception):
    """The text cannot be read on from here."""

    def __init__(self, mark: Mark, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.mark = mark
        self.message = message
        self.hint = hint


Report = Callable[[Any, str, str], None]


def start_of(spot: Spot) -> Mark:
    """Where a value starts."""
    return spot.start if isinstance(spot, Marks) else spot


def find(spot: Spot, path: tuple[str | int, ...], *, key: bool = False) -> Mark:
    """Where the value at a path starts, or the deepest part of the path that is there.

    With ``key``, the last step of the path finds the key and not its value.
    """
    for i, step in enumerate(path):
        if not isinstance(spot, Marks):
            break
        if key and i == len(path) - 1 and step in spot.keys:
            return spot.keys[str(step)]
        try:
            spot = spot.values[step]  # type: ignore[index]  # a miss is expected
        except (KeyError, IndexError, TypeError):
            break
    return start_of(spot)


@dataclass(slots=True)
class Composer:
    """Composes nodes from the events of one parser.

    ``is_flawed`` says that a fault was reported which left a hole in the values.
    """

    get_event: Callable[[], Event]
    report: Report
    is_flawed: bool = False
    _anchors: dict[str, Node] = field(default_factory=dict)
    _depth: int = 0
    _count: int = 0
    _borrowed: int = 0

    def entry(self, event: Event) -> Node:
        """Compose a node that is judged by itself."""
        self.is_flawed = False
        self._borrowed = 0
        if type(event) is MappingStartEvent and event.tag is None is event.anchor:
            before = self._count
            self._count += 1
            value, spot = self._group(event)
            return Node(value, spot, self._count - before)
        return self.node(event)

    def node(self, event: Event) -> Node:
        """Compose the node that starts with this event."""
        before = self._count
        self._count += 1
        kind: type[Any] = type(event)
        if kind is AliasEvent:
            return self._alias(event)
        if kind is ScalarEvent:
            value, spot = self._scalar(event), event.start_mark
        else:
            value, spot = self._group(event)
        node = Node(value, spot, self._count - before)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def skip(self, event: Event) -> None:
        """Pass over a node; what has an anchor in it is composed."""
        depth = 0
        while True:
            kind = type(event)
            if kind is not AliasEvent and getattr(event, "anchor", None) is not None:
                self.entry(event)
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                depth += 1
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                depth -= 1
            if depth == 0:
                return
            event = self.get_event()

    def flaw(self, mark: Mark, message: str, hint: str = "") -> None:
        """Report a fault that leaves a hole."""
        self.is_flawed = True
        self.report(mark, message, hint)

    def _scalar(self, event: Event) -> Any:
        tag = event.tag
        if tag is None:
            return event.value if event.style else resolve(event.value)
        if tag in _PLAIN_TAGS:
            return resolve(event.value)
        if tag not in _TEXT_TAGS:
            self._tagged(event)
        return event.value

    def _tagged(self, event: Event) -> None:
        self.flaw(
            event.start_mark,
            f"the tag {shown(event.tag)} means nothing here",
            "write the value without it",
        )

    def _alias(self, event: Event) -> Node:
        name = str(event.anchor)
        found = self._anchors.get(name)
        if found is None:
            self.flaw(
                event.start_mark,
                f"the alias *{shown(name)[1:-1]} has no anchor above it; "
                f"there are: {listed(self._anchors) or 'none'}",
                near(name, self._anchors),
            )
            return Node(None, event.start_mark)
        self._count += found.size
        self._borrowed += found.size
        if self._borrowed > BORROWED:
            raise Broken(
                event.start_mark,
                f"aliases expand this entry to more than {BORROWED:,} values",
                "anchors within anchors multiply; write the values out",
            )
        return found

    def _group(self, event: Event) -> tuple[Any, Marks]:
        if self._depth == DEEPEST:
            raise Broken(
                event.start_mark, f"nested deeper than the {DEEPEST} levels allowed"
            )
        if event.tag not in _GROUP_TAGS:
            self._tagged(event)
        self._depth += 1
        marks = Marks(event.start_mark)
        value: Any
        if type(event) is MappingStartEvent:
            value = self._mapping(marks)
        else:
            value = self._sequence(marks)
        self._depth -= 1
        return value, marks

    def _sequence(self, marks: Marks) -> list[Any]:
        value: list[Any] = []
        spots: list[Spot] = []
        while type(event := self.get_event()) is not SequenceEndEvent:
            node = self.node(event)
            value.append(node.value)
            spots.append(node.spot)
        marks.values = spots
        return value

    def _mapping(self, marks: Marks) -> dict[str, Any]:  # noqa: C901, PLR0912  # see within
        value: dict[str, Any] = {}
        values: dict[str, Spot] = {}
        marks.values = values
        keys = marks.keys
        merges: Node | None = None
        get_event = self.get_event
        # Most of the time of a large manifest goes here: what nearly all keys and
        # values are, plain scalars, is read without a call.
        while True:
            event = get_event()
            kind: type[Any] = type(event)
            if kind is ScalarEvent and event.anchor is None:
                self._count += 1
                key: str | None = event.value
            elif kind is MappingEndEvent:
                break
            else:
                key = self._key(event)
            child = get_event()
            kind = type(child)
            if kind is ScalarEvent and child.anchor is None:
                self._count += 1
                spot: Spot = child.start_mark
                if child.tag is not None:
                    item = self._scalar(child)
                else:
                    item = child.value if child.style else resolve(child.value)
                if key == "<<" and not event.style:
                    self._unmerged(spot, item)
            else:
                item, spot, _ = node = self.node(child)
                if key == "<<" and not event.style and merges is None:
                    merges = node
                    keys[key] = event.start_mark
                    continue
            if key is None:
                continue
            if key in keys:
                self.twice(key, event.start_mark, keys[key])
                continue
            value[key] = item
            values[key] = spot
            keys[key] = event.start_mark
        if merges is not None:
            self._merge(value, marks, merges)
        return value

    def twice(self, key: str, mark: Mark, first: Mark) -> None:
        """Report a key that is in a mapping for the second time."""
        self.report(
            mark,
            f"the key {shown(key)} is here twice in one mapping; "
            f"the first is in line {first.line + 1}",
            "remove one of them",
        )

    def _key(self, event: Event) -> str | None:
        self._count += 1
        kind: type[Any] = type(event)
        if kind is ScalarEvent:
            if event.anchor is not None:
                self._anchors[event.anchor] = Node(event.value, event.start_mark)
            return str(event.value)
        self.flaw(event.start_mark, "a key must be a text, not a group or an alias")
        if kind is not AliasEvent:
            self.node(event)
        return None

    def _unmerged(self, spot: Spot, found: object) -> None:
        message = f"<< takes a mapping or a list of them, found {shown(found)}"
        self.flaw(start_of(spot), message, "name an anchor: <<: *name")

    def _merge(self, value: dict[str, Any], marks: Marks, merges: Node) -> None:
        """Take from merged mappings what is not said here; the first of them wins."""
        for found, spot in _mappings(merges):
            if not isinstance(found, dict) or not isinstance(spot, Marks):
                self._unmerged(spot, found)
                continue
            for key, item in found.items():
                if key not in value:
                    value[key] = item
                    marks.keys[key] = spot.keys[key]
                    marks.values[key] = spot.values[key]


def _mappings(merges: Node) -> Iterator[tuple[Any, Spot]]:
    if isinstance(merges.value, list) and isinstance(merges.spot, Marks):
        yield from zip(merges.value, merges.spot.values, strict=True)
    else:
        yield merges.value, merges.spot
