"""Opens what an entry's ``rows`` names: a file, or a query of a database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from os.path import normpath
from pathlib import Path

from pydantic_core import PydanticCustomError

from orchestrator.manifest import schema
from orchestrator.manifest.draft import At
from orchestrator.manifest.faults import Faults, listed, shown
from orchestrator.manifest.inputs import nearby
from orchestrator.manifest.mapping import Mapper, dotted, sources_of
from orchestrator.manifest.recipe import Common
from orchestrator.manifest.row import Row
from orchestrator.manifest.sources import SUFFIXES, TABLES, rows
from orchestrator.manifest.tabular import (
    PARQUET,
    SQLITE,
    Unreadable,
    parquet_rows,
    postgres_rows,
    sqlite_rows,
)
from orchestrator.manifest.text import UTF8
from orchestrator.settings import SecretMissing

_SELECT = "the SQL that selects its rows"
Read = Callable[[], Iterator[Row]]


def reading(said: schema.Rows, common: Common, at: At, faults: Faults) -> Read:
    """A reader of an entry's rows, mapped and grouped as it says.

    Raises:
        Flawed: what it names is not there, or its mapping cannot be read; noted.
    """
    source = _source(said, common, at, faults)
    if said.map is None:
        if said.group is not None:
            message = "group needs map: it says what the rows of a group become"
            raise faults.flaw(at("group"), message)
        return partial(_all, source, said, at, faults)
    if said.map:
        sources = sources_of(said.map, at, faults)
        mapper = Mapper(sources, faults, at, said.group)
        return lambda: mapper.rows(_all(source, said, at, faults))
    return lambda: _dotted(_all(source, said, at, faults), said, at, faults)


def _dotted(
    found: Iterable[Row], said: schema.Rows, at: At, faults: Faults
) -> Iterator[Row]:
    """Rows whose columns are targets: known when the first row is there."""
    every = iter(found)
    for first in every:
        sources = dotted(first.columns, at, faults)
        mapper = Mapper(sources, faults, at, said.group)
        yield from mapper.rows(chain([first], every))


def _all(source: Read, said: schema.Rows, at: At, faults: Faults) -> Iterator[Row]:
    try:
        yield from source()
    except OSError as error:
        message = f"{shown(said.rows)} cannot be read: {error.strerror}"
        faults.add(at("rows"), message)
    except Unreadable as error:
        where = "query" if said.query else "rows"
        faults.add(at(where), f"{shown(said.rows)}: {error}")


def _source(said: schema.Rows, common: Common, at: At, faults: Faults) -> Read:
    if said.encoding and not said.rows.lower().endswith(TABLES):
        message = f"encoding is for {listed(TABLES)}; {shown(said.rows)} has its own"
        raise faults.flaw(at("encoding"), message)
    if common.seen is not None and (said.query or said.rows.startswith("${")):
        common.seen.spoil()  # what a database says cannot be compared
    if said.rows.startswith("${"):
        return _database(said, common, at, faults)
    path = _file(said, common, at, faults)
    name = normpath(Path(common.file).parent / said.rows)
    suffix = path.suffix.lower()
    if (suffix in SQLITE) != (said.query is not None):
        message = f"{shown(said.rows)} needs a query: {_SELECT}"
        if said.query is not None:
            message = f"{shown(said.rows)} takes no query; {listed(SQLITE)} do"
        raise faults.flaw(at("query" if said.query else "rows"), message)
    if said.query is not None:
        return partial(sqlite_rows, path, said.query, name, faults)
    if suffix in PARQUET:
        return partial(parquet_rows, path, name, faults, common.seen)
    numbers = frozenset(said.numbers or ())
    encoding = said.encoding or UTF8
    return partial(rows, path, name, faults, numbers, encoding, seen=common.seen)


def _file(said: schema.Rows, common: Common, at: At, faults: Faults) -> Path:
    path = Path(normpath(common.folder / said.rows))
    if path.suffix.lower() not in (*SUFFIXES, *PARQUET, *SQLITE):
        message = f"rows in {shown(said.rows)} cannot be read"
        hint = f"allowed are {listed((*SUFFIXES, *PARQUET, *SQLITE))}"
        raise faults.flaw(at("rows"), message, f"{hint}, and ${{env:NAME}}")
    if not path.is_file():
        what = "is no file" if path.exists() else "is not there"
        message = f"{shown(said.rows)} {what}"
        raise faults.flaw(at("rows"), message, nearby(path))
    return path


def _database(said: schema.Rows, common: Common, at: At, faults: Faults) -> Read:
    try:
        reference = schema.reference_of(said.rows)
    except PydanticCustomError:
        message = "must be a file, or a reference to a connection string"
        raise faults.flaw(at("rows"), message, "as in ${env:SHOP_DATABASE}") from None
    if said.query is None:
        message = f"{reference} needs a query: {_SELECT}"
        raise faults.flaw(at("rows"), message)
    if common.environment is None:
        message = f"{reference} is not looked for without an environment"
        raise faults.flaw(at("rows"), message)
    try:
        secret = reference.resolve(common.environment, common.folder)
    except SecretMissing as error:
        raise faults.flaw(at("rows"), str(error)) from None
    return partial(postgres_rows, secret, said.query, str(reference), faults)
