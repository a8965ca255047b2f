"""The event loop of a command."""

from __future__ import annotations

import asyncio
import sys

import pytest

from orchestrator.cli import loop


async def _module() -> str:
    return type(asyncio.get_running_loop()).__module__.partition(".")[0]


def _told() -> str:
    with loop.running() as runner:
        return runner.run(_module())


def test_uvloop_is_taken_where_it_is_installed() -> None:
    """The extra is enough: nothing is to be said."""
    pytest.importorskip("uvloop", reason="extra fast is not installed")
    assert _told() == "uvloop"


def test_without_it_all_goes_on_asyncio(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody needs the extra."""
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert _told() == "asyncio"
