"""Any history of a batch: edits, faults, kills, retries, decisions; then its end.

A machine plays a user, a power cut and an API against the real stage, ledger, drivers
and batch lock. Beside it stands a model of a few lines: which versions of which
documents were ever wanted. What must hold is docs/design.md, section "Promises".
A failing history is printed step by step, with a blob that replays it.
"""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from orchestrator.batch.accounts import providers
from orchestrator.batch.folder import BatchFolder
from orchestrator.engine.work import AccountStopped
from orchestrator.errors import MachineError
from orchestrator.ledger.decide import Decider, Decision
from orchestrator.ledger.feed import Pages
from orchestrator.ledger.proof import Proof
from orchestrator.ledger.retry import Retry, reopen
from orchestrator.ledger.stage import Stage
from orchestrator.ledger.store import Store
from orchestrator.ledger.view import Row, View
from orchestrator.model import Document, Input, Mode, Output, State
from orchestrator.testing import Broken, Canned, ManualClock, MemoryOutputs
from orchestrator.wire.http import Json, Raw, Request
from orchestrator.wire.outcome import NotSent, Unanswered
from tests.model import PDF, Killed, Service, World, document
from tests.vendors import ComPdf, ConvertApi, names

LOST = ("request", "reply", "body", "500", "500 after", "504 after")
"""Faults after which nobody can tell whether the work was begun."""
FAULTS = ("refused", "429", *LOST)
faults = st.dictionaries(st.integers(1, 14), st.sampled_from(FAULTS), max_size=4)
cuts = st.none() | st.integers(1, 40)


FAILED = Retry(frozenset({State.FAILED}))


def content(name: str) -> bytes:
    """The result for an input, so that no version can pass for another."""
    return f"%PDF-1.7 {name} <</Type /Page>> %%EOF".encode()


class Shop(Service):
    """The embedded service, with results and a bill that name the input."""

    def __init__(self) -> None:
        super().__init__()
        self._of: dict[str, str] = {}

    def made(self, id_: str) -> bytes:
        """The result names the input."""
        return content(self._of[id_])

    def paid(self, id_: str) -> str:
        """The bill, too."""
        return self._of[id_]

    def answer(self, request: Request) -> Canned:
        """Answer as the service would."""
        if request.method == "PUT" and request.query:
            body = request.body
            files = body.value["files"] if isinstance(body, Json) else ()
            sent = [each["name"] for each in files] or names(request)
            self._of[request.url.rsplit("/", 1)[-1]] = sent[0]
        return super().answer(request)


@dataclass
class Wanted:
    """A document of the manifest: in which version, and how."""

    version: int
    mode: Mode

    def spec(self, id_: str, place: int) -> Document:
        """As the manifest would say it."""
        file = Input(f"/in/{id_}-{self.version}.txt", 10)
        return document(id_, self.mode, inputs=(file,), n=place)


@dataclass
class Hand:
    """Hears effects: cuts after one of them, and lets a rival try at each."""

    cut: int | None
    rival: Callable[[], None]
    heard: int = field(default=0)

    def __call__(self, effect: str) -> None:
        """Hear an effect."""
        self.heard += 1
        if self.heard % 7 == 1:
            self.rival()
        if self.heard == self.cut:
            raise Killed(effect)


def faulty(
    service: Service, script: Mapping[int, str]
) -> Callable[[Request], Canned | Broken]:
    """Answers of an API of which some, counted from 1, go wrong."""
    count = 0

    def answer(request: Request) -> Canned | Broken:
        nonlocal count
        count += 1
        how = script.get(count)
        if how == "refused":
            return Broken(NotSent("refused", "refused"))
        if how in ("429", "500"):
            return Canned(int(how))
        if how == "request":
            return Broken(Unanswered("lost", "lost"))
        said = service.answer(request)
        if how == "body" and said.file:
            cut = Unanswered("cut", "cut")
            return Canned(said.status, said.headers, file=said.file[:1], cut=cut)
        if how == "reply":
            return Broken(Unanswered("lost", "lost"))
        return Canned(int(how[:3])) if how and how.endswith("after") else said

    return answer


