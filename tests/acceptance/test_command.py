"""The command as a user meets it: exit codes, messages, interruptions."""

from __future__ import annotations

import csv
import json
import os
import pty
import select
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.acceptance import command

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(90)]

HEAD = "version: 1\ndefaults: {to: pdf}\n"


def write(folder: Path, count: int = 3, head: str = HEAD) -> Path:
    """A manifest of a few texts, with spaces and 漢字 in their names."""
    (folder / "ein gang").mkdir(parents=True, exist_ok=True)
    entries = ""
    for number in range(count):
        name = f"ein gang/漢字 {number}.txt"
        (folder / name).write_text(f"text {number} 見積書\n")
        entries += f"- {{id: '請求 {number}', input: '{name}'}}\n"
    manifest = folder / "my batch.yaml"
    manifest.write_text(f"{head}documents:\n{entries}", "utf-8")
    return manifest


def test_a_run_of_awkward_names_is_done_once(tmp_path: Path) -> None:
    """Run, run again, status and both exports agree."""
    manifest = write(tmp_path)
    first = command.run("run", manifest, folder=tmp_path)
    assert first.returncode == 0, first.stderr
    assert "every document is new" in first.stdout
    assert command.valid_pdfs(tmp_path / "out") == 3
    assert (tmp_path / "out" / "請求 1.pdf").exists()
    again = command.run("run", manifest, "--json", folder=tmp_path)
    assert command.objects(again.stdout)[-1]["ended"] == {}
    status = command.run("status", manifest, "--json", folder=tmp_path)
    assert command.objects(status.stdout)[0]["states"] == {"done": 3}
    table = command.run("ledger", "export", manifest, folder=tmp_path).stdout
    rows = list(csv.DictReader(table.splitlines()))
    lines = command.run(
        "ledger", "export", manifest, "--format", "jsonl", folder=tmp_path
    ).stdout
    assert [row["id"] for row in rows] == [
        json.loads(x)["id"] for x in lines.split("\n") if x
    ]
    assert all(len(row["sha256"]) == 64 for row in rows)


def test_plan_and_validate_leave_no_trace(tmp_path: Path) -> None:
    """They send nothing and create nothing."""
    manifest = write(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    plan = command.run("plan", manifest, "--documents", folder=tmp_path)
    assert plan.returncode == 0
    assert plan.stdout.count("sync") >= 3
    assert command.run("validate", manifest, folder=tmp_path).returncode == 0
    assert sorted(tmp_path.rglob("*")) == before


def test_documents_that_nobody_knows_are_a_usage_error(tmp_path: Path) -> None:
    """A mistyped id is not taken for a run with nothing to do."""
    manifest = write(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    ended = command.run(
        "run", manifest, "--only", "請求 1", "--only", "*9", folder=tmp_path
    )
    assert ended.returncode == 1
    assert "--only '*9'" in ended.stderr
    assert "請求 1" not in ended.stderr
    assert sorted(tmp_path.rglob("*")) == before


def test_a_log_that_cannot_be_written_is_a_usage_error(tmp_path: Path) -> None:
    """It names the file, and nothing is sent."""
    manifest = write(tmp_path)
    log = tmp_path / "nowhere" / "log"
    ended = command.run("run", manifest, "--log-file", log, folder=tmp_path)
    assert ended.returncode == 1
    assert f"{log}: there is no folder {log.parent}" in ended.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("version: 1\ndocuments: []\n", "empty"),
        ("version: 1\ndocumnets: []\n", "documents"),
        ("version: 1\ndocuments: [{id: a, input: gone.txt, to: pdf}]\n", "gone.txt"),
        ("version: 2\ndocuments: []\n", "version"),
        ("{" * 5000, "my batch.yaml:1"),
    ],
)
def test_a_broken_manifest_is_a_located_fault(
    tmp_path: Path, text: str, said: str
) -> None:
    """Exit 1, a place, no traceback, and no ledger."""
    manifest = tmp_path / "my batch.yaml"
    manifest.write_text(text)
    ended = command.run("run", manifest, folder=tmp_path)
    assert ended.returncode == 1
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
    assert list(tmp_path.iterdir()) == [manifest]


