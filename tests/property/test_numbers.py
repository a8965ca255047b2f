"""Whatever happens to a store of numbers: unique, without gaps, and never changed."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from orchestrator.errors import Place
from orchestrator.ledger.numbers import Standing, numbers
from orchestrator.ledger.register import Overtaken, Register
from orchestrator.manifest.series import Every, Series

QUICK = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""Memory, where there is some: every reservation is synced to the disk."""
PLACE = Place("r", 1, 1)
SERIES = (
    Series("A", "A-{year}-{n:03}", Every.YEAR),
    Series("B", "B{n}", Every.NONE, start=7),
)
documents = st.lists(
    st.tuples(
        st.sampled_from("abcdefgh"),
        st.sampled_from(["2025-12-31", "2026-01-01"]),
        st.sampled_from(SERIES),
    ),
    max_size=6,
    unique_by=lambda each: each[0],
)
batches = st.sampled_from(["one", "two"])


def always(document: str, number: str) -> bool:
    """The ledger knows it."""
    return True


def never(document: str, number: str) -> bool:
    """The ledger knows nothing."""
    return False


class Runs(RuleBasedStateMachine):
    """Runs of several batches, some given up before they reserve, some overtaken."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(dir=QUICK))
        self.store = self.folder / "numbers.sqlite"
        self.given: dict[tuple[str, str, str], str] = {}

    @rule(batch=batches, wanted=documents, kept=st.booleans(), hold=st.booleans())
    def run(
        self,
        batch: str,
        wanted: list[tuple[str, str, Series]],
        *,
        kept: bool,
        hold: bool,
    ) -> None:
        """A run that reserves, or one that stops before."""
        with Register(self.store, batch, never, always, hold=hold) as register:
            found = self.ask(register, batch, wanted)
            if kept:
                register.reserve(1.0)
                self.given.update(found)

    @rule(wanted=documents, others=documents)
    def overtake(
        self,
        wanted: list[tuple[str, str, Series]],
        others: list[tuple[str, str, Series]],
    ) -> None:
        """Two at once: one of them looks again, or they never met."""
        with (
            Register(self.store, "one", never, always) as slow,
            Register(self.store, "two", never, always) as quick,
        ):
            mine = self.ask(slow, "one", wanted)
            theirs = self.ask(quick, "two", others)
            quick.reserve(1.0)
            self.given.update(theirs)
            try:
                slow.reserve(2.0)
            except Overtaken:
                return
            self.given.update(mine)

    def ask(
        self, register: Register, batch: str, wanted: list[tuple[str, str, Series]]
    ) -> dict[tuple[str, str, str], str]:
        """The numbers of a pass, which never differ from those given before."""
        register.begin()
        found = {}
        for document, _, series in wanted:
            # A document keeps its day: another one would be refused.
            day = "2025-12-31" if document in "abc" else "2026-01-01"
            key = (batch, series.name, document)
            found[key] = register.number(series, document, {"issue_date": day}, PLACE)
            assert found[key] == self.given.get(key, found[key])
        return found

    @rule(n=st.integers(0, 20))
    def void(self, n: int) -> None:
        """One number is declared void."""
        if not self.store.exists():
            return
        with numbers(self.store) as store:
            live = [x for x in store.every() if x.state is not Standing.VOID]
            if live:
                chosen = live[n % len(live)]
                store.void([chosen.number], "r", 3.0)
                del self.given[chosen.batch, chosen.series, chosen.document]

    @invariant()
    def every_number_has_one_document(self) -> None:
        """And every n from the first to the last is there."""
        if not self.store.exists():
            return
        with numbers(self.store) as store:
            every = list(store.every())
            assert list(store.gaps()) == []
        live = [x for x in every if x.state is not Standing.VOID]
        assert {(x.batch, x.series, x.document): x.number for x in live} == self.given
        assert len({x.number for x in every}) == len(every)
        firsts = {x.series: x.n for x in reversed(every)}
        assert firsts.items() <= {"A": 1, "B": 7}.items()

    def teardown(self) -> None:
        """Leave nothing."""
        shutil.rmtree(self.folder)


Runs.TestCase.settings = settings(
    max_examples=15, stateful_step_count=12, deadline=None
)
TestRuns = Runs.TestCase
