"""Threads for blocking calls: nothing is lost, nothing waits behind a slow one."""

from __future__ import annotations

import asyncio
import threading

import pytest

from orchestrator.transfer import threads


async def test_results_and_errors_come_back() -> None:
    """Each call gets its own; an error is raised where it is awaited."""

    def divide(a: int, b: int) -> float:
        return a / b

    futures = [threads.start(divide, n, 2) for n in range(100)]
    assert await asyncio.gather(*futures) == [n / 2 for n in range(100)]
    with pytest.raises(ZeroDivisionError):
        await threads.run(divide, 1, b=0)


async def test_calls_that_block_get_more_threads() -> None:
    """As many as are allowed block together; one more waits for one of them."""
    together = threading.Barrier(threads.MOST)
    calls = [threads.start(together.wait, 10) for _ in range(threads.MOST)]
    assert sorted(await asyncio.gather(*calls)) == list(range(threads.MOST))


async def test_a_quick_call_passes_a_slow_one() -> None:
    """A thread that sits in a call holds nobody else up."""
    gate = threading.Event()
    slow = threads.start(gate.wait, 10)
    assert await threads.run(lambda: "quick") == "quick"
    assert not slow.done()
    gate.set()
    assert await slow


async def test_one_wake_up_serves_a_turn_of_the_loop() -> None:
    """Calls of one turn are done by one thread, if none of them blocks."""
    await asyncio.gather(*(threads.start(threading.get_ident) for _ in range(3)))
    for _ in range(20):
        calls = [threads.start(threading.get_ident) for _ in range(5)]
        if len(set(await asyncio.gather(*calls))) == 1:
            return
    pytest.fail("every turn woke several threads")


async def test_a_cancelled_wait_lasts_as_long_as_its_call() -> None:
    """Whoever is cancelled goes on only when the thread has let go."""
    gate, begun = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        gate.wait(10)

    task = asyncio.create_task(threads.run(work))
    while not begun.is_set():
        await asyncio.sleep(0.001)
    task.cancel()
    await asyncio.sleep(0.01)
    assert not task.done()
    gate.set()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_each_loop_has_its_own_and_leaves_none_behind() -> None:
    """A loop that is gone takes its threads with it."""

    def named() -> set[threading.Thread]:
        return {t for t in threading.enumerate() if t.name.startswith("files-")}

    async def work() -> None:
        await threads.run(int)
        mine.update(named() - before)

    before, mine = named(), set[threading.Thread]()
    asyncio.run(work())
    assert mine
    for each in mine:
        each.join(5)
        assert not each.is_alive()


async def test_a_call_fails_if_no_thread_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As on a machine without memory: nobody waits for ever, and later it works."""

    def none_left(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", none_left)
        with pytest.raises(RuntimeError, match="new thread"):
            await threads.run(threading.get_ident)
    assert await threads.run(threading.get_ident)
