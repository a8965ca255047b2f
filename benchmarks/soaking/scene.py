"""Sets a long batch up: many inputs, a service that fails on purpose, its accounts."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from benchmarks.killing import parts, witness
from benchmarks.killing.batch import Batch, pdf, text_of
from orchestrator.model import Mode
from orchestrator.service.faults import __file__ as faults_package

SYNC_ACCOUNTS = 6
"""An account obeys each Retry-After and narrows at each refusal; several keep two cores
busy all the same."""
TOLD = "told"
"""The account that webhooks are for, with the documents of the other modes."""
TOLD_SHARE = 0.1
STORM = Path(faults_package).with_name("storm.yaml")
ELSEWHERE = ("forget_id",)
"""Kinds that cannot happen in the service's own API."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A batch, and the service that it is sent to."""

    folder: Path
    batch: Batch
    service: parts.Server

    @property
    def data(self) -> Path:
        """The folder of the service."""
        return self.folder / "service"

    def client(self) -> parts.Part:
        """A new run of the command, which listens for webhooks itself."""
        place = f"127.0.0.1:{parts.free_port()}"
        run = ("run", str(self.batch.manifest), "--listen", place)
        return parts.Part(run, self.folder / "client.log")


@contextmanager
def scene(folder: Path, *, documents: int, share: float, seed: int) -> Iterator[Scene]:
    """Set it up, and end the service at last."""
    script = folder / "faults.yaml"
    # JSON is YAML.
    script.write_text(json.dumps(faults(share, seed)))
    service = parts.service(folder, "local", faults=script)
    with ExitStack() as stack:
        stack.callback(service.kill)
        service.start()
        witness.place(folder / "service")
        batch = write(
            folder / "work", service.url, documents=documents, luck=random.Random(seed)
        )
        yield Scene(folder, batch, service)


def faults(share: float, seed: int) -> dict[str, object]:
    """All that can go wrong, at this share of requests, conversions and webhooks."""
    storm = yaml.safe_load(STORM.read_text())
    (rule,) = storm["rules"]
    kinds = [each for each in rule["fault"] if each not in ELSEWHERE]
    # `spoil` alone can happen to the work itself: its document fails, and is billed.
    rule = {"share": share, "fault": [*kinds, "spoil"]}
    return {"seed": seed, "rules": [rule] if share else []}


def write(folder: Path, url: str, *, documents: int, luck: random.Random) -> Batch:
    """Write the manifest, and the inputs that it names."""
    ids = tuple(f"d{number:06}" for number in range(documents))
    (folder / "in").mkdir(parents=True)
    manifest = folder / "soak.yaml"
    with manifest.open("w") as file:
        file.write(_head(url, folder.parent / "service" / "webhook-secret"))
        for number, each in enumerate(ids):
            (folder / "in" / f"{each}.pdf").write_bytes(pdf(text_of(each)))
            who = _account(number, luck)
            file.write(f"- {{id: {each}, input: in/{each}.pdf, {who}}}\n")
    return Batch(manifest, ids, "txt")


def _account(number: int, luck: random.Random) -> str:
    if luck.random() < TOLD_SHARE:
        mode = luck.choice((Mode.ASYNC, Mode.PRESIGNED))
        return f"provider: {TOLD}, mode: {mode}"
    return f"provider: a{number % SYNC_ACCOUNTS}, mode: {Mode.SYNC}"


def _head(url: str, secret: Path) -> str:
    account = f"type: local, url: '{url}', key: '${{env:{parts.KEY_NAME}}}'"
    told = f"{account}, webhook_secret: '${{file:{secret}}}'"
    lines = ["version: 1", "providers:"]
    lines += [f"  a{n}: {{{account}}}" for n in range(SYNC_ACCOUNTS)]
    lines += [f"  {TOLD}: {{{told}}}", "defaults: {to: txt}", "documents:", ""]
    return "\n".join(lines)
