"""The durable inbox: kept as it came, once, within bounds."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from orchestrator.batch.accounts import accounts_of
from orchestrator.batch.folder import BatchFolder
from orchestrator.batch.hooks import Hooks
from orchestrator.errors import AccountError, MachineError
from orchestrator.model import Echo
from orchestrator.settings import (
    AccountSettings,
    HookSettings,
    SecretReference,
    address_of,
)
from orchestrator.testing import ManualClock
from orchestrator.transfer import mailbox as module
from orchestrator.transfer.door import Call
from orchestrator.transfer.mailbox import Mailbox, path_token

TOKEN = "0123456789abcdef0123456789abcdef"


def call(body: str, **query: str) -> Call:
    """A call with headers of all kinds."""
    headers = {"ComPDF-Signature": TOKEN, "Cookie": "no", "User-Agent": "x"}
    return Call("POST", headers, query, body.encode())


async def test_calls_are_kept_once_and_in_order(tmp_path: Path) -> None:
    """Also for a box that is opened again; what guards nothing is not kept."""
    clock = ManualClock()
    with Mailbox(tmp_path / "box", clock) as box:
        for body in ("one", "two", "one"):
            assert await box.answer("compdf", call(body)) == 204
        assert await box.answer("reportflow", call("one")) == 204
        assert await box.answer("compdf", call("one", a="b")) == 204
        assert await box.answer("other", call("one")) == 404
    with Mailbox(tmp_path / "box", clock) as box:
        kept = list(box.after(0))
        said = [(each.provider, each.call.body) for each in kept]
        assert said == [
            ("compdf", b"one"),
            ("compdf", b"two"),
            ("reportflow", b"one"),
            ("compdf", b"one"),
        ]
        assert kept[0].call.headers == {"compdf-signature": TOKEN}
        assert kept[3].call.query == {"a": "b"}
        assert [each.key for each in box.after(kept[1].key)] == [
            each.key for each in kept[2:]
        ]


async def test_what_is_old_or_too_much_is_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys are not used again, so that readers miss nothing."""
    monkeypatch.setattr(module, "MOST", 3)
    clock = ManualClock()
    with Mailbox(tmp_path, clock) as box:
        box.put("compdf", call("old"))
        clock.skip(module.KEPT + 1)
        for n in range(5):
            box.put("compdf", call(str(n)))
        box.forget_old()
        assert [each.call.body for each in box.after(0)] == [b"2", b"3", b"4"]
        clock.skip(module.KEPT + 1)
        box.forget_old()
        assert list(box.after(0)) == []
        box.put("compdf", call("new"))
        assert [each.key for each in box.after(6)] == [7]


async def test_a_box_that_cannot_keep_says_so(tmp_path: Path) -> None:
    """The caller may come again."""
    with Mailbox(tmp_path, ManualClock()) as box:
        box._db.execute("DROP TABLE call")
        assert await box.answer("compdf", call("one")) == 503
        with pytest.raises(sqlite3.Error):
            list(box.after(0))
    (tmp_path / "file").write_text("x")
    with pytest.raises(MachineError):
        Mailbox(tmp_path / "file", ManualClock())


def test_the_secret_part_of_the_path(tmp_path: Path) -> None:
    """Made once, private, kept; a user's own word is taken."""
    token = path_token(tmp_path / "new")
    assert path_token(tmp_path / "new") == token
    assert (tmp_path / "new" / "path").stat().st_mode & 0o077 == 0
    (tmp_path / "path").write_text("my-word\n")
    assert path_token(tmp_path) == "my-word"
    for wrong in ("", "two words", "a/b"):
        (tmp_path / "path").write_text(wrong)
        with pytest.raises(MachineError, match="one word"):
            path_token(tmp_path)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:80", ("127.0.0.1", 80)),
        ("[::1]:8090", ("::1", 8090)),
        ("host.example:0", ("host.example", 0)),
        ("host", None),
        (":80", None),
        ("a:65536", None),
        ("http://a:80", None),
        ("::1:80", None),
    ],
)
def test_addresses(text: str, address: tuple[str, int] | None) -> None:
    """HOST:PORT, and nothing else."""
    assert address_of(text) == address


