"""One suite for every ledger: in memory, and in a file that is opened anew."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import MachineError
from orchestrator.ledger import record
from orchestrator.ledger.feed import Allowance, Pages
from orchestrator.ledger.stage import Stage
from orchestrator.ledger.store import Store
from orchestrator.ledger.view import View
from orchestrator.model import (
    Blame,
    Document,
    Failure,
    Job,
    Mode,
    Output,
    Phase,
    Progress,
    Remedy,
    Result,
    Saved,
    State,
    Upload,
    Verdict,
)
from orchestrator.testing import ManualClock, MemoryLedger
from tests.model import Book, document, job_of

BAD = Failure("bad", "it is bad", Blame.DOCUMENT, Remedy.FAIL)


class Batch:
    """A batch whose ledger can be opened again and again."""

    def __init__(self, path: Path | None) -> None:
        self.clock = ManualClock()
        self._path = path
        self._memory = MemoryLedger(clock=self.clock)

    def merge(self, *documents: Document) -> None:
        """Take the manifest as it is now."""
        if self._path is None:
            for each in documents:
                self._memory.put(each)
            return
        with Stage(self._path) as stage:
            for each in documents:
                stage.add(each)
            stage.compare()
            stage.merge()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Book]:
        """Open the ledger."""
        if self._path is None:
            yield self._memory
            return
        async with Store(self._path, self.clock) as store:
            yield store

    def states(self) -> dict[State, int]:
        """Documents by state."""
        if self._path is not None:
            with View(self._path) as view:
                return view.states()
        counts: dict[State, int] = {}
        for each in self._memory.entries.values():
            counts[each.state] = counts.get(each.state, 0) + 1
        return counts


@pytest.fixture(params=["memory", "file"])
def batch(request: pytest.FixtureRequest, tmp_path: Path) -> Batch:
    """A batch of either kind."""
    return Batch(tmp_path / "ledger.sqlite" if request.param == "file" else None)


def done(what: Document, path: str | None = None) -> Verdict:
    """A document that was done."""
    return Verdict(what, State.DONE, (Output(path or what.output, 3, "0" * 64),))


async def test_an_intent_survives_and_holds_its_document(batch: Batch) -> None:
    """After a cut, the job is there with the time of its intent, and no page has it."""
    one = document("one", params={"rate": Decimal("1.10"), "名": "é"})
    batch.merge(one)
    job = replace(job_of(one), callback="http://127.0.0.1:1/hook")
    async with batch.open() as book:
        intended = batch.clock.now()
        await book.intend(job, Progress())
    batch.clock.skip(5)
    async with batch.open() as book:
        # The callback holds a secret, and is not written down.
        kept = replace(job, callback=None)
        assert book.open_jobs("a") == [(kept, Progress(), intended)]
        assert str(book.open_jobs("a")[0][0].document.params["rate"]) == "1.10"
        assert book.open_documents("a", large=False, after=None, limit=9) == []
        assert book.open_jobs("other") == []


async def test_an_intent_that_was_taken_back_keeps_its_job(batch: Batch) -> None:
    """The request did not arrive: it goes again under the same id."""
    one = document("one")
    batch.merge(one)
    async with batch.open() as book:
        await book.intend(job_of(one), Progress())
        await book.not_sent(job_of(one), Progress(laps=2), "refused")
    async with batch.open() as book:
        assert book.open_jobs("a") == [(job_of(one), Progress(laps=2), None)]


async def test_advance_clears_the_intent_and_keeps_the_handle(batch: Batch) -> None:
    """The provider answered."""
    one = document("one")
    batch.merge(one)
    result = Result("a", "/r", saved=Saved("/p", 3, "0" * 64))
    there = Progress(Phase.FETCH, handle="h", results=(result,), polls=3)
    async with batch.open() as book:
        await book.intend(job_of(one), Progress())
        await book.advance(job_of(one), there)
    async with batch.open() as book:
        assert book.open_jobs("a") == [(job_of(one), there, None)]


async def test_signed_upload_links_are_not_kept(batch: Batch) -> None:
    """They are secrets: a resume asks for new ones."""
    one = document("one", Mode.PRESIGNED)
    batch.merge(one)
    uploads = (Upload("http://x/?signature=secret"),)
    async with batch.open() as book:
        await book.advance(
            job_of(one), Progress(Phase.UPLOAD, handle="h", uploads=uploads)
        )
    async with batch.open() as book:
        _, progress, _ = book.open_jobs("a")[0]
        assert progress == Progress(Phase.SUBMIT, handle="h")


def test_an_ended_job_keeps_no_signed_links() -> None:
    """What is fetched needs no link; a handle that is one keeps its address."""
    link = "https://x/a.pdf?signature=secret"
    results = (Result("a", link), Result("b", "/v1/b", document=1))
    there = Progress(Phase.FETCH, handle=link, results=results)
    assert record.durable(there) == there
    kept = record.durable(there.at(Phase.ENDED))
    assert "secret" not in record.text(kept)
    assert kept.handle == "https://x/a.pdf"
    assert [each.name for each in kept.results] == ["a", "b"]
    assert record.durable(Progress(Phase.ENDED, handle="h?1")).handle == "h?1"


@pytest.mark.parametrize(
    ("state", "phase", "is_left"),
    [
        (State.DONE, Phase.RELEASE, True),
        (State.DONE, Phase.ENDED, False),
        (State.FAILED, Phase.ENDED, False),
        (State.FAILED, Phase.FETCH, False),
        (State.LOST, Phase.ENDED, False),
        (State.OVERDUE, Phase.POLL, True),
        (State.IN_DOUBT, Phase.SUBMIT, True),
    ],
)
async def test_what_is_left_after_settling(
    batch: Batch, state: State, phase: Phase, *, is_left: bool
) -> None:
    """What is over is not asked for again; what may come is."""
    one = document("one")
    batch.merge(one)
    async with batch.open() as book:
        await book.intend(job_of(one), Progress())
        verdict = done(one) if state is State.DONE else Verdict(one, state, (), BAD)
        await book.settle(job_of(one), Progress(phase), [verdict])
    assert batch.states() == {state: 1}
    async with batch.open() as book:
        assert bool(book.open_jobs("a")) is is_left
        assert book.open_documents("a", large=False, after=None, limit=9) == []


async def test_doubt_does_not_make_an_intent_younger(batch: Batch) -> None:
    """Its age decides what an absence proves: it stays what it was, run after run."""
    one = document("one")
    batch.merge(one)
    async with batch.open() as book:
        intended = batch.clock.now()
        await book.intend(job_of(one), Progress())
    for _ in range(2):
        batch.clock.skip(50_000)
        async with batch.open() as book:
            assert book.open_jobs("a")[0][2] == intended
            verdict = Verdict(one, State.IN_DOUBT, (), BAD)
            await book.settle(job_of(one), Progress(), [verdict])


async def test_a_document_that_failed_before_any_intent_has_failed(
    batch: Batch,
) -> None:
    """Its source was gone, say: the first word of its job is its last."""
    one = document("one")
    batch.merge(one)
    async with batch.open() as book:
        verdict = Verdict(one, State.FAILED, (), BAD)
        await book.settle(job_of(one), Progress(Phase.ENDED), [verdict])
    assert batch.states() == {State.FAILED: 1}


async def test_edited_in_flight_is_settled_as_it_was_and_opens_again(
    batch: Batch,
) -> None:
    """The job that was paid for ends as it was asked; then the new one is due."""
    old, new = document("one"), document("one", params={"new": True})
    batch.merge(old)
    async with batch.open() as book:
        await book.intend(job_of(old), Progress())
    batch.merge(new)
    batch.merge(new)
    async with batch.open() as book:
        assert book.open_documents("a", large=False, after=None, limit=9) == []
        job, _, _ = book.open_jobs("a")[0]
        assert job.document == old
        await book.settle(job, Progress(Phase.RELEASE), [done(old)])
        await book.advance(job, Progress(Phase.ENDED))
        again = book.open_documents("a", large=False, after=None, limit=9)
        assert again == [replace(new, overwrite=True)], "its own output may be replaced"
    async with batch.open() as book:
        assert book.open_jobs("a") == []
    assert batch.states() == {State.OPEN: 1}


async def test_pages_come_by_priority_then_in_order(batch: Batch) -> None:
    """Each document is in one page."""
    few = [document(f"d{n}", n=n, priority=n % 3) for n in range(10)]
    batch.merge(*few)
    seen: list[Document] = []
    async with batch.open() as book:
        after = None
        while page := book.open_documents("a", large=False, after=after, limit=3):
            seen += page
            after = (page[-1].priority, page[-1].n)
        assert book.open_documents("a", large=True, after=None, limit=3) == []
    assert seen == sorted(few, key=lambda each: (-each.priority, each.n))


async def test_trust_is_kept(batch: Batch) -> None:
    """One positive lookup is enough, until an id of theirs is seen."""
    async with batch.open() as book:
        assert book.trust_of("a") is None
        await book.trust("a")
    async with batch.open() as book:
        assert book.trust_of("a") is True
        assert book.trust_of("b") is None
        await book.distrust("a")
    async with batch.open() as book:
        assert book.trust_of("a") is False


# What only the file has...


async def test_trust_is_in_a_server(tmp_path: Path) -> None:
    """It begins anew at another one, unless that is the same service."""
    path = tmp_path / "ledger.sqlite"
    staged(path, 1)

    async def seen(here: str, *same: str) -> bool | None:
        async with Store(path, ManualClock()) as book:
            await book.settle_in({"d": here, "e": "x"}, same)
        async with Store(path, ManualClock()) as book:
            return book.trust_of("d")

    async with Store(path, ManualClock()) as book:
        await book.trust("d")
    assert await seen("https://one") is True, "an older ledger says nothing of servers"
    assert await seen("https://two", "d") is True
    assert await seen("https://three") is None
    async with Store(path, ManualClock()) as book:
        await book.distrust("d")
    assert await seen("https://three") is False
    assert await seen("https://four") is None


def staged(path: Path, count: int, **changes: Any) -> list[Document]:
    """A file with some open documents."""
    documents = [document(f"d{n:05}", n=n, **changes) for n in range(count)]
    with Stage(path) as stage:
        for each in documents:
            stage.add(each)
        stage.compare()
        stage.merge()
    return documents


async def test_one_turn_of_the_loop_is_one_commit(tmp_path: Path) -> None:
    """What is asked for before the loop comes around travels together."""
    path = tmp_path / "ledger.sqlite"
    documents = staged(path, 20)
    async with Store(path, ManualClock()) as store:
        for _ in range(2):
            before = store.commits
            await asyncio.gather(
                *(
                    store.intend(job_of(each, n), Progress())
                    for n, each in enumerate(documents)
                )
            )
            assert store.commits - before == 1


async def test_what_nobody_waits_for_is_written_soon(tmp_path: Path) -> None:
    """Without another word, and at the latest when the ledger is closed."""
    path = tmp_path / "ledger.sqlite"
    document = staged(path, 1)[0]

    def kinds() -> list[str]:
        with closing(sqlite3.connect(path)) as seen:
            return [kind for (kind,) in seen.execute("SELECT kind FROM event")]

    async with Store(path, ManualClock()) as store:
        store.jot("width", "a", "3: went well")
        while kinds() != ["width"]:
            await asyncio.sleep(0.01)
        await store.advance(job_of(document), Progress(Phase.ENDED))
    assert kinds() == ["width", "advance"]


async def test_many_writers_share_commits(tmp_path: Path) -> None:
    """What is queued while a commit runs is the next commit."""
    path = tmp_path / "ledger.sqlite"
    documents = staged(path, 400)
    async with Store(path, ManualClock()) as store:
        before = store.commits
        await asyncio.gather(
            *(
                store.intend(job_of(each, n), Progress())
                for n, each in enumerate(documents)
            )
        )
        assert store.commits - before <= 40
        assert len(store.open_jobs("a")) == 400


async def test_a_reader_sees_what_is_durable_while_a_run_writes(tmp_path: Path) -> None:
    """Status and export work while a run holds the batch."""
    path = tmp_path / "ledger.sqlite"
    one, two = staged(path, 2)
    async with Store(path, ManualClock()) as store:
        await store.intend(job_of(one), Progress())
        with View(path) as view:
            assert view.in_flight() == {"submit": 1}
            await store.settle(job_of(one), Progress(Phase.ENDED), [done(one)])
            assert view.states() == {State.DONE: 1, State.OPEN: 1}
            assert [row.document.id for row in view.rows()] == [one.id, two.id]


async def fails(write: Callable[[], Awaitable[None]]) -> str:
    """What a write that cannot be done says."""
    with pytest.raises(MachineError) as caught:
        await write()
    return str(caught.value)


async def test_a_full_disk_tells_everybody_and_writes_nothing(tmp_path: Path) -> None:
    """Every waiter of the commit hears of it; not half of it is there."""
    path = tmp_path / "ledger.sqlite"
    documents = staged(path, 50, params={"text": "x" * 5000})
    async with Store(path, ManualClock()) as store:
        pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
        store._connection.execute(f"PRAGMA max_page_count={pages}")
        outcomes = await asyncio.gather(
            *(
                store.advance(job_of(each, n), Progress(handle="h" * 2000))
                for n, each in enumerate(documents)
            ),
            return_exceptions=True,
        )
        failed = [each for each in outcomes if isinstance(each, MachineError)]
        assert failed
        assert all("full" in str(each) and str(path) in str(each) for each in failed)
        assert len(store.open_jobs("a")) == len(outcomes) - len(failed)
        store._connection.execute("PRAGMA max_page_count=100000")
        await store.advance(job_of(documents[0], 0), Progress(handle="after"))
    with View(path) as view:
        assert sum(view.states().values()) == 50


async def test_a_writer_that_breaks_never_leaves_anybody_waiting(
    tmp_path: Path,
) -> None:
    """Even an error that is nobody's expectation reaches who waits."""
    path = tmp_path / "ledger.sqlite"
    (one,) = staged(path, 1)
    async with Store(path, ManualClock()) as store:
        said = await asyncio.wait_for(
            fails(lambda: store.note("width", "a", "\ud800")), timeout=5
        )
        assert str(path) in said
        await store.intend(job_of(one), Progress())
    assert "closed" in await fails(lambda: store.trust("a"))


