"""The vendor's own clients, unmodified but for the base URL, and real curl."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from tests.integration.dialects.convertapi import DOCX, OWN, PDF, ran, real, world
from tests.integration.serving import KEY, Client, running

HEAD = """
import json, os, sys, time
import convertapi
convertapi.base_uri = sys.argv[1] + '/'
convertapi.api_credentials = os.environ['KEY']
told = {}
def poll(path):
    while True:
        try:
            return convertapi.client.get(path)
        except ValueError:  # a running job has an empty body
            time.sleep(0.05)
"""
TAIL = "\nprint(json.dumps(told))"
NPM = shutil.which("npm")
CURL = shutil.which("curl")


async def python(one: Client, folder: Path, script: str) -> dict[str, Any]:
    """What a script with the vendor's client tells."""
    text = HEAD + script + TAIL
    output = await ran(sys.executable, "-", one.url, cwd=folder, stdin=text)
    told: dict[str, Any] = json.loads(output)
    return told


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the documents of the scripts."""
    shutil.copy(DOCX, tmp_path / "my offer (1).docx")
    shutil.copy(DOCX, tmp_path / "sample.docx")
    (tmp_path / "out").mkdir()
    return tmp_path


async def test_python_converts_a_local_file(folder: Path) -> None:
    """Upload, conversion and download, as in the vendor's first example."""
    script = """
result = convertapi.convert('pdf', {'File': 'my offer (1).docx'})
told['saved'] = result.save_files('out')
told['cost'] = result.conversion_cost
told['size'] = result.file.size
told['read'] = len(result.file.io.getvalue())
told['user'] = convertapi.user()
"""
    async with running(folder / "data", real(folder / "scratch")) as one:
        told = await python(one, folder, script)
        assert await one.bill() == (1, 0, 1)
    (saved,) = told["saved"]
    assert saved == "out/my offer (1).pdf"
    made = (folder / saved).read_bytes()
    assert made.startswith(PDF)
    assert told["size"] == told["read"] == len(made)
    assert told["cost"] == 1
    assert told["user"]["ConversionsConsumed"] == 1
    assert told["user"]["Active"] is True


async def test_python_chains_results(folder: Path) -> None:
    """Results go into further conversions, alone and among others."""
    script = """
first = convertapi.convert('pdf', {'File': 'sample.docx'})
pages = convertapi.convert('png', {'File': first, 'PageRange': '1'})
told['pages'] = pages.save_files('out')
both = convertapi.convert('merge', {'Files': [first, first.file]}, from_format='pdf')
told['merged'] = both.save_files('out')
parts = convertapi.convert('split', {'File': both}, from_format='pdf')
told['parts'] = [each.filename for each in parts.files]
packed = convertapi.convert('zip', {'Files': ['sample.docx', first, 'sample.docx']})
told['packed'] = packed.save_files('out')
"""
    async with running(folder / "data", real(folder / "scratch")) as one:
        told = await python(one, folder, script)
        assert await one.bill() == (5, 0, 5)
    assert told["pages"] == ["out/sample.png"]
    assert (folder / told["merged"][0]).read_bytes().startswith(PDF)
    assert told["parts"][:2] == ["sample.pdf", "sample-2.pdf"]
    with ZipFile(folder / told["packed"][0]) as packed:
        assert packed.namelist() == ["sample.docx", "sample.pdf", "sample-2.docx"]
        assert packed.read("sample.docx") == DOCX.read_bytes()


async def test_python_polls_both_generations(folder: Path) -> None:
    """Each by the calls that the vendor's client has for what it has no method for."""
    script = """
from convertapi import UploadIO
up = UploadIO(open('sample.docx', 'rb')).file_id
fields = {'File': up, 'Async': True}
job = convertapi.convert('pdf', fields, from_format='docx').response['JobId']
told['first'] = poll('job/' + job)
fields = {'File': up, 'StoreFile': 'true'}
job = convertapi.client.post('async/convert/docx/to/pdf', fields)['JobId']
told['second'] = poll('async/job/' + job)
url = told['second']['Files'][0]['Url']
told['size'] = os.path.getsize(convertapi.client.download(url, 'out/x.pdf'))
import requests
bearer = {'Authorization': 'Bearer ' + os.environ['KEY']}
gone = convertapi.base_uri + 'async/job/' + job
told['deleted'] = [requests.delete(gone, headers=bearer).status_code for _ in 'ab']
told['files'] = [requests.delete(url).status_code for _ in 'ab']
"""
    async with running(folder / "data", real(folder / "scratch")) as one:
        told = await python(one, folder, script)
    for which in ("first", "second"):
        (made,) = told[which]["Files"]
        assert made["FileName"] == "sample.pdf"
    assert told["size"] == told["second"]["Files"][0]["FileSize"]
    assert told["deleted"] == told["files"] == [200, 404]


async def test_python_reads_errors(folder: Path) -> None:
    """Codes, messages and invalid parameters arrive as the client's own error."""
    script = """
from convertapi.exceptions import ApiError
import requests
def failure(call):
    try:
        call()
    except ApiError as error:
        return [error.code, error.message, error.invalid_parameters]
open('bad.docx', 'wb').write(b'no document')
told['range'] = failure(lambda: convertapi.convert(
    'pdf', {'File': 'sample.docx'}, timeout=5))
told['bad'] = failure(lambda: convertapi.convert('pdf', {'File': 'bad.docx'}))
told['format'] = failure(lambda: convertapi.convert('mp3', {'File': 'sample.docx'}))
convertapi.api_credentials = 'wrong'
told['key'] = failure(lambda: convertapi.convert('pdf', {'File': 'sample.docx'}))
"""
    async with running(folder / "data", real(folder / "scratch")) as one:
        told = await python(one, folder, script)
    assert told["range"][0] == 4000
    assert list(told["range"][2]) == ["Timeout"]
    assert told["bad"][0] in (5001, 5002)
    assert told["bad"][2] == ""
    assert told["format"][0] == 415
    assert told["key"][0] == 4010


