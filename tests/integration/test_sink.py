"""Results become files, whole or absent."""

# ruff: noqa: ASYNC221  # small local files

from __future__ import annotations

import asyncio
import errno
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import psutil
import pytest

from orchestrator.errors import MachineError
from orchestrator.model import Document, Failure, Job, Mode, Operation, Output, Saved
from orchestrator.transfer import disk
from orchestrator.transfer.sink import FileOutputs
from orchestrator.wire.outcome import OutputExists, PartMissing, Unanswered

SMALL = b"%PDF-1.7\n1 0 obj <</Type /Page>>\n" + b"x" * 1000 + b"\n%%EOF\n"
LARGE = b"%PDF-1.7\n" + os.urandom(5_000_000) + b"\n%%EOF\n"


def job(output: Path | str, job_id: str = "a" * 32) -> Job:
    """A job for one document."""
    document = Document("d", Operation.CONVERT, "docx", "pdf", str(output), "local")
    return Job(job_id, "local", Mode.SYNC, (document,), 0.0)


async def stream(body: bytes, piece: int = 100_000) -> AsyncIterator[bytes]:
    """A body in pieces."""
    for start in range(0, len(body), piece):
        yield body[start : start + piece]


async def broken(body: bytes) -> AsyncIterator[bytes]:
    """A body that is cut."""
    async for piece in stream(body):
        yield piece
    raise Unanswered("cut_body", "cut")


async def receive(
    outputs: FileOutputs, of: Job, body: bytes = SMALL, index: int = 0
) -> Saved:
    """A part that is right."""
    saved = await outputs.receive(
        of, index, stream(body), size=len(body), sha256=None, target="pdf"
    )
    assert isinstance(saved, Saved)
    return saved


def names(folder: Path) -> list[str]:
    """All that is in a folder."""
    return sorted(each.name for each in folder.iterdir()) if folder.exists() else []


@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["small", "large"])
async def test_a_single_result_is_named_at_once(body: bytes, tmp_path: Path) -> None:
    """Its final name is there when it was received; ``keep`` only says so."""
    outputs, of = FileOutputs(), job(tmp_path / "a.pdf")
    saved = await outputs.receive(
        of, 0, stream(body), size=len(body), sha256=None, target="pdf", alone=True
    )
    assert isinstance(saved, Saved)
    assert names(tmp_path) == ["a.pdf"]
    (kept,) = await outputs.keep(of.document, [saved])
    assert kept == Output(str(tmp_path / "a.pdf"), len(body), sha256(body).hexdigest())
    assert (tmp_path / "a.pdf").read_bytes() == body


async def test_a_single_result_spares_a_strangers_file(tmp_path: Path) -> None:
    """Its part waits for ``keep``, which refuses."""
    outputs, of = FileOutputs(), job(tmp_path / "a.pdf")
    (tmp_path / "a.pdf").write_bytes(b"a stranger's")
    saved = await outputs.receive(
        of, 0, stream(SMALL), size=None, sha256=None, target="pdf", alone=True
    )
    assert isinstance(saved, Saved)
    with pytest.raises(OutputExists):
        await outputs.keep(of.document, [saved])
    assert (tmp_path / "a.pdf").read_bytes() == b"a stranger's"


@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["small", "large"])
async def test_a_result_becomes_a_file(body: bytes, tmp_path: Path) -> None:
    """Hashed on the way, hidden until it is kept, in folders made for it."""
    outputs, of = FileOutputs(), job(tmp_path / "new" / "folder" / "漢.pdf")
    saved = await outputs.receive(
        of,
        0,
        stream(body),
        size=len(body),
        sha256=sha256(body).hexdigest().upper(),
        target="pdf",
    )
    assert isinstance(saved, Saved)
    assert saved.sha256 == sha256(body).hexdigest()
    folder = tmp_path / "new" / "folder"
    assert [name[0] for name in names(folder)] == ["."]
    kept = await outputs.keep(of.document, [saved])
    assert kept == [Output(str(folder / "漢.pdf"), len(body), saved.sha256)]
    assert names(folder) == ["漢.pdf"]
    assert (folder / "漢.pdf").read_bytes() == body
    assert outputs._parts == {}


