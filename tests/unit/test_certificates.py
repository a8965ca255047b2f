"""Certificates of the machine are read late, and trusted no less and no more."""

from __future__ import annotations

import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.trust import Late, later

_LOAD = ssl.SSLContext.load_default_certs


@pytest.fixture
def bundle() -> Path:
    """Certificates of some machine."""
    found = ssl.get_default_verify_paths().cafile
    if found is None:
        pytest.skip("this machine has no certificates in one file")
    return Path(found)


def _made() -> ssl.SSLContext:
    with later():
        return ssl.create_default_context()


def _count(context: ssl.SSLContext) -> int:
    return context.cert_store_stats()["x509_ca"]


def test_certificates_come_with_the_first_connection(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None before it, all of them with it."""
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    context = _made()
    assert _count(context) == 0
    context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="here.test")
    assert _count(context) == _count(ssl.create_default_context()) > 0


def test_it_judges_as_any_other_context() -> None:
    """Only the certificates come later."""
    late, usual = _made(), ssl.create_default_context()
    assert isinstance(late, Late)
    assert late.check_hostname is usual.check_hostname is True
    assert late.verify_mode is usual.verify_mode is ssl.CERT_REQUIRED
    assert late.verify_flags == usual.verify_flags
    assert late.options == usual.options


def test_contexts_of_others_are_left_alone() -> None:
    """Afterwards everything is as it was."""
    _made()
    assert ssl.SSLContext.load_default_certs is _LOAD
    assert type(ssl.create_default_context()) is ssl.SSLContext


def test_what_http_makes_while_it_is_imported_is_late() -> None:
    """This is where the time went."""
    program = (
        "from orchestrator.imports import http\n"
        "with http():\n"
        "    from aiohttp import connector\n"
        "print(type(connector._SSL_CONTEXT_VERIFIED).__name__)"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert said.stdout.split() == ["Late"]
