"""Codes that stop_at may name: all that our own sources know, and the likes of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import orchestrator
from orchestrator.manifest.codes import KNOWN, strange
from orchestrator.providers.compdf import codes as compdf
from orchestrator.providers.convertapi import codes as convertapi
from orchestrator.service.problems import KINDS

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


def test_a_code_that_may_never_occur_is_told() -> None:
    """With the one that was meant; codes that providers make are let be."""
    fine = ("damaged_file", "http_502", "code_4711", "not_a_pdf")
    assert list(strange(fine)) == []
    (told,) = strange(("dmaged_file",))
    assert "“dmaged_file”" in told
    assert told.endswith("did you mean damaged_file?")
    (told,) = strange(("zzz",))
    assert "did you mean" not in told
