"""A design as its folder describes it: ``design.yaml`` beside the template."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from orchestrator import invoices
from orchestrator.designs.design import Design, DesignError
from orchestrator.designs.letters import FAMILIES
from orchestrator.designs.parameters import checker, fault_of_schema
from orchestrator.invoices.problem import Problem, excerpt, near_miss, path_of

DESCRIPTION = "design.yaml"
EXAMPLE = "example.json"
NAME = r"[a-z0-9][a-z0-9_-]{0,63}"

_STANDARDS = (
    "1.4",
    "1.5",
    "1.6",
    "1.7",
    "2.0",
    "a-1a",
    "a-1b",
    "a-2a",
    "a-2b",
    "a-2u",
    "a-3a",
    "a-3b",
    "a-3u",
    "a-4",
    "a-4e",
    "a-4f",
    "ua-1",
)


class Description(BaseModel):
    """What ``design.yaml`` may say."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    title: Annotated[str, Field(min_length=1)]
    description: str = ""
    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{0,64}$")] = ""
    model: Annotated[str, Field(pattern="^(invoice)?$")] = ""
    main: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+\.typ$")] = "main.typ"
    date: str = ""
    standards: list[str] = []
    fonts: list[str] = []
    parameters: dict[str, Any] = {}

    @field_validator("standards")
    @classmethod
    def _known(cls, names: list[str]) -> list[str]:
        for each in names:
            if each not in _STANDARDS:
                raise ValueError(f"{each!r} is none of {', '.join(_STANDARDS)}")
        return names

    @field_validator("fonts")
    @classmethod
    def _has_faces(cls, names: list[str]) -> list[str]:
        for each in names:
            if each not in FAMILIES:
                raise ValueError(f"{each!r} is none of {', '.join(FAMILIES)}")
        return names

    @field_validator("parameters")
    @classmethod
    def _valid(cls, schema: dict[str, Any]) -> dict[str, Any]:
        fault = fault_of_schema(schema)
        if fault:
            raise ValueError(f"is not a JSON Schema: {fault}")
        return schema


def load(root: Path, *, shipped: bool = False) -> Design:
    """Read the design in a folder ``NAME/VERSION``.

    Raises:
        DesignError: the folder does not hold a design.
    """
    path = root / DESCRIPTION
    try:
        state = path.stat()
    except OSError:
        raise DesignError(f"{root}: there is no {DESCRIPTION}") from None
    return _load(root, shipped, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=256)
def _load(root: Path, shipped: bool, _changed: int, _size: int) -> Design:  # noqa: FBT001  # a key of the cache
    try:
        return _design(root, describe(root), shipped=shipped)
    except ValidationError as error:
        problems = [_problem(each) for each in error.errors(include_url=False)]
        raise DesignError(f"{root / DESCRIPTION} has faults:", problems) from None


def describe(root: Path) -> Description:
    """Read ``design.yaml``."""
    path = root / DESCRIPTION
    try:
        text = path.read_text(encoding="utf-8")
        content = yaml.safe_load(text)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        why = excerpt(error, 200)
        raise DesignError(f"{path} cannot be read: {why}") from None
    return Description.model_validate(content)


def _design(root: Path, said: Description, *, shipped: bool) -> Design:
    if not (root / said.main).is_file():
        raise DesignError(f"{root}: there is no {said.main}")
    if not root.name.isdecimal() or not root.name.isascii():
        raise DesignError(f"{root}: the folder of a version is a number from 1")
    return Design(
        name=root.parent.name,
        version=int(root.name),
        title=said.title,
        description=said.description.strip(),
        root=root,
        main=said.main,
        shipped=shipped,
        schema=_schema(said),
        standards=tuple(said.standards),
        id=said.id,
        model=said.model,
        date_field=said.date,
        fonts=tuple(said.fonts),
        _faults=checker(said.parameters),
    )


def _schema(said: Description) -> Mapping[str, Any]:
    """Show the data of the model with what the design adds or narrows."""
    own = said.parameters
    if not said.model:
        return {"type": "object", **own}
    model = dict(invoices.schema())
    model["properties"] = {**model["properties"], **own.get("properties", {})}
    model["required"] = sorted({*model["required"], *own.get("required", ())})
    model["$defs"] = {**model.get("$defs", {}), **own.get("$defs", {})}
    return model


def _problem(fault: Any) -> Problem:
    path = path_of(fault["loc"])
    if fault["type"] == "extra_forbidden":
        hint = near_miss(str(fault["loc"][-1]), Description.model_fields)
        return Problem(path, "E_UNKNOWN_FIELD", f"is not a key of {DESCRIPTION}{hint}")
    message = fault["msg"].removeprefix("Value error, ")
    return Problem(path, "E_DESIGN", message, found=excerpt(fault["input"]))
