"""The content of a document, without its layout: anydoc, Markdown, ironpress."""

from __future__ import annotations

from pathlib import Path

import anydoc

from orchestrator.service.render import packed
from orchestrator.service.render.bench import Bench, output, versions
from orchestrator.service.render.convert import page
from orchestrator.service.render.task import Answer, Task
from orchestrator.service.render.work import RenderError

CONTENT_ONLY = "content only: layout and pictures of the {} file are not kept"


def convert(task: Task, bench: Bench) -> Answer:
    """Print headings, text, lists and tables of a document."""
    path = Path(task.inputs[0])
    packed.check(path, task.source)
    source = anydoc.format_from_extension(task.source)
    try:
        content = anydoc.to_markdown_bytes(path.read_bytes(), source)
    except anydoc.EncryptedError:
        raise RenderError(
            "password_needed", "the document is protected by a password"
        ) from None
    except anydoc.ResourceLimitError as error:
        raise RenderError("memory_limit", f"anydoc: {error}") from None
    except anydoc.ConvertError as error:
        raise RenderError(
            "damaged_file", f"not a sound {task.source} file: {error}"
        ) from None
    made = page.printed(page.markdown_page(content), task.options.paper)
    output(task).write_bytes(made)
    return Answer(
        (str(output(task)),),
        versions("firecrawl-anydoc", "markdown-it-py", "ironpress"),
        (CONTENT_ONLY.format(task.source),),
    )
