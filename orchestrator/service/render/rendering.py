"""The renderer: chooses who does a piece of work, and has it done."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from orchestrator.service.render import designed, names, options, pool, routes
from orchestrator.service.render.convert.look import UNCALCULATED
from orchestrator.service.render.designed import Design
from orchestrator.service.render.routes import Converter
from orchestrator.service.render.task import Answer, Setup, Sheet, Task
from orchestrator.service.render.typeset import Typesetter, made_by
from orchestrator.service.render.work import (
    Format,
    Made,
    Rendered,
    RenderError,
    Work,
)

# A bigger sheet is compiled where it can be killed.
LARGE_SHEET = 2 << 20
MANY = frozenset({"merge", "archive"})
_FINAL = {"time_limit", "closing", "bad_params", "password_needed"}


Find = Callable[[str, Sequence[Path]], Design]


@dataclass(frozen=True, slots=True)
class RenderSettings:
    """Limits and places of a renderer.

    Attributes:
        scratch: Folder for what is made once (fonts, profiles); ``None`` for a
            temporary one.
        workers: Documents at work at once; ``None`` for the number of cores.
        time_limit: Seconds for a document.
        memory_limit: Address space of a worker process, in bytes.
        recycle: Documents after which a worker process is replaced.
        libreoffice: ``True`` to insist on it, ``False`` to leave it alone, ``None``
            to use it where it is found.
        designs: Folders with the user's designs.
        ready_to: What is likely to be asked for first: it is made ready for that.
    """

    scratch: Path | None = None
    workers: int | None = None
    time_limit: float = 120.0
    memory_limit: int = 3 << 30
    recycle: int = 500
    libreoffice: bool | None = None
    designs: tuple[Path, ...] = ()
    ready_to: str | None = None


def office_program() -> str | None:
    """Path of LibreOffice's program, if it is installed."""
    for name in ("soffice", "libreoffice"):
        found = shutil.which(name)
        if found:
            program = Path(found).resolve()
            # The shell script beside it only starts it, and would outlive a kill.
            direct = program.with_name("soffice.bin")
            return str(direct if direct.is_file() else program)
    return None


