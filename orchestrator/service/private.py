"""A service that belongs to its parent and ends with it, whatever happens.

The parent holds the other end of standard input. When it dies, however it dies, the
kernel closes that end, and we end at once, with every process that we started: they are
in a process group of our own. All that matters is on disk by then.
"""

from __future__ import annotations

import os
import signal
import sys
import threading

import msgspec

from orchestrator.errors import UsageError


class Secrets(msgspec.Struct, forbid_unknown_fields=True):
    """The line that the parent writes."""

    key: str
    webhook_secret: str
    port: int = 0
    webhook: str | None = None

    def __repr__(self) -> str:
        return "Secrets(...)"


def begin() -> Secrets:
    """Read the parent's line, leave its terminal's reach, and watch for its end.

    Raises:
        UsageError: the line is not the one that is expected.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        secrets = msgspec.json.decode(sys.stdin.buffer.readline(), type=Secrets)
    except msgspec.DecodeError:
        message = 'private: standard input must begin with {"key": …, …}'
        raise UsageError(message) from None
    if os.getpgrp() != os.getpid():  # a session leader has its own group already
        os.setpgid(0, 0)
    threading.Thread(target=_watch, name="parent", daemon=True).start()
    return secrets


def greet(url: str, version: str) -> None:
    """Tell the parent where we are."""
    line = msgspec.json.encode({"url": url, "version": version})
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()


def _watch() -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os.killpg(0, signal.SIGKILL)
