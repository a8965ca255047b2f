"""Webhooks of each API: what is read, what is refused, and that nothing raises."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, strategies as st

from orchestrator.model import Echo
from orchestrator.transfer import shapes
from orchestrator.transfer.door import Call
from orchestrator.transfer.inbox import Inbox

ID = "9f" * 16
TOKEN = "0123456789abcdef0123456789abcdef"


def call(
    body: object = None,
    *,
    method: str = "POST",
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Call:
    """A call; what is no bytes is sent as JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Call(method, headers or {}, query or {}, raw)


def echo_of(parse: shapes.Parse, what: Call, secret: str = "") -> Echo | None:
    """What a call says."""
    notice = parse(what, secret)
    return notice.echo if notice else None


@pytest.mark.parametrize(
    ("what", "echo"),
    [
        (call(b"", method="GET", query={"JobId": ID}), Echo(ID, ID)),
        (call(b"", method="GET", query={"jobid": "short"}), Echo("short", "short")),
        (call({"JobId": ID}), Echo(ID, ID)),
        (
            call({"JobId": "9F9F9F9F-9f9f-9f9f-9f9f-9f9f9f9f9f9f"}),
            Echo(ID, "9F9F9F9F-9f9f-9f9f-9f9f-9f9f9f9f9f9f"),
        ),
        (call(b"{}", query={"JobId": ID}), Echo(ID, ID)),
        (call({"JobId": 7}), None),
        (call({"JobId": "x" * 301}), None),
        (call({"JobId": "a\nb"}), None),
        (call(b"{}", method="PUT", query={"JobId": ID}), None),
        (call([]), None),
    ],
)
def test_convertapi(what: Call, echo: Echo | None) -> None:
    """GET with a query or POST with JSON, whatever the case of the name."""
    assert echo_of(shapes.convertapi, what) == echo


EVENT = {"eventName": "task.finish", "webhookToken": TOKEN, "eventObject": "5f0c"}
PRINTED = (
    b'{"eventName": "task.finish", "webhookToken": "%s",\n'
    b' "sendTime": Thu Dec 15 14:45:47 GMT+08:00 2022, "eventObject": "5f0c"}'
) % TOKEN.encode()


@pytest.mark.parametrize("body", [EVENT, EVENT | {"sendTime": 1}, PRINTED])
def test_compdf(body: object) -> None:
    """Also as its documentation prints it, which is no JSON."""
    assert echo_of(shapes.compdf, call(body)) == Echo(handle="5f0c")
    assert echo_of(shapes.compdf, call(body), TOKEN) == Echo(handle="5f0c")
    assert echo_of(shapes.compdf, call(body), "other") is None
    for name in ("ComPDF-Signature", "ComPDFKit-Signature"):
        signed = call(body, headers={name: "other"})
        assert echo_of(shapes.compdf, signed, "other") == Echo(handle="5f0c")


def test_compdf_events_that_wake_nobody() -> None:
    """They are acknowledged; nonsense is not."""
    for name in ("task.start", "file.success", "file.failed"):
        assert echo_of(shapes.compdf, call(EVENT | {"eventName": name})) == Echo()
    overdue = call(EVENT | {"eventName": "task.overdue"})
    assert echo_of(shapes.compdf, overdue) == Echo(handle="5f0c")
    nonsense: list[object] = [{}, [], EVENT | {"eventObject": 5}, {"eventName": "x"}]
    for wrong in nonsense:
        assert echo_of(shapes.compdf, call(wrong)) is None
    assert echo_of(shapes.compdf, call(EVENT, method="GET")) is None


NAME = f"inv-{ID}-0.pdf"
FLOW = {"event": "file.completed", "requestId": "r1"}


def file(name: object = NAME, **more: Any) -> dict[str, Any]:
    """A file of an event."""
    return {"fileId": "f1", "fileName": name} | more


@pytest.mark.parametrize(
    ("body", "echo"),
    [
        (FLOW | {"files": [file()]}, Echo(ID, "r1", ((NAME, "r1 f1"),))),
        (
            {"event": "file.completed", "files": [file(uuid="u1", params={"a": 1})]},
            Echo(ID, "u1", ((NAME, "u1 f1"),)),
        ),
        (
            FLOW | {"files": [file("other.pdf")]},
            Echo("", "r1", (("other.pdf", "r1 f1"),)),
        ),
        (FLOW, Echo("", "r1")),
        (FLOW | {"files": [file(7), 8, {"fileId": "f"}]}, Echo("", "r1")),
        (FLOW | {"event": "file.failed"}, None),
        ({"event": "file.completed"}, None),
        ([], None),
    ],
)
def test_reportflow(body: object, echo: Echo | None) -> None:
    """Both generations; our key is in the name."""
    assert echo_of(shapes.reportflow, call(body)) == echo
    assert echo_of(shapes.reportflow, call(body), "whsec_c2VjcmV0") is None


@given(
    st.sampled_from(["GET", "POST", "PUT"]),
    st.binary(max_size=80)
    | st.recursive(
        st.none() | st.integers() | st.text(max_size=9),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "event",
                        "files",
                        "fileId",
                        "fileName",
                        "uuid",
                        "requestId",
                        "data",
                        "id",
                        "JobId",
                        "eventName",
                        "eventObject",
                        "webhookToken",
                    ]
                ),
                inner | st.just("file.completed"),
                max_size=4,
            )
        ),
        max_leaves=8,
    ).map(lambda value: json.dumps(value).encode()),
    st.dictionaries(
        st.sampled_from(["webhook-id", "webhook-signature", "webhook-timestamp"]),
        st.text(max_size=9),
    ),
    st.sampled_from(["", "whsec_c2VjcmV0", "x"]),
)
def test_no_shape_raises(
    method: str, body: bytes, headers: dict[str, str], secret: str
) -> None:
    """Whatever comes in."""
    what = Call(method, headers, {"JobId": "x"}, body)
    for parse in shapes.PARSERS.values():
        parse(what, secret)


async def test_each_account_may_have_its_secret() -> None:
    """One path serves them all; a repeat wakes nobody again."""
    heard: list[Echo] = []
    inbox = Inbox(heard.append)
    assert await inbox.answer("compdf", call(EVENT)) == 404
    inbox.admit("compdf", "a" * 32)
    inbox.admit("compdf", TOKEN)
    assert await inbox.answer("compdf", call(EVENT)) == 204
    assert await inbox.answer("compdf", call(EVENT)) == 204
    forged = EVENT | {"webhookToken": "b" * 32}
    assert await inbox.answer("compdf", call(forged)) == 401
    assert heard == [Echo(handle="5f0c")]
