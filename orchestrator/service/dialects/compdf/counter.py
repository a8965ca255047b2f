"""What both generations do with tasks, over the desk; it knows no HTTP."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.clock import Clock
from orchestrator.model import Mode
from orchestrator.service import rows
from orchestrator.service.address import objection
from orchestrator.service.database import Database
from orchestrator.service.desk import Desk
from orchestrator.service.dialects.compdf import tasks, tools
from orchestrator.service.dialects.compdf.codes import (
    INVALID,
    NEEDS_FILE,
    NO_FILE,
    WRONG_STATE,
    Refusal,
)
from orchestrator.service.dialects.compdf.events import Event, Events
from orchestrator.service.dialects.compdf.tasks import DIALECT, Status, Task, Tasks
from orchestrator.service.dialects.compdf.tools import Tool
from orchestrator.service.hooks import Hooks
from orchestrator.service.jobs import Input, Job, JobState, Order
from orchestrator.service.packing import NAME, PACK
from orchestrator.service.params import encode
from orchestrator.service.settings import ServiceSettings
from orchestrator.service.storage import Tray
from orchestrator.service.store import Along

log = logging.getLogger(__name__)
SWEEP_EVERY = 30.0
OPTIONS = "options"
"""In ``Order.extra``: the options as they came, without passwords."""
Options = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Parts:
    """What the counter stands on."""

    base: Database
    desk: Desk
    hooks: Hooks
    events: Events
    clock: Clock
    settings: ServiceSettings


class Counter:
    """Opens, fills, starts, shows and closes tasks."""

    def __init__(self, parts: Parts) -> None:
        self._base = parts.base
        self.desk = parts.desk
        self._hooks = parts.hooks
        self._events = parts.events
        self._clock = parts.clock
        self._settings = parts.settings
        self.tasks = Tasks(parts.base)

    def new(self, tool: Tool, callback: str = "") -> Task:
        """A task that is not on disk yet.

        Raises:
            Refusal: the callback goes where this instance does not call.
        """
        allow = self._settings.allow_private_urls
        wrong = objection(callback, allow_private=allow) if callback else None
        if wrong is not None:
            raise Refusal(INVALID, f"callbackUrl: {wrong}")
        return Task(str(uuid.uuid4()), tool, callback, self._clock.now())

    async def open(self, task: Task) -> None:
        """Put a task without files on disk."""
        await self._base.write(self._opening(task))
        self._hooks.wake()

    async def submit(
        self, task: Task, trays: Sequence[Tray], found: Options, mode: Mode
    ) -> Task:
        """Accept a new task with all its files for work; durable when it returns.

        Raises:
            Problem: it cannot be done here; then there is no task.
        """
        tools.check_count(task.tool, len(trays))
        if task.tool.takes_many:
            tray = await _joined(trays)
            orders = [
                (self._merge(task, found, tools.shared_ranges(found), mode), tray)
            ]
        else:
            orders = [
                (await self._order(task, each, found, mode), each) for each in trays
            ]
        keys = [order.id for order, _ in orders]
        await self.desk.take_all(orders, along=self._opening(task, keys))
        self._hooks.wake()
        return self.tasks.find(task.id)

    async def put(self, task: Task, tray: Tray, found: Options) -> str:
        """Add a file that is here to a task; return its key.

        Raises:
            Problem: the task takes none, or it cannot be done here.
        """
        order = await self._order(task, tray, found, Mode.PRESIGNED)
        along = self._adding(task.id, order.id, is_here=True)
        await self.desk.create(order, tray=tray, expires=task.overdue, along=along)
        self._hooks.wake()
        return order.id

    async def promise(
        self, task: Task, name: str, found: Options, *, is_new: bool
    ) -> str:
        """Add a file that will be uploaded to a task; return its key.

        Raises:
            Problem: the task takes none, or it cannot be done here.
        """
        order = self._piece(task, name, found, Mode.PRESIGNED)
        along = self._adding(task.id, order.id, opens=task if is_new else None)
        inputs = [Input(_named(task.tool, name))]
        await self.desk.create(order, inputs, expires=task.overdue, along=along)
        self._hooks.wake()
        return order.id

    async def receive(
        self, key: str, length: int, chunks: AsyncIterator[bytes]
    ) -> None:
        """Take the bytes of a file that was promised.

        Raises:
            Problem: there is no such file, or it is here with other bytes.
        """
        was_here = self.desk.find(key).inputs[0].is_received
        await self.desk.intake.receive(key, 0, length, chunks)
        if not was_here:
            task = self.tasks.find(tasks.task_id(key))
            await self._base.write(
                lambda db: self._tell(db, task, Event.FILE_START, key)
            )
            self._hooks.wake()

    async def start(self, wanted: str) -> Task:
        """Accept a task whose files are here for work; durable when it returns.

        Raises:
            Problem: it has none, or not all of them, or was started, or is overdue.
        """
        task = self.tasks.find(wanted)
        tasks.check_open(task, self._clock.now())
        if not task.files:
            raise Refusal(NEEDS_FILE, "the task has no file")
        if any(not each.inputs[0].is_received for each in task.files):
            raise Refusal(NO_FILE, "a file of the task is not uploaded yet")
        tools.check_count(task.tool, len(task.files))
        if task.tool.takes_many:
            await self._start_merge(task)
        else:
            keys = [each.id for each in task.files]
            await self.desk.execute_all(keys, along=self._starting(task))
        return self.tasks.find(wanted)

    async def ended(self, task: Task) -> Task:
        """The task, when all its files are done or have failed."""
        for each in task.files:
            await self.desk.ended(each.id)
        return self.tasks.find(task.id)

    async def close(self, wanted: str) -> None:
        """End a task and remove its files.

        Raises:
            Refusal: there is none, or it is at work.
        """

        def change(db: sqlite3.Connection) -> None:
            now = self._clock.now()
            task = tasks.find(db, wanted)
            if task.status(now) in (Status.WAITING, Status.PROCESSING):
                raise Refusal(WRONG_STATE, "the task is at work")
            tasks.close(db, task, now)
            tasks.settle(db, wanted)

        await self._base.write(change)
        await self.desk.sweep()

    async def sweep(self) -> None:
        """Tell of tasks that were not started in time."""

        def change(db: sqlite3.Connection) -> None:
            now = self._clock.now()
            for task in tasks.late(db, now):
                if task.status(now) is Status.OVERDUE:
                    tasks.settle(db, task.id)
                    self._tell(db, task, Event.TASK_OVERDUE, task.id)

        if tasks.late(self._base.reader, self._clock.now(), 1):
            await self._base.write(change)
            self._hooks.wake()

    async def run(self) -> None:
        """Sweep for ever."""
        while True:
            try:
                await self.sweep()
            except sqlite3.Error:
                log.exception("the sweep of tasks goes on later")
            await self._clock.sleep(SWEEP_EVERY)

    async def _start_merge(self, task: Task) -> None:
        """Put one job in the place of the files, with links to the same bytes."""
        each = [dict(file.order.extra.get(OPTIONS) or {}) for file in task.files]
        order = self._merge(task, each[0], tools.ranges(each), Mode.PRESIGNED)
        tray = await self.desk.gather(task.files)

        def along(db: sqlite3.Connection) -> None:
            self._starting(task)(db)
            for file in task.files:
                rows.update(db, file.id, state=JobState.DELETED)

        try:
            await self.desk.take_all([(order, tray)], along=along)
        except BaseException:
            await asyncio.shield(tray.discard())
            raise

    async def _order(self, task: Task, tray: Tray, found: Options, mode: Mode) -> Order:
        """The order for a file that is in a tray, which learns its format."""
        name = tray.inputs[0].name
        order = self._piece(task, name, found, mode)
        await tray.retype(0, order.source)
        tray.inputs[0] = replace(tray.inputs[0], name=_named(task.tool, name))
        return order

    def _piece(self, task: Task, name: str, found: Options, mode: Mode) -> Order:
        chosen = tools.chosen(task.tool, name, found)
        stem = name.rpartition(".")[0] or name
        return Order(
            id=tasks.file_key(task.id),
            mode=mode,
            operation=task.tool.operation,
            source=chosen.source,
            target=chosen.target,
            params=encode(chosen.params),
            dialect=DIALECT,
            extra={
                OPTIONS: tools.open_(found),
                PACK: found.get("zipFileName") or f"{stem}.zip",
            },
        )

    def _merge(self, task: Task, found: Options, params: Options, mode: Mode) -> Order:
        return Order(
            id=tasks.file_key(task.id),
            mode=mode,
            operation=task.tool.operation,
            source=task.tool.source,
            target=task.tool.target,
            params=encode(params),
            dialect=DIALECT,
            extra={
                OPTIONS: tools.open_(found),
                NAME: found.get("outputFileName") or "merged.pdf",
            },
        )

    def _opening(self, task: Task, keys: Sequence[str] = ()) -> Along:
        def along(db: sqlite3.Connection) -> None:
            tasks.insert(db, task)
            self._tell(db, task, Event.TASK_START, task.id)
            for key in keys:
                self._tell(db, task, Event.FILE_START, key)

        return along

    def _adding(
        self,
        wanted: str,
        key: str,
        *,
        opens: Task | None = None,
        is_here: bool = False,
    ) -> Along:
        def along(db: sqlite3.Connection) -> None:
            if opens is not None:
                self._opening(opens)(db)
            task = tasks.find(db, wanted)
            tasks.check_place(task, self._clock.now())
            if is_here:
                self._tell(db, task, Event.FILE_START, key)

        return along

    def _starting(self, seen: Task) -> Along:
        """Check in the change itself that the task is still what was looked at."""

        def along(db: sqlite3.Connection) -> None:
            task = tasks.find(db, seen.id)
            tasks.check_open(task, self._clock.now())
            if _keys(task.files) != _keys(seen.files):
                raise Refusal(WRONG_STATE, "a file is being added to the task")

        return along

    def _tell(
        self, db: sqlite3.Connection, task: Task, event: Event, about: str
    ) -> None:
        self._events.post(db, task, event, about=about, now=self._clock.now())


async def _joined(trays: Sequence[Tray]) -> Tray:
    """The files of several trays in the first of them."""
    first = trays[0]
    await first.retype(0, "pdf")
    first.inputs[0] = replace(first.inputs[0], name=_pdf(first.inputs[0].name))
    for each in trays[1:]:
        known = each.inputs[0]
        await first.adopt(
            replace(known, name=_pdf(known.name)), "pdf", each.path(0, "")
        )
        await each.discard()
    return first


def _keys(files: Sequence[Job]) -> list[str]:
    return [each.id for each in files]


def _named(tool: Tool, name: str) -> str:
    """A file's name; in a merge, where names tell formats, one that says PDF."""
    return _pdf(name) if tool.takes_many else name


def _pdf(name: str) -> str:
    return name if name.lower().endswith(".pdf") else f"{name}.pdf"
