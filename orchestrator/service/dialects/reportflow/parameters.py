"""The parameters of a design as the API describes them; performs no I/O.

The first generation answers ``{name: type}``, today's an array of specs. Both are
drawn from the design's JSON Schema, which says more than either can.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DEEPEST = 8
Schema = Mapping[str, Any]
_TYPES = {"number": "number", "integer": "number", "boolean": "boolean"}


def types(schema: Schema) -> dict[str, Any]:
    """Names with types, as the first generation has them."""
    return {name: _type(rule, schema, 1) for name, rule in _properties(schema, schema)}


def specs(schema: Schema) -> list[dict[str, Any]]:
    """Specs, as today's generation has them."""
    return [_spec(name, rule, schema, 1) for name, rule in _properties(schema, schema)]


def _type(rule: Schema, root: Schema, depth: int) -> Any:
    rule = _resolved(rule, root)
    kind = _kind(rule)
    if depth > DEEPEST or kind not in ("object", "array"):
        return _TYPES.get(kind, "string")
    if kind == "array":
        return [_type(rule.get("items", {}), root, depth + 1)]
    return {
        name: _type(each, root, depth + 1) for name, each in _properties(rule, root)
    }


def _spec(name: str, rule: Schema, root: Schema, depth: int) -> dict[str, Any]:
    rule = _resolved(rule, root)
    spec = {"name": name, "type": _word(rule), "label": rule.get("title", name)}
    if "description" in rule:
        spec["description"] = rule["description"]
    kind = _kind(rule)
    inner = _resolved(rule.get("items", {}), root) if kind == "array" else rule
    nested = _properties(inner, root) if depth <= DEEPEST else []
    if kind in ("array", "object"):
        spec["spec"] = [_spec(key, each, root, depth + 1) for key, each in nested]
    return spec


def _word(rule: Schema) -> str:
    kind = _kind(rule)
    if kind == "string" and rule.get("format") == "date":
        return "date"
    return {**_TYPES, "array": "array", "object": "collection"}.get(kind, "text")


def _kind(rule: Schema) -> str:
    kind = rule.get("type")
    if isinstance(kind, list):
        kind = next((each for each in kind if each != "null"), "string")
    if isinstance(kind, str):
        return kind
    return "object" if "properties" in rule else "string"


def _properties(rule: Schema, root: Schema) -> list[tuple[str, Schema]]:
    found = _resolved(rule, root).get("properties", {})
    return [(name, each) for name, each in found.items() if isinstance(each, Mapping)]


def _resolved(rule: Any, root: Schema) -> Schema:
    """The rule behind references, and the first of several that are allowed."""
    for _ in range(DEEPEST):
        if not isinstance(rule, Mapping):
            return {}
        if "$ref" in rule:
            rule = _target(str(rule["$ref"]), root)
        elif choices := rule.get("anyOf") or rule.get("oneOf") or rule.get("allOf"):
            rest = {key: rule[key] for key in ("title", "description") if key in rule}
            rule = {**_target_of(choices[0], root), **rest}
        else:
            return rule
    return {}


def _target_of(rule: Any, root: Schema) -> Schema:
    if isinstance(rule, Mapping) and "$ref" in rule:
        return _target(str(rule["$ref"]), root)
    return rule if isinstance(rule, Mapping) else {}


def _target(ref: str, root: Schema) -> Schema:
    found: Any = root
    for step in ref.removeprefix("#").strip("/").split("/"):
        key = step.replace("~1", "/").replace("~0", "~")
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}