@pytest.mark.skipif(NPM is None, reason="there is no npm")
@pytest.mark.timeout(120)
async def test_node_converts_too(folder: Path) -> None:
    """The vendor's client for Node, fetched as its users fetch it."""
    assert NPM is not None
    install = ("install", "--silent", "--no-audit", "--no-fund", "convertapi@1.15.0")
    try:
        await ran(NPM, *install, cwd=folder)
    except AssertionError:
        pytest.skip("npm cannot be reached")
    (folder / "script.js").write_text("""
const { ConvertAPI } = { ConvertAPI: require('convertapi') };
const Api = ConvertAPI.default || ConvertAPI;
(async () => {
  const api = new Api(process.env.KEY, { baseUri: process.argv[2] });
  const told = {};
  const result = await api.convert('pdf', { File: 'sample.docx' });
  told.saved = await result.saveFiles('out');
  const zip = await api.convert('zip', { Files: [result, 'sample.docx'] });
  told.zip = zip.file.fileName;
  const first = await api.convert('pdf', { File: 'sample.docx', Async: true });
  told.first = await poll(api, 'job/' + first.jobId);
  const up = await api.upload('sample.docx');
  const fields = { File: await up.fileId, StoreFile: true };
  const second = await api.client.post('async/convert/docx/to/pdf', fields);
  told.second = await poll(api, 'async/job/' + second.JobId);
  told.user = await api.getUser();
  told.code = await api.convert('pdf', { File: 'sample.docx' }, 'docx', 5)
    .catch((error) => error.data.Code);
  console.log(JSON.stringify(told));
})();
async function poll(api, path) {
  for (;;) {
    const body = await api.client.get(path);
    if (body !== '') return body;
  }
}
""")
    async with running(folder / "data", real(folder / "scratch")) as one:
        output = await ran("node", "script.js", one.url, cwd=folder)
    told = json.loads(output)
    assert (folder / told["saved"][0]).read_bytes().startswith(PDF)
    assert told["zip"] == "sample.zip"
    assert told["first"]["Files"][0]["FileName"] == "sample.pdf"
    assert told["second"]["Files"][0]["FileName"] == "sample.pdf"
    assert told["user"]["ConversionsConsumed"] == 4
    assert told["code"] == 4000


@pytest.mark.skipif(CURL is None, reason="there is no curl")
async def test_curl_goes_through_the_asynchronous_page(folder: Path) -> None:
    """Start, poll, webhook, own id and delete, as the vendor's page writes them."""

    async def curl(method: str, url: str) -> tuple[int, str]:
        form = ("-sS", "-X", method, "-w", "\n%{http_code}", url)
        output = await ran(str(CURL), *form, cwd=folder)
        body, _, status = output.rpartition("\n")
        return int(status), body

    async def result(job: str) -> tuple[int, str]:
        while (answer := await curl("GET", f"{base}/job/{job}"))[0] == 202:
            assert answer[1] == ""
        return answer

    async with (
        world() as host,
        running(folder / "data", real(folder / "scratch")) as one,
    ):
        base = one.url
        host.files["myfile.docx"] = DOCX.read_bytes()
        file, hook = f"{host.url}/myfile.docx", f"{host.url}/hook"
        start = f"{base}/convert/docx/to/pdf?Secret={KEY}&File={file}"
        status, body = await curl("POST", f"{start}&Async=true")
        job = json.loads(body)["JobId"]
        assert status == 200
        status, body = await result(job)
        assert (status, json.loads(body)["Files"][0]["FileName"]) == (200, "myfile.pdf")

        status, body = await curl("POST", f"{start}&Async=true&WebHook={hook}")
        job = json.loads(body)["JobId"]
        await host.until_called()
        assert host.called == [("GET", {"JobId": job}, "")]
        assert (await curl("GET", f"{base}/job/{job}"))[0] == 200

        status, body = await curl("POST", f"{start}&JobId={OWN}")
        assert status == 200
        assert json.loads(body) == json.loads((await result(OWN))[1])

        assert (await curl("DELETE", f"{base}/job/{OWN}"))[0] == 200
        assert await curl("DELETE", f"{base}/job/{OWN}") == (404, "")
        assert (await curl("GET", f"{base}/job/{OWN}"))[0] == 404
        assert await one.bill() == (3, 0, 3)


@pytest.mark.skipif(CURL is None, reason="there is no curl")
async def test_curl_sends_a_file_as_a_form(folder: Path) -> None:
    """A part of a form is a file, and the answer can be one."""
    async with running(folder / "data", real(folder / "scratch")) as one:
        await ran(
            str(CURL),
            *("-sS", "-F", "File=@sample.docx", "-H", f"Authorization: Bearer {KEY}"),
            *("-H", "Accept: application/octet-stream", "-OJ"),
            f"{one.url}/convert/docx/to/pdf",
            cwd=folder,
        )
    assert (folder / "sample.pdf").read_bytes().startswith(PDF)
