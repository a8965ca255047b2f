"""The data folder: held by one service at a time, with the secrets in it."""

from __future__ import annotations

import os
import secrets
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from orchestrator.errors import MachineError

PATIENCE = 5.0


@contextmanager
def held(data: Path, *, patience: float = PATIENCE) -> Iterator[None]:
    """Hold a data folder; wait some seconds for a predecessor that is dying.

    Raises:
        MachineError: it cannot be written, or another service holds it.
    """
    lock = FileLock(data / "lock", timeout=patience, poll_interval=0.05)
    holder = data / "holder"
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock.acquire()
    except Timeout:
        raise MachineError(_whose(holder, data)) from None
    except OSError as error:
        raise MachineError(f"cannot write to {data}: {error.strerror}") from error
    try:
        holder.write_text(f"{os.getpid()}\n")
        yield
    except PermissionError as error:
        raise MachineError(f"cannot write to {data}: {error.strerror}") from error
    finally:
        lock.release()


def secret_file(path: Path, make: Callable[[], str]) -> str:
    """The secret in a file that only we can read; made once, durably."""
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    text = make()
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)
    return text


def new_key() -> str:
    """A key for the API."""
    return secrets.token_urlsafe(32)


def new_webhook_secret() -> str:
    """A secret in the form of Standard Webhooks."""
    return "whsec_" + b64encode(secrets.token_bytes(32)).decode()


def _whose(holder: Path, data: Path) -> str:
    try:
        pid = holder.read_text().strip()
    except OSError:
        pid = ""
    return f"another service{f' (process {pid})' if pid else ''} holds {data}"
