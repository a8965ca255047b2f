"""Output whose reader leaves."""

from __future__ import annotations

import os
import sys

import click
import pytest

from orchestrator.cli.patient import patient


def test_what_nobody_reads_any_more_stops_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As after ``| head -1``: the rest is said to nobody, also what was buffered."""
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        with patient():
            click.echo("one")
            assert os.read(reader, 99) == b"one\n"
            os.close(reader)
            for _ in range(3):
                click.echo("x" * 100_000)
            assert sys.stdout.encoding == stream.encoding
        assert sys.stdout is stream
