"""Makes a batch as a run leaves it that was stopped when most of it was done.

The manifest is read, checked and merged as by a run. That documents are done is written
by a few statements for all of them, in rows that ``orchestrator verify`` finds nothing
wrong with; their outputs are links to one file a folder.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import closing
from pathlib import Path

from benchmarks.server import PDF
from orchestrator.batch.api import load_manifest, opened
from orchestrator.batch.folder import BatchFolder, folder_of
from orchestrator.ledger.opening import connect, leaving

_FOLDER = 1000
_MANIFEST = """\
version: 1
providers:
  canned: {{type: local, url: "{url}", key: "${{file:key.txt}}", limits: {{width: 8}}}}
defaults: {{provider: canned, mode: sync, output: "out/{{folder}}/{{id}}.{{ext}}"}}
documents:
  - {{rows: documents.csv, key: id, input: input.txt}}
"""
_LINKS = """
INSERT INTO job_document(job, position, document)
SELECT printf('%032x', n + 1), 0, id FROM document WHERE n < :done ORDER BY n
"""
_EVENTS = """
INSERT INTO event(at, kind, account, job, document, detail)
SELECT 1e9, kind, account, printf('%032x', n + 1), id, NULL
FROM document, (SELECT value AS kind FROM json_each('["intent", "done", "advance"]'))
WHERE n < :done ORDER BY n
"""
_DONE = """
UPDATE document SET state = 'done', job = printf('%032x', n + 1), updated = 1e9,
  made_by = 'none/1', outputs = json_array(json_object(
    'path', spec->>'$.output', 'size', :size, 'sha256', :sha256))
WHERE n < :done
"""
_JOBS = """
INSERT INTO job(id, account, mode, phase, created, progress, updated)
SELECT printf('%032x', n + 1), account, mode, 'ended', 1e9,
  json_object('phase', 'ended', 'handle', printf('%032x', n + 1), 'cost', 1.0), 1e9
FROM document WHERE n < :done ORDER BY n
"""


def write(place: Path, documents: int, url: str) -> Path:
    """Write manifest, rows and input; the manifest's path."""
    (place / "input.txt").write_text("a tiny document\n")
    (place / "key.txt").write_text("none")
    with (place / "documents.csv").open("w") as rows:
        rows.write("id,folder\n")
        rows.writelines(f"{_id(n)},{_sub(n)}\n" for n in range(documents))
    path = place / "many.yaml"
    path.write_text(_MANIFEST.format(url=url))
    return path


def finish(manifest: Path, documents: int, done: int) -> BatchFolder:
    """Make the batch of a manifest, with its first documents done."""
    _link(manifest.parent / "out", documents, 0)
    with opened(load_manifest(manifest, environment={})):
        pass
    folder = folder_of(manifest, None)
    with leaving(folder.ledger):
        _write(folder.ledger, done)
    _link(manifest.parent / "out", documents, done)
    return folder


def _write(ledger: Path, done: int) -> None:
    size, sha256 = len(PDF), hashlib.sha256(PDF).hexdigest()
    bound = {"done": done, "size": size, "sha256": sha256}
    with closing(connect(ledger)) as db:
        db.execute("PRAGMA synchronous=OFF")
        db.execute("BEGIN IMMEDIATE")
        # Jobs last: what has ended is summed up with its documents as they are.
        for statement in (_LINKS, _EVENTS, _DONE, _JOBS):
            db.execute(statement, bound)
        db.execute("COMMIT")


def _link(out: Path, documents: int, done: int) -> None:
    """Make every folder, and every output that is done."""
    for start in range(0, documents, _FOLDER):
        folder = out / _sub(start)
        folder.mkdir(parents=True, exist_ok=True)
        ids = [_id(n) for n in range(start, min(start + _FOLDER, done))]
        if ids:
            (folder / f"{ids[0]}.pdf").write_bytes(PDF)
        for each in ids[1:]:
            os.link(folder / f"{ids[0]}.pdf", folder / f"{each}.pdf")


def _id(n: int) -> str:
    return f"d{n:07}"


def _sub(n: int) -> str:
    return f"f{n // _FOLDER:04}"
