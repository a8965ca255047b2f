"""Names of files that carry our own key, designs, and routes; performs no I/O.

The API has no id of ours and no lookup. What it gives back everywhere, in replies and
webhooks of both generations, is the file's name: so the name carries the key.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

from orchestrator.model import Document, Job

_DESIGN = re.compile(r"([^@\s/?#]+)@([1-9][0-9]{0,8})")
_KEY = re.compile(r"-([0-9a-f]{32})-([0-9]{1,6})(?:\.pdf)?", re.IGNORECASE)
_UNFIT = re.compile(
    # "alphanumeric, Japanese, -, _, . only": the stricter of the two generations.
    r"[^0-9A-Za-z_\-\u3005-\u3007\u3041-\u3096\u30a1-\u30fa\u30fc\u4e00-\u9fff]+"
)
_STEM = 60
_SAFE_ID = re.compile(r"[!-~]{1,300}")


def file_name(job: Job, index: int) -> str:
    """The name of one file of a job: readable first, then our key."""
    output = job.documents[index].output
    stem = output.rsplit("/", 1)[-1].rsplit(".", 1)[0]
    return f"{_UNFIT.sub('_', stem)[:_STEM]}-{job.id}-{index}.pdf"


def index_of(job: Job, name: str) -> int | None:
    """Which document of a job a file is for; ``None`` if it is not of this job."""
    match = _KEY.search(name)
    if match is None or match[1].lower() != job.id:
        return None
    index = int(match[2])
    return index if index < len(job.documents) else None


def design_of(document: Document) -> tuple[str, int] | None:
    """Id and version of a document's design; the id is opaque."""
    return parse_design(document.design or "")


def parse_design(text: str) -> tuple[str, int] | None:
    """Id and version out of ``id@version``."""
    match = _DESIGN.fullmatch(text)
    return (match[1], int(match[2])) if match else None


def file_route(request: str, file: str) -> str:
    """Where one file of a request is downloaded, with the account's key."""
    return f"/v1/file/download/{quote(request, safe='')}/{quote(file, safe='')}"


def request_of(route: str) -> str:
    """The request that a route of ours belongs to."""
    return unquote(route.split("/")[-2]) if route.count("/") >= 2 else ""


def is_id(value: object) -> bool:
    """Whether a value of a reply can be an id: opaque, short, printable."""
    is_text = isinstance(value, str) and bool(_SAFE_ID.fullmatch(value))
    return is_text and value not in (".", "..")
