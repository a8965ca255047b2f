"""The embedded service as a child of the run: it starts with it and ends with it.

Key and webhook secret go through the child's standard input, never through its
arguments or environment. The input stays open: its end is the child's sign to leave,
which comes also when this process is killed.
"""

from __future__ import annotations

import asyncio
import base64
import os
import secrets
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Literal, Self
from urllib.parse import urlsplit

import msgspec

from orchestrator.errors import MachineError

_TAIL = 4000
Work = Literal["convert", "generate"]
"""What a service will do most: it makes ready for that while it starts."""


class _Ready(msgspec.Struct):
    """What the child says when it listens."""

    url: str


class PrivateService:
    """A private instance of the embedded service, as an async context.

    ``died`` is set when the child ends before the context does.
    """

    def __init__(
        self,
        data: Path,
        *,
        arguments: Sequence[str] = (),
        command: Sequence[str] | None = None,
        environment: Mapping[str, str] | None = None,
        patience: float = 30.0,
        farewell: float = 5.0,
        webhook: str | None = None,
        work: Work | None = None,
    ) -> None:
        """Describe it.

        Args:
            data: Folder of its jobs, which survive it.
            arguments: More arguments for ``serve``.
            command: Another program to start.
            environment: For the child; this process's own if not given.
            patience: Seconds until it has to listen.
            farewell: Seconds until it has to be gone, once its input is closed.
            webhook: Where it tells of jobs in APIs that are not told with each job;
                a secret, since its path is one. May be set until it is told.
            work: What it will do most.
        """
        # -P: what lies in the current folder is not imported.
        own = [sys.executable, "-P", "-m", "orchestrator", "serve", "--private"]
        ready = ("--ready-to", work) if work else ()
        own += [*ready, "--data", str(data)]
        self._command = [*(command or own), *arguments]
        self.data = data
        self._environment = environment
        self._patience = patience
        self._farewell = farewell
        self.webhook = webhook
        self.key = secrets.token_urlsafe(32)
        self.webhook_secret = (
            "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
        )
        self.url = ""
        self.died = asyncio.Event()
        self._process: Process | None = None
        self._is_told = False
        self._tail = b""
        self._tasks: list[asyncio.Task[None]] = []

    def __repr__(self) -> str:
        return f"PrivateService({self.url!r})"

    async def __aenter__(self) -> Self:
        await self._start()
        return self

    async def launch(self) -> None:
        """Start the process without waiting for it: it has much to import.

        It does nothing before it is told or entered; ``leave`` ends one that never is.

        Raises:
            MachineError: it cannot be started.
        """
        self._process = await self._launched()

    @property
    def is_launched(self) -> bool:
        """Whether a process was started, and not ended."""
        return self._process is not None

    async def tell(self) -> None:
        """Let a process that was launched begin: it is told its secrets."""
        if self._process is not None:
            await self._hand_over(self._process)

    async def leave(self) -> None:
        """End it, if it was started."""
        process, self._process = self._process, None
        if process is not None:
            await self._leave(process)

    async def revive(self) -> None:
        """Start it again after it died: same address, same secrets, same jobs.

        Raises:
            MachineError: it cannot be started.
        """
        await self.leave()
        self.died.clear()
        try:
            await self._start()
        except MachineError:
            self.died.set()
            raise

    async def _launched(self) -> Process:
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=PIPE,
                stdout=PIPE,
                stderr=PIPE,
                env=self._environment,
                # A Ctrl-C in the terminal is for us: the child has to outlive a drain.
                start_new_session=True,
            )
        except OSError as error:
            message = f"the private service cannot be started: {error.strerror}"
            raise MachineError(message) from error
        self._tasks = [asyncio.create_task(self._listen(process))]
        self._is_told = False
        return process

    async def _start(self) -> None:
        process = self._process or await self._launched()
        self._process = process
        try:
            self.url = await self._greet(process)
        except BaseException:
            await self._leave(process)
            raise
        self._tasks.append(asyncio.create_task(self._watch(process)))
        self._tasks.append(asyncio.create_task(_drain(process)))

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.leave()

    def last_words(self) -> str:
        """The end of what it wrote to its error output, without its secrets."""
        text = self._tail.decode("utf-8", "replace").strip()
        for secret in (self.key, self.webhook_secret, self.webhook):
            text = text.replace(secret or self.key, "…")
        return text

    async def _greet(self, process: Process) -> str:
        """Hand over the secrets, and wait for the address."""
        line = ""
        try:
            async with asyncio.timeout(self._patience):
                if not self._is_told:
                    await self._hand_over(process)
                line = (await _line(process)).decode("utf-8", "replace")
        except TimeoutError:
            raise self._failed(f"did not listen within {self._patience:g} s") from None
        if not line:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._farewell):
                    await process.wait()
                    await asyncio.wait(self._tasks)
            raise self._failed("ended before it listened")
        try:
            ready = msgspec.json.decode(line, type=_Ready)
        except msgspec.MsgspecError:
            raise self._failed("said something else than its address") from None
        return ready.url

    async def _hand_over(self, process: Process) -> None:
        if process.stdin is None:
            raise RuntimeError("the child has no input")
        said: dict[str, str | int] = {
            "key": self.key,
            "webhook_secret": self.webhook_secret,
            # A revived service is found where it was.
            "port": urlsplit(self.url).port or 0,
        }
        if self.webhook is not None:
            said["webhook"] = self.webhook
        self._is_told = True
        with suppress(ConnectionError):  # an early end shows at its output
            process.stdin.write(msgspec.json.encode(said) + b"\n")
            await process.stdin.drain()

    def _failed(self, what: str) -> MachineError:
        words = self.last_words()
        said = f"; it said:\n{words}" if words else ""
        return MachineError(f"the private service {what}{said}")

    async def _listen(self, process: Process) -> None:
        """Keep the end of the error output, so that its pipe never fills."""
        stream = process.stderr
        while stream is not None and (text := await stream.read(4096)):
            self._tail = (self._tail + text)[-_TAIL:]

    async def _watch(self, process: Process) -> None:
        await process.wait()
        if self._process is not None:
            self.died.set()

    async def _leave(self, process: Process) -> None:
        """Close the input, wait, and end by force what is still there."""
        self._process = None
        if process.stdin is not None:
            process.stdin.close()
        if not self._is_told:  # it has nothing to lose, and much to import yet
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        try:
            async with asyncio.timeout(self._farewell):
                await process.wait()
                # Open outputs mean that workers of the child are still there.
                await asyncio.wait(self._tasks)
        except TimeoutError:
            pass
        finally:
            if process.returncode is None or any(
                not each.done() for each in self._tasks
            ):
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            for task in self._tasks:
                task.cancel()
        await process.wait()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _line(process: Process) -> bytes:
    if process.stdout is None:
        return b""
    try:
        return await process.stdout.readline()
    except ValueError:  # a line without an end
        return b"?"


async def _drain(process: Process) -> None:
    """Read what it still says, so that its pipe never fills."""
    while process.stdout is not None and await process.stdout.read(4096):
        pass
