"""Names of inputs and results; performs no I/O."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.service.render.work import Work

LONGEST = 200


def ending(name: str) -> str:
    """The lower-case extension of a file name, without its dot."""
    _, dot, last = name.rpartition(".")
    return last.lower() if dot else ""


def source(work: Work, n: int) -> str:
    """The format of the n-th input of a merge, whose inputs may differ."""
    return ending(work.names[n]) or work.source


def stem(work: Work) -> str:
    """What the results are named for."""
    if not work.names:
        return "document"
    name = work.names[0].replace("\\", "/").rsplit("/", 1)[-1]
    name = name.rpartition(".")[0] or name
    shown = "".join(each for each in name if each.isprintable()).strip(". ")
    return shown[:LONGEST] or "document"


def results(work: Work, count: int) -> Sequence[str]:
    """Names for so many results: one is named plainly, several are numbered."""
    if count == 1 and work.operation != "split":
        return [f"{stem(work)}.{work.target}"]
    return [f"{stem(work)}-{n:03d}.{work.target}" for n in range(1, count + 1)]
