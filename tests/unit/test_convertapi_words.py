"""The pure parts of ConvertAPI's dialect."""

from __future__ import annotations

import pytest

from orchestrator.service.app import _shown
from orchestrator.service.dialects.convertapi.accept import form
from orchestrator.service.dialects.convertapi.ids import (
    is_plain,
    job_id,
    new_plain,
    result_id,
)
from orchestrator.service.dialects.convertapi.order import Aim, Form, aim, named
from orchestrator.service.dialects.convertapi.params import disposed, flag, place, whole
from orchestrator.service.dialects.convertapi.refusal import SAID, Refusal, refusal_of
from orchestrator.service.problems import KINDS, Problem


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, Form.JSON),
        ("", Form.JSON),
        ("*/*", Form.JSON),
        ("application/json", Form.JSON),
        ("APPLICATION/OCTET-STREAM", Form.RAW),
        ("application/octet-stream;q=0.5, application/json", Form.JSON),
        ("application/octet-stream, */*;q=0.1", Form.RAW),
        ("multipart/mixed", Form.MIXED),
        ("application/xml", Form.XML),
        ("application/octet-stream;q=0, text/html", Form.JSON),
        ("application/xml;q=x, multipart/mixed", Form.MIXED),
        ("image/png", Form.JSON),
    ],
)
def test_the_dearest_known_form_is_chosen(header: str | None, expected: Form) -> None:
    """Unknown kinds count for nothing, and JSON is the usual."""
    assert form(header, is_download=False, is_raw=False) is expected


def test_a_download_and_a_bare_file_are_bare() -> None:
    """The first whatever is accepted, the second where nothing is."""
    assert form("application/json", is_download=True, is_raw=False) is Form.RAW
    assert form(None, is_download=False, is_raw=True) is Form.RAW
    assert form("*/*", is_download=False, is_raw=True) is Form.JSON


@pytest.mark.parametrize(
    ("source", "target", "names", "expected"),
    [
        ("DOCX", "Pdf", ["a.docx"], Aim("convert", "docx", "pdf")),
        ("pdf", "merge", ["a.pdf", "b.pdf"], Aim("merge", "pdf", "pdf")),
        ("jpg", "pdf", ["a.jpg", "b.jpg"], Aim("merge", "jpg", "pdf")),
        ("jpg", "pdf", ["a.jpg"], Aim("convert", "jpg", "pdf")),
        ("pdf", "split", ["a.pdf"], Aim("split", "pdf", "pdf")),
        ("any", "zip", ["a", "b"], Aim("archive", "any", "zip")),
        ("any", "pdf", ["a.ODT"], Aim("convert", "odt", "pdf")),
        ("any", "pdf", ["noending"], Aim("convert", "bin", "pdf")),
        ("any", "pdf", ["a.b-c"], Aim("convert", "bin", "pdf")),
        ("web", "png", ["x"], Aim("convert", "html", "png")),
    ],
)
def test_routes_become_operations(
    source: str, target: str, names: list[str], expected: Aim
) -> None:
    """Verbs, and formats that stand for several."""
    assert aim(source, target, names) == expected


def test_a_merge_is_told_formats_that_names_hide() -> None:
    """Only where the name says nothing that is known."""
    merge = Aim("merge", "pdf", "pdf")
    names = ["report.v2", "a.docx", "b"]
    assert named(names, merge, {"docx", "pdf"}) == ["report.v2.pdf", "a.docx", "b.pdf"]
    assert named(names, Aim("archive", "any", "zip"), {"pdf"}) == names


def test_ids_have_one_spelling() -> None:
    """UUIDs and 32 characters, nothing else."""
    uuid = "d3bd2056-4330-4cf3-9b18-483a2412dd6b"
    assert job_id(f" {uuid.upper()} ") == uuid
    assert job_id("R" * 32) == "r" * 32
    for wrong in ("", "x", "r" * 31, "ä" * 32, f"{{{uuid}}}", f"urn:uuid:{uuid}"):
        assert job_id(wrong) is None
    assert is_plain(new_plain())
    made = {result_id(seed, n) for seed in "ab" for n in range(50)}
    assert len(made) == 100
    assert all(is_plain(each) for each in made)


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('attachment; filename="a b.txt"', "a b.txt"),
        ("attachment; filename*=UTF-8''%C3%A4.txt", "ä.txt"),
        ("inline; filename*=utf-8''%21%27%28%29%2a.txt", "!'()*.txt"),
        ('form-data; name="File"; filename="ä.txt"', "ä.txt"),
        ("attachment; filename=\udcff.txt", "\ufffd.txt"),
        ("attachment", None),
        ("", None),
        (None, None),
    ],
)
def test_names_are_read_from_any_disposition(
    header: str | None, name: str | None
) -> None:
    """Plain, quoted, encoded, and broken."""
    assert disposed(header) == name


def test_parameters_are_read_as_clients_write_them() -> None:
    """Booleans of several languages, numbers within bounds, places of files."""
    for text in ("True", "true", "1", " yes "):
        assert flag({"storefile": text}, "StoreFile")
    for text in ("False", "0", ""):
        assert not flag({"storefile": text}, "StoreFile")
    assert not flag({}, "StoreFile")
    assert whole({"timeout": " 10 "}, "Timeout", 10, 1200, 900) == 10
    assert whole({}, "Timeout", 10, 1200, 900) == 900
    for text in ("9", "1201", "-1", "1.5", "٣٠", "9" * 5000):
        with pytest.raises(Refusal):
            whole({"timeout": text}, "Timeout", 10, 1200, 900)
    assert place("OverlayFile", 0) is None
    assert place("StoreFile", 0) is None
    found = [place(name, 7) for name in ("File", "FILES[2]", "files[]")]
    assert [each and (each.is_list, each.n) for each in found] == [
        (False, 7),
        (True, 2),
        (True, 7),
    ]


def test_every_problem_can_be_said() -> None:
    """With a status that is an error, and details only where they belong."""
    for code in KINDS:
        refusal = refusal_of(Problem(code, "why"))
        assert refusal.status >= 400
        assert (refusal.number == 4000) is (refusal.invalid is not None)
        assert (code in SAID) is (refusal.number != 4000)
    told = refusal_of(Problem("bad_params", "pages: found 'x'"))
    assert list(told.invalid or ()) == ["PageRange"]


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/d/rwvd6vtq58eurfwv5zw5h2ci2pgno1pn/a.pdf", "/d/rwvd6vtq…/a.pdf"),
        ("/JOB/D3BD2056-4330-4cf3-9b18-483a2412dd6b", "/JOB/D3BD2056…"),
        ("/convert/docx/to/pdf", "/convert/docx/to/pdf"),
        ("/v1/jobs/rwvd6vtq58eurfwv5zw5h2ci2pgno1pn", None),
    ],
)
def test_ids_that_open_files_are_cut_short_in_the_log(
    path: str, shown: str | None
) -> None:
    """In the native API an id opens nothing without a key."""
    assert _shown(path) == (shown or path)
