"""Whether a folder may be used as a design: what a template must not do."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Any

from orchestrator.designs.design import Design
from orchestrator.designs.folder import EXAMPLE
from orchestrator.invoices.problem import Problem

MOST_FILES = 500
MOST_BYTES = 50_000_000

_PACKAGE = re.compile(r"""["']@([A-Za-z0-9_-]+)/""")
_PLUGIN = re.compile(r"\bplugin\s*\(")
_PATH = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
_COMMENT = re.compile(r"(?m)(?<!:)//.*$|/\*.*?\*/", re.DOTALL)


def faults_of_folder(root: Path) -> list[Problem]:
    """Give everything in the folder that a design must not have."""
    problems: list[Problem] = []
    count = size = 0
    for path in _walk(root):
        name = path.relative_to(root).as_posix()
        state = path.lstat()
        count, size = count + 1, size + state.st_size
        if stat.S_ISLNK(state.st_mode):
            problems.append(
                Problem(name, "E_SYMLINK", "symbolic links are not allowed")
            )
        elif not stat.S_ISREG(state.st_mode):
            problems.append(Problem(name, "E_FILE", "is not a regular file"))
        elif path.suffix == ".typ":
            problems.extend(_faults_of_template(path, name))
    if count > MOST_FILES or size > MOST_BYTES:
        message = f"the folder holds more than {MOST_FILES} files or 50 MB"
        problems.append(Problem("", "E_FILE", message))
    return problems


def faults_of_example(design: Design) -> list[Problem]:
    """Give what is wrong with the example of a design; there should be one."""
    path = design.root / EXAMPLE
    if not path.is_file():
        message = f"there is no {EXAMPLE}, which shows what data the design takes"
        return [Problem(EXAMPLE, "E_REQUIRED", message)]
    try:
        params = read_data(path)
    except ValueError as error:
        return [Problem(EXAMPLE, "E_JSON", str(error))]
    return design.problems(params)


def read_data(path: Path) -> dict[str, Any]:
    """Read a JSON object, with its decimal numbers exact.

    Raises:
        ValueError: it is not a JSON object.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{path.name} is not valid JSON: {error}") from None
    if not isinstance(data, dict):
        raise ValueError(f"{path.name} does not hold a JSON object")  # noqa: TRY004  # a fault of content
    return data


def _walk(root: Path) -> Iterator[Path]:
    """All that is no folder, without following links."""
    for path in sorted(root.iterdir()):
        if path.is_dir() and not path.is_symlink():
            yield from _walk(path)
        else:
            yield path


def _faults_of_template(path: Path, name: str) -> Iterator[Problem]:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        yield Problem(name, "E_TEXT", "is not UTF-8")
        return
    source = _COMMENT.sub("", text)
    for match in _PACKAGE.finditer(source):
        message = f"imports from @{match[1]}: put what is needed into the folder"
        yield Problem(name, "E_PACKAGE", message, found=f"@{match[1]}")
    if _PLUGIN.search(source):
        yield Problem(name, "E_PLUGIN", "plugins are not allowed")
    for match in _PATH.finditer(source):
        if _leaves(match[1], PurePosixPath(name).parent):
            message = "refers to a file outside of the design's folder"
            yield Problem(name, "E_PATH", message, found=match[1])


def _leaves(text: str, folder: PurePosixPath) -> bool:
    """Whether a path with ``..`` ends up outside; a leading slash is the root."""
    steps = text.split("/")
    if ".." not in steps:
        return False
    depth = 0 if text.startswith("/") else len(folder.parts)
    for step in steps:
        depth += -1 if step == ".." else 1 if step not in {"", "."} else 0
        if depth < 0:
            return True
    return False
