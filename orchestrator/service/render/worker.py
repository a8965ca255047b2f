"""A worker process: one document at a time, tasks in, answers out.

``python -m orchestrator.service.render.worker SETUP``; it ends by itself at the end of
its standard input.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any, BinaryIO

import msgspec

from orchestrator.service.render import confine
from orchestrator.service.render.bench import Bench
from orchestrator.service.render.task import Answer, Setup, Task
from orchestrator.service.render.work import RenderError

_HERE = "orchestrator.service.render.convert"
# Loaded when first needed: a worker that only joins pages stays small.
CONVERTERS: Mapping[str, str] = {
    "office2pdf": "office",
    "ironpress": "page",
    "anydoc": "content",
    "typst": "sheet",
    "img2pdf": "picture",
    "pypdfium2": "pdfium",
    "pikepdf": "join",
    "libreoffice": "libreoffice",
    "zip": "pack",
    "look": "look",
}

_NO_ROOM = ("no space left on device", "os error 28", "quota exceeded", "os error 122")


def main(argv: list[str]) -> None:
    """Serve tasks until the input ends."""
    setup = msgspec.json.decode(argv[1], type=Setup)
    confine.die_with_parent(setup.parent)
    confine.cut_network()
    confine.limit_memory(setup.memory)
    answers = _claimed()
    bench = Bench(setup)
    _say(answers, Answer())
    for line in sys.stdin.buffer:
        _say(answers, done(line, bench))


def _claimed() -> BinaryIO:
    """Keep the answers' channel to ourselves: a library may print."""
    channel = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return channel


def _say(answers: BinaryIO, answer: Answer) -> None:
    answers.write(msgspec.json.encode(answer) + b"\n")
    answers.flush()


def done(line: bytes, bench: Bench) -> Answer:
    """Do one task; every failure becomes an answer."""
    task = msgspec.json.decode(line, type=Task)
    try:
        module: Any = import_module(f"{_HERE}.{CONVERTERS[task.call]}")
        answer = module.convert(task, bench)
    except RenderError as error:
        return Answer(code=error.code, message=_private(str(error), task))
    except MemoryError:
        return Answer(
            code="memory_limit",
            message="the document needs too much memory",
            spent=True,
        )
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001 -- a Rust panic is no Exception
        if _found_no_room(error):
            return Answer(code="disk_full", message="no room for the result")
        message = f"{task.call}: {type(error).__name__}: {error}"
        message = _private(message, task)[:500]
        return Answer(code="render_failed", message=message, spent=True)
    assert isinstance(answer, Answer)  # noqa: S101 -- of our own modules
    return answer


def _found_no_room(error: BaseException) -> bool:
    """Whether the disk is full; a library of another language says so in words."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    words = str(error).lower()
    return any(each in words for each in _NO_ROOM)


def _private(message: str, task: Task) -> str:
    """A message without our own paths, which are nobody's business."""
    for path in task.inputs:
        message = message.replace(path, "the file")
    return message.replace(task.folder, "")


if __name__ == "__main__":
    main(sys.argv)
