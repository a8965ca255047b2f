"""Which converters serve a pair, and what is said where none does."""

import pytest

from orchestrator.service.render import routes
from orchestrator.service.render.routes import Converter

ALL = frozenset(Converter)
WITHOUT = ALL - {Converter.LIBREOFFICE}


@pytest.mark.parametrize(
    ("source", "target", "present", "order"),
    [
        ("docx", "pdf", ALL, ("office2pdf", "libreoffice")),
        ("docx", "pdf", WITHOUT, ("office2pdf",)),
        ("odt", "pdf", ALL, ("libreoffice", "anydoc")),
        ("odt", "pdf", WITHOUT, ("anydoc",)),
        ("epub", "pdf", ALL, ("anydoc",)),
        ("pdf", "png", ALL, ("pypdfium2",)),
        ("docx", "png", ALL, ()),
        ("exe", "pdf", ALL, ()),
    ],
)
def test_the_best_converter_that_is_here_comes_first(
    source: str, target: str, present: frozenset[Converter], order: tuple[str, ...]
) -> None:
    """The order is the same on every machine, less what is not there."""
    assert routes.order(source, target, present) == order


def test_every_promised_format_has_a_converter() -> None:
    """And none is promised twice."""
    for present in (ALL, WITHOUT):
        made = list(routes.formats(present))
        assert all(each.converters for each in made)
        keys = [(each.operation, each.source, each.target) for each in made]
        assert len(keys) == len(set(keys))


def test_only_many_pages_make_many_files() -> None:
    """A text is one file, pictures are one a page."""
    many = {
        (each.operation, each.source, each.target)
        for each in routes.formats(ALL)
        if each.many
    }
    assert many == {
        ("convert", "pdf", "png"),
        ("convert", "pdf", "jpg"),
        ("convert", "pdf", "jpeg"),
        ("split", "pdf", "pdf"),
    }


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("convert", "docx", "png"), "from docx this instance makes: pdf"),
        (("convert", "pdf", "docx"), "makes: jpeg, jpg, png, txt"),
        (("convert", "exe", "pdf"), "no converter for convert of exe to pdf"),
        (("split", "docx", "pdf"), "no converter for split"),
        (("dance", "", ""), r"dance of \(no format\)"),
    ],
)
def test_what_cannot_be_done_is_said_with_what_can(
    asked: tuple[str, str, str], said: str
) -> None:
    """The message helps to go on."""
    error = routes.unsupported(*asked, WITHOUT)
    assert error.code == "unsupported"
    with pytest.raises(type(error), match=said):
        raise error


@pytest.mark.parametrize(
    ("asked", "known"),
    [
        (("convert", "pdf", "png"), {"pages", "dpi"}),
        (("convert", "pdf", "jpg"), {"pages", "dpi", "quality"}),
        (("convert", "pdf", "txt"), {"pages"}),
        (("split", "pdf", "pdf"), {"pages"}),
        (("merge", "docx", "pdf"), {"paper", "ranges"}),
        (("convert", "md", "pdf"), {"pages", "paper"}),
        (("convert", "docx", "pdf"), {"pages"}),
        (("archive", "any", "zip"), set()),
    ],
)
def test_each_conversion_knows_its_options(
    asked: tuple[str, str, str], known: set[str]
) -> None:
    """What has no effect is not taken."""
    assert routes.knobs(*asked) == known
