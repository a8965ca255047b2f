"""One row of data, and where it stands; performs no I/O."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple, Protocol

from orchestrator.errors import Place
from orchestrator.manifest.compose import Spot, find


class Origins(Protocol):
    """Where the values of mapped data come from."""

    def at(self, path: tuple[str | int, ...]) -> Place:
        """The place of a value."""
        ...

    def column(self, path: tuple[str | int, ...]) -> str:
        """The column of a value, or nothing."""
        ...


class Row(NamedTuple):
    """One row of data, and where it stands; a tuple, since that is made soonest.

    ``columns`` are the names that it could have, ``values`` what it has. ``data`` is
    what a mapping made of it, for the document's params.
    """

    values: Mapping[str, Any]
    columns: Collection[str]
    place: Place
    spot: Spot | None = None
    data: Mapping[str, Any] | None = None
    origin: Origins | None = None

    @property
    def params(self) -> Mapping[str, Any]:
        """The data for a design."""
        return self.values if self.data is None else self.data

    def at(self, *path: str | int) -> Place:
        """The place of one of its values, as near as the file can tell."""
        if self.origin is not None:
            return self.origin.at(path)
        if self.spot is None:
            return self.place
        mark = find(self.spot, path)
        return Place(self.place.file, mark.line + 1, mark.column + 1)

    def column(self, *path: str | int) -> str:
        """The column that a value comes from, where that has another name."""
        return self.origin.column(path) if self.origin is not None else ""
