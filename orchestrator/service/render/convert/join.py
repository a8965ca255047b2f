"""Merging and splitting of PDFs with pikepdf."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pikepdf

from orchestrator.service.render.bench import Bench, output, versions
from orchestrator.service.render.task import Answer, Task
from orchestrator.service.render.work import RenderError

Ranges = Sequence[tuple[int, int | None]]


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
    every = task.options.ranges or ((),) * len(task.inputs)
    if len(every) != len(task.inputs):
        raise RenderError("bad_params", "ranges: not as many as there are inputs")
    with pikepdf.new() as whole:
        for each, ranges in zip(task.inputs, every, strict=True):
            with _opened(each) as part:
                for first, stop in _chosen(ranges, len(part.pages)):
                    whole.pages.extend(part.pages[first:stop])
        return [_saved(whole, output(task))]


def _chosen(ranges: Ranges, count: int) -> list[tuple[int, int]]:
    """First index and the one behind the last; the whole document without ranges."""
    chosen = []
    for first, last in ranges or ((1, None),):
        stop = count if last is None else last
        if first > count or stop > count:
            raise RenderError("bad_params", f"pages: the document has {count}")
        chosen.append((first - 1, stop))
    return chosen


def _picked(task: Task) -> list[str]:
    with _opened(task.inputs[0]) as whole, pikepdf.new() as part:
        for each in _slices(task, len(whole.pages)):
            part.pages.extend(whole.pages[each])
        return [_saved(part, output(task))]


def _split(task: Task) -> list[str]:
    with _opened(task.inputs[0]) as whole:
        files = []
        for n, each in enumerate(_slices(task, len(whole.pages)), 1):
            with pikepdf.new() as part:
                part.pages.extend(whole.pages[each])
                files.append(_saved(part, output(task, n)))
        return files


def _slices(task: Task, count: int) -> Iterator[slice]:
    """The pages that were asked for, or each of them alone."""
    alone = [(n, n) for n in range(1, count + 1)]
    for first, stop in _chosen(task.options.pages or alone, count):
        yield slice(first, stop)
