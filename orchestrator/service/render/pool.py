"""Worker processes that can be killed, each with one document at a time."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from orchestrator.service.render.task import Answer, Task
from orchestrator.service.render.work import RenderError

_LONGEST_LINE = 64 << 20
_LAST_WORDS = 4096
_START_LIMIT = 30.0
_NO_MEMORY = ("memory allocation of", "MemoryError", "out of memory", "bad_alloc")


@dataclass(frozen=True, slots=True)
class Launch:
    """How a worker is started: its command, its environment, its folder."""

    command: Sequence[str]
    environment: Mapping[str, str]
    folder: Path


def environment(scratch: Path) -> dict[str, str]:
    """All that a worker sees of the environment: nothing of the user's.

    The proxy stands for no network: nothing listens there.
    """
    nowhere = "http://127.0.0.1:9"
    return {
        "PATH": os.defpath,
        "PYTHONPATH": str(Path(__file__).parents[3]),
        "PYTHONUTF8": "1",
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        "LC_ALL": "C.UTF-8",
        **dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), nowhere),
        **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), nowhere),
    }


def command(setup: str) -> list[str]:
    """The command of a worker, found whatever the current folder is."""
    return [sys.executable, "-P", "-m", "orchestrator.service.render.worker", setup]


class Worker:
    """One process; asks it one thing at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.served = 0
        self._last_words = b""
        self._listener = asyncio.create_task(self._listen())

    @classmethod
    async def start(cls, launch: Launch) -> Worker:
        """Start a process and wait until it is ready."""
        process = await asyncio.create_subprocess_exec(
            *launch.command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=dict(launch.environment),
            cwd=launch.folder,
            limit=_LONGEST_LINE,
            # Ctrl-C in a terminal is for the service; and a group can be killed whole.
            start_new_session=True,
        )
        worker = cls(process)
        try:
            await worker._answer(_START_LIMIT)
        except BaseException:
            await worker.kill()
            raise
        return worker

    @property
    def is_alive(self) -> bool:
        """Whether the process has not ended, also if nobody was told yet."""
        peek = os.WEXITED | os.WNOHANG | os.WNOWAIT
        with suppress(ChildProcessError):
            return os.waitid(os.P_PID, self.process.pid, peek) is None
        return False

    async def ask(self, task: Task, limit: float) -> Answer:
        """Have a task done within so many seconds.

        Raises:
            RenderError: the process died, or took too long.
        """
        assert self.process.stdin is not None  # noqa: S101 -- a pipe was asked for
        self.served += 1
        self.process.stdin.write(msgspec.json.encode(task) + b"\n")
        return await self._answer(limit)

    async def _answer(self, limit: float) -> Answer:
        assert self.process.stdin is not None  # noqa: S101
        assert self.process.stdout is not None  # noqa: S101
        try:
            async with asyncio.timeout(limit):
                with suppress(ConnectionError):
                    await self.process.stdin.drain()
                line = await self.process.stdout.readline()
        except TimeoutError:
            raise RenderError(
                "time_limit", f"stopped after {limit:g} s, the limit for a document"
            ) from None
        if not line.endswith(b"\n"):
            raise await self._obituary()
        return msgspec.json.decode(line, type=Answer)

    async def _obituary(self) -> RenderError:
        """Say what is known about the process's end."""
        self._signal(signal.SIGKILL)
        status = await self.process.wait()
        await self._listener
        words = self._last_words.decode("utf-8", "replace")
        if any(each in words for each in _NO_MEMORY):
            return RenderError("memory_limit", "the document needs too much memory")
        how = f"by {signal.Signals(-status).name}" if status < 0 else f"with {status}"
        return RenderError("converter_died", f"the converter ended {how}")

    async def _listen(self) -> None:
        """Keep what the process said last; never let it wait for us."""
        assert self.process.stderr is not None  # noqa: S101
        while chunk := await self.process.stderr.read(4096):
            self._last_words = (self._last_words + chunk)[-_LAST_WORDS:]

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, number)

    async def kill(self) -> None:
        """End the process and all that it started, and wait for it."""
        self._signal(signal.SIGKILL)
        await self._reap()

    async def retire(self) -> None:
        """Let the process end by itself, with a limit."""
        assert self.process.stdin is not None  # noqa: S101
        self.process.stdin.close()
        try:
            async with asyncio.timeout(2):
                await self.process.wait()
        except TimeoutError:
            pass
        finally:
            await self.kill()

    async def _reap(self) -> None:
        await self.process.wait()
        self._listener.cancel()
        with suppress(asyncio.CancelledError):
            await self._listener
        transport = getattr(self.process, "_transport", None)
        if transport is not None:
            transport.close()


class Pool:
    """At most so many workers, started when needed, replaced when they fail.

    Args:
        launch: How a worker is started.
        size: Most workers, and most tasks at work.
        limit: Seconds that a task may take; starting a process does not count.
        recycle: Tasks after which a process is replaced: converters leak.
    """

    def __init__(
        self, launch: Launch, *, size: int, limit: float, recycle: int
    ) -> None:
        self._launch = launch
        self._slots = asyncio.Semaphore(size)
        self._limit = limit
        self._recycle = recycle
        self._idle: list[Worker] = []
        self._workers: set[Worker] = set()
        self._closed = False
        self._warming: asyncio.Task[Worker] | None = None

    def warm(self) -> None:
        """Start a worker for the first task that will come."""
        self._warming = asyncio.create_task(self._started(), name="first worker")

    async def run(self, task: Task) -> Answer:
        """Have a task done by some worker.

        Raises:
            RenderError: the answer is an error, the worker died or took too long.
        """
        async with self._slots:
            worker = await self._worker()
            try:
                answer = await worker.ask(task, self._limit)
            except BaseException as error:
                await asyncio.shield(self._drop(worker))
                if isinstance(error, RenderError):
                    self._refuse_if_closed()
                raise
            if answer.spent or worker.served >= self._recycle:
                await asyncio.shield(self._drop(worker))
            else:
                self._idle.append(worker)
        if answer.code:
            raise RenderError(answer.code, answer.message)
        return answer

    async def _worker(self) -> Worker:
        while self._idle:
            worker = self._idle.pop()
            if worker.is_alive:
                return worker
            await self._drop(worker)
        warming, self._warming = self._warming, None
        if warming is not None:
            with suppress(RenderError):  # it died while it started
                worker = await warming
                if worker.is_alive:
                    return worker
                await self._drop(worker)
        return await self._started()

    async def _started(self) -> Worker:
        self._refuse_if_closed()
        worker = await Worker.start(self._launch)
        self._workers.add(worker)
        try:
            self._refuse_if_closed()
        except RenderError:
            await self._drop(worker)
            raise
        return worker

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise RenderError("closing", "the service is shutting down")

    async def _drop(self, worker: Worker) -> None:
        self._workers.discard(worker)
        await worker.kill()

    async def close(self) -> None:
        """Kill all workers; tasks at work fail."""
        self._closed = True
        if self._warming is not None:
            self._warming.cancel()
            await asyncio.gather(self._warming, return_exceptions=True)
        self._idle.clear()
        await asyncio.gather(*(self._drop(each) for each in list(self._workers)))
