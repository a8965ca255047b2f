"""A real S3 server, SeaweedFS, in a process of its own, for as long as tests run."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

KEY = "key-of-the-store"
SECRET = "secret-of-the-store"
BUCKET = "lab"
PORTS = ("master", "volume", "filer", "s3", "admin")
QUIET = (
    "-ip=127.0.0.1",
    "-ip.bind=127.0.0.1",
    "-webdav=false",
    "-admin.ui=false",
    "-master.telemetry=false",
    "-s3.port.iceberg=0",
    "-s3.port.lance=0",
    f"-bucket={BUCKET}",
)
ENVIRONMENT = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}


@dataclass(frozen=True, slots=True)
class Weed:
    """A store that runs."""

    port: int
    pid: int

    @property
    def endpoint(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def storage(self, prefix: str, port: int | None = None) -> str:
        """What ``--storage`` is told; through another port, where one is given."""
        endpoint = f"http://127.0.0.1:{port or self.port}"
        return f"s3://{BUCKET}/{prefix}?endpoint={endpoint}&region=us-east-1"


def need_weed() -> None:
    """Skip the test where the extras ``s3`` and ``test-s3`` are not installed."""
    pytest.importorskip("botocore")
    if shutil.which("weed") is None:
        pytest.skip("needs the extra test-s3")


@contextmanager
def weed(folder: Path) -> Iterator[Weed]:
    """Run a store on free ports; its files and its log lie in ``folder``."""
    ports = _free(2 * len(PORTS))
    named = dict(zip(PORTS, ports, strict=False))
    given = [f"-{name}.port={port}" for name, port in named.items()]
    inner = zip(PORTS, ports[len(PORTS) :], strict=True)
    given += [f"-{name}.port.grpc={port}" for name, port in inner]
    with (folder / "weed.log").open("wb") as log:
        process = subprocess.Popen(
            ["weed", "mini", f"-dir={folder}", *QUIET, *given],
            cwd=folder,
            env={**os.environ, **ENVIRONMENT, "GOMEMLIMIT": "150MiB"},  # for a child
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait(process, named["s3"])
        yield Weed(named["s3"], process.pid)
    finally:
        process.kill()
        process.wait()


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    """Wait until the bucket, which is made last, is there."""
    until = time.monotonic() + 30
    while time.monotonic() < until and process.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/{BUCKET}", timeout=2)
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 403 and _is_made(port):
                    return
        except OSError:
            pass
        time.sleep(0.05)
    raise AssertionError("the store did not start")


def _is_made(port: int) -> bool:
    from orchestrator.service.s3.bucket import bucket_of, credentials_of
    from orchestrator.service.s3.signer import Signer

    text = Weed(port, 0).storage("")
    signer = Signer(bucket_of(text, credentials_of(ENVIRONMENT)))
    url = signer.sign("GET", "", life=60, query={"list-type": "2"})
    try:
        urllib.request.urlopen(url, timeout=2).close()
    except OSError as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()
        return False
    return True


def _free(count: int) -> list[int]:
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
