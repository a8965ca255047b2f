"""How rows become data, and where numbers come from: parts of an entry; no I/O."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, Strict

from orchestrator.manifest.series import Every
from orchestrator.manifest.shape import Shape, Word, wrong


class Column(Shape):
    """Where a value of the data comes from: a column, or a constant."""

    column: Word | None = Field(None, description="Name of the column.")
    value: Any = Field(None, description="A constant, in place of a column.")
    number: Word | None = Field(
        None,
        description="How the file writes 1234.50: 1.234,50 or 1'234.50 or 1 234,50.",
        examples=["1.234,50"],
    )
    date: Word | None = Field(
        None,
        description="How the file writes dates: YYYY or YY, MM or M, DD or D.",
        examples=["DD.MM.YYYY"],
    )
    words: dict[str, Any] | None = Field(
        None, min_length=1, description="What the words of the column stand for."
    )
    strip: Word | None = Field(
        None, description="A text that is taken away at both ends.", examples=["EUR"]
    )
    default: Any = Field(None, description="The value where the cell is empty.")


def _column(value: object) -> object:
    if isinstance(value, dict | Column):
        return value
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise wrong("must be the name of a column, or a mapping with column or value")
    return {"column": value}


def _map(value: object) -> object:
    if value == "dotted":
        return {}  # which nobody could mean otherwise
    if not isinstance(value, dict) or not value:
        raise wrong("must be dotted, or targets and their columns")
    return value


Map = Annotated[
    dict[str, Annotated[Column, BeforeValidator(_column)]],
    BeforeValidator(_map),
]
"""Targets and their columns; empty for names of columns that are targets."""


class Number(Shape):
    """A series that documents get their numbers from, kept in the store of numbers."""

    series: Word = Field(
        description="Name of the series; documents of several manifests may share it.",
        examples=["KK"],
    )
    format: Word = Field(
        description="How a number is written: {n} or {n:05}, {year} or {yy}, {month}.",
        examples=["KK-{year}-{n:05}"],
    )
    period: Every = Field(
        Every.YEAR,
        description="When it starts again: every year or month of the document's "
        "date, or never.",
    )
    start: Annotated[int, Strict(), Field(ge=0, lt=10**12)] = Field(
        1, description="The first number of each period.", examples=[1001]
    )
    field: Word = Field("number", description="The key of the data that gets it.")
    date: Word = Field(
        "issue_date", description="The key of the data whose date tells the period."
    )
    gaps: Literal["refuse", "allow"] = Field(
        "refuse", description="Whether numbers that the data gives may leave gaps."
    )
    changes: Literal["refuse", "allow"] = Field(
        "refuse",
        description="Whether a document that was delivered may be made again with "
        "other content under its number. The lawful way is a credit note.",
    )
