"""The processes that take part: the command, the service, the durable inbox."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.process import ROOT

KEY = "a-key-for-this-machine-only"
KEY_NAME = "KILLS_KEY"


def environment() -> dict[str, str]:
    """This environment, with this package first on the path, and the key."""
    known = dict(os.environ)  # noqa: TID251  # it is what a command inherits
    return {**known, "PYTHONPATH": str(ROOT), KEY_NAME: KEY, "NO_COLOR": "1"}


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Part:
    """One process; what it says is appended to a file."""

    arguments: tuple[str, ...]
    log: Path
    module: str = "orchestrator"
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and leave it running."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", self.module, *self.arguments],
                cwd=self.log.parent,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self.process is not None and self.process.poll() is None

    def kill(self) -> bool:
        """End it as a power cut would; whether it still ran."""
        if self.process is None or not self.is_running():
            return False
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=30)
        return True

    def wait(self, seconds: float) -> int | None:
        """Its exit code, or ``None`` if it takes longer."""
        if self.process is None:
            return None
        try:
            return self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return None


@dataclass
class Server(Part):
    """A process that listens; started again, it listens at the same place."""

    port: int = field(default_factory=free_port)
    answers_at: str = ""

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            RuntimeError: it does not.
        """
        super().start()
        until = time.monotonic() + 60
        while time.monotonic() < until and self.is_running():
            if self._answers():
                return
            time.sleep(0.02)
        raise RuntimeError(f"it does not answer at {self.url}: see {self.log}")

    def _answers(self) -> bool:
        try:
            urllib.request.urlopen(f"{self.url}{self.answers_at}", timeout=2).close()
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True


def service(
    folder: Path,
    dialect: str,
    designs: Path | None = None,
    inbox: Server | None = None,
    faults: Path | None = None,
) -> Server:
    """The embedded service, which bills what it is asked for twice."""
    port = free_port()
    arguments = ["serve", "--port", str(port), "--data", str(folder / "service")]
    arguments += ["--api-key", KEY, "--no-deduplication", "--allow-private-urls"]
    if designs is not None:
        arguments += ["--designs", str(designs)]
    if faults is not None:
        arguments += ["--faults", str(faults)]
    if inbox is not None and dialect in ("compdf", "reportflow"):
        arguments += [f"--{dialect}-webhook", f"{inbox.url}/{TOKEN}/{dialect}"]
    return Server(
        tuple(arguments), folder / "service.log", port=port, answers_at="/healthz"
    )


TOKEN = "the-secret-part-of-the-path-of-kills"


def inbox(folder: Path) -> Server:
    """The durable inbox for webhooks."""
    store = folder / "inbox"
    store.mkdir()
    path = store / "path"
    path.write_text(TOKEN)
    path.chmod(0o600)
    port = free_port()
    arguments = ("listen", "--store", str(store), "--listen", f"127.0.0.1:{port}")
    return Server(arguments, folder / "inbox.log", port=port)


def said(folder: Path, *arguments: str) -> tuple[int, str]:
    """Run the command to its end: exit code, and what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "orchestrator", *arguments],
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def client(folder: Path, manifest: Path, inbox: Server | None, *, hurry: bool) -> Part:
    """The command that carries the batch."""
    arguments = ["run", str(manifest)]
    if inbox is not None:
        arguments += ["--inbox", str(folder / "inbox"), "--webhooks", inbox.url]
    module = "benchmarks.killing.hurried" if hurry else "orchestrator"
    return Part(tuple(arguments), folder / "client.log", module=module)
