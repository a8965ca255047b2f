"""Runs one instance of the service, from its data folder up."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import sqlite3
from base64 import b64decode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from orchestrator.clock import Clock, SystemClock
from orchestrator.errors import MachineError, UsageError
from orchestrator.service import designing
from orchestrator.service.address import objection
from orchestrator.service.app import AccessLog, make_app
from orchestrator.service.database import Database, OtherVersion
from orchestrator.service.depot import Depot, OwnDepot
from orchestrator.service.desk import Desk
from orchestrator.service.dialects import table
from orchestrator.service.dialects.compdf.counter import (
    Counter,
    Parts as CompdfParts,
)
from orchestrator.service.dialects.compdf.events import Events
from orchestrator.service.dialects.compdf.seals import end_of_next_day
from orchestrator.service.dialects.compdf.tasks import (
    DIALECT,
    SCHEMA as COMPDF_SCHEMA,
)
from orchestrator.service.faults.injector import Injector
from orchestrator.service.held import held, secret_file
from orchestrator.service.hooks import Hooks
from orchestrator.service.links import Links
from orchestrator.service.native.context import Context
from orchestrator.service.outbox import Outbox
from orchestrator.service.rates import Rates
from orchestrator.service.render.work import Renderer
from orchestrator.service.rows import SCHEMA
from orchestrator.service.runner import Life, Runner
from orchestrator.service.settings import ServiceSettings
from orchestrator.service.shelf import SCHEMA as SHELF, Shelf
from orchestrator.service.storage import Storage
from orchestrator.service.store import Store

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Parts:
    """What a running service consists of."""

    desk: Desk
    runner: Runner
    hooks: Hooks
    context: Context
    compdf: Counter
    width: int


async def serve(
    settings: ServiceSettings,
    *,
    ready: Callable[[str], None],
    stop: asyncio.Event,
    clock: Clock | None = None,
    renderer: Renderer | None = None,
) -> None:
    """Serve until ``stop`` is set; ``ready`` is told the base URL.

    Raises:
        MachineError: the folder is held or cannot be written, the port is taken.
        UsageError: the webhook secret is not one.
    """
    _check(settings)
    with held(settings.data):
        async with _parts(settings, clock or SystemClock(), renderer) as parts:
            await _serve(parts, settings, ready, stop)


@asynccontextmanager
async def _parts(
    settings: ServiceSettings, clock: Clock, renderer: Renderer | None
) -> AsyncIterator[Parts]:
    workers = settings.workers or os.cpu_count() or 1
    base = _open(settings.data / "service.sqlite")
    renderer = renderer or make_renderer(settings)
    depot: Depot | None = None
    try:
        try:
            storage = Storage(settings.data, max_body=settings.max_body)
            secret = secret_file(settings.data / "link-secret", secrets.token_hex)
            links = Links(secret.encode(), life=settings.link_life)
            depot = make_depot(settings, links, storage, clock)
            ground = _Ground(settings, clock, base, storage, links, depot, renderer)
            parts = await _built(ground, width=2 * workers)
            await depot.start()
            await parts.context.shelf.clear()
            await renderer.start()
            await parts.runner.recover()
        except (OSError, sqlite3.Error) as error:
            raise _unusable(settings.data, error) from error
        yield parts
        await parts.runner.put_back()
    finally:
        await renderer.close()
        if depot is not None:
            await depot.close()
        await base.close()


@dataclass(frozen=True, slots=True)
class _Ground:
    """What the parts of a service stand on."""

    settings: ServiceSettings
    clock: Clock
    base: Database
    storage: Storage
    links: Links
    depot: Depot
    renderer: Renderer


async def _built(on: _Ground, *, width: int) -> Parts:
    """The parts put together; none of them works yet."""
    settings, clock, storage, depot = on.settings, on.clock, on.storage, on.depot
    store = Store(on.base, deduplicate=settings.deduplicate)
    await storage.clear(store.has_folder)
    events = Events(on.links, settings.compdf_webhook)
    injector = Injector(settings.faults)
    hooks = Hooks(
        Outbox(on.base),
        settings,
        clock,
        table.ANNOUNCE,
        voices={DIALECT: events.voice()},
        injector=injector,
    )
    runner = Runner(
        store=store,
        storage=storage,
        depot=depot,
        renderer=on.renderer,
        hooks=hooks,
        clock=clock,
        keep=settings.keep_results,
        lives={**_lives(settings), DIALECT: end_of_next_day},
        injector=injector,
    )
    desk = Desk(
        store=store,
        storage=storage,
        depot=depot,
        runner=runner,
        renderer=on.renderer,
        clock=clock,
        settings=settings,
    )
    counter = CompdfParts(
        base=on.base,
        desk=desk,
        hooks=hooks,
        events=events,
        clock=clock,
        settings=settings,
    )
    context = Context(
        desk=desk,
        links=on.links,
        depot=depot,
        clock=clock,
        settings=settings,
        rates=Rates(clock, is_on=settings.rate_limits),
        injector=injector,
        shelf=Shelf(on.base, settings, clock),
    )
    return Parts(desk, runner, hooks, context, Counter(counter), width=width)


def _lives(settings: ServiceSettings) -> dict[str, Life]:
    """How long results of each dialect are kept: it may promise less than we do."""

    def life(seconds: float) -> Life:
        return lambda ended: ended + min(seconds, settings.keep_results)

    return {name: life(seconds) for name, seconds in table.LIVES.items()}


def _open(path: Path) -> Database:
    try:
        return Database(path, SCHEMA + COMPDF_SCHEMA + SHELF)
    except OtherVersion as error:
        raise MachineError(
            f"cannot use {path}: another version of the service made it ({error}); go "
            "on with that one, or choose an empty data folder once its jobs have ended"
        ) from error
    except sqlite3.Error as error:
        raise _unusable(path, error) from error


def _unusable(path: Path, error: OSError | sqlite3.Error) -> MachineError:
    why = getattr(error, "strerror", None) or str(error)
    # Without room for the shared memory of its log, SQLite speaks of an I/O error.
    return MachineError(
        f"cannot use {path}: {why}; see to it (is the disk full?) and start again"
    )


def make_depot(
    settings: ServiceSettings, links: Links, storage: Storage, clock: Clock
) -> Depot:
    """Where pre-signed jobs hand their files over: a store, or our own disk."""
    if settings.storage is None:
        return OwnDepot(links, storage, clock)
    from orchestrator.service.s3.depot import S3Depot  # noqa: PLC0415  # an extra

    return S3Depot(
        settings.storage,
        secret_file(settings.data / "instance", lambda: secrets.token_hex(8)),
        storage=storage,
        clock=clock,
        life=settings.link_life,
    )


def make_renderer(settings: ServiceSettings) -> Renderer:
    """The renderer of a real service."""
    from orchestrator.service.render.rendering import (  # noqa: PLC0415  # slow
        Rendering,
        RenderSettings,
    )

    return Rendering(
        RenderSettings(
            scratch=settings.data / "scratch",
            workers=settings.workers or None,
            designs=(settings.designs,) if settings.designs else (),
            ready_to=settings.ready_to,
        ),
        designing.find,
    )


async def _serve(
    parts: Parts,
    settings: ServiceSettings,
    ready: Callable[[str], None],
    stop: asyncio.Event,
) -> None:
    server = web.AppRunner(
        make_app(parts.context, parts.compdf),
        access_log_class=AccessLog,
        access_log=log,
        shutdown_timeout=1.0,
        auto_decompress=False,
    )
    await server.setup()
    tasks = [
        asyncio.create_task(parts.runner.run(parts.width)),
        asyncio.create_task(parts.hooks.run()),
        asyncio.create_task(parts.desk.run()),
        asyncio.create_task(parts.compdf.run()),
        asyncio.create_task(parts.context.shelf.run()),
    ]
    stopping = asyncio.create_task(stop.wait())
    try:
        ready(await _listen(server, settings))
        await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
        parts.desk.is_closing = True
        await parts.runner.drain(settings.grace)
    finally:
        await server.cleanup()
        await _end([stopping, *tasks])


async def _listen(server: web.AppRunner, settings: ServiceSettings) -> str:
    site = web.TCPSite(server, settings.host, settings.port)
    try:
        await site.start()
    except OSError as error:
        place = f"{settings.host}:{settings.port}"
        why = error.strerror or str(error)
        raise MachineError(f"cannot listen on {place}: {why}") from error
    host, port = server.addresses[0][:2]
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}"


async def _end(tasks: list[asyncio.Task[object]]) -> None:
    """Cancel what still runs; raise what ended by a bug."""
    for task in tasks:
        task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    for each in ended:
        if isinstance(each, Exception):
            raise each


def _check(settings: ServiceSettings) -> None:
    if not all(settings.keys) or not settings.keys:
        raise UsageError("the service needs a key, and none may be empty")
    _check_webhook(settings)
    message = "the webhook secret must be whsec_ followed by base64"
    try:
        secret = b64decode(settings.webhook_secret.removeprefix("whsec_") + "==")
    except ValueError:
        raise UsageError(message) from None
    if not secret:
        raise UsageError(message)


def _check_webhook(settings: ServiceSettings) -> None:
    url, allow = settings.compdf_webhook, settings.allow_private_urls
    wrong = None if url is None else objection(url, allow_private=allow)
    if wrong is not None:
        raise UsageError(f"--compdf-webhook: {wrong}")
    url = settings.reportflow_webhook
    if url is None:
        return
    wrong = objection(url, allow_private=allow)
    if wrong is None and not allow and not url.startswith("https://"):
        wrong = "it must be an https URL"
    if wrong is not None:
        raise UsageError(f"the ReportFlow webhook: {wrong}")
