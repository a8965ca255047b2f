"""Blocking calls in threads, which a cancellation never leaves running unseen.

Theory of operation
-------------------
The pool is ours because the standard library's costs as much as the small file that it
writes (measured: 85 µs there and back, this one 10): a second kind of future, locks,
and above all a thread woken for every call and the loop for every result. Here one
thread is woken for all calls of a turn of the loop, another one only for what still
waits 5 ms later (a slow disk), and what is finished by the time the loop comes
to look is told in one go.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")

MOST = 8
"""Threads of one loop; they spend their time in the disk's hands, not at a core."""

PATIENCE = 0.005
"""Seconds after which calls that nobody has taken get one more thread."""

_Outcome = tuple[Any, BaseException | None]
_Call = tuple["asyncio.Future[Any]", Callable[[], Any]]


class Pool:
    """A few threads for the blocking calls of one loop."""

    def __init__(self) -> None:
        self._calls: deque[_Call] = deque()
        self._ended: deque[tuple[asyncio.Future[Any], _Outcome]] = deque()
        self._wakes: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._counting = threading.Lock()
        self._awake = 0
        self._threads = 0
        self._is_seen = True
        self._is_timed = False
        self._is_told = False

    def start(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """Begin a blocking call; called in the loop."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        with self._counting:
            self._calls.append((future, work))
        if self._is_seen:
            self._is_seen = False
            loop.call_soon(self._look, loop)
        return future

    def end(self) -> None:
        """Let the threads go once their work is done."""
        for _ in range(self._threads):
            self._wakes.put(0)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wake one thread if none is awake, and one more for what waits too long."""
        self._is_seen = True
        if self._calls and not self._awake:
            self._wake()
        if self._calls and not self._is_timed:
            self._is_timed = True
            loop.call_later(PATIENCE, self._look_again, loop)

    def _look_again(self, loop: asyncio.AbstractEventLoop) -> None:
        self._is_timed = False
        if self._calls:
            self._wake()
            self._look(loop)

    def _wake(self) -> None:
        with self._counting:
            if self._awake == MOST:
                return
            self._awake += 1
            is_new = self._awake > self._threads
            self._threads += is_new
        if is_new:
            # A daemon: what is killed with the process is as good as never written.
            name = f"files-{self._threads}"
            try:
                threading.Thread(target=self._serve, name=name, daemon=True).start()
            except RuntimeError as error:
                self._refused(error)
        else:
            self._wakes.put(1)

    def _refused(self, error: RuntimeError) -> None:
        """The system gives no thread: wait for the others, or fail if there is none."""
        with self._counting:
            self._awake -= 1
            self._threads -= 1
            left = list(self._calls) if not self._threads else []
            if left:
                self._calls.clear()
        for future, _ in left:
            if not future.done():
                future.set_exception(error)

    def _serve(self) -> None:
        self._work()
        while self._wakes.get():
            self._work()

    def _work(self) -> None:
        while (call := self._next()) is not None:
            future, work = call
            self._ended.append((future, _outcome(work)))
            # The loop looks after it has cleared the mark: nothing is left behind.
            if not self._is_told:
                self._is_told = True
                # Nobody waits any more once the loop is closed.
                with suppress(RuntimeError):
                    future.get_loop().call_soon_threadsafe(self._tell)

    def _next(self) -> _Call | None:
        with self._counting:
            if self._calls:
                return self._calls.popleft()
            self._awake -= 1
            return None

    def _tell(self) -> None:
        self._is_told = False
        while self._ended:
            future, (result, error) = self._ended.popleft()
            if future.done():
                continue
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)


def _outcome(work: Callable[[], Any]) -> _Outcome:
    try:
        return work(), None
    except BaseException as error:  # noqa: BLE001  # raised where it is awaited
        return None, error


_pools: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Pool] = (
    weakref.WeakKeyDictionary()
)


def _pool() -> Pool:
    loop = asyncio.get_running_loop()
    pool = _pools.get(loop)
    if pool is None:
        pool = _pools[loop] = Pool()
        weakref.finalize(loop, pool.end)
    return pool


def start(function: Callable[..., T], *args: Any, **kwargs: Any) -> asyncio.Future[T]:
    """Begin a blocking call in a thread."""
    return _pool().start(partial(function, *args, **kwargs))


async def finish(future: asyncio.Future[T]) -> T:
    """Wait for a call, and on cancellation still until its thread is done.

    A file that a thread still reads or writes must not be closed: its number could
    already belong to another file.
    """
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        await _outlast(future)
        raise


async def run(function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Make a blocking call in a thread and wait for it."""
    return await finish(start(function, *args, **kwargs))


async def _outlast(future: asyncio.Future[Any]) -> None:
    while not future.done():
        try:
            await asyncio.wait({future})
        except asyncio.CancelledError:
            continue
    if not future.cancelled():
        future.exception()  # seen, so that the loop does not complain
