"""``rclone copy`` to a real store, beside ``curl -T``: files are moved, no more."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from math import nan
from pathlib import Path

from benchmarks.peering.contest import Peer, started, surroundings
from benchmarks.table import Row
from orchestrator.service.s3.bucket import bucket_of, credentials_of
from orchestrator.service.s3.signer import Signer
from tests.integration.bucket import BUCKET, ENVIRONMENT, Weed, weed

SIZE = 64 << 10
"""Bytes of each file."""
PUT = """xargs -P {width} -L1 sh -c 'curl -sSf -T "$0" "$1"' < list"""


def copied(documents: int, kills: int, width: int) -> list[Row]:
    """Rates of both, and what kills leave; nothing where a program is missing."""
    lacks = [each for each in ("rclone", "curl", "weed") if not shutil.which(each)]
    if lacks:
        print(f"  uploads alone: left out, no {', '.join(lacks)}", file=sys.stderr)
        return []
    with tempfile.TemporaryDirectory(prefix="copies-") as base:
        room = Path(base)
        (room / "weed").mkdir()
        with weed(room / "weed") as store:
            return _rows(_prepared(room, store, documents), kills, width)


def _prepared(room: Path, store: Weed, documents: int) -> Path:
    """A folder with files, links to put them to, and a configuration of rclone."""
    (room / "in").mkdir()
    signer = Signer(bucket_of(store.storage("curl"), credentials_of(ENVIRONMENT)))
    lines = []
    for n in range(documents):
        (room / "in" / f"d{n:05}").write_bytes(os.urandom(SIZE))
        lines.append(f"in/d{n:05} {signer.sign('PUT', f'curl/d{n:05}', life=3600)}\n")
    (room / "list").write_text("".join(lines))
    key, secret = ENVIRONMENT.values()
    (room / "rclone.conf").write_text(
        f"[store]\ntype = s3\nprovider = Other\nendpoint = {store.endpoint}\n"
        f"access_key_id = {key}\nsecret_access_key = {secret}\n"
        "region = us-east-1\nno_check_bucket = true\n"
    )
    return room


def _rclone(work: str, *more: str) -> tuple[str, ...]:
    return ("rclone", "--config", "rclone.conf", work, "in", *more)


def _rows(room: Path, kills: int, width: int) -> list[Row]:
    put = Peer("xargs -P + curl -T", ("sh", "-c", PUT.format(width=width)))
    transfers = ("--transfers", str(width))
    copy = Peer("rclone copy", _rclone("copy", f"store:{BUCKET}/free", *transfers))
    again = Peer(copy.name, _rclone("copy", f"store:{BUCKET}/again", *transfers))
    yardstick, peak = _timed(put, room)
    seconds, most = _timed(copy, room)
    for n in range(kills):
        until = time.monotonic() + seconds * (n + 1) / (kills + 1)
        started(again, room, lambda until=until: time.monotonic() > until)  # type: ignore[misc]  # mypy does not see the default
    started(again, room, None)
    check = _rclone("check", f"store:{BUCKET}/again", "--one-way", "--combined", "-")
    told = subprocess.run(
        check,
        cwd=room,
        env=surroundings(),
        capture_output=True,
        text=True,
        check=False,
    )
    marks = [line[:1] for line in told.stdout.splitlines()]
    missing, cut, whole = (marks.count(each) for each in "+*=")
    count = len(list((room / "in").iterdir()))
    if whole + missing + cut != count:
        raise RuntimeError(f"rclone check told of {len(marks)} files of {count}")
    return [
        _row(put.name, count / yardstick, None, peak),
        _row(copy.name, count / seconds, yardstick / seconds, most),
        Row(
            f"{copy.name}: killed {kills} times",
            rate=0,
            low=0,
            high=0,
            unit="twice",
            ratio=nan,
            note=f"nothing to pay, {missing} missing, {cut} cut short",
        ),
    ]


def _timed(peer: Peer, room: Path) -> tuple[float, int]:
    began = time.perf_counter()
    code, peak = started(peer, room, None)
    if code:
        raise RuntimeError(f"{peer.name} ended with {code}")
    return time.perf_counter() - began, peak


def _row(name: str, rate: float, ratio: float | None, peak: int) -> Row:
    note = f"uploads of {SIZE >> 10} KiB to a store, no conversion"
    return Row(name, rate, rate, rate, ratio=ratio, peak=peak, note=note)
