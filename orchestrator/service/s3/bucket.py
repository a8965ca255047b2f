"""Where a store is and who we are there, as values; performs no I/O but one file."""

from __future__ import annotations

import configparser
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from orchestrator.errors import UsageError

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"[A-Za-z0-9._/-]{0,512}")
_REGION = re.compile(r"[a-z0-9-]{1,40}")
_ODD = {".", ".."}
_WORDS = ("endpoint", "region")
_FORM = "s3://BUCKET[/PREFIX][?endpoint=URL&region=NAME]"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who we are at a store."""

    key: str
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket, or a part of it.

    ``base`` is what keys are appended to; it ends without a slash. ``prefix`` is empty
    or ends with a slash.
    """

    base: str
    prefix: str
    region: str
    credentials: Credentials

    def url(self, key: str = "") -> str:
        """The URL of an object, or of the bucket."""
        return f"{self.base}/{key}"


def bucket_of(text: str, credentials: Credentials) -> Bucket:
    """The place that ``--storage`` names.

    Raises:
        UsageError: the text names none, or holds a secret.
    """
    url = urlsplit(text)
    if url.scheme != "s3" or not url.netloc:
        raise UsageError(f"storage: the form is {_FORM}")
    if "@" in url.netloc:
        raise UsageError("storage: credentials do not belong in the URL")
    if not _BUCKET.fullmatch(url.netloc):
        raise UsageError(f"storage: {url.netloc!r} cannot be the name of a bucket")
    prefix = url.path.strip("/")
    if not _PREFIX.fullmatch(prefix) or _ODD & set(prefix.split("/")):
        raise UsageError("storage: a prefix has letters, digits and . _ - / only")
    words = _words(url.query)
    region = words.get("region", "us-east-1")
    if not _REGION.fullmatch(region):
        raise UsageError("storage: region: a name as in eu-central-1")
    return Bucket(
        base=_base(url.netloc, words.get("endpoint"), region),
        prefix=f"{prefix}/" if prefix else "",
        region=region,
        credentials=credentials,
    )


def credentials_of(environment: Mapping[str, str]) -> Credentials:
    """The credentials in the variables that every S3 tool knows.

    Raises:
        UsageError: they are not there.
    """
    return _credentials(environment, "the environment")


def credentials_in(path: Path) -> Credentials:
    """The credentials in the first section of a file in the form of ``~/.aws``.

    Raises:
        UsageError: they are not there.
    """
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(path.read_text("utf-8"))
        section = parser[parser.sections()[0]]
    except (configparser.Error, IndexError, UnicodeDecodeError):
        # The parser's own words quote the line, which may hold the secret.
        raise UsageError(f"{path} is not a file of credentials") from None
    found = {name.upper(): value for name, value in section.items()}
    return _credentials(found, str(path))


def _credentials(found: Mapping[str, str], where: str) -> Credentials:
    key = found.get("AWS_ACCESS_KEY_ID", "").strip()
    secret = found.get("AWS_SECRET_ACCESS_KEY", "").strip()
    if not key or not secret:
        names = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        raise UsageError(f"storage: {where} does not hold {names}")
    return Credentials(key, secret, found.get("AWS_SESSION_TOKEN", "").strip() or None)


def _words(query: str) -> dict[str, str]:
    words = {name: values[-1] for name, values in parse_qs(query).items()}
    unknown = sorted(set(words) - set(_WORDS))
    if unknown:
        raise UsageError(f"storage: {unknown[0]!r} is not one of {', '.join(_WORDS)}")
    return words


def _base(bucket: str, endpoint: str | None, region: str) -> str:
    """Path style at an endpoint of one's own, which may have no names for buckets."""
    if endpoint is None:
        return f"https://{bucket}.s3.{region}.amazonaws.com"
    url = urlsplit(endpoint)
    is_plain = not (url.query or url.fragment or "@" in url.netloc)
    if url.scheme not in ("http", "https") or not url.netloc or not is_plain:
        raise UsageError("storage: endpoint is a URL as in https://s3.example.com")
    return f"{endpoint.rstrip('/')}/{bucket}"
