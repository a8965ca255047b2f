"""Reads a file that says where the parameters of somebody's design come from."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

_LARGEST = 1_000_000


def wording_file(path: Path) -> dict[str, Any]:
    """A mapping of parameters, from YAML or JSON; numbers with a point are exact.

    Raises:
        ValueError: it is no such file.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise ValueError(f"is larger than {_LARGEST:,} bytes")
        said = yaml.load(path.read_text("utf-8"), _Loader)  # noqa: S506  # a safe one
    except OSError as error:
        raise ValueError(error.strerror or "cannot be read") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"is no YAML: {error}") from None
    if not isinstance(said, dict) or not said:
        raise ValueError("must hold parameters and the fields of their values")
    return said


class _Loader(yaml.CSafeLoader):
    """Numbers with a point stay as they are written."""


def _decimal(loader: _Loader, node: yaml.ScalarNode) -> Decimal:
    try:
        return Decimal(str(loader.construct_scalar(node)))
    except ArithmeticError:
        raise ValueError(f"{node.value!r} is no plain number") from None


_Loader.add_constructor("tag:yaml.org,2002:float", _decimal)
