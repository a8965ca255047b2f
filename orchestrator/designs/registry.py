"""Where designs are found: the user's folders first, then those of the package."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from orchestrator.designs.design import Design, DesignError
from orchestrator.designs.folder import NAME, load
from orchestrator.invoices.problem import near_miss

SHIPPED = Path(__file__).parent / "shipped"

_REF = re.compile(r"(?P<name>[A-Za-z0-9_-]{1,64})(@(?P<version>[1-9][0-9]{0,8}))?")


def find(ref: str, folders: Sequence[Path] = ()) -> Design:
    """Find ``invoice``, ``invoice@1`` or a design by its id.

    Without a version, the highest one of the first folder that has the name is taken.

    Raises:
        DesignError: there is no such design, or it is broken.
    """
    match = _REF.fullmatch(ref)
    if match is None:
        raise DesignError(f"{ref!r} is not a design: write NAME or NAME@VERSION")
    name, version = match["name"], match["version"]
    for folder in (*folders, SHIPPED):
        versions = _by_name(folder, name) or _by_id(folder, name)
        if version:
            versions = [each for each in versions if each.name == version]
        if versions:
            return load(versions[-1], shipped=folder == SHIPPED)
    raise DesignError(_unknown(name, version, folders))


def every(folders: Sequence[Path] = ()) -> list[Design]:
    """Give all designs in all versions; a user's one hides a shipped one.

    Raises:
        DesignError: one of them is broken.
    """
    designs: dict[tuple[str, int], Design] = {}
    for folder in (*folders, SHIPPED):
        for root in _roots(folder):
            design = load(root, shipped=folder == SHIPPED)
            designs.setdefault((design.name, design.version), design)
    return [designs[key] for key in sorted(designs)]


def _roots(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        return
    for each in sorted(folder.iterdir()):
        if re.fullmatch(NAME, each.name):
            yield from _by_name(folder, each.name)


def _by_name(folder: Path, name: str) -> list[Path]:
    """Give the folders of a design's versions, in order."""
    parent = folder / name
    if not re.fullmatch(NAME, name) or not parent.is_dir():
        return []
    found = [
        each for each in parent.iterdir() if re.fullmatch("[1-9][0-9]*", each.name)
    ]
    return sorted(found, key=lambda each: int(each.name))


def _by_id(folder: Path, wanted: str) -> list[Path]:
    return [root for root in _roots(folder) if _id_of(root) == wanted.lower()]


def _id_of(root: Path) -> str:
    try:
        return load(root).id.lower()
    except DesignError:
        return ""


def _unknown(name: str, version: str | None, folders: Sequence[Path]) -> str:
    known: dict[str, list[str]] = {}
    for folder in (*folders, SHIPPED):
        for root in _roots(folder):
            known.setdefault(root.parent.name, []).append(root.name)
    if name in known:
        there = ", ".join(sorted(set(known[name]), key=int))
        return f"design {name!r} has no version {version}; there is {there}"
    hint = near_miss(name, known)
    return f"there is no design {name!r}{hint} (known: {', '.join(sorted(known))})"
