"""The pure parts of the service, and its database."""

from __future__ import annotations

import asyncio
import sqlite3
from decimal import Decimal
from pathlib import Path

import pytest

from orchestrator.model import Mode
from orchestrator.service.address import is_public, objection
from orchestrator.service.database import Database
from orchestrator.service.jobs import Input, Order
from orchestrator.service.links import Links
from orchestrator.service.params import decode, encode, is_deeper
from orchestrator.service.problems import Problem
from orchestrator.service.storage import clean_name


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),  # an address like others here
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:8.8.8.8", True),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
    ],
)
def test_only_public_addresses_are_public(address: str, public: bool) -> None:  # noqa: FBT001
    """Mapped and tunnelled addresses count as what is inside."""
    assert is_public(address) is public


def test_a_webhook_is_an_absolute_url() -> None:
    """Other schemes and relative URLs are named as such."""
    assert objection("https://example.org/hook", allow_private=False) is None
    assert objection("http://127.0.0.1/", allow_private=True) is None
    for url in ("/path", "file:///etc/passwd", "http://", "http://[::1", ""):
        assert objection(url, allow_private=True) is not None


def test_numbers_of_params_stay_exact() -> None:
    """No number goes through a float."""
    text = b'{"b":1.10,"a":123456789012345678901234567890}'
    assert decode(text)["b"] == Decimal("1.10")
    assert encode(decode(text)) == (b'{"a":123456789012345678901234567890,"b":1.10}')


def test_depth_is_counted() -> None:
    """Lists and objects count alike."""
    assert not is_deeper([[[]]], 3)
    assert is_deeper([[[[]]]], 3)
    assert is_deeper({"a": {"b": [{}]}}, 3)


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("letter.docx", "letter.docx"),
        ("../../etc/passwd", "passwd"),
        ("C:\\files\\a.txt", "a.txt"),
        ("a\r\nb\x00.txt", "ab.txt"),
        ("..", "file"),
        ("", "file"),
        ("請求書.pdf", "請求書.pdf"),
    ],
)
def test_names_are_cleaned(name: str, clean: str) -> None:
    """No folders, no control characters, never empty."""
    assert clean_name(name) == clean


def test_long_names_keep_their_suffix() -> None:
    """The suffix matters more than the stem."""
    assert clean_name("名" * 300 + ".docx").endswith("名.docx")
    assert len(clean_name("a." + "b" * 300).encode()) <= 200


def test_a_link_fits_one_file_for_a_while() -> None:
    """Another file, job, time or secret does not pass."""
    links = Links(b"secret", life=10)
    path, expires = links.sign("job", "0", now=100.5)
    signature = path.rpartition("=")[2]
    facts = {"expires": str(expires), "signature": signature}
    links.check("job", "0", **facts, now=109)
    for job, n, code, now in (
        ("job", "1", "bad_signature", 101),
        ("job", "0/1", "bad_signature", 101),
        ("other", "0", "bad_signature", 101),
        ("job", "0", "expired", 110),
    ):
        with pytest.raises(Problem) as met:
            links.check(job, n, **facts, now=now)
        assert met.value.code == code
    with pytest.raises(Problem):
        Links(b"other", life=10).check("job", "0", **facts, now=101)


def test_the_fingerprint_is_of_what_is_to_be_done() -> None:
    """Mode and webhook are no part of it; all else is."""

    def made(inputs: tuple[Input, ...] = (), **changes: object) -> str:
        facts: dict[str, object] = {
            "id": "x",
            "mode": Mode.SYNC,
            "operation": "convert",
            "source": "txt",
            "target": "pdf",
        }
        order = Order(**{**facts, **changes})  # type: ignore[arg-type]
        return order.fingerprint(inputs)

    same = made()
    assert made(mode=Mode.ASYNC, webhook="http://elsewhere/", id="y") == same
    others = [
        made(operation="merge"),
        made(target="png"),
        made(params=b'{"a":1}'),
        made(design="invoice@1"),
        made((Input("a.txt", sha256="00"),)),
        made((Input("b.txt", sha256="00"),)),
        made((Input("a.txt", sha256="01"),)),
        made((Input("a.txt", declared=1),)),
    ]
    assert len({same, *others}) == len(others) + 1


async def test_changes_commit_together_and_fail_alone(tmp_path: Path) -> None:
    """One that fails takes all of itself back, and nothing else."""
    base = Database(tmp_path / "x", "CREATE TABLE t (n INTEGER PRIMARY KEY)")
    commits: list[str] = []
    base._db.set_trace_callback(
        lambda text: commits.append(text) if text == "COMMIT" else None
    )

    def add(n: int) -> asyncio.Future[object]:
        def change(db: sqlite3.Connection) -> int:
            db.execute("INSERT INTO t VALUES (?)", (n + 100,))
            db.execute("INSERT INTO t VALUES (?)", (n,))
            return n

        return asyncio.ensure_future(base.write(change))

    ended = await asyncio.gather(*map(add, [1, 2, 2, 3]), return_exceptions=True)
    assert [each if isinstance(each, int) else type(each) for each in ended] == [
        1,
        2,
        sqlite3.IntegrityError,
        3,
    ]
    rows = [row[0] for row in base.reader.execute("SELECT n FROM t ORDER BY n")]
    assert rows == [1, 2, 3, 101, 102, 103]
    assert len(commits) < 4
    await base.close()


async def test_a_change_is_durable_though_nobody_waits(tmp_path: Path) -> None:
    """A caller that leaves does not take its change along."""
    base = Database(tmp_path / "x", "CREATE TABLE t (n INTEGER PRIMARY KEY)")
    task = asyncio.ensure_future(
        base.write(lambda db: db.execute("INSERT INTO t VALUES (1)").rowcount)
    )
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await base.close()
    db = sqlite3.connect(tmp_path / "x")
    assert db.execute("SELECT n FROM t").fetchall() == [(1,)]
    db.close()