def test_usage_errors_end_with_1(tmp_path: Path) -> None:
    """The CLI library's own code for them means a bug here."""
    for arguments in (
        ("frob",),
        ("run",),
        ("run", "--frob", "x"),
        ("status", "no.yaml"),
    ):
        ended = command.run(*arguments, folder=tmp_path)
        assert ended.returncode == 1, arguments
        assert "Traceback" not in ended.stderr


def test_a_strangers_output_is_not_overwritten_unasked(tmp_path: Path) -> None:
    """The fault names the file and the way out; --overwrite is that way."""
    manifest = write(tmp_path, 1)
    stranger = tmp_path / "out" / "請求 0.pdf"
    stranger.parent.mkdir()
    stranger.write_text("mine")
    refused = command.run("run", manifest, folder=tmp_path)
    assert refused.returncode == 1
    assert "--overwrite" in refused.stderr
    assert stranger.read_text() == "mine"
    assert command.run("run", manifest, "--overwrite", folder=tmp_path).returncode == 0
    assert command.valid_pdfs(tmp_path / "out") == 1


def test_a_wrong_key_stops_the_account_before_any_work(tmp_path: Path) -> None:
    """Exit 4, a message that does not show the key, and the right key goes on."""
    with command.service(tmp_path / "data") as apart:
        head = command.account(apart.url)
        wrong = head.replace("TEST_KEY", "PATH")
        manifest = write(tmp_path / "work", head=wrong)
        refused = command.run("run", manifest, folder=tmp_path)
        assert refused.returncode == 4, refused.stderr
        assert "key" in refused.stderr
        assert os.environ["PATH"] not in refused.stderr
        write(tmp_path / "work", head=head)
        assert command.run("run", manifest, folder=tmp_path).returncode == 0
        assert apart.get("/v1/bill")["accepted"] == 3


def test_nobody_answers(tmp_path: Path) -> None:
    """Exit 4; the documents stay open."""
    url = f"http://127.0.0.1:{command.free_port()}"
    manifest = write(tmp_path, head=command.account(url))
    ended = command.run("run", manifest, folder=tmp_path)
    assert ended.returncode == 4
    assert "nobody answers" in ended.stderr


def test_an_unsupported_pair_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    """The fault is located and says what there is instead."""
    manifest = write(tmp_path, 2)
    (tmp_path / "drawing.dwg").write_bytes(b"AC1027")
    text = manifest.read_text("utf-8") + "- {id: plan, input: drawing.dwg}\n"
    manifest.write_text(text, "utf-8")
    ended = command.run("run", manifest, folder=tmp_path)
    assert ended.returncode == 1, ended.stdout
    assert "my batch.yaml:6:" in ended.stderr
    assert "dwg" in ended.stderr
    assert not (tmp_path / "out").exists()


def test_one_bad_document_stops_nothing(tmp_path: Path) -> None:
    """Exit 3, its reason is shown, and retry asks for it again once it is mended."""
    manifest = write(tmp_path, 2)
    bad = tmp_path / "bad.docx"
    bad.write_bytes(b"PK\x03\x04 this is no office document")
    with manifest.open("a", encoding="utf-8") as file:
        file.write("- {id: bad, input: bad.docx}\n")
    ended = command.run("run", manifest, folder=tmp_path)
    assert ended.returncode == 3, ended.stdout + ended.stderr
    assert "retry --failed" in ended.stdout
    assert command.valid_pdfs(tmp_path / "out") == 2
    assert command.run("run", manifest, folder=tmp_path).returncode == 3
    retried = command.run("retry", manifest, "--failed", "--json", folder=tmp_path)
    assert retried.returncode == 3
    assert command.objects(retried.stdout)[-1]["ended"] == {"failed": 1}


