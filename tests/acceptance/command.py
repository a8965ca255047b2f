"""Runs the command as a user would, in processes of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
KEY = "a-key-for-tests-only"
COMMAND = [sys.executable, "-m", "orchestrator"]


def environment() -> dict[str, str]:
    """This environment, with the package under test first on the path."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "TEST_KEY": KEY, "NO_COLOR": "1"}


def run(
    *arguments: str | Path, folder: Path, timeout: float = 90.0
) -> subprocess.CompletedProcess[str]:
    """Run to the end."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def start(*arguments: str | Path, folder: Path) -> subprocess.Popen[bytes]:
    """Start, and leave it running."""
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        cwd=folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def objects(text: str) -> list[dict[str, Any]]:
    """What ``--json`` printed."""
    return [json.loads(line) for line in text.splitlines()]


def wait_for(condition: Any, *, timeout: float = 60.0) -> None:
    """Wait until something is true.

    Raises:
        AssertionError: it did not become true.
    """
    until = time.monotonic() + timeout
    while time.monotonic() < until:
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Service:
    """The embedded service in a process of its own."""

    data: Path
    port: int = field(default_factory=free_port)
    options: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        arguments = ("--port", str(self.port), "--data", str(self.data))
        self.process = start(
            "serve", *arguments, "--api-key", KEY, *self.options, folder=ROOT
        )
        wait_for(self._answers)

    def _answers(self) -> bool:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"{self.url}/healthz", timeout=2).close()
            return True
        return False

    def kill(self) -> None:
        """End it as a power cut would."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(timeout=10)

    def get(self, path: str) -> Any:
        """Ask its API."""
        request = urllib.request.Request(
            f"{self.url}{path}", headers={"Authorization": f"Bearer {KEY}"}
        )
        with urllib.request.urlopen(request, timeout=10) as reply:
            return json.load(reply)


@contextlib.contextmanager
def service(data: Path, *options: str) -> Iterator[Service]:
    """A service apart, for the length of a test."""
    apart = Service(data, options=options)
    apart.start()
    try:
        yield apart
    finally:
        apart.kill()


def account(url: str) -> str:
    """The lines of a manifest that name a service apart."""
    return (
        "version: 1\n"
        "providers:\n"
        f"  apart: {{type: local, url: '{url}', key: '${{env:TEST_KEY}}'}}\n"
        "defaults: {provider: apart, to: pdf}\n"
    )


def valid_pdfs(folder: Path) -> int:
    """How many complete PDFs are under their final names; fails on any that is not."""
    count = 0
    for path in folder.glob("*.pdf"):
        content = path.read_bytes()
        assert content.startswith(b"%PDF-"), path
        assert b"%%EOF" in content[-1024:], path
        count += 1
    return count
