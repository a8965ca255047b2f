"""What ComPDF takes, how its words are read, and what an account is worth."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from orchestrator.model import (
    Document,
    Input,
    Job,
    Mode,
    Operation,
    Phase,
    Progress,
    Remedy,
)
from orchestrator.providers.compdf import provider
from orchestrator.providers.compdf.codes import RULES
from orchestrator.providers.compdf.tools import place_in, sent_name, tool_of
from orchestrator.wire.http import Response
from orchestrator.wire.rules import rule_for
from tests.model import document, job_of

SPLIT, MERGE = Operation.SPLIT, Operation.MERGE


def asked(source: str, target: str = "pdf", **changes: Any) -> Document:
    """A document of some formats."""
    inputs = (Input(f"/in/a.{source}", 10),)
    return document("d", **({"inputs": inputs} | changes), source=source, target=target)


def pdfs(count: int) -> tuple[Input, ...]:
    """Some PDF files."""
    return tuple(Input(f"/in/{n}.PDF", 10) for n in range(count))


@pytest.mark.parametrize(
    ("wanted", "tool"),
    [
        (asked("docx"), "docx/pdf"),
        (asked("tiff"), "img/pdf"),
        (asked("pdf", "jpg"), "pdf/img"),
        (asked("pdf", "md"), "pdf/markdown"),
        (asked("png", "txt"), "img/txt"),
        (asked("pdf", operation=MERGE), "pdf/merge"),
        (asked("pdf", operation=SPLIT), "pdf/split"),
        (asked("docx", "xlsx"), None),
        (asked("dwg"), None),
        (asked("docx", operation=SPLIT), None),
    ],
)
def test_each_pair_has_its_tool(wanted: Document, tool: str | None) -> None:
    """Names of tools are the API's own."""
    assert tool_of(wanted) == tool
    assert (provider.objection(wanted) is None) == (
        tool is not None and wanted.operation is not MERGE
    )


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        (asked("dwg"), "no tool from dwg to pdf"),
        (asked("", operation=Operation.GENERATE), "no designs"),
        (asked("docx", operation=SPLIT), "split only pdf"),
        (asked("docx", params={"file": 1}), "sets file itself"),
        (asked("docx", inputs=pdfs(2)), "one input to convert"),
        (
            asked("pdf", operation=MERGE, inputs=pdfs(6)),
            "2 to 5 files, and these are 6",
        ),
        (asked("pdf", operation=MERGE, inputs=pdfs(1)), "2 to 5"),
        (asked("pdf", operation=MERGE, inputs=(Input("/a.docx", 1),) * 2), "only PDF"),
        (asked("pdf", operation=MERGE, inputs=pdfs(2), mode=Mode.PRESIGNED), "async"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_sent(
    wanted: Document, why: str
) -> None:
    """Each objection says what is wrong."""
    assert why in (provider.objection(wanted) or "")


def test_only_alike_documents_travel_together() -> None:
    """Up to five, in async mode, with one tool and one set of options."""
    fits = provider.fits
    assert fits is not None
    one = asked("docx", mode=Mode.ASYNC)
    assert fits([one], one)
    assert fits([one] * 4, one)
    assert not fits([one] * 5, one)
    others: list[dict[str, Any]] = [
        {"mode": Mode.SYNC},
        {"source": "xlsx"},
        {"params": {"password": "x"}},
        {"inputs": (Input("/a.docx", 0),)},
        {"inputs": (Input("/a.docx", 49_999_995),)},
        {"operation": MERGE},
    ]
    for changes in others:
        assert not fits([one], replace(one, **changes)), changes
    picture = asked("png", mode=Mode.ASYNC)
    assert not fits([picture], picture)


def test_names_tell_files_of_a_task_apart() -> None:
    """Two inputs of one name in two folders are two files."""
    both = tuple(
        replace(asked("docx"), id=each, inputs=(Input(f"/{each}/名.docx", 1),))
        for each in "ab"
    )
    job = Job("f" * 32, "a", Mode.ASYNC, both, 0.0)
    names = [sent_name(job, place) for place in range(2)]
    assert names == [f"名.{'f' * 32}-{n}.docx" for n in range(2)]
    assert [place_in(job, each) for each in names] == [0, 1]
    assert place_in(job, "名.docx", None, 3) is None
    assert place_in(job, None, names[1].replace(".docx", ".pdf")) == 1


def test_a_name_stays_short_and_printable() -> None:
    """A name that a server would refuse is cut."""
    long = asked("docx", inputs=(Input("/in/" + "x" * 300 + "\n.docx", 1),))
    name = sent_name(Job("f" * 32, "a", Mode.SYNC, (long,), 0.0), 0)
    assert len(name) < 130
    assert name.isprintable()


def test_only_refusals_are_sent_again() -> None:
    """Too many says so; a 503 is undocumented here, and may come after the work."""
    again = {key for key, rule in RULES.items() if rule.remedy is Remedy.RETRY}
    assert again == {(429, None), (None, "429")}
    for status in range(200, 600):
        rule = rule_for(RULES, status, "99999")
        assert rule.remedy is not Remedy.RETRY or status == 429


@pytest.mark.parametrize(
    ("status", "body", "refusal", "balance"),
    [
        (401, "", True, None),
        (200, {"code": "401", "msg": "bad key"}, True, None),
        (402, {"code": "06001"}, False, None),
        (500, "", False, None),
        (
            200,
            {
                "code": "200",
                "data": {
                    "tenantAsset": [
                        {"assetTypeName": "a", "asset": 200, "withholdingAsset": "50"},
                        {"assetTypeName": "b", "asset": 8},
                    ]
                },
            },
            False,
            158.0,
        ),
    ],
)
def test_the_standing_of_an_account(
    status: int, body: Any, *, refusal: bool, balance: float | None
) -> None:
    """A wrong key is told in two ways; what is left is a number."""
    assert provider.survey is not None
    text = json.dumps(body).encode() if body else b""
    standing = provider.survey.standing(Response(status, {}, text))
    assert bool(standing.refusal) is refusal
    assert standing.balance == balance


def test_a_task_that_expired_is_in_doubt_and_not_started_anew() -> None:
    """Only TaskOverdue is vouched for as never executed."""
    job = replace(job_of(document("d")), mode=Mode.PRESIGNED)
    asked = Progress(Phase.POLL, handle="t1")
    body = {"code": "200", "data": {"taskId": "t1", "taskStatus": "expired"}}
    reply = Response(200, {}, json.dumps(body).encode())
    parse = provider.flows[Mode.PRESIGNED][Phase.POLL].parse
    found = parse(job, asked, reply)
    assert found.failure is not None
    assert found.failure.remedy is Remedy.DOUBT
