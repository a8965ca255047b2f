"""Pre-signed storage as a user meets it: two commands and a store."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.service.s3.bucket import bucket_of, credentials_of
from orchestrator.service.s3.signer import Signer
from tests.acceptance import command
from tests.integration.bucket import ENVIRONMENT, SECRET, need_weed, weed

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(90)]
TEXT = "a letter, put straight to the store\n"


def test_a_manifest_runs_through_a_store(tmp_path: Path) -> None:
    """Serve with a store, run, run again; files are at the store, secrets nowhere."""
    need_weed()
    (tmp_path / "weed").mkdir()
    credentials = tmp_path / "credentials"
    lines = [f"{name.lower()} = {value}" for name, value in ENVIRONMENT.items()]
    credentials.write_text("\n".join(["[default]", *lines]))
    with weed(tmp_path / "weed") as store:
        options = (
            *("--storage", store.storage("here")),
            *("--storage-credentials", str(credentials)),
            *("--log-file", str(tmp_path / "service.log")),
        )
        with command.service(tmp_path / "data", *options) as service:
            manifest = write(tmp_path, service.url)
            ended = command.run("run", manifest, folder=tmp_path)
            assert ended.returncode == 0, ended.stderr
            assert command.valid_pdfs(tmp_path / "out") == 3
            assert service.get("/v1/bill")["jobs"] == 3
            again = command.run("run", manifest, "--json", folder=tmp_path)
            assert command.objects(again.stdout)[-1]["ended"] == {}
            command.wait_for(lambda: not keys(store.storage("here")))
        log = (tmp_path / "service.log").read_text()
        assert "307" in log
        assert "/v1/uploads/" not in log
    told = [log, ended.stdout, ended.stderr, *texts(tmp_path / "batch.batch")]
    assert not [each for each in told if SECRET in each or "X-Amz-Signature" in each]


def test_a_store_that_cannot_be_used_ends_the_command(tmp_path: Path) -> None:
    """Exit codes and one line, before anything listens."""
    need_weed()
    secret = tmp_path / "credentials"
    serve = ("serve", "--port", "0", "--data", tmp_path / "data", "--storage")
    ended = command.run(*serve, "s3://me:mine@lab", folder=tmp_path)
    assert ended.returncode == 1
    secret.write_text("hush-hush, not a file of credentials")
    given = ("--storage-credentials", secret)
    ended = command.run(*serve, "s3://lab", *given, folder=tmp_path)
    assert ended.returncode == 1
    assert "is not a file of credentials" in ended.stderr
    secret.write_text("[a]\naws_access_key_id = a\naws_secret_access_key = hush-hush\n")
    where = "s3://lab?endpoint=http://127.0.0.1:9"
    ended = command.run(*serve, where, *given, folder=tmp_path)
    assert ended.returncode == 6
    assert "--storage" in ended.stderr
    assert "hush" not in ended.stderr
    assert "Traceback" not in ended.stderr


def write(folder: Path, url: str) -> Path:
    """A manifest of three letters that are all pre-signed."""
    entries = ""
    for n in range(3):
        (folder / f"{n}.txt").write_text(TEXT * (n + 1))
        entries += f"- {{id: letter-{n}, input: {n}.txt, mode: presigned}}\n"
    manifest = folder / "batch.yaml"
    manifest.write_text(f"{command.account(url)}documents:\n{entries}")
    return manifest


def keys(storage: str) -> list[str]:
    """What lies at the store."""
    import re
    import urllib.request

    bucket = bucket_of(storage, credentials_of(ENVIRONMENT))
    query = {"list-type": "2", "prefix": bucket.prefix}
    url = Signer(bucket).sign("GET", "", life=60, query=query)
    with urllib.request.urlopen(url, timeout=10) as reply:
        return re.findall("<Key>([^<]*)</Key>", reply.read().decode())


def texts(folder: Path) -> list[str]:
    """Everything in the folder of a batch, as text."""
    files = [each for each in folder.rglob("*") if each.is_file()]
    assert files, json.dumps(sorted(map(str, folder.parent.iterdir())))
    return [each.read_bytes().decode("latin-1") for each in files]
