"""The private service is started on a guess, which costs nothing where it is wrong."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from orchestrator.batch import RunOptions, folder_of
from orchestrator.batch.run import import_ahead
from orchestrator.cli import carry
from orchestrator.cli.ahead import begun, guessed
from orchestrator.errors import Exit

ONE = "version: 1\ndocuments:\n- {id: one, input: one.txt, output: 'out/{id}.{ext}'}\n"
ELSEWHERE = "providers:\n  there: {type: local, url: 'http://127.0.0.1:1'}\n"


def children() -> list[psutil.Process]:
    """Processes that this one started."""
    return psutil.Process().children()


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """One text."""
    (tmp_path / "one.txt").write_text("one")
    path = tmp_path / "one.yaml"
    path.write_text(ONE)
    return path


@pytest.mark.parametrize(
    ("text", "work"),
    [
        (ONE, "convert"),
        (ONE + "- {id: two, design: invoice@1, params: {}}\n", "generate"),
        (ELSEWHERE + ONE, None),
        ("designs: ours\n" + ONE, None),
        ("version: 1\n", None),
    ],
)
def test_the_guess(manifest: Path, text: str, work: str | None) -> None:
    """Only what is nearly sure is started: the manifest says no account."""
    manifest.write_text(text)
    assert guessed(manifest, folder_of(manifest, None)) == work


def test_a_batch_that_has_a_ledger_may_have_nothing_to_do(manifest: Path) -> None:
    """Then a run would start a service for nothing."""
    folder = folder_of(manifest, None)
    folder.make()
    folder.ledger.touch()
    assert guessed(manifest, folder) is None
    assert guessed(manifest.with_name("none.yaml"), folder) is None


def test_one_that_nobody_needed_goes_and_leaves_nothing(manifest: Path) -> None:
    """It is not waited for, and its folder was never made."""
    with begun(manifest, None, is_likely=True) as ahead:
        assert ahead.service is not None
        assert ahead.service.is_launched
        assert len(children()) == 1
    assert not children()
    assert sorted(each.name for each in manifest.parent.iterdir()) == [
        "one.txt",
        "one.yaml",
    ]


def test_a_run_takes_the_one_that_was_started(
    manifest: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And ends it, so that nothing is left to leave."""
    with begun(manifest, None, is_likely=True) as ahead:
        assert ahead.service is not None
        ended = carry.run(manifest, None, RunOptions(), ahead, as_json=True)
        assert ahead.service.url.startswith("http://127.0.0.1:")
        assert not ahead.service.is_launched
        assert not children()
    assert ended is Exit.DONE
    assert (manifest.parent / "out" / "one.pdf").read_bytes().startswith(b"%PDF-")
    assert capsys.readouterr().err == ""


def test_one_of_another_batch_is_not_taken(
    manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its files would be somewhere else."""
    with begun(manifest, tmp_path / "other", is_likely=True) as ahead:
        assert ahead.service is not None
        ended = carry.run(manifest, None, RunOptions(), ahead, as_json=True)
        assert ahead.service.url == ""
    assert ended is Exit.DONE
    assert not children()
    assert not (tmp_path / "other").exists()
    assert capsys.readouterr().err == ""


def test_http_is_imported_beside_the_first_validation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only there: a batch that has a ledger may have nothing to send."""
    imported: list[str] = []
    there = tmp_path / "ledger.sqlite"
    there.touch()
    monkeypatch.setattr("orchestrator.batch.run.import_module", imported.append)
    for ledger in (there, tmp_path / "none.sqlite"):
        import_ahead(ledger)
        for each in threading.enumerate():
            if each.name == "http":
                each.join()
    assert imported == ["orchestrator.batch.opening"]


def test_the_end_of_a_process_waits_for_what_it_imports(tmp_path: Path) -> None:
    """A module in C that is cut short in its import takes the process with it."""
    seen: list[bool] = []

    @contextmanager
    def watching() -> Iterator[None]:
        seen.append(threading.current_thread().daemon)
        yield

    import_ahead(tmp_path / "ledger.sqlite", watching)
    for each in threading.enumerate():
        if each.name == "http":
            each.join()
    assert seen == [False]
    (tmp_path / "ledger.sqlite").touch()
    import_ahead(tmp_path / "ledger.sqlite", watching)
    assert seen == [False], "a batch that has a ledger may have nothing to send"
