"""Merging and splitting of PDFs with pikepdf."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pikepdf

from orchestrator.service.render.bench import Bench, output, versions
from orchestrator.service.render.task import Answer, Task
from orchestrator.service.render.work import RenderError


def convert(task: Task, bench: Bench) -> Answer:
    """Merge all inputs into one file, or split the only one, or keep some pages."""
    do = {"merge": _merged, "pick": _picked}.get(task.source, _split)
    return Answer(tuple(do(task)), versions("pikepdf"))


@contextmanager
def _opened(path: str) -> Iterator[pikepdf.Pdf]:
    try:
        with pikepdf.open(path) as document:
            yield document
    except pikepdf.PasswordError:
        raise RenderError(
            "password_needed", "a document is protected by a password"
        ) from None
    except pikepdf.PdfError as error:
        reason = str(error).replace(path, "the file")
        raise RenderError("damaged_file", f"not a sound PDF: {reason}") from None


def _saved(document: pikepdf.Pdf, path: Path) -> str:
    document.remove_unreferenced_resources()
    document.save(
        path,
        deterministic_id=True,
        object_stream_mode=pikepdf.ObjectStreamMode.generate,
    )
    return str(path)


def _merged(task: Task) -> list[str]:
    with pikepdf.new() as whole:
        for each in task.inputs:
            with _opened(each) as part:
                whole.pages.extend(part.pages)
        return [_saved(whole, output(task))]


def _picked(task: Task) -> list[str]:
    with _opened(task.inputs[0]) as whole, pikepdf.new() as part:
        for each in _ranges(task, len(whole.pages)):
            part.pages.extend(whole.pages[each])
        return [_saved(part, output(task))]


def _split(task: Task) -> list[str]:
    with _opened(task.inputs[0]) as whole:
        files = []
        for n, each in enumerate(_ranges(task, len(whole.pages)), 1):
            with pikepdf.new() as part:
                part.pages.extend(whole.pages[each])
                files.append(_saved(part, output(task, n)))
        return files


def _ranges(task: Task, count: int) -> Iterator[slice]:
    """The pages that were asked for, or each of them alone."""
    for first, last in task.options.pages or [(n, n) for n in range(1, count + 1)]:
        stop = count if last is None else last
        if first > count or stop > count:
            raise RenderError("bad_params", f"pages: the document has {count}")
        yield slice(first - 1, stop)
