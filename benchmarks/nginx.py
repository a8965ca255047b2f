"""A zero-work server in C: nginx with the canned replies of ``benchmarks.server``.

``apt-get install nginx-light`` (the package, 2 MB); it is started by ourselves, in the
foreground, with one process, a configuration and folders of its own. Where nginx is
missing the server in Python steps in, and the figures say so.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import server
from benchmarks.process import spent
from benchmarks.server import PDF, Server

_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
_DONE = (
    '{{"state":"done","converter":"none/1","units":1,"results":[{{"name":"0.pdf",'
    '"url":"/v1/jobs/$job/results/0","size":{size},"sha256":"{sha256}"}}]}}'
)
_CONFIG = """
daemon off; master_process off; worker_processes 1;
pid {folder}/pid; error_log {folder}/error.log crit;
events {{ worker_connections 1024; }}
http {{
  {temporary}
  access_log off; server_tokens off; etag off;
  keepalive_requests 1000000000; keepalive_timeout 3600s;
  types {{ }}
  map "$request_method $arg_mode" $ask {{
    "PUT sync" sync; "PUT async" async; "GET " look; "DELETE " delete;
  }}
  server {{
    listen 127.0.0.1:{port};
    default_type application/json;
    location ~ ^/v1/jobs/(?<job>\\w+)/results/0$ {{
      default_type application/pdf;
      add_header ETag '"{sha256}"';
      return 200 '{pdf}';
    }}
    location ~ ^/v1/jobs/(?<job>\\w+)$ {{
      if ($ask = sync) {{ rewrite ^ /sync/$job last; }}
      if ($ask = async) {{ return 202 '{{"state": "queued"}}'; }}
      if ($ask = look) {{ return 200 '{done}'; }}
      if ($ask = delete) {{ return 204; }}
      return 404 '{{}}';
    }}
    location ~ ^/sync/(?<job>\\w+)$ {{
      internal;
      default_type application/pdf;
      add_header ETag '"{sha256}"';
      add_header Job-Id $job;
      add_header Job-Converter none/1;
      return 200 '{pdf}';
    }}
    location = /v1/deletions {{ return 204; }}
    location / {{ return 404 '{{}}'; }}
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class Nginx:
    """A running nginx: where it listens, and its process."""

    url: str
    pid: int
    name: str = "nginx"

    def spent(self) -> float:
        """Processor seconds that it has used."""
        return spent(self.pid)


@contextmanager
def serving(prefix: Sequence[str] = ()) -> Iterator[Nginx | Server]:
    """Run nginx, or the server in Python where there is none.

    ``prefix`` goes before the command: ``("taskset", "-c", "1")``.

    Raises:
        RuntimeError: it did not start.
    """
    program = shutil.which("nginx", path=f"{os.defpath}:/usr/sbin:/usr/local/sbin")
    if program is None:
        with server.serving(prefix) as fallback:
            yield fallback
        return
    with tempfile.TemporaryDirectory(prefix="nginx.") as room:
        folder, port = Path(room), _free_port()
        config = folder / "nginx.conf"
        config.write_text(_configure(folder, port), encoding="ascii")
        command = [*prefix, program, "-p", room, "-c", str(config)]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
            try:
                _wait_for(port, process)
                yield Nginx(f"http://127.0.0.1:{port}", process.pid)
            finally:
                process.terminate()


def _configure(folder: Path, port: int) -> str:
    sha256 = hashlib.sha256(PDF).hexdigest()
    paths = (f"{each}_temp_path {folder}/{each};" for each in _TEMPORARY)
    return _CONFIG.format(
        folder=folder,
        port=port,
        temporary=" ".join(paths),
        sha256=sha256,
        pdf=PDF.decode("ascii"),
        done=_DONE.format(size=len(PDF), sha256=sha256),
    )


def _free_port() -> int:
    # nginx cannot say which port the system chose for it.
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except ConnectionRefusedError:
            time.sleep(0.02)
        else:
            return
    raise RuntimeError("nginx did not start")