class Batch(RuleBasedStateMachine):
    """A batch at the embedded service; subclasses have other APIs."""

    provider: ClassVar[str] = "local"
    service: ClassVar[type[Service]] = Shop

    def __init__(self) -> None:
        super().__init__()
        self._place = tempfile.TemporaryDirectory()
        self.folder = BatchFolder(Path(self._place.name) / "b.batch")
        self.folder.make()
        self.clock = ManualClock()
        self.api = self.service()
        self.outputs = MemoryOutputs()
        self.wanted: dict[str, Wanted] = {}
        self.asked: set[str] = set()
        self.again: Counter[str] = Counter()
        self.made = 0

    def teardown(self) -> None:
        """Whatever happened: a quiet run or two, and everything is there."""
        try:
            if self.wanted:
                self.finish()
        finally:
            self._place.cleanup()

    # What a user does...

    @initialize(modes=st.lists(st.sampled_from(Mode), min_size=1, max_size=3))
    def first(self, modes: list[Mode]) -> None:
        """A manifest."""
        for each in modes:
            self.add(each)

    @rule(mode=st.sampled_from(Mode))
    def add(self, mode: Mode) -> None:
        """One more document."""
        id_ = f"d{len(self.asked)}"
        self._want(id_, Wanted(0, mode))

    @rule(data=st.data(), mode=st.sampled_from(Mode))
    @precondition(lambda self: self.wanted)
    def edit(self, data: st.DataObject, mode: Mode) -> None:
        """Another input for one, perhaps in another mode."""
        id_ = data.draw(st.sampled_from(sorted(self.wanted)))
        self._want(id_, Wanted(self.wanted[id_].version + 1, mode))

    @rule(data=st.data())
    @precondition(lambda self: len(self.wanted) > 1)
    def remove(self, data: st.DataObject) -> None:
        """One document fewer."""
        del self.wanted[data.draw(st.sampled_from(sorted(self.wanted)))]

    def _want(self, id_: str, wanted: Wanted) -> None:
        self.wanted[id_] = wanted
        self.asked.add(f"{id_}-{wanted.version}.txt")

    @rule(cut=cuts, script=faults)
    def run(self, cut: int | None, script: dict[int, str]) -> None:
        """A run, perhaps killed after some effect, with an API that has bad days."""
        asyncio.run(self._run(Hand(cut, self._rival), script))

    @rule(cut=cuts, script=faults)
    def retry(self, cut: int | None, script: dict[int, str]) -> None:
        """Failed documents are asked for again; what they cost is then paid again.

        Those for which the run made no job are failed as before.
        """
        if not self.folder.ledger.exists():
            return
        before = {row.document.id: row for row in self._rows(State.FAILED)}
        asyncio.run(self._run(Hand(cut, self._rival), script, is_retry=True))
        for row in self._rows():
            failed = before.get(row.document.id)
            if failed is None:
                continue
            if row.job != failed.job:
                self.again[row.document.inputs[0].name] += 1
            elif row.state is State.FAILED:
                assert row.failure is not None

    @rule(decision=st.sampled_from(Decision))
    def resolve(self, decision: Decision) -> None:
        """A user decides about all that no run could end; what is put there is good."""
        if not self.folder.ledger.exists():
            return
        with Decider(self.folder.ledger) as decider:
            decider.choose(decision, ())
            for each in decider.chosen():
                document = each.document
                name, output = document.inputs[0].name, document.output
                if decision is Decision.RESUBMITTED:
                    self.again[name] += 1
                if decision is Decision.MARKED_DONE:
                    made = self.outputs.files[output] = self.made_of(name)
                    hashed = hashlib.sha256(made).hexdigest()
                    decider.found(each.key, [Output(output, len(made), hashed)])
            decider.decide(decision, at=self.clock.now())

    @rule(seconds=st.sampled_from([1.0, 45.0, 400.0]))
    def wait(self, seconds: float) -> None:
        """Time goes by."""
        self.clock.skip(seconds)

    # How a run goes...

    async def _run(
        self, hand: Hand, script: Mapping[int, str], *, is_retry: bool = False
    ) -> None:
        with self.folder.held(self.clock):
            self._merge()
            if is_retry:
                reopen(self.folder.ledger, FAILED)
            async with Store(self.folder.ledger, self.clock) as store:
                world = World(
                    store,
                    self.api,
                    self.clock,
                    self.outputs,
                    providers()[self.provider],
                    self.made,
                )
                driver = world.driver(hand, faulty(self.api, script))
                try:
                    if is_retry:
                        await world.feed(driver, Pages(store, "a", retry=FAILED))
                    else:
                        await world.run(driver)
                except (Killed, AccountStopped):
                    pass
                finally:
                    self.made = world.made

    def _merge(self) -> None:
        with Stage(self.folder.ledger) as staged:
            for place, (id_, wanted) in enumerate(self.wanted.items()):
                staged.add(wanted.spec(id_, place))
            staged.compare()
            staged.merge()

    def _rival(self) -> None:
        """Another process comes, and is sent away."""
        rival = self.folder.held(self.clock)
        with pytest.raises(MachineError, match="is running this batch"), rival:
            pytest.fail("two hold one batch")

    def _rows(self, state: State | None = None) -> list[Row]:
        with View(self.folder.ledger) as view:
            return list(view.rows(state=state))

    # What must hold...

    @invariant()
    def nothing_is_paid_twice(self) -> None:
        """Each version of a document at most once, but for what a user asked again."""
        for name, count in self.bill().items():
            assert count <= 1 + self.again[name], self.bill()

    @invariant()
    def nothing_unwanted_is_paid(self) -> None:
        """What is on the bill was once in the manifest."""
        assert set(self.bill()) <= self.asked

    @invariant()
    def files_are_whole_and_of_the_right_version(self) -> None:
        """Done means: the result of the version that the ledger speaks of."""
        if not self.folder.ledger.exists():
            return
        for row in self._rows(State.DONE):
            name = row.document.inputs[0].name
            assert self.outputs.files[row.document.output] == self.made_of(name)
            assert row.made_by == "user" or self.bill()[name] >= 1

    @invariant()
    def the_proof_holds(self) -> None:
        """What the ledger says of itself is what a user would be told."""
        if not self.folder.ledger.exists():
            return
        with Proof(self.folder.ledger) as proof:
            proof.bill()
            assert list(proof.deviations()) == []

    @invariant()
    def the_ledger_is_sound(self) -> None:
        """SQLite says so, and no document is in two jobs at once."""
        if not self.folder.ledger.exists():
            return
        with sqlite3.connect(self.folder.ledger) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)

    def bill(self) -> Counter[str]:
        """How often each input was paid."""
        return self.api.bill

    def made_of(self, name: str) -> bytes:
        """The result for an input."""
        return content(name)

    def finish(self) -> None:
        """Nothing goes wrong any more: every document ends, whatever there was."""
        for _ in range(2):
            self.run(None, {})
        self.retry(None, {})
        self.run(None, {})
        left = {row.document.id: row.state for row in self._rows()}
        for id_ in self.wanted:
            self.check_end(id_, left[id_])
        self.nothing_is_paid_twice()
        self.files_are_whole_and_of_the_right_version()

    def check_end(self, id_: str, state: State) -> None:
        """How a document of the manifest may end."""
        assert state is State.DONE, (id_, state)


