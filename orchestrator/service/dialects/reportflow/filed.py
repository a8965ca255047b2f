"""What is remembered of each file, and how replies show it; performs no I/O.

A request is a group of jobs, one for each file: ``REQUEST-0``, ``REQUEST-1`` and so on.
Its id holds 122 random bits, so that a link with it is a credential.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import msgspec

from orchestrator.service.dialects.reportflow.body import Content, Wanted

WORKSPACE = "ws_local"
_encode = msgspec.json.Encoder(decimal_format="number").encode


class Filed(msgspec.Struct, frozen=True):
    """One file of a request.

    Attributes:
        request: The request's id.
        n: Its place in the request.
        count: How many files the request has.
        design: The design as the caller named it.
        origin: Where the caller reached us.
        legacy: Whether the request was of the first generation.
        passthrough: JSON that goes back as it came.
        params: JSON for the webhook; kept only where there is one.
    """

    request: str
    n: int
    count: int
    file: str
    name: str
    design: str
    version: int
    origin: str
    legacy: bool
    share: str
    has_passcode: bool
    passthrough: str | None = None
    params: str | None = None

    @property
    def url(self) -> str:
        """Where the request's result is fetched."""
        if not self.legacy:
            return f"{self.origin}/v1/file/download/{self.request}"
        design = quote(self.design, safe="")
        path = f"{WORKSPACE}/design/{design}/files/{self.request}"
        return f"{self.origin}/{path}"

    def view(self) -> dict[str, object]:
        """The file as replies show it."""
        share = {
            "shareType": self.share,
            "url": f"{self.origin}/v1/file/download/{self.request}/{self.file}",
            "passcodeEnabled": self.has_passcode,
        }
        shown: dict[str, object] = {"fileName": self.name, "fileId": self.file}
        if self.passthrough is not None:
            shown["passthrough"] = msgspec.Raw(self.passthrough.encode())
        return {**shown, "share": share}

    def announced(self) -> dict[str, object]:
        """The file as the webhook shows it: what both generations have."""
        params = msgspec.Raw((self.params or "{}").encode())
        return {**self.view(), "uuid": self.request, "params": params}


def new(
    wanted: Wanted, *, origin: str, legacy: bool, keep_params: bool
) -> list[tuple[Content, Filed]]:
    """Name a request and its files."""
    request = uuid.uuid4()
    return [
        (
            each,
            Filed(
                request=str(request),
                n=n,
                count=len(wanted.contents),
                file=file_id(request, n),
                name=each.name,
                design=wanted.design,
                version=wanted.version,
                origin=origin,
                legacy=legacy,
                share=each.share,
                has_passcode=each.has_passcode,
                passthrough=_kept(each.passthrough),
                params=_kept(each.params) if keep_params else None,
            ),
        )
        for n, each in enumerate(wanted.contents)
    ]


def file_id(request: uuid.UUID, n: int) -> str:
    """The id of a file: drawn from its request's, so that neither needs an index."""
    return str(uuid.uuid5(request, str(n)))


def place(about: Filed, file: str) -> int | None:
    """Which file of the request has this id."""
    request = uuid.UUID(about.request)
    found = (n for n in range(about.count) if file_id(request, n) == file.lower())
    return next(found, None)


def job_id(request: str, n: int) -> str:
    """The id of the job that makes a file."""
    return f"{request}-{n}"


def of(extra: Mapping[str, Any]) -> Filed | None:
    """What a job remembers; ``None`` if it is none of this API, or was deleted."""
    try:
        return msgspec.convert(extra, Filed)
    except msgspec.ValidationError:
        return None


def reply(files: Sequence[Filed], *, many: bool) -> dict[str, object]:
    """The body that says that a request was accepted, for both generations."""
    first = files[0]
    return {
        "requestId": first.request,
        "url": first.url,
        "fileId": batch(first.request) if many else first.file,
        "files": [each.view() for each in files],
    }


def batch(request: str) -> str:
    """The file id that stands for all files of a request."""
    return f"batch_{request}"


def mapping(files: Sequence[Filed]) -> str:
    """The header ``X-File-Mapping``: JSON, percent-encoded."""
    return quote(_encode([each.view() for each in files]), safe="")


def _kept(value: object) -> str | None:
    return None if value is None else _encode(value).decode()
