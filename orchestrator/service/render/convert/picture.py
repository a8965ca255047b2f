"""Pictures to PDF: lossless where the file allows it, each on one sheet of paper."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import img2pdf
from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError

from orchestrator.service.render.bench import Bench, output, versions
from orchestrator.service.render.task import Answer, Task
from orchestrator.service.render.work import RenderError

MAX_PIXELS = 250_000_000
MAX_FRAMES = 2_000
_MARGIN = 28.35
_PAPER = (595.28, 841.89)
_PLAIN = {"1", "L", "RGB"}
_DEFAULT_DPI = 96.0


def convert(task: Task, bench: Bench) -> Answer:
    """Put each frame of a picture on a page."""
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    path = Path(task.inputs[0])
    try:
        with Image.open(path) as picture:
            sheets = list(_sheets(picture, path))
    except Image.DecompressionBombError as error:
        raise RenderError(
            "memory_limit", f"the picture is too large: {error}"
        ) from None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise RenderError("damaged_file", f"not a sound picture: {error}") from None
    made = img2pdf.convert(
        sheets,
        layout_fun=_layout,
        nodate=True,
        rotation=img2pdf.Rotation.ifvalid,
        engine=img2pdf.Engine.internal,
        producer="",
    )
    output(task).write_bytes(made)
    return Answer((str(output(task)),), versions("img2pdf", "pillow"))


def _sheets(picture: Image.Image, path: Path) -> Iterator[bytes]:
    """The bytes of each page's picture, in a format that PDF can hold."""
    if picture.format == "JPEG" and picture.mode in {"L", "RGB", "CMYK"}:
        yield path.read_bytes()
        return
    for n, frame in enumerate(ImageSequence.Iterator(picture)):
        if n >= MAX_FRAMES:
            raise RenderError("memory_limit", f"more than {MAX_FRAMES:,} frames")
        if picture.format == "GIF" and n:
            # An animation's first frame is what a reader expects to see printed.
            return
        yield _packed(_flat(ImageOps.exif_transpose(frame)), _dpi(picture))


def _flat(frame: Image.Image) -> Image.Image:
    """The same picture on white: archives allow no transparency."""
    if frame.mode in _PLAIN:
        return frame
    if frame.mode.startswith("I"):
        return frame.point(lambda value: value / 256).convert("L")
    if frame.mode in {"CMYK", "YCbCr", "LAB", "F"}:
        return frame.convert("RGB")
    layered = frame.convert("RGBA")
    white = Image.new("RGBA", layered.size, "white")
    return Image.alpha_composite(white, layered).convert("RGB")


def _dpi(picture: Image.Image) -> tuple[float, float]:
    x, y = (float(each) for each in picture.info.get("dpi", (0, 0)))
    return (x, y) if x > 20 and y > 20 else (_DEFAULT_DPI, _DEFAULT_DPI)


def _packed(frame: Image.Image, dpi: tuple[float, float]) -> bytes:
    packed = io.BytesIO()
    frame.save(packed, "PNG", dpi=dpi, compress_level=3)
    return packed.getvalue()


def _layout(
    width: int, height: int, dpi: tuple[float, float]
) -> tuple[float, float, float, float]:
    """Paper turned as the picture is; the picture shrunk to fit, never grown."""
    sizes = [
        72 * pixels / (each if each > 20 else _DEFAULT_DPI)
        for pixels, each in zip((width, height), dpi, strict=True)
    ]
    paper = _PAPER if sizes[0] <= sizes[1] else _PAPER[::-1]
    factor = min(
        1.0,
        *((page - 2 * _MARGIN) / size for page, size in zip(paper, sizes, strict=True)),
    )
    return (*paper, sizes[0] * factor, sizes[1] * factor)
