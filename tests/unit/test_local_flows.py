"""The flows of the embedded service against exchanges as docs/service.md has them.

Each file of tests/exchanges/local/ is one turn: where a job stands, the request that it
builds, the reply, and where the job stands then. Only what a file names is compared.
"""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from orchestrator.model import Mode, Operation, Phase, Progress
from orchestrator.providers.local import provider
from orchestrator.wire.flow import Step, Wish
from orchestrator.wire.http import Field, FilePart, Form, Json, Raw, Request, Response
from tests.model import document, job_of

FOLDER = Path(__file__).parent.parent / "exchanges" / "local"
FILES = sorted(FOLDER.glob("*.json"))


def step_of(exchange: dict[str, Any]) -> Step:
    """The step that an exchange is about."""
    if exchange["step"] == "release":
        assert provider.release is not None
        return provider.release
    step = provider.flows[Mode(exchange["mode"])][Phase(exchange["phase"])]
    if exchange["step"] == "find":
        assert step.find is not None
        return step.find
    return step


def shown(request: Request) -> dict[str, Any]:
    """A request as the files write it."""
    found: dict[str, Any] = {
        "method": request.method,
        "url": request.url,
        "query": dict(request.query),
        "repeat": str(request.repeat),
        "keyed": request.keyed,
    }
    match request.body:
        case Form((Field("job", text, "application/json"), *files)):
            found["form"] = {
                "job": json.loads(text),
                "files": [
                    each.filename for each in files if isinstance(each, FilePart)
                ],
            }
        case Json(value):
            found["json"] = msgspec.json.decode(
                msgspec.json.Encoder(decimal_format="number").encode(value)
            )
        case Raw(given):
            found["raw"] = given.path
        case _:
            pass
    return found


def reply(record: dict[str, Any]) -> Response:
    """A reply out of a file."""
    body = record.get("text", "").encode()
    if "json" in record:
        body = json.dumps(record["json"]).encode()
    return Response(record["status"], record.get("headers", {}), body)


def compare(found: Any, expected: Any, where: str = "after") -> None:
    """What is expected is there; what is not named does not matter."""
    if isinstance(expected, dict):
        for name, value in expected.items():
            assert name in found, f"{where}.{name}"
            compare(found[name], value, f"{where}.{name}")
    elif isinstance(expected, list):
        assert len(found) == len(expected), where
        for place, value in enumerate(expected):
            compare(found[place], value, f"{where}[{place}]")
    else:
        assert found == expected, where


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_exchange(path: Path) -> None:
    """Build what the file asks, and read what it answers."""
    exchange = json.loads(path.read_text())
    asked = document("d", Mode(exchange["mode"]), params={"rate": Decimal("1.10")})
    job = job_of(asked)
    before = exchange.get("before", {}) | {"phase": exchange["phase"]}
    progress = msgspec.convert(before, Progress)
    step = step_of(exchange)
    request = shown(step.build(job, progress))
    compare(request, exchange["request"], "request")
    after = step.parse(job, progress, reply(exchange["reply"]))
    compare(msgspec.to_builtins(after), exchange["after"])
    if "failure" not in exchange["after"]:
        assert after.failure is None


def test_every_step_has_an_exchange() -> None:
    """A step without one is a step that nobody tried."""
    seen = set()
    for path in FILES:
        exchange = json.loads(path.read_text())
        seen.add(id(step_of(exchange).parse))
    steps = [step for flow in provider.flows.values() for step in flow.values()]
    steps += [step.find for step in steps if step.find]
    assert provider.release is not None
    steps.append(provider.release)
    assert {id(step.parse) for step in steps} <= seen


def test_what_may_cost_can_be_looked_up() -> None:
    """Every mode is exactly once: no request may cost without a way to find it."""
    job = job_of(document("d"))
    for mode in provider.exactly_once:
        for phase, step in provider.flows[mode].items():
            if phase in (Phase.SUBMIT, Phase.EXECUTE, Phase.POLL):
                may_cost = step.build(job, Progress()).repeat.may_cost
                assert may_cost == (step.find is not None)


def test_amounts_are_sent_digit_by_digit() -> None:
    """A decimal is never a float on its way."""
    job = job_of(document("d", params={"amount": Decimal("1234567890123456.10")}))
    body = provider.flows[Mode.SYNC][Phase.SUBMIT].build(job, Progress()).body
    assert isinstance(body, Form)
    assert isinstance(body.parts[0], Field)
    assert '"amount":1234567890123456.10' in body.parts[0].text


def test_objections_name_what_is_possible() -> None:
    """Only conversions that the instance does not know, each in words."""
    formats = [
        {"operation": "convert", "source": "txt", "target": "pdf"},
        {"operation": "convert", "source": "txt", "target": "png"},
    ]
    survey = provider.survey
    assert survey is not None
    body = json.dumps({"formats": formats}).encode()
    wishes = [
        Wish("a", Operation.CONVERT, "txt", "pdf"),
        Wish("a", Operation.CONVERT, "txt", "docx"),
        Wish("a", Operation.CONVERT, "dwg", "pdf"),
        Wish("a", Operation.GENERATE, "", "pdf"),
    ]
    found = dict(survey.objections(Response(200, {}, body), wishes))
    assert set(found) == {wishes[1], wishes[2]}
    assert "txt goes to pdf, png" in found[wishes[1]]
    assert "pdf is made of txt" in found[wishes[2]]
    for nonsense in (b"", b"[]", b'{"formats": [1, {"source": 3}]}'):
        assert survey.objections(Response(200, {}, nonsense), wishes[:1]) == []


@pytest.mark.parametrize("mode", Mode)
def test_only_who_waits_for_news_asks_for_them(mode: Mode) -> None:
    """The reply of a sync call is its own news; a record alone is JSON."""
    made = replace(document("d", mode), inputs=())
    job = replace(job_of(made), callback="http://127.0.0.1:9/hook")
    request = provider.flows[mode][Phase.SUBMIT].build(job, Progress())
    assert isinstance(request.body, Json)
    assert ("webhook" in request.body.value) is (mode is not Mode.SYNC)