class Rendering:
    """A renderer with threads for designs and worker processes for the rest.

    Args:
        settings: Limits and places.
        find: Finds a design by its reference; without it there is no ``generate``.
    """

    def __init__(self, settings: RenderSettings, find: Find | None = None) -> None:
        self._settings = settings
        self._find = find
        self._workers = settings.workers or os.cpu_count() or 1
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._office = None if settings.libreoffice is False else office_program()
        if settings.libreoffice and self._office is None:
            raise RenderError("unsupported", "LibreOffice is asked for but not found")
        self._present = frozenset(
            each
            for each in Converter
            if self._office or each is not Converter.LIBREOFFICE
        )
        self._able = frozenset(
            (each.operation, each.source, each.target)
            for each in routes.formats(self._present)
        )
        self._pool: pool.Pool | None = None
        self._threads: ThreadPoolExecutor | None = None
        self._typesetter: Typesetter | None = None

    async def start(self) -> None:
        """Make ready; processes are started when they are first likely to be needed."""
        scratch = self._settings.scratch
        if scratch is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="orchestrator-")
            scratch = Path(self._temporary.name)
        # Workers have a current folder of their own: all paths are absolute.
        scratch = scratch.absolute()
        packages = scratch / "packages"
        packages.mkdir(parents=True, exist_ok=True)
        setup = Setup(
            os.getpid(), self._settings.memory_limit, str(scratch), self._office
        )
        launch = pool.Launch(
            pool.command(msgspec.json.encode(setup).decode()),
            pool.environment(scratch),
            scratch,
        )
        self._pool = pool.Pool(
            launch,
            size=self._workers,
            limit=self._settings.time_limit,
            recycle=self._settings.recycle,
        )
        self._threads = ThreadPoolExecutor(self._workers, "typst")
        self._typesetter = Typesetter(packages)
        if self._settings.ready_to == "convert":
            self._pool.warm()
        elif self._settings.ready_to == "generate":
            self._threads.submit(self._typesetter.warm)

    def formats(self) -> Sequence[Format]:
        """What this instance can do."""
        generate = [
            Format("generate", "", "pdf", (Converter.TYPST,)),
            Format("generate", "", "xml", (designed.E_INVOICE,)),
        ]
        return [*routes.formats(self._present), *(generate if self._find else [])]

    def objection(self, work: Work) -> RenderError | None:
        """Say at once why the work cannot be done here, or ``None``."""
        try:
            self._check(work)
        except RenderError as error:
            return error
        return None

    def _check(self, work: Work) -> None:
        if work.operation == "generate":
            self._design(work)
            if work.target not in {"pdf", "xml"}:
                raise self._unsupported(work, "")
            return
        sources = [work.source]
        if work.operation == "merge":
            sources = [names.source(work, n) for n in range(len(work.names))]
        for source in sources or [work.source]:
            if (work.operation, source, work.target) not in self._able:
                raise self._unsupported(work, source)
        if work.operation not in MANY and len(work.names) != 1:
            raise RenderError(
                "bad_request",
                f"{work.operation} takes one file, {len(work.names)} were given",
            )
        if not work.names:
            message = f"{work.operation} takes at least one file"
            raise RenderError("bad_request", message)
        options.read(
            work.params, routes.knobs(work.operation, work.source, work.target)
        )

    def _unsupported(self, work: Work, source: str) -> RenderError:
        return routes.unsupported(work.operation, source, work.target, self._present)

    async def make(self, work: Work) -> Rendered:
        """Do it.

        Raises:
            RenderError: it cannot be done; only this work is concerned.
        """
        self._check(work)
        if work.operation == "generate":
            answer = await self._generate(work)
        elif work.operation == "merge":
            answer = await self._merge(work)
        elif work.operation == "split":
            answer = await self._run(self._task(work, Converter.PIKEPDF))
        elif work.operation == "archive":
            task = self._task(work, Converter.ZIP)
            answer = await self._run(replace(task, names=tuple(work.names)))
        else:
            answer = await self._convert(self._task(work, ""))
            if work.source != "pdf" and "pages" in work.params:
                answer = await self._picked(work, answer)
        files = [
            Made(Path(path), name)
            for path, name in zip(
                answer.files,
                names.results(work, len(answer.files)),
                strict=True,
            )
        ]
        return Rendered(files, answer.made_by, answer.warnings)

    def _task(self, work: Work, call: str) -> Task:
        allowed = routes.knobs(work.operation, work.source, work.target)
        return Task(
            call,
            str(work.folder.absolute()),
            tuple(str(each.absolute()) for each in work.inputs),
            work.source,
            work.target,
            options.read(work.params, allowed),
        )

    async def _run(self, task: Task) -> Answer:
        if self._pool is None:
            raise RenderError("closing", "the renderer is not started")
        return await self._pool.run(task)

    async def _convert(self, task: Task) -> Answer:
        """Ask the converters in order, until one can."""
        first: RenderError | None = None
        for n, converter in enumerate(await self._order(task)):
            folder = Path(task.folder) / f"try-{n}"
            folder.mkdir(exist_ok=True)
            try:
                answer = await self._run(
                    replace(task, call=converter, folder=str(folder))
                )
            except RenderError as error:
                shutil.rmtree(folder, ignore_errors=True)
                first = first or error
                if error.code in _FINAL:
                    break
                continue
            if first is None:
                return answer
            note = f"made by {converter}, because another failed: {first}"
            return replace(answer, warnings=(*answer.warnings, note))
        assert first is not None  # noqa: S101 -- the check found a converter
        raise first

    async def _order(self, task: Task) -> Sequence[Converter]:
        order = routes.order(task.source, task.target, self._present)
        if task.source == "xlsx" and Converter.LIBREOFFICE in order:
            # What was never calculated prints empty, except by who calculates.
            look = await self._run(replace(task, call="look"))
            if UNCALCULATED in look.warnings:
                return order[::-1]
        return order

    async def _picked(self, work: Work, whole: Answer) -> Answer:
        """Keep the pages that were asked for of a document that had none before."""
        task = self._task(work, Converter.PIKEPDF)
        picked = await self._run(replace(task, inputs=whole.files, source="pick"))
        made_by = f"{whole.made_by} + {picked.made_by}"
        return replace(picked, made_by=made_by, warnings=whole.warnings)

    async def _merge(self, work: Work) -> Answer:
        """Turn every input into a PDF, then join them."""
        whole = self._task(work, Converter.PIKEPDF)
        answers = await asyncio.gather(
            *(self._part(whole, work, n) for n in range(len(work.inputs)))
        )
        joined = await self._run(
            replace(
                whole,
                inputs=tuple(each.files[0] for each in answers),
                source="merge",
            )
        )
        makers = dict.fromkeys(
            each.made_by for each in (*answers, joined) if each.made_by
        )
        notes = [note for each in answers for note in each.warnings]
        return replace(joined, made_by=" + ".join(makers), warnings=tuple(notes))

    async def _part(self, whole: Task, work: Work, n: int) -> Answer:
        source, path = names.source(work, n), whole.inputs[n]
        if source == "pdf":
            return Answer((path,))
        folder = Path(whole.folder) / f"part-{n}"
        folder.mkdir(exist_ok=True)
        try:
            return await self._convert(
                replace(whole, source=source, inputs=(path,), folder=str(folder))
            )
        except RenderError as error:
            raise RenderError(error.code, f"{work.names[n]}: {error}") from None

    def _design(self, work: Work) -> Design:
        if self._find is None:
            raise RenderError("unsupported", "this instance has no designs")
        try:
            return self._find(work.design or "", self._settings.designs)
        except Exception as error:
            if not hasattr(error, "problems"):
                raise
            raise RenderError("not_found", str(error)) from None

    async def _generate(self, work: Work) -> Answer:
        """Compile a design with its data: trusted ones in a thread."""
        assert self._threads is not None  # noqa: S101 -- the check was passed
        loop = asyncio.get_running_loop()
        design = self._design(work)
        if work.target == "xml":
            path = work.folder / "made.xml"
            return await loop.run_in_executor(
                self._threads, designed.written, design, work.params, path
            )
        path = work.folder / f"made.{work.target}"
        try:
            async with asyncio.timeout(self._settings.time_limit):
                made = await loop.run_in_executor(
                    self._threads, self._compiled, design, work.params, path
                )
        except TimeoutError:
            raise RenderError("time_limit", "the design took too long") from None
        if isinstance(made, Answer):
            return made
        folder = str(work.folder.absolute())
        task = Task(Converter.TYPST, folder, target=work.target, sheet=made)
        return await self._run(task)

    def _compiled(
        self, design: Design, params: Mapping[str, Any], path: Path
    ) -> Answer | Sheet:
        """Compile in this thread, or give what has to be compiled elsewhere."""
        assert self._typesetter is not None  # noqa: S101 -- made with the threads
        sheet = designed.sheet(design, params)
        size = sum(map(len, sheet.texts.values()))
        if not design.shipped or size > LARGE_SHEET:
            return sheet
        made, warnings = self._typesetter.compile(sheet)
        path.write_bytes(made)
        return Answer((str(path),), made_by(), warnings)

    async def close(self) -> None:
        """Stop at once, with every process that was started."""
        if self._pool is not None:
            await self._pool.close()
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
        if self._temporary is not None:
            self._temporary.cleanup()
        self._pool = self._threads = self._temporary = None
