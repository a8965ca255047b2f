"""Secrets and their references."""

from pathlib import Path

import pytest

from orchestrator.settings import Secret, SecretMissing, SecretReference


def test_a_secret_never_shows_itself() -> None:
    """Neither by itself nor within a value or a message."""
    secret = Secret("hunter2")
    assert "hunter2" not in f"{secret} {secret!r} {[secret]} {vars}"
    assert secret.reveal() == "hunter2"
    assert (secret == Secret("hunter2"), secret == Secret("x")) == (True, False)


def test_references_lead_to_variables_and_files(tmp_path: Path) -> None:
    """The line end of a file is no part of its key."""
    (tmp_path / "key").write_text("abc\n")
    assert SecretReference("file", "key").resolve({}, tmp_path).reveal() == "abc"
    found = SecretReference("env", "K").resolve({"K": "xyz"}, tmp_path)
    assert found.reveal() == "xyz"


@pytest.mark.parametrize(
    ("kind", "name"), [("env", "GONE"), ("file", "gone"), ("env", "TWO"), ("file", ".")]
)
def test_what_is_no_key_is_said_without_it(
    tmp_path: Path, kind: str, name: str
) -> None:
    """Two lines would break a header."""
    with pytest.raises(SecretMissing) as caught:
        SecretReference(kind, name).resolve({"TWO": "hunter2\nx"}, tmp_path)
    assert f"${{{kind}:{name}}}" in str(caught.value)
    assert "hunter2" not in str(caught.value)
