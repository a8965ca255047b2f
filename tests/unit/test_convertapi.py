"""What ConvertAPI takes, its ids in both generations, and what an account is worth."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from uuid import UUID

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
from orchestrator.providers.convertapi import provider
from orchestrator.providers.convertapi.codes import RULES
from orchestrator.providers.convertapi.names import file_id, uuid_of
from orchestrator.wire.http import Response
from orchestrator.wire.rules import rule_for
from tests.model import document, job_of

PDFS = (Input("/in/a.pdf", 1), Input("/in/b.pdf", 1))


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        (document("d"), None),
        (document("d", target="zip", inputs=PDFS), None),
        (document("d", operation=Operation.MERGE, inputs=PDFS), None),
        (document("d", operation=Operation.GENERATE), "no designs"),
        (document("d", inputs=PDFS), "one input to convert"),
        (document("d", operation=Operation.SPLIT, inputs=PDFS), "one input to split"),
        (document("d", operation=Operation.MERGE), "merge only pdf"),
        (
            document("d", params={"storefile": False, "JobId": 1}),
            "sets JobId, storefile",
        ),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_sent(
    wanted: Document, why: str | None
) -> None:
    """Each objection says what is wrong."""
    found = provider.objection(wanted)
    assert found is None if why is None else why in (found or "")


def test_ids_are_our_own_and_of_the_form_that_each_generation_asks_for() -> None:
    """A UUID of the fourth version, and 32 characters for files; always the same."""
    job = replace(job_of(document("d")), id="f" * 32)
    assert UUID(uuid_of(job)).version == 4
    assert uuid_of(job) == uuid_of(job)
    ids = {file_id(job, place) for place in range(3)}
    assert len(ids) == 3
    assert all(len(each) == 32 and each.isalnum() for each in ids)
    other = Job("e" * 32, "a", Mode.SYNC, job.documents, 0.0)
    assert file_id(other, 0) not in ids


def test_only_refusals_are_sent_again() -> None:
    """Of all codes and statuses, three say that it may go again."""
    again = {key for key, rule in RULES.items() if rule.remedy is Remedy.RETRY}
    assert again == {(429, None), (503, None), (503, "503")}
    for status in range(200, 600):
        rule = rule_for(RULES, status, "99999")
        assert rule.remedy is not Remedy.RETRY or status == 429


@pytest.mark.parametrize(
    ("status", "body", "refusal", "balance"),
    [
        (200, {"Active": True, "ConversionsTotal": 9, "ConversionsConsumed": 2}, "", 7),
        (200, {"Active": False}, "not active", None),
        (200, [], "", None),
        (401, {"Code": 4013, "Message": "none"}, "4013", None),
        (401, {"Code": 4015, "Message": "off"}, "4015", None),
        (401, {"Code": 4010, "Message": "a token, not a secret"}, "", None),
        (401, None, "", None),
    ],
)
def test_the_standing_of_an_account(
    status: int, body: Any, refusal: str, balance: float | None
) -> None:
    """A token may be refused here and be good for conversions."""
    assert provider.survey is not None
    text = json.dumps(body).encode() if body is not None else b""
    standing = provider.survey.standing(Response(status, {}, text))
    assert refusal in standing.refusal
    assert bool(standing.refusal) is bool(refusal)
    assert standing.balance == balance


def test_a_gateways_404_is_no_word_about_a_job() -> None:
    """Else a paid conversion would be sent again."""
    job = job_of(document("d"))
    find = provider.flows[Mode.SYNC][Phase.SUBMIT].find
    assert find is not None
    page = Response(404, {"content-type": "text/html"}, b"<h1>Not Found</h1>")
    found = find.parse(job, Progress(), page)
    assert found.failure is not None
    assert found.failure.remedy is Remedy.RETRY
    found = find.parse(job, Progress(), Response(404))
    assert found.failure is not None
    assert found.failure.remedy is Remedy.ABSENT
