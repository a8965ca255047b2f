"""Whatever a server sends, no parser raises, and nothing that costs is sent again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from orchestrator.ledger import record
from orchestrator.model import Mode, Phase, Progress, Remedy, Result, Upload
from orchestrator.providers.local import provider
from orchestrator.wire.flow import Step
from orchestrator.wire.http import Response
from tests.model import document, job_of

STATES = (
    *("receiving", "created", "queued", "running", "done", "failed", "expired"),
    *("", "DONE", None, 3),
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.just(10**400)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
)
junk = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
links = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "url": junk,
            "name": junk,
            "size": junk,
            "sha256": junk,
            "file": st.integers(-2, 3) | junk,
            "received": junk,
            "expires": junk,
        },
    )
    | junk,
    max_size=3,
)
errors = st.fixed_dictionaries(
    {},
    optional={
        "code": st.sampled_from(["not_found", "expired"]) | junk,
        "message": st.text() | junk,
        "blame": st.sampled_from(["document", "account", "nobody"]) | junk,
        "retry": junk,
    },
)
jobs = st.fixed_dictionaries(
    {},
    optional={
        "state": st.sampled_from(STATES) | junk,
        "results": links | junk,
        "uploads": links | junk,
        "error": errors | junk,
        "units": junk,
        "converter": junk,
    },
)
bodies = st.binary(max_size=60) | (jobs | junk).map(lambda v: json.dumps(v).encode())
headers = st.fixed_dictionaries(
    {},
    optional={
        "job-id": st.text(max_size=8),
        "content-length": st.text(max_size=8) | st.just("9" * 5000),
        "etag": st.text(max_size=70) | st.just("x" * 64),
        "retry-after": st.text(max_size=8) | st.just("9" * 5000),
        "job-converter": st.text(max_size=8),
    },
)
statuses = st.integers(100, 599) | st.sampled_from(
    [200, 201, 202, 204, 302, 401, 404, 408, 409, 410, 422, 429, 500, 502, 503, 507]
)
replies = st.builds(Response, statuses, headers, bodies)

PLACES = [
    (mode, phase, how)
    for mode, flow in provider.flows.items()
    for phase, step in flow.items()
    for how in ("turn", "find")
    if how == "turn" or step.find
]


def step_at(mode: Mode, phase: Phase, how: str) -> Step:
    """A step of the flows, or its lookup."""
    step = provider.flows[mode][phase]
    found = step.find if how == "find" else step
    assert found is not None
    return found


@pytest.mark.parametrize(("mode", "phase", "how"), PLACES)
@settings(max_examples=250, deadline=None)
@given(reply=replies)
def test_no_reply_raises_and_none_repeats_a_charge(
    mode: Mode, phase: Phase, how: str, reply: Response
) -> None:
    """The outcome fits the flow, can be written down, and builds its next request."""
    job = job_of(document("d", mode))
    uploads = (Upload("http://up"),) if phase is Phase.UPLOAD else ()
    results = (Result("a", "/r"),) if phase is Phase.FETCH else ()
    before = Progress(phase, uploads=uploads, results=results)
    step = step_at(mode, phase, how)
    after = step.parse(job, before, reply)
    kept = record.progress(record.text(record.durable(after)))
    assert kept.phase in provider.flows[mode]
    if after.failure is None:
        _goes_on(mode, after, job)
        _is_bounded(before, after)
    else:
        _says_it_well(after)
        if step.build(job, before).repeat.may_cost:
            _never_repeats_blindly(reply, after)
        if how == "find" and after.failure.remedy is Remedy.ABSENT:
            _was_the_services_word(reply)


def _goes_on(mode: Mode, after: Progress, job: Any) -> None:
    """There is a next request, or everything is there."""
    assert after.phase in provider.flows[mode]
    if not (after.phase is Phase.FETCH and after.has_saved()):
        provider.flows[mode][after.phase].build(job, after)


def _is_bounded(before: Progress, after: Progress) -> None:
    """A step back is counted."""
    order = list(Phase)
    if order.index(after.phase) < order.index(before.phase):
        assert after.laps > before.laps


def _says_it_well(after: Progress) -> None:
    failure = after.failure
    assert failure is not None
    assert failure.code
    assert len(failure.message) < 700
    assert failure.message.isprintable()


def _never_repeats_blindly(reply: Response, after: Progress) -> None:
    """Sent again at once only where the service says that nothing was started."""
    failure = after.failure
    assert failure is not None
    if failure.remedy is not Remedy.RETRY:
        return
    body = reply.json()
    says = isinstance(body, dict) and isinstance(body.get("error"), dict)
    assert reply.status == 429 or (reply.status >= 500 and says)


def _was_the_services_word(reply: Response) -> None:
    body = reply.json()
    if reply.status == 404:
        assert body["error"]["code"] == "not_found"
    else:
        assert reply.is_success
        assert body["state"] == "created"