@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"size": 7}, "wrong_length"),
        ({"sha256": "0" * 64}, "wrong_hash"),
        ({"target": "png"}, "not_a_png"),
    ],
)
async def test_a_wrong_file_is_a_failure_and_leaves_nothing(
    body: bytes, change: dict[str, object], code: str, tmp_path: Path
) -> None:
    """Whatever is wrong with it."""
    expected: dict[str, object] = {"size": None, "sha256": None, "target": "pdf"}
    outcome = await FileOutputs().receive(
        job(tmp_path / "o" / "a.pdf"),
        0,
        stream(body),
        **{**expected, **change},  # type: ignore[arg-type]
    )
    assert isinstance(outcome, Failure)
    assert outcome.code == code
    assert names(tmp_path / "o") == []


async def test_small_pieces_are_written_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However they come, a thread is given enough to do."""
    written: list[int] = []
    write_all = disk.PartFile.write_all

    def noted(part: disk.PartFile, pieces: list[bytes]) -> None:
        written.append(sum(map(len, pieces)))
        write_all(part, pieces)

    monkeypatch.setattr(disk.PartFile, "write_all", noted)
    outputs, of = FileOutputs(), job(tmp_path / "a.pdf")
    for piece in (4096, 300_000):
        written.clear()
        saved = await outputs.receive(
            of, 0, stream(LARGE, piece), size=len(LARGE), sha256=None, target="pdf"
        )
        assert isinstance(saved, Saved)
        assert Path(saved.part).read_bytes() == LARGE
        assert all(1 << 20 < each < 2 << 20 for each in written)
        assert len(written) > 2


async def test_an_empty_text_has_to_be_declared(tmp_path: Path) -> None:
    """Then it is a result like any other."""
    outputs, of = FileOutputs(), job(tmp_path / "a.txt")
    for size, kind in ((None, Failure), (0, Saved)):
        outcome = await outputs.receive(
            of, 0, stream(b""), size=size, sha256=None, target="txt"
        )
        assert isinstance(outcome, kind)


@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["small", "large"])
async def test_a_cut_body_leaves_nothing(body: bytes, tmp_path: Path) -> None:
    """Neither does a cancellation, nor a descriptor."""
    outputs, of = FileOutputs(), job(tmp_path / "a.pdf")
    with pytest.raises(Unanswered):
        await outputs.receive(of, 0, broken(body), size=None, sha256=None, target="pdf")
    begun = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        async for piece in stream(body):
            yield piece
        begun.set()
        await asyncio.sleep(9)

    task = asyncio.create_task(
        outputs.receive(of, 0, endless(), size=None, sha256=None, target="pdf")
    )
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert names(tmp_path) == []
    assert str(tmp_path) not in str(psutil.Process().open_files())


async def test_a_part_that_a_kill_left_is_begun_anew(tmp_path: Path) -> None:
    """Its longer remains are cut off."""
    outputs, of = FileOutputs(), job(tmp_path / "a.pdf")
    left = Path((await receive(outputs, of)).part)
    left.write_bytes(LARGE)
    saved = await receive(FileOutputs(), of)
    assert Path(saved.part) == left
    assert left.read_bytes() == SMALL


async def test_an_output_that_is_still_a_part_is_not_cut(tmp_path: Path) -> None:
    """A kill between its two names; what is fetched again may be cut, or refused."""
    outputs, of = FileOutputs(), job(tmp_path / "a.pdf")
    os.link((await receive(outputs, of)).part, tmp_path / "a.pdf")
    with pytest.raises(Unanswered):
        await FileOutputs().receive(
            of, 0, broken(LARGE), size=None, sha256=None, target="pdf"
        )
    assert (tmp_path / "a.pdf").read_bytes() == SMALL


async def test_a_link_under_the_name_of_a_part_is_not_followed(
    tmp_path: Path,
) -> None:
    """Nothing outside is written to."""
    precious = tmp_path / "precious"
    precious.write_text("mine")
    outputs, of = FileOutputs(), job(tmp_path / "a.pdf")
    part = Path((await receive(outputs, of)).part)
    part.unlink()
    part.symlink_to(precious)
    with pytest.raises(MachineError):
        await receive(outputs, of)
    assert precious.read_text() == "mine"


# Keeping


async def test_several_files_are_numbered(tmp_path: Path) -> None:
    """In order, from one."""
    outputs, of = FileOutputs(), job(tmp_path / "{n:02}.pdf")
    parts = [await receive(outputs, of, SMALL + b"\n" * n, n) for n in range(3)]
    kept = await outputs.keep(of.document, parts)
    assert names(tmp_path) == ["01.pdf", "02.pdf", "03.pdf"]
    assert [each.size for each in kept] == [len(SMALL) + n for n in range(3)]


@pytest.mark.parametrize("renamed", [0, 1, 2])
@pytest.mark.parametrize("linked", [False, True])
async def test_a_kill_between_two_names_is_finished(
    *, renamed: int, linked: bool, tmp_path: Path
) -> None:
    """Names that were given count; one that was half given is finished."""
    outputs, of = FileOutputs(), job(tmp_path / "{n}.pdf")
    parts = [await receive(outputs, of, SMALL + b"\n" * n, n) for n in range(2)]
    for n in range(renamed):
        Path(parts[n].part).rename(tmp_path / f"{n + 1}.pdf")
    if linked and renamed < 2:
        os.link(parts[renamed].part, tmp_path / f"{renamed + 1}.pdf")
    again = FileOutputs()
    first = await again.keep(of.document, parts)
    assert await again.keep(of.document, parts) == first
    assert names(tmp_path) == ["1.pdf", "2.pdf"]


async def test_a_file_of_another_is_never_replaced(tmp_path: Path) -> None:
    """Not even the other names are given then; a same file is adopted."""
    outputs, of = FileOutputs(), job(tmp_path / "{n}.pdf")
    parts = [await receive(outputs, of, SMALL, n) for n in range(2)]
    (tmp_path / "2.pdf").write_text("mine")
    with pytest.raises(OutputExists, match=r"2\.pdf"):
        await outputs.keep(of.document, parts)
    assert not (tmp_path / "1.pdf").exists()
    assert (tmp_path / "2.pdf").read_text() == "mine"
    (tmp_path / "2.pdf").write_bytes(SMALL)
    await outputs.keep(of.document, parts)
    assert names(tmp_path) == ["1.pdf", "2.pdf"]


def test_what_is_in_the_way_is_known_before(tmp_path: Path) -> None:
    """Of several outputs by the first; not where it may be replaced."""
    one, many = job(tmp_path / "a.pdf").document, job(tmp_path / "{n:02}.png").document
    assert FileOutputs().blocked(one) is FileOutputs().blocked(many) is None
    (tmp_path / "a.pdf").symlink_to(tmp_path / "nowhere")
    (tmp_path / "01.png").write_text("mine")
    assert FileOutputs().blocked(one) == str(tmp_path / "a.pdf")
    assert FileOutputs().blocked(many) == str(tmp_path / "01.png")
    assert FileOutputs(overwrite=True).blocked(one) is None


async def test_a_folder_or_a_link_under_the_name_is_not_replaced(
    tmp_path: Path,
) -> None:
    """Whatever has the name has it."""
    outputs, of = FileOutputs(), job(tmp_path / "a.pdf")
    saved = await receive(outputs, of)
    final = tmp_path / "a.pdf"
    final.mkdir()
    with pytest.raises(OutputExists):
        await outputs.keep(of.document, [saved])
    final.rmdir()
    final.symlink_to(tmp_path / "nowhere")
    with pytest.raises(OutputExists):
        await outputs.keep(of.document, [saved])
    assert final.is_symlink()


@pytest.mark.parametrize("asked", [True, lambda document: document.id == "d"])
async def test_a_file_is_replaced_where_asked(asked: object, tmp_path: Path) -> None:
    """For all documents, or for those that the caller knows."""
    outputs = FileOutputs(overwrite=asked)  # type: ignore[arg-type]
    of = job(tmp_path / "a.pdf")
    (tmp_path / "a.pdf").write_text("old")
    await outputs.keep(of.document, [await receive(outputs, of)])
    assert (tmp_path / "a.pdf").read_bytes() == SMALL
    other = replace(of.document, id="e")
    if callable(asked):
        (tmp_path / "a.pdf").write_text("old")
        with pytest.raises(OutputExists):
            await outputs.keep(other, [await receive(outputs, of)])


@pytest.mark.parametrize("change", ["gone", "cut"])
async def test_a_part_that_is_not_there_has_to_be_fetched_again(
    change: str, tmp_path: Path
) -> None:
    """A power cut may lose a part that was saved."""
    outputs, of = FileOutputs(), job(tmp_path / "{n}.pdf")
    parts = [await receive(outputs, of, SMALL, n) for n in range(2)]
    second = Path(parts[1].part)
    if change == "gone":
        second.unlink()
    else:
        os.truncate(second, 10)
    with pytest.raises(PartMissing):
        await outputs.keep(of.document, parts)
    assert not (tmp_path / "1.pdf").exists()


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP])
async def test_where_there_are_no_links_a_file_is_renamed(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And still replaces nothing."""

    def link(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", link)
    outputs, of = FileOutputs(), job(tmp_path / "a.pdf")
    saved = await receive(outputs, of)
    (tmp_path / "a.pdf").write_text("mine")
    with pytest.raises(OutputExists):
        await outputs.keep(of.document, [saved])
    (tmp_path / "a.pdf").unlink()
    await outputs.keep(of.document, [saved])
    assert names(tmp_path) == ["a.pdf"]


async def test_each_folder_is_made_durable_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the names are given."""
    synced: list[str] = []
    outputs, of = FileOutputs(), job(tmp_path / "{n}.pdf")
    parts = [await receive(outputs, of, SMALL, n) for n in range(3)]

    def sync(folder: str) -> None:
        assert names(tmp_path) == ["1.pdf", "2.pdf", "3.pdf"]
        synced.append(folder)

    monkeypatch.setattr(disk, "sync_folder", sync)
    await outputs.keep(of.document, parts)
    assert synced == [str(tmp_path)]


# Names and machines


async def test_a_name_may_fill_the_limit(tmp_path: Path) -> None:
    """85 characters of three bytes each; one more is told to the user."""
    outputs = FileOutputs()
    longest = "漢" * 83 + "a.pdf"
    of = job(tmp_path / longest)
    await outputs.keep(of.document, [await receive(outputs, of)])
    assert names(tmp_path) == [longest]
    of = job(tmp_path / f"漢{longest}")
    saved = await receive(outputs, of)
    with pytest.raises(MachineError, match="shorter name"):
        await outputs.keep(of.document, [saved])


async def test_a_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    """With its path."""
    (tmp_path / "o").write_text("")
    with pytest.raises(MachineError, match=str(tmp_path / "o")):
        await receive(FileOutputs(), job(tmp_path / "o" / "a.pdf"))


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MB."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, check=False, capture_output=True)
    except FileNotFoundError:
        pytest.skip("no mount here")
    if done.returncode:
        pytest.skip("no disk can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_a_full_disk_is_told_and_leaves_nothing(tiny: Path) -> None:
    """And there is room again for what fits."""
    outputs = FileOutputs()
    with pytest.raises(MachineError, match="make room"):
        await receive(outputs, job(tiny / "a.pdf"), LARGE)
    assert names(tiny) == []
    of = job(tiny / "b.pdf")
    await outputs.keep(of.document, [await receive(outputs, of)])
    assert names(tiny) == ["b.pdf"]


async def test_a_read_only_disk_is_told(tiny: Path) -> None:
    """With what to do."""
    subprocess.run(["mount", "-o", "remount,ro", str(tiny)], check=True)
    with pytest.raises(MachineError, match="can be written"):
        await receive(FileOutputs(), job(tiny / "a.pdf"))


# Discarding


async def test_parts_of_a_job_are_removed(tmp_path: Path) -> None:
    """Those of this run and those of a former one; no other job's."""
    mine, other = job(tmp_path / "a.pdf"), job(tmp_path / "b.pdf", "b" * 32)
    former = FileOutputs()
    for index in range(2):
        await receive(former, mine, SMALL, index)
    theirs = await receive(former, other)
    outputs = FileOutputs()
    await receive(outputs, mine, SMALL, 7)
    await outputs.discard(mine)
    assert names(tmp_path) == [Path(theirs.part).name]
    await outputs.discard(mine)
    await outputs.discard(other)
    assert names(tmp_path) == []


async def test_nothing_is_discarded_where_there_is_no_folder(tmp_path: Path) -> None:
    """A job may end before it has made anything."""
    await FileOutputs().discard(job(tmp_path / "none" / "a.pdf"))
    assert names(tmp_path) == []
