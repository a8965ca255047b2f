"""An invoice in the parameters of a design that somebody else keeps; no I/O.

A wording says for each parameter where its value comes from: a field of the invoice or
of its computed amounts (``totals.gross``, ``taxes[0].rate``), a constant, or a row for
each item of a list. Empty values are left out, never sent as null or "".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import cache
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from orchestrator.invoices.compute import Totals, compute
from orchestrator.invoices.locale import Format, format_for
from orchestrator.invoices.model import Invoice, Line
from orchestrator.invoices.problem import near_miss

_STEP = re.compile(r"([A-Za-z_]+)((?:\[[0-9]{1,4}\])?)(?:\.|$)")
_DIGITS = 15
"""Decimal digits that every JSON number keeps, read as a double or not."""

Steps = tuple[str | int, ...]
Where = tuple[str, ...]


class Form(StrEnum):
    """How a value is told."""

    PLAIN = "plain"
    TEXT = "text"
    NUMBER = "number"
    PERCENT = "percent_text"
    DATETIME = "datetime_text"
    MONEY = "money_text"
    DAY = "day_text"


@dataclass(frozen=True, slots=True)
class TaxLine:
    """A tax group, as a wording may name its parts."""

    category: str
    rate: Decimal
    exemption_code: str | None
    exemption_text: str | None
    base: Decimal
    tax: Decimal
    gross: Decimal


@dataclass(frozen=True, slots=True)
class ItemLine:
    """A line with its computed amounts; what is not here is that of the line."""

    no: int
    id: str
    amount: Decimal
    net: Decimal
    line: Line


@dataclass(frozen=True, slots=True)
class _View:
    """An invoice with its computed parts in the place of supplied ones."""

    invoice: Invoice
    totals: Totals
    taxes: tuple[TaxLine, ...]
    lines: tuple[ItemLine, ...]


@dataclass(frozen=True, slots=True)
class Context:
    """What a value may be written with, and where doubts about it are noted."""

    format: Format
    doubts: list[str] = field(default_factory=list)


Value = Callable[[Any, Context], Any]


class WordingError(Exception):
    """A wording cannot be understood; ``faults`` are places in it, and why."""

    def __init__(self, faults: list[tuple[Where, str]]) -> None:
        super().__init__("; ".join(f"{'.'.join(at)} {why}" for at, why in faults))
        self.faults = faults


class Wording:
    """How an invoice is told; read once, used for every invoice.

    Raises:
        WordingError: it cannot be understood, with all that is wrong in it.
    """

    def __init__(self, said: Mapping[str, Any]) -> None:
        faults: list[tuple[Where, str]] = []
        self._members = _members(said, _View, (), faults)
        if faults:
            raise WordingError(faults)

    def params(self, invoice: Invoice) -> tuple[dict[str, Any], list[str]]:
        """The parameters for an invoice, and what is doubtful about them.

        Raises:
            Uncomputable: an amount cannot be told.
        """
        context = Context(format_for(invoice.language, invoice.currency))
        return _told(self._members, _view(invoice), context), context.doubts


def _view(invoice: Invoice) -> _View:
    computed = compute(invoice)
    return _View(
        invoice,
        computed.totals,
        tuple(
            TaxLine(
                each.tax.category.value,
                each.tax.rate,
                each.tax.exemption_code,
                each.tax.exemption_text,
                each.base,
                each.amount,
                each.gross,
            )
            for each in computed.taxes
        ),
        tuple(
            ItemLine(n, each.id, each.amount, each.net, each.line)
            for n, each in enumerate(computed.lines, 1)
        ),
    )


# Reading a wording...


def _members(
    said: Mapping[str, Any], owner: Any, at: Where, faults: list[tuple[Where, str]]
) -> dict[str, Value]:
    found = {}
    for name, spec in said.items():
        where = (*at, str(name))
        try:
            found[str(name)] = _read(spec, owner, where, faults)
        except ValueError as error:
            faults.append((where, str(error)))
    return found


def _read(spec: Any, owner: Any, at: Where, faults: list[tuple[Where, str]]) -> Value:
    """One parameter.

    Raises:
        ValueError: it cannot be understood.
    """
    if isinstance(spec, str):
        spec = {"field": spec}
    kinds = {"field": {"as"}, "value": set(), "each": {"row"}, "object": set()}
    kind = next(
        (each for each in kinds if isinstance(spec, Mapping) and each in spec), ""
    )
    if not kind:
        raise ValueError("needs a field, or one of field, value, each and object")
    if extra := set(map(str, spec)) - {kind} - kinds[kind]:
        raise ValueError(f"has {', '.join(sorted(extra))} beside {kind}")
    if kind == "value":
        return _constant(spec["value"])
    if kind == "object":
        return _nested(_members(_mapping(spec["object"]), owner, at, faults))
    if kind == "each":
        steps, item = _typed(spec["each"], owner)
        if (row := _item_of(item)) is None:
            raise ValueError(f"{spec['each']} is no list")
        members = _members(_mapping(spec.get("row")), row, at, faults)
        return _rows(steps, members)
    steps, _ = _typed(spec["field"], owner)
    return _field(steps, _form(spec.get("as", "plain")))


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or not value:
        raise ValueError("needs parameters and their fields below it")
    return value


def _form(word: Any) -> Form:
    try:
        return Form(word)
    except ValueError:
        known = ", ".join(each for each in Form if each is not Form.PLAIN)
        raise ValueError(f"cannot be told as {word!r}; there are {known}") from None


def _typed(path: Any, owner: Any) -> tuple[Steps, Any]:
    """The steps of a path, and the type of what is there.

    Raises:
        ValueError: an invoice has nothing there.
    """
    steps = _steps(path)
    kind = owner
    for n, step in enumerate(steps):
        if isinstance(step, int):
            kind = _item_of(kind)
        else:
            known = _fields(kind)
            if step not in known:
                there = ".".join(map(str, steps[: n + 1]))
                hint = near_miss(step, known)
                raise ValueError(f"names {there}, which an invoice does not have{hint}")
            kind = known[step]
        if kind is None:
            raise ValueError(f"names {path}, and there is no list")
    return steps, kind


def _steps(path: Any) -> Steps:
    steps: list[str | int] = []
    at = 0
    text = path if isinstance(path, str) else ""
    while match := _STEP.match(text, at):
        steps.append(match[1])
        if match[2]:
            steps.append(int(match[2][1:-1]))
        at = match.end()
        if at == len(text):
            break
    if not steps or at < len(text) or text.endswith("."):
        raise ValueError(f"{path!r} is no field; they are written as in totals.gross")
    return tuple(steps)


@cache
def _fields(kind: Any) -> dict[str, Any]:
    """Names and types of what a value of a type has."""
    kind = _bare(kind)
    if kind is _View:
        own = {k: v for k, v in get_type_hints(_View).items() if k != "invoice"}
        return {**get_type_hints(Invoice), **own}
    if kind is ItemLine:
        own = {k: v for k, v in get_type_hints(ItemLine).items() if k != "line"}
        return {**get_type_hints(Line), **own}
    is_ours = isinstance(kind, type) and hasattr(kind, "__dataclass_fields__")
    return get_type_hints(kind) if is_ours else {}


def _bare(kind: Any) -> Any:
    """A type without ``None``."""
    if get_origin(kind) in (Union, UnionType):
        return next(each for each in get_args(kind) if each is not type(None))
    return kind


def _item_of(kind: Any) -> Any:
    kind = _bare(kind)
    return get_args(kind)[0] if get_origin(kind) is tuple else None


# Telling values...


def _told(members: Mapping[str, Value], owner: Any, context: Context) -> dict[str, Any]:
    """Parameters and their values, without the empty ones."""
    found = ((name, value(owner, context)) for name, value in members.items())
    return {name: each for name, each in found if each not in (None, "", [], {})}


def _constant(value: Any) -> Value:
    return lambda owner, context: value  # noqa: ARG005  # of the type


def _nested(members: Mapping[str, Value]) -> Value:
    return lambda owner, context: _told(members, owner, context)


def _rows(steps: Steps, members: Mapping[str, Value]) -> Value:
    def value(owner: Any, context: Context) -> Any:
        return [_told(members, each, context) for each in _at(owner, steps) or ()]

    return value


def _field(steps: Steps, form: Form) -> Value:
    name = ".".join(map(str, steps))

    def value(owner: Any, context: Context) -> Any:
        found = _at(owner, steps)
        return None if found is None else _written(found, form, name, context)

    return value


def _at(owner: Any, steps: Steps) -> Any:
    for step in steps:
        if owner is None:
            return None
        if isinstance(step, int):
            owner = owner[step] if step < len(owner) else None
        elif isinstance(owner, _View) and not hasattr(owner, step):
            owner = getattr(owner.invoice, step)
        elif isinstance(owner, ItemLine) and not hasattr(owner, step):
            owner = getattr(owner.line, step)
        else:
            owner = getattr(owner, step)
    return owner


def _written(value: Any, form: Form, name: str, context: Context) -> Any:
    is_number = isinstance(value, Decimal | int) and not isinstance(value, bool)
    if form is Form.NUMBER and is_number:
        return _number(Decimal(value), name, context)
    if form is Form.PERCENT and is_number:
        return f"{_short(Decimal(value))}%"
    if form is Form.MONEY and is_number:
        return context.format.money(Decimal(value))
    if form is Form.DATETIME and isinstance(value, date):
        return f"{value.isoformat()} 00:00:00"
    if form is Form.DAY and isinstance(value, date):
        return context.format.day(value)
    if form not in (Form.PLAIN, Form.TEXT):
        context.doubts.append(f"{name} is no value for {form}: it is sent as text")
    return _text(value)


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple):
        return "\n".join(str(_text(each)) for each in value)
    return str(value)


def _number(value: Decimal, name: str, context: Context) -> Any:
    """A JSON number, where every reader gets the same value out of it; else a text."""
    whole = value.normalize()
    if len(whole.as_tuple().digits) > _DIGITS:
        context.doubts.append(f"{name} has more than {_DIGITS} digits: sent as text")
        return f"{value:f}"
    return int(value) if value == value.to_integral_value() else value


def _short(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