def accounts(secret: SecretReference | None = None) -> list[AccountSettings]:
    """A private service, one elsewhere, and a ReportFlow."""
    return [
        AccountSettings("mine", "local"),
        AccountSettings("far", "local", url="http://far", webhook_secret=secret),
        AccountSettings("flow", "reportflow"),
    ]


async def hooks_of(
    folder: Path,
    settings: HookSettings,
    secret: SecretReference | None = None,
    notes: list[str] | None = None,
) -> tuple[Hooks, dict[str, str | None], list[Echo]]:
    """Hooks that were opened, what each account is told, and what is heard."""
    from contextlib import AsyncExitStack

    heard: list[Echo] = []
    notes = [] if notes is None else notes
    environment = {"S": "whsec_c2VjcmV0", "P": "my-path"}
    hooks = Hooks(
        settings,
        hear=heard.append,
        environment=environment,
        base=folder,
        clock=ManualClock(),
        say=notes.append,
    )
    made = accounts_of({each.name: each for each in accounts(secret)})
    async with AsyncExitStack() as stack:
        await hooks.open(stack, list(made.values()), BatchFolder(folder))
        told = {name: hooks.callback(each) for name, each in made.items()}
        await hooks.catch_up(lambda: {"task-1"})
    return hooks, told, heard


async def test_who_is_told_which_address(tmp_path: Path) -> None:
    """The public one with its secret part; not those whose calls cannot be checked."""
    path = SecretReference("env", "P")
    said = HookSettings("https://h.example/", "127.0.0.1:0", path)
    _, told, _ = await hooks_of(tmp_path, said)
    flow = "https://h.example/my-path/reportflow"
    assert told == {"mine": None, "far": None, "flow": flow}
    _, told, _ = await hooks_of(tmp_path, said, SecretReference("env", "S"))
    assert told["far"] == "https://h.example/my-path/local"
    _, told, _ = await hooks_of(tmp_path, HookSettings(listen="127.0.0.1:0"))
    token = (tmp_path / "webhook-path").read_text().strip()
    assert told["flow"] is not None
    assert told["flow"].endswith(f"/{token}/reportflow")
    _, told, _ = await hooks_of(tmp_path, HookSettings())
    assert set(told.values()) == {None}
    nowhere = HookSettings(None, "127.0.0.1:0", SecretReference("env", "NONE"))
    with pytest.raises(AccountError, match="webhooks: "):
        await hooks_of(tmp_path, nowhere)
    with pytest.raises(MachineError, match="cannot listen"):
        await hooks_of(tmp_path, HookSettings(listen="203.0.113.7:1"))


async def test_only_what_concerns_open_jobs_is_caught_up(tmp_path: Path) -> None:
    """An inbox serves all batches for a month; a run asks for its own."""
    with Mailbox(tmp_path / "box", ManualClock()) as box:
        for n in range(module.PAGE + 5):
            event = f'{{"event":"file.completed","requestId":"task-{n}"}}'
            box.put("reportflow", Call("POST", {}, {}, event.encode()))
        box.put("compdf", call('{"eventName":"task.finish","eventObject":"task-1"}'))
    _, _, heard = await hooks_of(tmp_path, HookSettings(inbox=tmp_path / "box"))
    assert heard == [Echo(handle="task-1")]


@pytest.mark.parametrize("fault", ["table", "row"])
async def test_a_sick_inbox_is_told_and_stops_nothing(
    fault: str, tmp_path: Path
) -> None:
    """The poll is the truth: without what came earlier, a run only takes longer."""
    with Mailbox(tmp_path / "box", ManualClock()) as box:
        box.put("compdf", call("one"))
    db = sqlite3.connect(tmp_path / "box" / "inbox.sqlite")
    if fault == "table":
        db.execute("ALTER TABLE call RENAME COLUMN body TO lost")
    else:
        db.execute("UPDATE call SET call = '?'")
    db.commit()
    db.close()
    notes: list[str] = []
    said = HookSettings(inbox=tmp_path / "box")
    _, _, heard = await hooks_of(tmp_path, said, notes=notes)
    assert heard == []
    (note,) = notes
    assert str(tmp_path / "box") in note
    assert "polled instead" in note
