"""What ``--storage`` and its credentials may say."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import UsageError
from orchestrator.service.s3.bucket import (
    Credentials,
    bucket_of,
    credentials_in,
    credentials_of,
)

WHO = Credentials("key", "hush")


@pytest.mark.parametrize(
    ("text", "url", "prefix", "region"),
    [
        ("s3://lab", "https://lab.s3.us-east-1.amazonaws.com/k", "", "us-east-1"),
        ("s3://lab/a/b/?region=eu-central-1", None, "a/b/", "eu-central-1"),
        (
            "s3://lab/a?endpoint=http://127.0.0.1:8333/&region=x",
            "http://127.0.0.1:8333/lab/k",
            "a/",
            "x",
        ),
    ],
)
def test_a_bucket_is_named_by_a_url(
    text: str, url: str | None, prefix: str, region: str
) -> None:
    """AWS by its names, any other store by its endpoint, in path style."""
    bucket = bucket_of(text, WHO)
    assert (bucket.prefix, bucket.region) == (prefix, region)
    assert url in (None, bucket.url("k"))
    assert "hush" not in repr(bucket)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lab", "the form is"),
        ("http://lab", "the form is"),
        ("s3://key:hush@lab", "credentials do not belong"),
        ("s3://L_B", "the name of a bucket"),
        ("s3://lab/a b", "a prefix"),
        ("s3://lab/a/../b", "a prefix"),
        ("s3://lab/../b", "a prefix"),
        ("s3://lab?endpoint=127.0.0.1:1", "endpoint is a URL"),
        ("s3://lab?endpoint=http://key:hush@store", "endpoint is a URL"),
        ("s3://lab?region=a/b", "region"),
        ("s3://lab?secret=hush", "'secret' is not one of"),
    ],
)
def test_another_text_is_refused_without_its_secret(text: str, said: str) -> None:
    """The message says what is wrong, and never repeats a password."""
    with pytest.raises(UsageError, match=said) as caught:
        bucket_of(text, WHO)
    assert "hush" not in str(caught.value)


def test_credentials_come_from_variables_or_a_file(tmp_path: Path) -> None:
    """The names are those of every S3 tool."""
    found = {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "hu%sh",
        "AWS_SESSION_TOKEN": "",
    }
    known = credentials_of(found)
    assert known == Credentials("key", "hu%sh", None)
    assert "hu%sh" not in repr(known)
    path = tmp_path / "credentials"
    lines = "".join(f"{name.lower()}={value}\n" for name, value in found.items())
    path.write_text(f"[default]\n{lines}")
    assert credentials_in(path) == known


@pytest.mark.parametrize("text", ["", "hush", "[a]\nkey=hush\n", "[a\nhush", "\xff"])
def test_a_file_that_holds_none_is_named_and_not_quoted(
    tmp_path: Path, text: str
) -> None:
    """A wrong file may hold another secret."""
    path = tmp_path / "credentials"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(UsageError, match="credentials") as caught:
        credentials_in(path)
    assert "hush" not in str(caught.value)
