"""Codes and their words: which ones stop_at may name, and how failures are told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import orchestrator
from orchestrator.cli import call
from orchestrator.engine.work import doubt
from orchestrator.errors import Exit
from orchestrator.manifest.codes import KNOWN, strange
from orchestrator.model import Phase
from orchestrator.providers.compdf import codes as compdf
from orchestrator.providers.convertapi import codes as convertapi
from orchestrator.service.problems import KINDS
from orchestrator.wire.http import Response

WORDLESS = b'{"Code": 415, "Message": "no such format"}'
_CALL = re.compile(r'\b(?:Failure|bad|RenderError)\(\s*"([a-z_]+)"')
_NEVER = {"budget", "cost_above_declared", "too_many_failures"}
"""Why an account stops; no document ends with them."""


def called() -> Iterator[str]:
    """The codes that calls in our sources spell out."""
    for path in Path(orchestrator.__file__).parent.rglob("*.py"):
        yield from _CALL.findall(path.read_text())


def test_all_our_codes_are_known() -> None:
    """A code that is made up anywhere has to be on the list."""
    tables = (*compdf.RULES.values(), *convertapi.RULES.values())
    told = {rule.word for rule in tables if rule.word}
    found = {*called(), *told, *KINDS}
    assert len(found) > 50
    assert found - KNOWN - _NEVER == set()


def test_a_code_that_is_its_status_is_told_once() -> None:
    """And one that says more is told beside it."""
    said = convertapi.failure_of(Response(415, body=WORDLESS)).message
    assert said == "status 415, no such format"
    said = convertapi.failure_of(Response(500, body=WORDLESS)).message
    assert said == "status 500, 415: no such format"


def test_a_doubt_without_a_cause_names_its_request() -> None:
    """One that was made by a run that died."""
    assert doubt(None, Phase.EXECUTE).message.startswith("the request to execute was")
    assert doubt(None).message.startswith("a request was sent, and no answer is on")


def test_a_log_that_has_no_folder_is_told_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where nothing is to be done, and so nothing would be written."""
    log = tmp_path / "none" / "x.jsonl"
    assert call(["run", "m.yaml", "--log-file", str(log)]) is Exit.USAGE
    assert f"there is no folder {log.parent}" in capsys.readouterr().err


def test_a_code_that_may_never_occur_is_told() -> None:
    """With the one that was meant; codes that providers make are let be."""
    fine = ("damaged_file", "http_502", "code_4711", "not_a_pdf")
    assert list(strange(fine)) == []
    (told,) = strange(("dmaged_file",))
    assert "“dmaged_file”" in told
    assert told.endswith("did you mean damaged_file?")
    (told,) = strange(("zzz",))
    assert "did you mean" not in told
