"""The complaints of pydantic in our words, each at its place; performs no I/O."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from orchestrator.manifest.compose import Mark, Spot, find
from orchestrator.manifest.data_shape import Column, Number
from orchestrator.manifest.faults import listed, near, shown
from orchestrator.manifest.schema import (
    Account,
    Budget,
    Defaults,
    Limits,
    Manifest,
    Modes,
    StopAt,
    Webhooks,
)

_INNER: dict[str, type[Any]] = {
    "limits": Limits,
    "modes": Modes,
    "defaults": Defaults,
    "webhooks": Webhooks,
    "budget": Budget,
    "stop_at": StopAt,
    "number": Number,
}
_WORDS = {
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "decimal_type": "must be a number",
    "decimal_parsing": "must be a number",
    "list_type": "must be a list",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping",
    "model_attributes_type": "must be a mapping",
}
_BOUNDS = {
    "greater_than": ("over", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("under", "lt"),
    "less_than_equal": ("at most", "le"),
}
Said = tuple[Mark, str, str]


def explain(error: ValidationError, model: type[Any], spot: Spot) -> Iterator[Said]:
    """Each complaint as a place, a message and a hint."""
    for detail in error.errors(include_url=False):
        yield _explained(detail, model, spot)


def _explained(detail: ErrorDetails, model: type[Any], spot: Spot) -> Said:
    path = tuple(step for step in detail["loc"] if step != "[key]")
    name = ".".join(str(step) for step in path)
    kind = detail["type"]
    if kind == "extra_forbidden":
        known = _fields(model, path[:-1])
        word = str(path[-1])
        message = f"unknown key {shown(word)}; allowed are {listed(known)}"
        return find(spot, path, key=True), message, near(word, known)
    if kind == "missing":
        return find(spot, path[:-1]), f"the key {name} is missing", ""
    place = find(spot, path)
    if kind in ("literal_error", "enum"):
        return place, *_choice(name, detail)
    said, hint = _said(detail)
    if kind == "secret":
        return place, f"{name} {said}", hint
    if not name:
        return place, said, hint
    # Of a mapping's keys: that it is a mapping helps nobody.
    is_inner = isinstance(detail["input"], dict) and "said" in detail.get("ctx", {})
    found = "" if is_inner else f", found {shown(detail['input'])}"
    return place, f"{name} {said}{found}", hint


def _said(detail: ErrorDetails) -> tuple[str, str]:
    kind, context = detail["type"], detail.get("ctx", {})
    if "said" in context:
        return str(context["said"]), str(context.get("hint", ""))
    if kind in _BOUNDS:
        word, key = _BOUNDS[kind]
        return f"must be {word} {context[key]}", ""
    if kind == "too_short":
        return "must not be empty", ""
    if kind == "string_pattern_mismatch":
        is_empty = not str(detail["input"]).strip()
        what = "must not be empty" if is_empty else "must not hold control characters"
        return what, ""
    text = _WORDS.get(kind)
    hint = "put it in quotes" if kind == "string_type" else ""
    if isinstance(detail["input"], bool) and kind == "string_type":
        return "must be text", hint
    return text or detail["msg"][:1].lower() + detail["msg"][1:], ""


def _choice(name: str, detail: ErrorDetails) -> tuple[str, str]:
    expected = str(detail.get("ctx", {}).get("expected", ""))
    allowed = expected.replace("'", "").replace(" or ", ", ")
    found = detail["input"]
    message = f"{name} must be one of {allowed}; found {shown(found)}"
    if ", " not in allowed:
        message = f"{name} must be {allowed}; found {shown(found)}"
    return message, near(found, allowed.split(", ")) if isinstance(found, str) else ""


def _fields(model: type[Any], path: tuple[str | int, ...]) -> list[str]:
    """The keys that are allowed at a path."""
    inner: type[Any] = model
    if path[:1] == ("map",):
        return list(Column.model_fields)
    if path[:1] == ("providers",):
        inner = Account
        path = path[2:]
    if path:
        inner = _INNER.get(str(path[-1]), model)
    known = list(inner.model_fields)
    return [*known, "documents"] if inner is Manifest else known