async def test_a_cancelled_write_is_written_all_the_same(tmp_path: Path) -> None:
    """A commit cannot be called back: what was asked for is on disk afterwards."""
    path = tmp_path / "ledger.sqlite"
    (one,) = staged(path, 1)
    async with Store(path, ManualClock()) as store:
        task = asyncio.create_task(store.intend(job_of(one), Progress()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    async with Store(path, ManualClock()) as store:
        assert len(store.open_jobs("a")) == 1


async def test_events_tell_the_story_of_a_job(tmp_path: Path) -> None:
    """In order, with the time of the clock that was given."""
    path = tmp_path / "ledger.sqlite"
    (one,) = staged(path, 1)
    clock = ManualClock()
    job: Job = job_of(one)
    async with Store(path, clock) as store:
        await store.intend(job, Progress())
        clock.skip(1)
        await store.not_sent(job, Progress(), "refused")
        await store.intend(job, Progress())
        await store.advance(job, Progress(Phase.POLL))
        verdict = Verdict(one, State.FAILED, (), BAD)
        await store.settle(job, Progress(Phase.ENDED), [verdict])
        await store.note("width", "a", "6: status 429")
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(
            "SELECT kind, document, detail, at FROM event ORDER BY key"
        ).fetchall()
    began = clock.now() - 1
    assert rows == [
        ("intent", one.id, "submit", began),
        ("not_sent", one.id, "refused", began + 1),
        ("intent", one.id, "submit", began + 1),
        ("advance", one.id, "poll", began + 1),
        ("failed", one.id, "bad", began + 1),
        ("width", None, "6: status 429", began + 1),
    ]


async def test_a_settled_job_that_is_not_the_documents_changes_nothing(
    tmp_path: Path,
) -> None:
    """A document answers to its own job only."""
    path = tmp_path / "ledger.sqlite"
    (one,) = staged(path, 1)
    async with Store(path, ManualClock()) as store:
        await store.intend(job_of(one, 1), Progress())
        verdict = Verdict(one, State.FAILED, (), BAD)
        await store.settle(job_of(one, 2), Progress(Phase.ENDED), [verdict])
        assert [job.id for job, _, _ in store.open_jobs("a")] == [job_of(one, 1).id]


@pytest.mark.parametrize(
    ("only", "limit", "ids"),
    [
        ((), None, ["d0", "d1", "d2", "d10"]),
        (("d1",), None, ["d1"]),
        (("d1*",), None, ["d1", "d10"]),
        (("d[02]", "d10"), None, ["d0", "d2", "d10"]),
        ((), 2, ["d0", "d1"]),
        (("d1*",), 1, ["d1"]),
        (("D1",), None, []),
    ],
)
async def test_a_feed_gives_what_is_wanted(
    tmp_path: Path, only: tuple[str, ...], limit: int | None, ids: list[str]
) -> None:
    """``--only`` and ``--limit``; each document once, whatever the page."""
    path = tmp_path / "ledger.sqlite"
    with Stage(path) as stage:
        for n, name in enumerate(("d0", "d1", "d2", "d10")):
            stage.add(document(name, n=n))
        stage.compare()
        stage.merge()
    async with Store(path, ManualClock()) as store:
        feed = Pages(store, "a", only, Allowance(limit))
        found: list[str] = []
        while page := await feed.page(large=False, limit=1):
            found += [each.id for each in page]
        assert found == ids
        assert not await feed.page(large=True, limit=1)


async def test_a_limit_is_for_all_accounts(tmp_path: Path) -> None:
    """Two accounts share one allowance."""
    path = tmp_path / "ledger.sqlite"
    with Stage(path) as stage:
        for n in range(6):
            stage.add(document(f"d{n}", n=n, provider="ab"[n % 2]))
        stage.compare()
        stage.merge()
    async with Store(path, ManualClock()) as store:
        allowance = Allowance(4)
        feeds = [Pages(store, name, (), allowance) for name in "ab"]
        pages = [await feed.page(large=False, limit=9) for feed in feeds]
        assert [len(page) for page in pages] == [3, 1]


def test_a_ledger_of_another_version_is_refused(tmp_path: Path) -> None:
    """And so is a file that is none."""
    path = tmp_path / "ledger.sqlite"
    staged(path, 1)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version=9")
    connection.close()
    with pytest.raises(MachineError, match="version 9 found"):
        Store(path, ManualClock())
    path.write_bytes(b"not a ledger at all" * 100)
    with pytest.raises(MachineError, match="not a database"):
        Store(path, ManualClock())


async def test_what_is_done_does_not_wait_for_its_job(batch: Batch) -> None:
    """A job that goes on for one of its documents leaves the others alone."""
    first, second = document("d0", n=0), document("d1", n=1)
    batch.merge(first, second)
    job = replace(job_of(first), documents=(first, second))
    late = Verdict(second, State.OVERDUE, failure=BAD)
    async with batch.open() as ledger:
        await ledger.settle(job, Progress(Phase.FETCH), [done(first), late])
    async with batch.open() as ledger:
        ((left, progress, _),) = ledger.open_jobs("a")
        assert progress.phase is Phase.FETCH
        assert left.withdrawn == {0}
        assert [each.id for _, each in left.own()] == ["d1"]


async def test_a_page_that_is_being_read_outlives_the_end(tmp_path: Path) -> None:
    """A stopped run closes the ledger while a thread still reads: both end well."""
    path = tmp_path / "ledger.sqlite"
    Batch(path).merge(*(document(f"d{n}") for n in range(300)))
    reads, goes_on = threading.Event(), threading.Event()

    def hold() -> int:
        reads.set()
        goes_on.wait(5)
        return 0

    async with Store(path, ManualClock()) as store:
        store._reader.set_progress_handler(hold, 10)
        read = partial(store.open_documents, "a", large=False, after=None, limit=300)
        page = asyncio.create_task(asyncio.to_thread(read))
        await asyncio.to_thread(reads.wait, 5)
        asyncio.get_running_loop().call_later(0.2, goes_on.set)
    assert len(await page) == 300
    assert store.open_documents("a", large=False, after=None, limit=9) == []


async def test_many_jobs_that_were_left_are_read_in_pages(tmp_path: Path) -> None:
    """Oldest first, each once, whatever becomes of those that were read before."""
    path = tmp_path / "ledger.sqlite"
    documents = staged(path, 700)
    async with Store(path, ManualClock()) as store:
        jobs = [job_of(each, n, n // 100) for n, each in enumerate(documents)]
        await asyncio.gather(*(store.intend(each, Progress()) for each in jobs))
        assert store.has_left("a")
        assert not store.has_left("b")
        assert store.names_left("a") == {each.id for each in jobs}
        feed = Pages(store, "a")
        found: list[Job] = []
        while page := await feed.left(150):
            found += [job for job, _, _ in page]
            ended = [done(each.document) for each in found[-150:]]
            for job, verdict in zip(found[-150:], ended, strict=True):
                await store.settle(job, Progress(Phase.ENDED), [verdict])
        assert found == jobs
        assert not store.has_left("a")


async def test_a_ledger_that_is_gone_is_not_written_on(tmp_path: Path) -> None:
    """SQLite would write to a file without a name; nobody is told that it is safe."""
    path = tmp_path / "ledger.sqlite"
    (one,) = staged(path, 1)
    async with Store(path, ManualClock()) as store:
        path.rename(tmp_path / "elsewhere.sqlite")
        said = await fails(lambda: store.intend(job_of(one), Progress()))
        assert "removed or replaced" in said
        path.write_bytes(b"another")
        said = await fails(lambda: store.intend(job_of(one), Progress()))
        assert "removed or replaced" in said
