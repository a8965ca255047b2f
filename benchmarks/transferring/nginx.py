"""An nginx that takes and gives files, in a process of its own."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmarks.table import UnavailableError

_CONFIGURATION = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/log warn;
events {{ worker_connections 512; }}
http {{
  access_log off; sendfile on; client_max_body_size 0; client_body_buffer_size 1m;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port}; root {folder}/files;
    location / {{ dav_methods PUT DELETE; }}
  }}
}}
"""


@contextmanager
def nginx(folder: Path) -> Iterator[str]:
    """Run it on a free port; its address. Files are those in ``folder/files``.

    Raises:
        UnavailableError: it is not installed.
    """
    command = shutil.which("nginx")
    if command is None:
        raise UnavailableError("needs nginx (apt-get install nginx)")
    (folder / "files").mkdir()
    port = _free_port()
    path = folder / "nginx.conf"
    path.write_text(_CONFIGURATION.format(folder=folder, port=port))
    process = subprocess.Popen([command, "-p", folder, "-c", path])
    try:
        _wait(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(port: int) -> None:
    for _ in range(200):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise RuntimeError("nginx did not start")