class VendorBatch(Batch):
    """A batch at a paid API: results are all the same, and some doubt may stay."""

    def bill(self) -> Counter[str]:
        """How often each input was paid; ComPDF's bill has no extensions."""
        found: Counter[str] = Counter()
        uploaded = getattr(self.api, "uploaded", {})
        for name, count in self.api.bill.items():
            found[f"{uploaded.get(name, name).split('.')[0]}.txt"] += count
        return found

    def made_of(self, name: str) -> bytes:
        """The model's one result."""
        return PDF

    def check_end(self, id_: str, state: State) -> None:
        """In doubt where nobody can be asked; never lost, never open."""
        assert state in (State.DONE, State.IN_DOUBT), (id_, state)


class Uploads(ConvertApi):
    """ConvertAPI, which remembers whose file a file id is."""

    def __init__(self) -> None:
        super().__init__()
        self.uploaded: dict[str, str] = {}

    def answer(self, request: Request) -> Canned:
        """Answer as the API would."""
        if request.url.endswith("/upload") and isinstance(request.body, Raw):
            id_ = dict(request.query)["fileId"]
            self.uploaded[id_] = request.body.input.name
        return super().answer(request)


class ComPdfBatch(VendorBatch):
    """At ComPDF."""

    provider = "compdf"
    service = ComPdf


class ConvertApiBatch(VendorBatch):
    """At ConvertAPI."""

    provider = "convertapi"
    service = Uploads


def of(machine: type[Batch]) -> Any:
    """The machine as a test; a history is long enough for several runs."""
    case: Any = machine.TestCase
    case.settings = settings(max_examples=25, stateful_step_count=12)
    case.pytestmark = [pytest.mark.timeout(60)]
    return case


TestBatch = of(Batch)
TestComPdfBatch = of(ComPdfBatch)
TestConvertApiBatch = of(ConvertApiBatch)