def test_twice_at_once(tmp_path: Path) -> None:
    """The second is told who holds the batch; status reads while it is held."""
    slow = "providers: {local: {type: local, limits: {rate: 12}}}\n"
    manifest = write(tmp_path, 150, head=HEAD + slow)
    run = command.start("run", manifest, folder=tmp_path)
    command.wait_for(lambda: len(list((tmp_path / "out").glob("*.pdf"))) > 5)
    second = command.run("run", manifest, folder=tmp_path)
    assert second.returncode == 6
    assert str(run.pid) in second.stderr
    status = command.run("status", manifest, folder=tmp_path)
    assert f"held by process {run.pid}" in status.stdout
    assert run.wait(timeout=60) == 0


def test_ctrl_c_drains_and_goes_on(tmp_path: Path) -> None:
    """Once: what is in flight is finished, exit 130; the next run does the rest."""
    manifest = write(tmp_path, 150)
    run = command.start("run", manifest, folder=tmp_path)
    command.wait_for(lambda: len(list((tmp_path / "out").glob("*.pdf"))) > 5)
    run.send_signal(signal.SIGINT)
    assert run.wait(timeout=30) == 130
    assert command.valid_pdfs(tmp_path / "out") < 150
    assert not list((tmp_path / "out").glob(".*"))
    assert command.run("run", manifest, folder=tmp_path).returncode == 0
    assert command.valid_pdfs(tmp_path / "out") == 150


def test_ctrl_c_twice_stops_at_once_and_goes_on(tmp_path: Path) -> None:
    """Twice: nothing is waited for; the ledger still goes on, and pays once."""
    with command.service(tmp_path / "data", "--no-deduplication") as apart:
        manifest = write(tmp_path / "work", 150, head=command.account(apart.url))
        run = command.start("run", manifest, folder=tmp_path)
        out = manifest.parent / "out"
        command.wait_for(lambda: len(list(out.glob("*.pdf"))) > 5)
        run.send_signal(signal.SIGINT)
        time.sleep(0.05)
        run.send_signal(signal.SIGINT)
        assert run.wait(timeout=10) == 130
        assert command.run("run", manifest, folder=tmp_path).returncode == 0
        assert command.valid_pdfs(out) == 150
        assert apart.get("/v1/bill")["accepted"] == 150


def test_a_full_disk_ends_with_6_and_goes_on(tmp_path: Path) -> None:
    """The message names the path; with room again the same command finishes."""
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(small)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("this machine lets nobody mount a small file system")
    try:
        head = HEAD.replace("to: pdf", f"to: pdf, output: '{small}/{{id}}.pdf'")
        manifest = write(tmp_path / "work", 60, head=head)
        full = command.run("run", manifest, folder=tmp_path)
        assert full.returncode == 6, full.stdout + full.stderr
        assert str(small) in full.stderr
        more = ["mount", "-o", "remount,size=50m", str(small)]
        subprocess.run(more, check=True)
        ended = command.run("run", manifest, folder=tmp_path)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert command.valid_pdfs(small) == 60
    finally:
        subprocess.run(["umount", str(small)], check=False)


def test_a_changed_manifest_redoes_only_what_changed(tmp_path: Path) -> None:
    """New is added, changed is redone in place, gone is left alone."""
    manifest = write(tmp_path, 3)
    assert command.run("run", manifest, folder=tmp_path).returncode == 0
    (tmp_path / "ein gang" / "漢字 1.txt").write_text("another text\n")
    text = manifest.read_text("utf-8").replace("- {id: '請求 2'", "- {id: '請求 9'")
    manifest.write_text(text, "utf-8")
    ended = command.run("run", manifest, "--json", folder=tmp_path)
    assert ended.returncode == 0, ended.stderr
    plan, *documents, _ = command.objects(ended.stdout)
    assert (plan["new"], plan["changed"], plan["same"], plan["gone"]) == (1, 1, 1, 1)
    assert sorted(each["id"] for each in documents) == ["請求 1", "請求 9"]


