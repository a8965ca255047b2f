"""``orchestrator design``: what designs there are, and whether one is sound."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from orchestrator.designs.design import Design, DesignError
from orchestrator.designs.folder import DESCRIPTION, load
from orchestrator.designs.inspect import (
    faults_of_example,
    faults_of_folder,
    read_data,
)
from orchestrator.designs.registry import every, find
from orchestrator.errors import Exit
from orchestrator.invoices.problem import Problem

T = TypeVar("T")

_folders = click.option(
    "--designs",
    "folders",
    multiple=True,
    metavar="FOLDER",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A folder with designs of your own (NAME/VERSION/); may be repeated.",
)
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group("design")
def design_command() -> None:
    """Show and check designs: versioned templates with typed data."""


@design_command.command("list")
@_folders
@_json
def list_designs(folders: Sequence[Path], as_json: bool) -> None:  # noqa: FBT001  # click passes by name
    """List all designs, the highest version last."""
    designs = _told(lambda: every(folders))
    if as_json:
        for each in designs:
            click.echo(json.dumps(_summary(each), ensure_ascii=False))
        return
    width = max((len(each.ref) for each in designs), default=0)
    for each in designs:
        origin = "shipped" if each.shipped else str(each.root)
        click.echo(f"{each.ref:<{width}}  {each.title}  ({origin})")


@design_command.command()
@click.argument("ref", metavar="NAME[@VERSION]")
@click.option("--example", is_flag=True, help="Print data that the design takes.")
@_folders
@_json
def show(ref: str, example: bool, folders: Sequence[Path], as_json: bool) -> None:  # noqa: FBT001  # click passes by name
    """Show a design and the data that it takes."""
    design = _told(lambda: find(ref, folders))
    if example:
        click.echo((design.root / "example.json").read_text(encoding="utf-8").rstrip())
        return
    if as_json:
        whole = {**_summary(design), "schema": design.schema}
        click.echo(json.dumps(whole, ensure_ascii=False))
        return
    for name, value in _summary(design).items():
        if value:
            click.echo(f"{name + ':':<13}{value}")
    click.echo("data:")
    required = set(design.schema.get("required", ()))
    for name, rule in design.schema.get("properties", {}).items():
        click.echo(f"  {name:<18}{_kind(rule, name in required, design.schema)}")


@design_command.command()
@click.argument("what", metavar="FOLDER|NAME[@VERSION]")
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Check this JSON file against the design too.",
)
@_folders
def check(what: str, data: Path | None, folders: Sequence[Path]) -> None:
    """Check a design: its folder, its description, its example; and data."""
    design = _told(lambda: _one(what, folders))
    problems = [*faults_of_folder(design.root), *faults_of_example(design)]
    if data is not None:
        try:
            problems += design.problems(read_data(data))
        except ValueError as error:
            problems.append(Problem("", "E_JSON", str(error)))
    if not problems:
        click.echo(f"{design.ref} is sound: {design.root}")
        return
    for each in problems:
        click.echo(str(each), err=True)
    raise SystemExit(Exit.USAGE)


def _one(what: str, folders: Sequence[Path]) -> Design:
    path = Path(what)
    if (path / DESCRIPTION).exists():
        return load(path.resolve())
    if path.is_dir():
        raise DesignError(f"{path}: there is no {DESCRIPTION}; name a version's folder")
    return find(what, folders)


def _told(ask: Callable[[], T]) -> T:
    """Ask, and end the command with the message where that fails."""
    try:
        return ask()
    except DesignError as error:
        click.echo(f"error: {error}", err=True)
        raise SystemExit(error.exit) from None


def _summary(design: Design) -> dict[str, object]:
    return {
        "name": design.name,
        "version": design.version,
        "title": design.title,
        "description": design.description,
        "id": design.id,
        "model": design.model,
        "standards": ", ".join(design.standards),
        "shipped": design.shipped,
        "folder": str(design.root),
    }


def _meant(rule: object, schema: Mapping[str, Any]) -> object:
    """The rule for a value that is given: not a reference, and not null."""
    for _ in range(8):
        if not isinstance(rule, dict):
            break
        some = [x for x in rule.get("anyOf", ()) if x != {"type": "null"}]
        name = str(rule.get("$ref", "")).removeprefix("#/$defs/")
        if len(some) == 1:
            rule = some[0]
        elif name in schema.get("$defs", {}):
            rule = schema["$defs"][name]
        else:
            break
    return rule


def _kind(rule: object, is_required: bool, schema: Mapping[str, Any]) -> str:  # noqa: FBT001  # one word of the text
    meant = _meant(rule, schema)
    said = meant if isinstance(meant, dict) else {}
    kind = said.get("type", "")
    if isinstance(kind, list):
        kind = " or ".join(kind)
    if said.get("format") == "date":
        kind = "date, YYYY-MM-DD"
    item = _meant(said.get("items"), schema)
    keys = (item if isinstance(item, dict) else said).get("properties")
    text = said.get("description", "")
    if "enum" in said:
        text = f"one of {', '.join(map(str, said['enum']))}"
    elif keys:
        # What our own classes say of themselves is for those who read the code.
        text = f"{'each with keys' if item else 'keys'} {', '.join(keys)}"
    words = [kind or "object", "required" if is_required else "", text]
    return ", ".join(each for each in words if each)
