"""What ReportFlow answers, in both of its generations; performs no I/O.

Replies are read as the union of both: ``requestId`` and ``files`` where they are there
(newer), else ``url`` and ``fileId`` (older). Nothing here raises.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import unquote, urljoin

import msgspec

from orchestrator.model import (
    Blame,
    Echo,
    Failure,
    Job,
    Phase,
    Progress,
    Remedy,
    Result,
)
from orchestrator.providers.reportflow.ask import is_whole_look, place_of
from orchestrator.providers.reportflow.names import file_route, index_of, is_id
from orchestrator.providers.reportflow.refusals import (
    GONE,
    asked,
    failure_of,
    unreadable,
)
from orchestrator.wire.http import Response

_NOT_YET = (202, 404, 409, 425)
"""What is said of a file that is not there is not documented: any of these may mean
"not yet", until the deadline."""
_NO_HEAD = (405, 501)
_MOVED = (301, 302, 303, 307, 308)
_PDF = ("application/pdf", "application/octet-stream", "binary/octet-stream", "")
_WEB = re.compile(r"https?://[!-~]+", re.IGNORECASE)
_DIGITS = re.compile(r"[0-9]{1,15}")
_NAME = re.compile(r"filename\*?=(?:UTF-8'')?\"?([^\";]+)", re.IGNORECASE)


def on_accepted(job: Job, progress: Progress, response: Response) -> Progress:
    """It is made later; the reply says where."""
    if not response.is_success:
        return progress.failed(failure_of(response))
    record = response.json()
    said = record if isinstance(record, dict) else {}
    request = said.get("requestId")
    results = (
        _by_name(job, said, str(request)) if is_id(request) else _by_url(job, said)
    )
    if results is None:
        why = "the reply does not say where the files will be"
        return progress.failed(unreadable(response, why))
    handle = str(request) if is_id(request) else results[0].url
    return progress.at(Phase.POLL, handle=handle, results=results)


def _by_name(
    job: Job, said: Mapping[str, Any], request: str
) -> tuple[Result, ...] | None:
    """A file for each document: by our key in its name, else by its place."""
    entries = [each for each in _list(said.get("files")) if is_id(each.get("fileId"))]
    if not entries and len(job.documents) == 1 and is_id(said.get("fileId")):
        entries = [{"fileId": said["fileId"]}]
    if len(entries) != len(job.documents):
        return None
    named = [index_of(job, str(each.get("fileName"))) for each in entries]
    places = named if None not in named else list(range(len(entries)))
    if sorted(place for place in places if place is not None) != list(
        range(len(entries))
    ):
        return None
    routes = {
        place: file_route(request, each["fileId"])
        for place, each in zip(places, entries, strict=True)
    }
    return tuple(
        Result(name="", url=routes[index], document=index)
        for index in range(len(entries))
    )


def _by_url(job: Job, said: Mapping[str, Any]) -> tuple[Result, ...] | None:
    """The older reply: the address is the PDF, for a job of one document."""
    url = said.get("url")
    if len(job.documents) != 1 or not isinstance(url, str) or not _WEB.fullmatch(url):
        return None
    return (Result(name="", url=url),)


# A PDF that comes at once...


def on_made(job: Job, progress: Progress, response: Response) -> Progress:
    """The reply is the PDF; its headers are the handle, should the body be cut."""
    if not response.is_success:
        return progress.failed(failure_of(response))
    if not _is_pdf(response):
        why = f"a reply of {response.headers.get('content-type', '')!r:.80}, no PDF"
        return progress.failed(unreadable(response, why))
    handle, url = _handle(job, response.headers)
    size = _integer(response.headers.get("content-length"))
    result = Result(name="", url=url, size=size, inline=True)
    return progress.at(Phase.FETCH, handle=handle or url, results=(result,))


def _handle(job: Job, headers: Mapping[str, str]) -> tuple[str | None, str | None]:
    """Request and address of a file, as the headers of either generation tell."""
    request = headers.get("request-id", "").strip()
    file = headers.get("file-id", "").strip() or _mapped(
        job, headers.get("x-file-mapping", "")
    )
    if is_id(request) and is_id(file):
        return request, file_route(request, file)
    address = headers.get("file-url", "").strip()
    return None, address if _WEB.fullmatch(address) else None


def _mapped(job: Job, text: str) -> str:
    """The file's id out of ``X-File-Mapping``: percent-encoded JSON, or raw."""
    for each in (unquote(text), text):
        try:
            value = msgspec.json.decode(each.encode("utf-8", "replace"))
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            continue
        entries = _list(value if isinstance(value, list) else [value])
        ours = [e for e in entries if index_of(job, str(e.get("fileName"))) is not None]
        for entry in ours or entries[:1]:
            if is_id(entry.get("fileId")):
                return str(entry["fileId"])
    return ""


