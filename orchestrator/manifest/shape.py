"""What the shapes of a manifest have in common; performs no I/O."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError


def wrong(message: str, hint: str = "") -> PydanticCustomError:
    """A fault in our own words."""
    return PydanticCustomError("said", "{said}", {"said": message, "hint": hint})


_TEXT = r"^[^\x00-\x1F\x7F]*[^\s\x00-\x1F\x7F][^\x00-\x1F\x7F]*$"
Word = Annotated[
    str,
    Field(pattern=_TEXT),
    WithJsonSchema({"type": ["string", "number"], "minLength": 1}),
]


class Shape(BaseModel):
    """Keys that are not known are faults; numbers may stand where text is wanted."""

    model_config = ConfigDict(
        extra="forbid",
        coerce_numbers_to_str=True,
        frozen=True,
        hide_input_in_errors=True,
    )
