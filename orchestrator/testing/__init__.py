"""Doubles for tests of flows and of programs that embed the engine; no I/O.

Each one fits a port of ``orchestrator/engine/ports.py``:

* :class:`ScriptedTransport` answers requests by a script and records them;
* :class:`MemoryLedger` is a ledger that forgets when it is dropped;
* :class:`MemoryOutputs` keeps results as bytes;
* :class:`ManualClock` stands still until it is told to go on.

All of them tell an *effect* (a short text) to whoever listens, in the order in which
things happened, so that a test can assert that an intent was durable before its request
left. A listener that raises ends the work there, as a power cut would::

    journal: list[str] = []
    ledger = MemoryLedger(effect=journal.append)
    transport = ScriptedTransport(
        [("PUT /v1/jobs/*", Canned(202, body=b'{"state": "queued"}'))],
        effect=journal.append,
    )
    ...
    assert journal[:2] == ["intend submit", "send PUT /v1/jobs/9f?mode=async"]
"""

from orchestrator.testing.clock import ManualClock
from orchestrator.testing.effect import Effect
from orchestrator.testing.ledger import Entry, MemoryFeed, MemoryLedger
from orchestrator.testing.outputs import MemoryOutputs
from orchestrator.testing.transport import (
    Broken,
    Canned,
    Hang,
    ScriptedReply,
    ScriptedTransport,
    line_of,
)

__all__ = [
    "Broken",
    "Canned",
    "Effect",
    "Entry",
    "Hang",
    "ManualClock",
    "MemoryFeed",
    "MemoryLedger",
    "MemoryOutputs",
    "ScriptedReply",
    "ScriptedTransport",
    "line_of",
]