# A file that comes later...


def on_looked(job: Job, progress: Progress, response: Response) -> Progress:
    """Whether the next file is there; every now and then it is the file itself."""
    if is_whole_look(progress):
        return on_file(job, progress, response)
    if response.is_success and response.status != 202:
        return progress.at(Phase.FETCH)
    if response.status in _MOVED or response.status in _NO_HEAD:
        return progress.at(Phase.FETCH)
    return _not_there(progress, response)


def on_file(job: Job, progress: Progress, response: Response) -> Progress:
    """A file's bytes are about to come, or it is not there yet."""
    del job
    place = place_of(progress.results)
    if place is None:
        return progress.at(Phase.FETCH)
    if response.status in _MOVED:
        return _moved(progress, place, response)
    if not response.is_success or response.status == 202 or not _is_pdf(response):
        return _not_there(progress, response)
    results = list(progress.results)
    size = _integer(response.headers.get("content-length"))
    results[place] = replace(results[place], size=size, inline=True)
    return progress.at(Phase.FETCH, results=tuple(results))


def _not_there(progress: Progress, response: Response) -> Progress:
    place = place_of(progress.results)
    if place is not None and (home := progress.results[place].name):
        # The storage that it was moved to does not have it: ask at home again.
        return _pointed(progress, place, url=home, name="")
    status = response.status
    if status == 410:
        return _without(progress, place, GONE)
    if status == 422:
        failure = replace(failure_of(response), code="render_failed")
        return _without(progress, place, failure)
    if status in _NOT_YET or response.is_success:
        return progress.at(Phase.POLL, polls=progress.polls + 1)
    return progress.failed(asked(response))


def _without(progress: Progress, place: int | None, failure: Failure) -> Progress:
    """One file will never come; the others of its job may."""
    if place is None or len(progress.results) == 1:
        return progress.failed(failure)
    results = list(progress.results)
    lost = results.pop(place)
    rejected = (*progress.rejected, (lost.document, failure))
    return progress.at(Phase.FETCH, results=tuple(results), rejected=rejected)


def _moved(progress: Progress, place: int, response: Response) -> Progress:
    """Follow to storage, as a new request without our headers."""
    known = progress.results[place]
    target = response.headers.get("location", "").strip()
    if known.url and _WEB.match(known.url):
        target = urljoin(known.url, target)
    if not _WEB.fullmatch(target) or known.name:
        why = "a redirect that cannot be followed"
        failure = Failure("redirect", why, Blame.SERVICE, Remedy.RETRY, response.status)
        return progress.failed(failure)
    return _pointed(progress, place, url=target, name=known.url or "")


def _pointed(progress: Progress, place: int, *, url: str, name: str) -> Progress:
    """The result at another address; its name keeps the one to come back to."""
    results = list(progress.results)
    results[place] = replace(results[place], url=url, name=name)
    laps = progress.laps + (not name)
    return progress.at(Phase.FETCH, results=tuple(results), laps=laps)


# A job whose reply was lost, and whose webhook came...


def adopt(job: Job, progress: Progress, echo: Echo) -> Progress | None:
    """The files that an echo speaks of, if it speaks of all of this job's."""
    found: dict[int, str] = {}
    for name, way in echo.files:
        request, _, file = way.partition(" ")
        index = index_of(job, name)
        if index is not None and is_id(request) and is_id(file):
            found[index] = file_route(request, file)
    if len(found) != len(job.documents):
        return None
    results = tuple(
        Result(name="", url=found[index], document=index)
        for index in range(len(job.documents))
    )
    return progress.at(Phase.FETCH, handle=echo.handle or None, results=results)


def on_confirmed(job: Job, progress: Progress, response: Response) -> Progress:
    """The account's own origin says whether the file is there, and ours."""
    name = _NAME.search(response.headers.get("content-disposition", ""))
    if response.is_success and _is_pdf(response):
        if name and index_of(job, unquote(name[1])) is None:
            return _stranger(progress, "the file is not of this job")
        return progress
    if response.status in (400, 403, 404, 410, 422):
        return _stranger(progress, "the service has no such file")
    return progress.failed(asked(response))


def _stranger(progress: Progress, why: str) -> Progress:
    return progress.failed(Failure("absent", why, Blame.SERVICE, Remedy.ABSENT))


# Whatever the service sends, nothing here raises.


def _is_pdf(response: Response) -> bool:
    kind = response.headers.get("content-type", "").split(";")[0].strip().lower()
    return kind in _PDF


def _list(value: Any) -> list[dict[str, Any]]:
    found = value if isinstance(value, list) else []
    return [each for each in found if isinstance(each, dict)]


def _integer(text: str | None) -> int | None:
    return int(text) if text and _DIGITS.fullmatch(text) else None
