"""ReportFlow in both of its generations as flows; performs no I/O.

Every hand-over is *charged*, and there is no lookup: the service makes its ids itself,
takes no key of ours, and has neither a list nor a state of jobs. So a lost reply leaves
a document in doubt, with one way out: the name of each file carries our own key, the
webhook gives it back, and the account's own origin confirms that the file is there.

An account with a key alone speaks the newer generation, one with key and secret the
older one. The older one carries one document a job, since what ``multiple`` gives there
is documented as one ZIP and no more.
"""

from __future__ import annotations

from dataclasses import replace

from orchestrator.model import Mode, Operation, Phase
from orchestrator.providers.reportflow import ask, hear, params
from orchestrator.wire.flow import (
    Absence,
    Adoption,
    Limits,
    Pace,
    Provider,
    Step,
)

_polled = Step(ask.look, hear.on_looked)
_fetched = Step(ask.fetch, hear.on_file)

_newer = Provider(
    name="reportflow",
    flows={
        Mode.SYNC: {
            Phase.SUBMIT: Step(ask.submit_sync, hear.on_made),
            Phase.POLL: _polled,
            Phase.FETCH: _fetched,
        },
        Mode.ASYNC: {
            Phase.SUBMIT: Step(ask.submit_async, hear.on_accepted),
            Phase.POLL: _polled,
            Phase.FETCH: _fetched,
        },
    },
    auth=(("appkey", "{key}"),),
    absence=Absence.NOTHING,
    settle=0.0,
    retention=86_400.0,
    pace=Pace(first=1.0),
    limits=Limits(width=8),
    lacks={Mode.PRESIGNED: (Mode.ASYNC, "it takes data, and no files")},
    operations=frozenset({Operation.GENERATE}),
    objection=ask.objection,
    base_url="https://api.re-port-flow.com",
    fits=ask.fits,
    # 30 and 100 a minute, counted for the workspace.
    rates={"sync": 30 / 60, "async": 100 / 60, "download": 100 / 60},
    inquire=params.inquire,
    adoption=Adoption(hear.adopt, Step(ask.fetch, hear.on_confirmed), patience=300.0),
)

_older = replace(
    _newer,
    auth=(("AppKey", "{key}"), ("SecretKey", "{secret}")),
    # Each workspace has a host of its own.
    base_url=None,
    fits=None,
)

provider = replace(_newer, with_secret=_older)