def test_the_picture_on_a_terminal(tmp_path: Path) -> None:
    """On a terminal a bar is drawn, and the summary stays."""
    manifest = write(tmp_path, 60)
    leader, follower = pty.openpty()
    run = subprocess.Popen(
        [*command.COMMAND, "run", str(manifest)],
        cwd=tmp_path,
        env={**command.environment(), "TERM": "xterm-256color", "COLUMNS": "100"},
        stdout=follower,
        stderr=follower,
    )
    os.close(follower)
    shown = b""
    while run.poll() is None or select.select([leader], [], [], 0)[0]:
        if select.select([leader], [], [], 0.2)[0]:
            try:
                shown += os.read(leader, 65536)
            except OSError:
                break
    os.close(leader)
    assert run.wait() == 0
    text = shown.decode()
    assert "━" in text
    assert "60 documents in" in text


def test_ten_faults_are_ten_lines_with_places(tmp_path: Path) -> None:
    """Different faults, all at once, each at its own place; exit 1, nothing made."""
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "rows.csv").write_text("number,total\n1,2\n1,3\n")
    manifest = tmp_path / "my batch.yaml"
    manifest.write_text(
        "version: 1\n"
        "providers:\n"
        "  other: {type: locl}\n"
        "  third: {type: local, key: abc}\n"
        "documents:\n"
        "- {id: a, input: a.txt, to: pdf, mode: fast}\n"
        "- {id: b, input: gone.txt, to: pdf}\n"
        "- {id: c, input: a.txt, to: pdf, priorty: 3}\n"
        "- {id: d, input: a.txt, to: pdf, provider: nobody}\n"
        "- {id: e, to: pdf}\n"
        "- {id: f, input: a.txt, to: pdf}\n"
        "- {id: f, input: a.txt, to: pdf, output: out/x.pdf}\n"
        "- {id: g, input: a.txt, to: pdf, output: OUT/X.pdf}\n"
        "- {rows: rows.csv, key: number, design: sample@1, output: 'r/{number}.pdf'}\n"
        "- {id: h, input: a.txt, to: pdff}\n"
    )
    ended = command.run("validate", manifest, "--json", folder=tmp_path)
    faults = command.objects(ended.stdout)
    places = {(each["file"], each["line"], each["column"]) for each in faults}
    messages = "\n".join(str(each) for each in faults)
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert len(faults) >= 10, messages
    assert len(places) >= 10, messages
    assert {each["line"] for each in faults} >= {3, 4, 6, 7, 8, 9, 10, 12, 13, 15}
    assert not (tmp_path / "my batch.batch").exists()


def test_what_is_missing_can_be_made_again(tmp_path: Path) -> None:
    """A done document whose output is gone is listed, and made again when asked."""
    manifest = write(tmp_path, 2)
    assert command.run("run", manifest, folder=tmp_path).returncode == 0
    (tmp_path / "out" / "請求 1.pdf").unlink()
    found = command.run("run", manifest, folder=tmp_path)
    assert found.returncode == 5
    assert "orchestrator retry" in found.stdout
    assert "--missing" in found.stdout
    assert command.run("retry", manifest, "--missing", folder=tmp_path).returncode == 0
    assert command.valid_pdfs(tmp_path / "out") == 2


def test_another_format_under_the_name_is_refused(tmp_path: Path) -> None:
    """Half a document is worse than none."""
    (tmp_path / "a.docx").write_text("<html><h1>Total 100</h1><p>text</p></html>")
    manifest = tmp_path / "m.yaml"
    manifest.write_text(f"{HEAD}documents: [{{id: a, input: a.docx}}]\n")
    ended = command.run("run", manifest, folder=tmp_path)
    assert ended.returncode == 3
    assert "named .docx, but it is a web page" in ended.stdout
