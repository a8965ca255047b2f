"""From a route and its parameters to an order of the desk; performs no I/O."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit, urlunsplit

import msgspec

from orchestrator.model import Mode
from orchestrator.service.address import objection
from orchestrator.service.dialects.convertapi.ids import job_id, new_plain, new_uuid
from orchestrator.service.dialects.convertapi.params import flag, whole
from orchestrator.service.dialects.convertapi.refusal import invalid
from orchestrator.service.hooks import Find
from orchestrator.service.jobs import Job, Order
from orchestrator.service.params import encode
from orchestrator.service.problems import Problem
from orchestrator.service.render.names import ending
from orchestrator.service.render.routes import knobs
from orchestrator.service.rows import Ending

NAME = "convertapi"
JOB_LIFE = 7200.0
FORMAT = re.compile(r"[a-z0-9]{1,16}")
ANY = frozenset({"any", "office", "openoffice", "images", "image", "ebook"})
PAGES = frozenset({"web", "url"})
# Option of ours, and the parameters that ask for it.
KNOBS = {
    "pages": ("pagerange", "splitbyrange"),
    "dpi": ("imageresolution",),
    "quality": ("imagequality", "jpegquality"),
}
PAPERS = frozenset({"a4", "letter"})


class Form(StrEnum):
    """What an answer looks like."""

    JSON = "json"
    XML = "xml"
    RAW = "raw"
    MIXED = "mixed"


class Extra(msgspec.Struct, frozen=True):
    """What this API alone remembers of a job: how its result is to be told.

    ``seed`` makes the ids of its stored results, ``name`` is the caller's for them.
    """

    generation: int
    form: Form
    is_stored: bool
    is_inline: bool
    name: str
    timeout: int
    seed: str


def extra_of(job: Job) -> Extra:
    """What this API remembers of a job."""
    return msgspec.convert(job.order.extra, Extra)


@dataclass(frozen=True, slots=True)
class Aim:
    """What is to be done, in our words."""

    operation: str
    source: str
    target: str


def aim(source: str, target: str, names: Sequence[str]) -> Aim:
    """What a route asks for.

    Raises:
        Problem: it names no formats.
    """
    source, target = source.lower(), target.lower()
    if not FORMAT.fullmatch(source) or not FORMAT.fullmatch(target):
        raise Problem("unsupported", "a format is 1 to 16 letters and digits")
    if target == "zip":
        return Aim("archive", "any", "zip")
    if source in PAGES:
        source = "html"
    elif source in ANY:
        source = ending(names[0]) if names else ""
        source = source if FORMAT.fullmatch(source) else "bin"
    if target == "split":
        return Aim("split", source, "pdf")
    is_merge = target == "merge" or (target == "pdf" and len(names) > 1)
    return Aim(
        "merge" if is_merge else "convert", source, "pdf" if is_merge else target
    )


def named(names: Sequence[str], aim: Aim, known: Collection[str]) -> list[str]:
    """Names of inputs; where a merge could not tell the format, it is added."""
    if aim.operation != "merge":
        return [*names]
    return [each if ending(each) in known else f"{each}.{aim.source}" for each in names]


def options(aim: Aim, texts: Mapping[str, str]) -> bytes:
    """The parameters that we know, by our names; others change nothing."""
    known = knobs(aim.operation, aim.source, aim.target)
    found = {
        ours: texts[each]
        for ours, theirs in KNOBS.items()
        for each in theirs
        if ours in known and texts.get(each)
    }
    paper = texts.get("pagesize", "").lower()
    if "paper" in known and paper in PAPERS:
        found["paper"] = paper
    return encode(found)


def order(
    aim: Aim,
    texts: dict[str, str],
    form: Form,
    *,
    is_async: bool,
    generation: int,
    allow_private: bool,
) -> Order:
    """The order.

    Raises:
        Refusal: a parameter cannot be.
    """
    name = own_id(texts)
    if not name:
        name = new_uuid() if generation == 1 else new_plain()
    webhook = _webhook(texts, allow_private=allow_private)
    if webhook is not None and generation == 1:
        webhook = _asking(webhook, name)
    extra = Extra(
        generation=generation,
        form=form,
        is_stored=flag(texts, "StoreFile"),
        is_inline=texts.get("download", "").lower() == "inline",
        name=_output(texts),
        timeout=whole(texts, "Timeout", 10, 1200, 900),
        seed=secrets.token_hex(16),
    )
    return Order(
        id=name,
        mode=Mode.ASYNC if is_async else Mode.SYNC,
        operation=aim.operation,
        source=aim.source,
        target=aim.target,
        params=options(aim, texts),
        webhook=webhook,
        dialect=NAME,
        extra=msgspec.to_builtins(extra),
    )


def own_id(texts: Mapping[str, str]) -> str | None:
    """The caller's own job id, if there is one.

    Raises:
        Refusal: it is not an id.
    """
    text = texts.get("jobid", "").strip()
    if not text:
        return None
    name = job_id(text)
    if name is None:
        raise invalid("JobId", "JobId must be a UUID or 32 characters of a-z and 0-9.")
    return name


def announce(job: Job, ending: Ending, find: Find) -> bytes:
    """The body of a webhook: none in the first generation, whose URL says it."""
    del ending, find
    body = msgspec.json.encode({"JobId": job.id})
    return b"" if extra_of(job).generation == 1 else body


def result_names(job: Job) -> list[str]:
    """Names of results: the caller's are counted from 0, ours from the second on."""
    given = extra_of(job).name
    stem = given or _stem(job.inputs[0].name if job.inputs else "")
    names = []
    for n, each in enumerate(job.results):
        suffix = ending(each.name)
        count = f"_{n}" if given else f"-{n + 1}"
        is_plain = len(job.results) == 1 or (n == 0 and not given)
        names.append(f"{stem}{'' if is_plain else count}.{suffix}")
    return names


def _stem(name: str) -> str:
    return name.rpartition(".")[0] or name or "file"


def _output(texts: Mapping[str, str]) -> str:
    text = texts.get("filename", "").strip()
    if len(text) > 200:
        raise invalid("FileName", "FileName must have 1 to 200 characters.")
    bare = text.replace("\\", "/").rpartition("/")[2]
    return "".join(each for each in bare if each.isprintable()).strip(". ")


def _webhook(texts: Mapping[str, str], *, allow_private: bool) -> str | None:
    webhook = texts.get("webhook", "").strip()
    if not webhook:
        return None
    wrong = objection(webhook, allow_private=allow_private)
    if wrong is not None:
        raise invalid("WebHook", f"WebHook is {wrong}.")
    return webhook


def _asking(webhook: str, name: str) -> str:
    """The webhook with the job's id in its query."""
    parts = urlsplit(webhook)
    query = f"{parts.query}&JobId={name}" if parts.query else f"JobId={name}"
    return urlunsplit(parts._replace(query=query))
