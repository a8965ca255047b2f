"""Exchanges: one turn of a conversation with an API, as a file.

    {"about": "in words", "mode": "async", "phase": "poll",
     "step": "turn" | "find" | "release",
     "job": {"callback": …, "documents": [{…}]},   # when it is not one docx to pdf
     "before": {…},                                # where the job stands
     "request": {…}, "reply": {"status": 200, "headers": {…}, "json": {…} | "text": …},
     "after": {…}}                                 # where it stands then

A roll call has ``"step": "roll"``, no mode and no phase; ``"handles"`` are asked for,
and ``"pending"`` is what its reply names.

Of a request and of what comes after, only what a file names is compared.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from orchestrator.model import Document, Job, Mode, Phase, Progress
from orchestrator.wire.flow import Provider, Step
from orchestrator.wire.http import Field, FilePart, Form, Json, Raw, Request, Response

FOLDER = Path(__file__).parent / "exchanges"
LETTER = {
    "id": "letter",
    "operation": "convert",
    "source": "docx",
    "target": "pdf",
    "output": "/out/letter.pdf",
    "provider": "a",
    "inputs": [{"path": "/in/letter.docx", "size": 10}],
}
ID = f"{1:032x}"

Place = tuple[Mode, Phase, str]


def files_of(provider: str) -> list[Path]:
    """Every exchange of an API."""
    return sorted((FOLDER / provider).glob("*.json"))


def is_roll(path: Path) -> bool:
    """Whether it is a roll call, which belongs to no mode."""
    return read(path).get("step") == "roll"


def read(path: Path) -> dict[str, Any]:
    """One exchange."""
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def place_of(exchange: dict[str, Any]) -> Place:
    """Which step of which flow it is about."""
    how = exchange.get("step", "turn")
    return Mode(exchange["mode"]), Phase(exchange["phase"]), how


def places(provider: Provider) -> Iterator[Place]:
    """Every step of every flow."""
    for mode, flow in provider.flows.items():
        for phase, step in flow.items():
            yield mode, phase, "turn"
            if step.find:
                yield mode, phase, "find"
        if provider.release:
            yield mode, Phase.RELEASE, "release"


def step_at(provider: Provider, place: Place) -> Step:
    """The step itself."""
    mode, phase, how = place
    step = provider.release if how == "release" else provider.flows[mode][phase]
    found = step.find if step and how == "find" else step
    assert found is not None
    return found


def job_of(exchange: dict[str, Any]) -> Job:
    """The job, which is made at the epoch and has an id that a file can name."""
    given = exchange.get("job", {})
    mode = Mode(exchange["mode"])
    documents = tuple(
        msgspec.convert(LETTER | each | {"mode": mode}, Document)
        for each in given.get("documents", [{}])
    )
    return Job(ID, "a", mode, documents, 0.0, given.get("callback"))


def before(exchange: dict[str, Any]) -> Progress:
    """Where the job stands."""
    given = exchange.get("before", {}) | {"phase": exchange["phase"]}
    return msgspec.convert(given, Progress)


def shown(request: Request) -> dict[str, Any]:
    """A request as the files write it."""
    found: dict[str, Any] = {
        "method": request.method,
        "url": request.url,
        "query": dict(request.query),
        "headers": dict(request.headers),
        "repeat": str(request.repeat),
        "keyed": request.keyed,
        "takes_file": request.takes_file,
        "takes_json": request.takes_json,
    }
    match request.body:
        case Form(parts):
            found["form"] = [_part(each) for each in parts]
        case Json(value):
            found["json"] = msgspec.json.decode(msgspec.json.encode(value))
        case Raw(given, content_type):
            found["raw"] = {"path": given.path, "type": content_type}
        case None:
            pass
    return found


def _part(part: Field | FilePart) -> list[str]:
    if isinstance(part, Field):
        return [part.name, part.text]
    return [part.name, part.filename, part.content_type, part.input.path]


def reply(record: dict[str, Any]) -> Response:
    """A reply out of a file."""
    body = record.get("text", "").encode()
    if "json" in record:
        body = json.dumps(record["json"]).encode()
    return Response(record["status"], record.get("headers", {}), body)


def compare(found: Any, expected: Any, where: str) -> None:
    """What is expected is there; what is not named does not matter."""
    if isinstance(expected, dict) and expected:
        for name, value in expected.items():
            assert name in found, f"{where}.{name}"
            compare(found[name], value, f"{where}.{name}")
    elif isinstance(expected, list):
        assert len(found) == len(expected), f"{where}: {found}"
        for place, value in enumerate(expected):
            compare(found[place], value, f"{where}[{place}]")
    else:
        assert found == expected, where
