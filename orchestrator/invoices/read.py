"""From the caller's data to an invoice, or to everything wrong with it; no I/O."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from orchestrator.invoices.model import Invoice
from orchestrator.invoices.problem import Problem, excerpt, near_miss, path_of

MOST_LINES = 10_000

_CODES = {
    "missing": "E_REQUIRED",
    "unexpected_keyword_argument": "E_UNKNOWN_FIELD",
    "enum": "E_VALUE",
    "string_too_short": "E_EMPTY",
    "string_too_long": "E_TOO_LONG",
    "string_pattern_mismatch": "E_TEXT",
}
_MESSAGES = {
    "missing": "is missing",
    "string_too_short": "is empty: leave the key out instead",
    "string_pattern_mismatch": "has control characters, which cannot be printed",
    "dataclass_type": "a mapping with the keys of the model is needed",
    "string_type": "a text is needed (put it in quotes)",
    "tuple_type": "a list is needed (in map, its first item is written with [0])",
}


def read(data: object) -> Invoice | list[Problem]:
    """Give the invoice, or every fault of form in the data."""
    if isinstance(data, Mapping):
        lines = data.get("lines")
        if isinstance(lines, Sequence) and len(lines) > MOST_LINES:
            return [_too_many(len(lines))]
    try:
        return _adapter().validate_python(data)
    except ValidationError as error:
        faults = error.errors(include_url=False)
        return sorted({_problem(each) for each in faults})


def schema() -> Mapping[str, Any]:
    """The JSON Schema of an invoice, for people and editors."""
    return _adapter().json_schema()


def without(
    data: Any, paths: Collection[str], steps: tuple[str | int, ...] = ()
) -> Any:
    """Copy data without what stands at some paths; items of lists stay."""
    if isinstance(data, Mapping):
        return {
            key: without(each, paths, (*steps, str(key)))
            for key, each in data.items()
            if path_of((*steps, str(key))) not in paths
        }
    if isinstance(data, list | tuple):
        return [without(each, paths, (*steps, n)) for n, each in enumerate(data)]
    return data


@cache
def _adapter() -> TypeAdapter[Invoice]:
    return TypeAdapter(Invoice)


def _too_many(count: int) -> Problem:
    message = "an invoice has at most 10000 lines"
    return Problem("lines", "E_RANGE", message, str(MOST_LINES), str(count))


def _problem(fault: ErrorDetails) -> Problem:
    kind, steps = fault["type"], fault["loc"]
    code = kind if kind.startswith("E_") else _CODES.get(kind, "E_TYPE")
    message = _MESSAGES.get(kind) or fault["msg"]
    found = None if kind == "missing" else excerpt(fault["input"])
    if kind == "unexpected_keyword_argument":
        message = "is not a key of the model" + near_miss(
            str(steps[-1]), _keys(steps[:-1])
        )
    expected = None
    if kind == "enum":
        expected = str(fault.get("ctx", {}).get("expected", "")).replace("'", "")
        message = f"is not one of {expected}"
    return Problem(path_of(steps), code, message, expected, found)


def _keys(steps: Sequence[str | int]) -> list[str]:
    """Give the keys that the model has at a place."""
    owner: Any = Invoice
    for step in steps:
        if isinstance(step, str):
            hint = get_type_hints(owner).get(step)
            owner = next(_dataclasses(hint), None)
            if owner is None:
                return []
    return [each.name for each in fields(owner)]


def _dataclasses(hint: Any) -> Iterator[Any]:
    if isinstance(hint, type) and is_dataclass(hint):
        yield hint
    for each in get_args(hint):
        yield from _dataclasses(each)
