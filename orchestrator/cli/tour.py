"""The tour of ``selftest``: each step does one thing, and says it when it is true."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from orchestrator import designs
from orchestrator.batch.rehearsal import Tab, tab_of
from orchestrator.clock import SystemClock
from orchestrator.errors import Exit, OrchestratorError
from orchestrator.ledger.view import View
from orchestrator.model import State
from orchestrator.report.units import number
from orchestrator.transfer.private import PrivateService

TEXTS = 10
INVOICES = 10
MODES = ("sync", "async", "presigned")
COUNT = TEXTS * len(MODES) + INVOICES
STORM = Path(__file__).parents[1] / "service" / "faults" / "storm.yaml"
KEY = "ORCHESTRATOR_SELFTEST_KEY"
PATIENCE = 60.0
Say = Callable[[str], None]
Summary = dict[str, dict[str, int]]


class Untrue(OrchestratorError):
    """Something that has to be true is not."""

    exit = Exit.BUG


class Tour:
    """A batch in a folder of its own, from the first file to the proof."""

    def __init__(
        self, folder: Path, *, environment: Mapping[str, str], say: Say
    ) -> None:
        self._folder = folder
        self._environment = environment
        self._say = say
        self._manifest = folder / "batch.yaml"

    async def go(self) -> None:
        """Go through all steps.

        Raises:
            Untrue: a promise is broken.
            MachineError: the service cannot be started.
        """
        service = PrivateService(
            self._folder / "service",
            arguments=("--no-deduplication", "--faults", str(STORM)),
            environment=self._environment,
        )
        async with service:
            self._write(service.url)
            self._say("a service apart; a tenth of all requests to it goes wrong")
            environment = {**self._environment, KEY: service.key}
            await self._kill(environment)
            await self._go_on(environment)
            self._check_outputs()
            tab = await tab_of(service.url, service.key, SystemClock())
            self._check_bill(tab)
            await self._again(environment)

    def _write(self, url: str) -> None:
        (self._folder / "in").mkdir()
        lines = [
            "version: 1",
            "providers:",
            f"  apart: {{type: local, url: '{url}', key: '${{env:{KEY}}}'}}",
            "defaults: {provider: apart, to: pdf}",
            "documents:",
        ]
        for n in range(TEXTS * len(MODES)):
            text = f"Text {n} of the self-test.\n" * (n + 1)
            (self._folder / "in" / f"text-{n}.txt").write_text(text)
            mode = MODES[n % len(MODES)]
            lines.append(f"- {{id: text-{n}, input: in/text-{n}.txt, mode: {mode}}}")
        lines.append("- {rows: invoices.jsonl, key: number, design: invoice@1}")
        self._manifest.write_text("\n".join(lines) + "\n")
        rows = "\n".join(json.dumps(each) for each in _invoices())
        (self._folder / "invoices.jsonl").write_text(rows + "\n")
        self._say(
            f"{COUNT} documents: {TEXTS} texts in each of the modes sync, async and "
            f"pre-signed, {INVOICES} invoices"
        )

    async def _start(self, environment: Mapping[str, str], *, out: int) -> Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "orchestrator", "run"),
            *(str(self._manifest), "--json"),
            stdin=DEVNULL,
            stdout=out,
            stderr=out,
            env=environment,
            start_new_session=True,
        )

    async def _kill(self, environment: Mapping[str, str]) -> None:
        """Let a run do a third of the work, and kill it."""
        run = await self._start(environment, out=DEVNULL)
        try:
            async with asyncio.timeout(PATIENCE):
                # A process of its own tells of its outputs by the outputs alone.
                while not self._has_begun() and run.returncode is None:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise Untrue(f"no progress within {PATIENCE:.0f} s") from None
        finally:
            if run.returncode is None:
                run.send_signal(signal.SIGKILL)
            code = await run.wait()
        if code != -signal.SIGKILL:
            raise Untrue(f"the run ended by itself, with exit code {code}")
        with View(self._folder / "batch.batch" / "ledger.sqlite") as view:
            states, flight = view.states(), sum(view.in_flight().values())
        self._say(
            f"run, and killed (SIGKILL) after {states.get(State.DONE, 0)} of {COUNT} "
            f"documents, with {number(flight, 'job')} in flight"
        )

    async def _go_on(self, environment: Mapping[str, str]) -> None:
        summary = await self._finish(environment)
        ended = summary["ended"]
        self._say(f"the same command again went on: {ended.get('done', 0)} more done")

    async def _again(self, environment: Mapping[str, str]) -> None:
        summary = await self._finish(environment)
        if summary["ended"]:
            raise Untrue(f"a third run did something: {summary['ended']}")
        self._say("the same command once more found nothing to do")

    async def _finish(
        self, environment: Mapping[str, str]
    ) -> dict[str, dict[str, int]]:
        run = await self._start(environment, out=PIPE)
        try:
            async with asyncio.timeout(PATIENCE):
                out, words = await run.communicate()
        except TimeoutError:
            raise Untrue(f"it did not end within {PATIENCE:.0f} s") from None
        finally:
            if run.returncode is None:
                run.kill()
                await run.wait()
        if run.returncode != Exit.DONE:
            tail = (out + words).decode("utf-8", "replace")[-2000:]
            raise Untrue(f"the run ended with exit code {run.returncode}:\n{tail}")
        summary: Summary = json.loads(out.splitlines()[-1])
        return summary

    def _has_begun(self) -> bool:
        return len(self._outputs()) >= COUNT // 3

    def _outputs(self) -> list[Path]:
        return list((self._folder / "out").glob("*.pdf"))

    def _check_outputs(self) -> None:
        found = self._outputs()
        broken = [each.name for each in found if not _is_whole(each)]
        if len(found) != COUNT or broken:
            raise Untrue(f"{len(found)} of {COUNT} outputs, broken: {broken}")
        left = [each.name for each in (self._folder / "out").iterdir()]
        if len(left) != COUNT:
            raise Untrue(f"more than the outputs is there: {sorted(left)}")
        self._say(f"{COUNT} of {COUNT} outputs are there, each a whole PDF")

    def _check_bill(self, tab: Tab | None) -> None:
        if tab is None:
            raise Untrue("the service does not show its bill")
        if (tab.accepted, tab.jobs) != (COUNT, COUNT):
            raise Untrue(f"{COUNT} documents, and {tab.accepted} billed")
        kinds = Counter[str]()
        for name, count in tab.faults.items():
            kinds[name.partition("_")[0]] += count
        told = ", ".join(f"{count} {name}" for name, count in kinds.most_common())
        total = sum(kinds.values())
        self._say(f"under {number(total, 'fault')} ({told})")
        self._say(f"billed {tab.accepted} times: each document once, none twice")


def _invoices() -> list[dict[str, object]]:
    example = (designs.find("invoice@1").root / "example.json").read_text("utf-8")
    return [{**json.loads(example), "number": f"SELF-{n}"} for n in range(INVOICES)]


def _is_whole(path: Path) -> bool:
    content = path.read_bytes()
    return content.startswith(b"%PDF-") and b"%%EOF" in content[-1024:]
