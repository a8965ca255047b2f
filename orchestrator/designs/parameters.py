"""The data of a design against its JSON Schema: all faults, with hints; no I/O."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker, ValidationError
from jsonschema.exceptions import SchemaError
from jsonschema.validators import extend

from orchestrator.designs.logo import BadLogo, logo_as_svg
from orchestrator.invoices.problem import Problem, excerpt, near_miss, path_of

_CODES = {
    "type": "E_PARAM_TYPE",
    "required": "E_REQUIRED",
    "additionalProperties": "E_UNKNOWN_FIELD",
    "enum": "E_VALUE",
    "format": "E_FORMAT",
    "pattern": "E_FORMAT",
}

_formats = FormatChecker(formats=("date", "email"))


@_formats.checks("logo", raises=BadLogo)
def _is_logo(value: object) -> bool:
    if isinstance(value, str):
        logo_as_svg(value)
    return True


def _is_number(_: object, value: object) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, int) or (isinstance(value, Decimal) and value.is_finite())


def _is_integer(_: object, value: object) -> bool:
    if isinstance(value, Decimal) and value.is_finite():
        return value == value.to_integral_value()
    return isinstance(value, int) and not isinstance(value, bool)


_types = Draft202012Validator.TYPE_CHECKER.redefine_many(
    {
        "number": _is_number,
        "integer": _is_integer,
        "object": lambda _, value: isinstance(value, Mapping),
        "array": lambda _, value: isinstance(value, list | tuple),
    }
)
_extend: Any = extend
_Validator = _extend(Draft202012Validator, type_checker=_types)


def fault_of_schema(schema: Any) -> str | None:
    """Say what is wrong with a JSON Schema, or nothing."""
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return f"{path_of(error.absolute_path)}: {error.message}".removeprefix(": ")
    return _foreign(schema)


def _foreign(schema: Any) -> str | None:
    """A schema is one file: what it refers to is in it."""
    if isinstance(schema, list):
        return next(filter(None, map(_foreign, schema)), None)
    if not isinstance(schema, dict):
        return None
    ref = schema.get("$ref")
    if isinstance(ref, str) and not ref.startswith("#"):
        return f"refers to {ref!r}, which is outside of it"
    return next(filter(None, map(_foreign, schema.values())), None)


def checker(schema: Mapping[str, Any]) -> Callable[[Any], list[Problem]]:
    """Give the function that finds all faults of data under a schema."""
    validator = _Validator(_exact(schema), format_checker=_formats)

    def problems(params: Any) -> list[Problem]:
        errors = validator.iter_errors(_exact(params))
        return [each for error in errors for each in _problems(error)]

    return problems


def _exact(value: Any) -> Any:
    """Replace floats by the decimal that their text shows."""
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, Mapping):
        return {key: _exact(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_exact(each) for each in value]
    return value


def _problems(error: ValidationError) -> Iterator[Problem]:
    path = list(error.absolute_path)
    rule = str(error.validator)
    code = _CODES.get(rule, "E_PARAM")
    if rule == "additionalProperties" and error.validator_value is False:
        yield from _unknown(error, path)
    elif rule == "required":
        yield from _missing(error, path)
    elif "propertyNames" in list(error.absolute_schema_path)[-2:]:
        message = "is not known here" + _among(str(error.instance), error)
        yield Problem(path_of([*path, str(error.instance)]), "E_UNKNOWN_FIELD", message)
    else:
        message, expected = _said(error, rule)
        found = excerpt(error.instance)
        yield Problem(path_of(path), code, message, expected, found)


def _unknown(error: ValidationError, path: list[str | int]) -> Iterator[Problem]:
    schema: Any = error.schema
    known = schema.get("properties", {})
    patterns = schema.get("patternProperties", {})
    found: Any = error.instance
    for key in found:
        if key in known or any(re.search(each, key) for each in patterns):
            continue
        message = "is not a parameter of this design" + near_miss(str(key), known)
        yield Problem(path_of([*path, str(key)]), "E_UNKNOWN_FIELD", message)


def _missing(error: ValidationError, path: list[str | int]) -> Iterator[Problem]:
    """One error speaks of one key: the one that its message quotes."""
    keys: Any = error.validator_value
    found: Any = error.instance
    for key in keys:
        if key not in found and error.message.startswith(repr(key)):
            yield Problem(path_of([*path, key]), "E_REQUIRED", "is missing")


def _among(word: str, error: ValidationError) -> str:
    allowed: Any = error.validator_value
    return near_miss(word, map(str, allowed)) if isinstance(allowed, list) else ""


def _said(error: ValidationError, rule: str) -> tuple[str, str | None]:
    allowed: Any = error.validator_value
    if rule == "type":
        kinds = [allowed] if isinstance(allowed, str) else list(allowed)
        expected = " or ".join(kinds)
        return f"is not of type {expected}", expected
    if rule == "enum":
        expected = ", ".join(map(str, allowed))
        return f"is not one of {expected}", expected
    if rule == "format" and isinstance(error.cause, BadLogo):
        return str(error.cause), None
    if rule in {"format", "pattern"}:
        return f"does not have the form {allowed}", str(allowed)
    return excerpt(error.message, 200), excerpt(allowed)
