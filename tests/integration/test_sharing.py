"""Processes share an account's limits, whatever becomes of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import Structure
from pathlib import Path

import pytest

from orchestrator.batch.sharing import (
    LAYOUT,
    SharedSlate,
    folder_of,
    layout_of,
    name_of,
)
from orchestrator.engine.found.meter import BLOCKED, POLL, Later, Meter, Place
from orchestrator.engine.found.slate import Cells

ROOT = Path(__file__).resolve().parents[2]
OTHER = """
import sys, time
from pathlib import Path
from orchestrator.batch.sharing import SharedSlate
from orchestrator.engine.found.meter import Meter, Place
slate = SharedSlate(Path(sys.argv[1]), "a", time.monotonic())
meter = Meter(slate, width=int(sys.argv[2]), rate=None, rates={},
              changed=lambda *_: None, now=time.monotonic())
while isinstance(meter.ask("", time.monotonic()), Place):
    pass
if "lock" in sys.argv:
    slate.lock()
print(meter.busy, flush=True)
while True:
    meter.beat(time.monotonic())
    time.sleep(0.05)
"""


def meter_of(slate: SharedSlate, width: int = 4) -> Meter:
    """A meter of this process."""
    return Meter(
        slate,
        width=width,
        rate=None,
        rates={},
        changed=lambda *_: None,
        now=time.monotonic(),
    )


@contextmanager
def other(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that has taken every place that it could."""
    with subprocess.Popen(
        [sys.executable, "-c", OTHER, str(folder), *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().strip() == arguments[0]
            yield process
        finally:
            process.send_signal(signal.SIGCONT)
            process.kill()


def eventually(meter: Meter, seconds: float = 10) -> bool:
    """Whether a place comes free."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if isinstance(meter.ask("", time.monotonic()), Place):
            return True
        time.sleep(0.005)
    return False


def test_a_killed_process_leaves_its_places(tmp_path: Path) -> None:
    """The kernel lets go of its seat; while it lives, its ceiling holds here, too."""
    with other(tmp_path, "3") as process:
        slate = SharedSlate(tmp_path, "a", time.monotonic())
        meter = meter_of(slate)
        assert not eventually(meter, 0.3)
        process.kill()
        process.wait()
        assert all(eventually(meter) for _ in range(4))
        assert meter.busy == 4, "its ceiling went with it"
        slate.close()


def test_a_process_that_is_frozen_with_the_lock_blocks_nobody(tmp_path: Path) -> None:
    """What it holds are microseconds; after a fifth of a second it is passed by."""
    with other(tmp_path, "2", "lock") as process:
        process.send_signal(signal.SIGSTOP)
        slate = SharedSlate(tmp_path, "a", time.monotonic())
        meter = meter_of(slate, 8)
        assert not slate.lock()
        now = time.monotonic()
        assert meter.ask("", now) == Later(BLOCKED)
        assert meter.ask("", now + 0.3) == Later(POLL, full=True), "two are taken"
        slate.close()


def test_who_comes_first_begins_anew(tmp_path: Path) -> None:
    """What was found by those who are gone is stale."""
    first = SharedSlate(tmp_path, "a", 0.0)
    meter_of(first).pause(1e12, time.monotonic())
    second = SharedSlate(tmp_path, "a", 0.0)
    assert (first.mine, second.mine) == (0, 1)
    assert not eventually(meter_of(second), 0.05)
    first.close()
    second.close()
    third = SharedSlate(tmp_path, "a", 0.0)
    assert eventually(meter_of(third), 1)
    third.close()


def test_no_file_tells_a_key(tmp_path: Path) -> None:
    """Neither its name nor what is in it."""
    name = name_of("compdf", "https://api.example/", "public-key", "secret-key")
    assert name == name_of("compdf", "https://api.example", "public-key", "secret-key")
    assert name != name_of("compdf", "https://api.example", "public-key", "another")
    slate = SharedSlate(tmp_path, name, 0.0)
    slate.close()
    for path in tmp_path.iterdir():
        assert "key" not in path.name
        assert b"key" not in path.read_bytes()
        assert path.stat().st_mode & 0o077 == 0


def test_a_folder_that_others_may_write_to_is_not_used(tmp_path: Path) -> None:
    """Somebody else could have made it."""
    user = os.getuid()
    place = folder_of(user, [tmp_path])
    assert place is not None
    assert folder_of(user, [tmp_path]) == place
    place.chmod(0o777)
    assert folder_of(user, [tmp_path]) is None
    assert folder_of(user, [tmp_path / "nowhere"]) is None
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / place.name).symlink_to(tmp_path)
    assert folder_of(user, [tmp_path / "b"]) is None


def test_every_seat_taken_is_an_error(tmp_path: Path) -> None:
    """The caller goes on alone then."""
    slates = [SharedSlate(tmp_path, "a", 0.0) for _ in range(32)]
    with pytest.raises(OSError, match="32 processes"):
        SharedSlate(tmp_path, "a", 0.0)
    for each in slates:
        each.close()


def test_other_cells_are_another_file() -> None:
    """A program that counts other things must not read these."""

    class More(Structure):
        _fields_ = (*Cells._fields_[:-1], ("seats", Cells._fields_[-1][1] * 2))

    assert layout_of(Cells) == LAYOUT
    assert layout_of(More) != LAYOUT
