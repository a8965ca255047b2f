"""Whatever an API sends, no parser raises, and nothing that costs is sent again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from orchestrator.batch.accounts import providers
from orchestrator.ledger import record
from orchestrator.model import Job, Mode, Phase, Progress, Remedy, Result, Upload
from orchestrator.wire.flow import Provider
from orchestrator.wire.http import Repeat, Response
from tests import exchange
from tests.property.test_parsers import headers, junk, statuses

HANDLES = (None, exchange.ID, "9b2c6a1e-0000-4000-8000-000000000001", "5f0c")
names = st.sampled_from([f"a.{exchange.ID}-{n}.docx" for n in range(3)])
links = st.sampled_from(["https://h/1", "/d/x", "//", "http://["])


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with some of these fields, each as it should be or junk."""
    return st.fixed_dictionaries({}, optional={k: v | junk for k, v in fields.items()})


def lists(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    """Short lists of it, and of junk."""
    return st.lists(inner | junk, max_size=3)


codes = st.sampled_from(
    (
        *("200", 200, "0", "01001", 1001, "02203", "05001", "05002", "05004", "06001"),
        *("401", 120001, "77777", "FILE_TOO_LARGE", 503, "503", 5002, 50050, 4014),
    )
)
stands = st.sampled_from(
    ["TaskStart", "TaskWaiting", "TaskFinish", "TaskOverdue", "failed", "completed"]
)
file = some(
    fileName=names,
    downFileName=names,
    downloadUrl=links,
    status=stands | st.just("success"),
    failureCode=codes,
    failureReason=st.text(max_size=9),
    taskId=st.just("5f0c"),
)
task = some(
    taskId=st.just("5f0c"),
    taskStatus=stands,
    fileInfoDTOList=lists(file),
    taskCost=st.integers(),
    presignedUrl=links,
    records=lists(
        some(
            taskId=st.just("5f0c"),
            taskStatus=stands,
            callbackUrl=st.just(exchange.ID),
        )
    ),
    tenantAsset=lists(some(asset=st.integers(), withholdingAsset=st.integers())),
)
compdf = some(
    code=codes, msg=st.text(max_size=9), data=task | file | lists(file), errorCode=codes
)
convertapi = some(
    Code=codes,
    Message=st.text(max_size=9),
    InvalidParameters=st.dictionaries(st.sampled_from(["JobId", "a"]), junk),
    Files=lists(some(Url=links, FileId=st.text(), FileSize=st.integers())),
    JobId=st.sampled_from([exchange.ID, "../x", ""]),
    FileId=st.text(),
    ConversionCost=st.integers(),
    Active=st.booleans(),
    ConversionsTotal=st.integers(),
    ConversionsConsumed=st.integers(),
)
WORDS: Mapping[str, st.SearchStrategy[Any]] = {
    "compdf": compdf,
    "convertapi": convertapi,
}
PLACES = [
    (name, *each) for name in WORDS for each in exchange.places(providers()[name])
]


def replies(name: str) -> st.SearchStrategy[Response]:
    """Replies of an API, more or less."""
    said = (WORDS[name] | junk).map(lambda value: json.dumps(value).encode())
    return st.builds(Response, statuses, headers, said | st.binary(max_size=60))


def jobs(mode: Mode) -> Iterator[Job]:
    """A job of one document, and one of two where the mode takes them."""
    yield exchange.job_of({"mode": mode})
    if mode is Mode.ASYNC:
        two = [{}, {"id": "b"}]
        given = {"documents": two, "callback": "https://me/hook"}
        yield exchange.job_of({"mode": mode, "job": given})


@pytest.mark.parametrize(("name", "mode", "phase", "how"), PLACES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_reply_raises_and_none_repeats_a_charge(
    name: str, mode: Mode, phase: Phase, how: str, data: st.DataObject
) -> None:
    """The outcome fits the flow, can be written down, and builds its next request."""
    provider = providers()[name]
    job = data.draw(st.sampled_from(list(jobs(mode))))
    reply = data.draw(replies(name))
    before = Progress(
        phase,
        handle=data.draw(st.sampled_from(HANDLES)),
        uploads=(Upload("http://up"),) if phase is Phase.UPLOAD else (),
        results=(Result("a", "/r"),) if phase in (Phase.FETCH, Phase.RELEASE) else (),
        polls=data.draw(st.integers(0, 5)),
        laps=data.draw(st.integers(0, 3)),
    )
    step = exchange.step_at(provider, (mode, phase, how))
    repeat = step.build(job, before).repeat
    after = step.parse(job, before, reply)
    kept = record.progress(record.text(record.durable(after)))
    if how == "release":
        assert after.phase in (Phase.RELEASE, Phase.ENDED)
    elif after.failure is None:
        assert kept.phase in provider.flows[mode]
        _goes_on(provider, job, before, after)
        if repeat.may_cost and how == "turn":
            _went_forward(repeat, phase, after, reply)
    else:
        _says_it_well(after)
        if repeat.may_cost and after.failure.remedy is Remedy.RETRY:
            assert reply.status in (429, 503) or b'"429"' in reply.body


def _goes_on(provider: Provider, job: Job, before: Progress, after: Progress) -> None:
    """There is a next request, or everything is there; a step back is counted."""
    flow = provider.flows[job.mode]
    if not (after.phase is Phase.FETCH and after.has_saved()):
        flow[after.phase].build(job, after)
    order = list(Phase)
    if order.index(after.phase) < order.index(before.phase):
        assert after.laps > before.laps


def _went_forward(
    repeat: Repeat, phase: Phase, after: Progress, reply: Response
) -> None:
    """What may cost is asked again only where it provably was not begun."""
    if after.phase in (Phase.POLL, Phase.FETCH):
        return
    assert repeat is Repeat.NAMED
    if after.phase is phase:
        assert reply.status in (404, 405)
    else:
        assert (phase, after.phase) == (Phase.EXECUTE, Phase.SUBMIT)


def _says_it_well(after: Progress) -> None:
    failure = after.failure
    assert failure is not None
    assert failure.code
    assert len(failure.message) < 700
    assert failure.message.isprintable()


@pytest.mark.parametrize("name", WORDS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_standing_raises(name: str, data: st.DataObject) -> None:
    """Whatever is said of an account, its standing is a value."""
    survey = providers()[name].survey
    assert survey is not None
    found = survey.standing(data.draw(replies(name)))
    assert found.refusal.isprintable()


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_no_roll_call_raises(data: st.DataObject) -> None:
    """Whatever a list says, names come of it, or none do."""
    roll = providers()["compdf"].roll
    assert roll is not None
    assert roll.build(["5f0c"]).repeat is Repeat.SAFE
    reply = data.draw(replies("compdf"))
    named = roll.pending(reply)
    assert all(type(each) is str and each for each in named)
    assert not named or reply.is_success
