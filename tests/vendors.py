"""The paid APIs as models in memory, with a bill for each document.

They bill whatever is accepted for work, again where it is asked for again: what the
bill says is what the client sent. They are the test's own short reading of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from orchestrator.model import Echo
from orchestrator.testing import Canned
from orchestrator.wire.http import Field, FilePart, Form, Json, Raw, Request
from tests.model import PDF, Service, halves, stems


def fields(request: Request) -> dict[str, str]:
    """The text parts of a form."""
    parts = request.body.parts if isinstance(request.body, Form) else ()
    return {each.name: each.text for each in parts if isinstance(each, Field)}


def names(request: Request) -> list[str]:
    """The names of the files of a form."""
    parts = request.body.parts if isinstance(request.body, Form) else ()
    return [each.filename for each in parts if isinstance(each, FilePart)]


def said(value: Any, status: int = 200) -> Canned:
    """A reply in JSON."""
    return Canned(status, body=json.dumps(value).encode())


def pdf(content: bytes = PDF) -> Canned:
    """A file."""
    return Canned(200, {"content-length": str(len(content))}, file=halves(content))


class ComPdf(Service):
    """Version 2 of ComPDF; the task list repeats the callback."""

    def answer(self, request: Request) -> Canned:
        """Answer a request as the API would."""
        path, query = request.url.removeprefix("/server/v2/"), dict(request.query)
        if path.startswith("https://"):
            return self._storage(request)
        assert request.keyed
        if path.startswith("process"):
            is_async = path.startswith("processAsync/")
            return self._submitted(request, "TaskWaiting" if is_async else "TaskFinish")
        if path.startswith("presignedUrl/"):
            return self._signed(request)
        if path == "task/list":
            return self._ok({"records": list(self.jobs.values())})
        task = self.jobs[query["taskId"]]
        if path == "execute/start":
            return self._started(task)
        return self._info(task)

    def _ok(self, data: Any) -> Canned:
        return said({"code": "200", "msg": "success", "data": data})

    def _task(self, request: Request, sent: list[str], state: str) -> dict[str, Any]:
        id_ = f"task-{len(self.jobs)}"
        task = {
            "taskId": id_,
            "taskStatus": state,
            "callbackUrl": fields(request).get("callbackUrl", ""),
            "fileInfoDTOList": [
                {
                    "fileName": name,
                    "downFileName": f"{name}.pdf",
                    "downloadUrl": f"https://store/{id_}/{place}",
                    "status": "success",
                }
                for place, name in enumerate(sent)
            ],
        }
        self.jobs[id_] = task
        return task

    def _pay(self, task: dict[str, Any]) -> None:
        for each in task["fileInfoDTOList"]:
            self.bill[each["fileName"].split(".")[0]] += 1
            self.charged[each["fileName"].split(".")[0]] += 1
        self.effect("billed")

    def _submitted(self, request: Request, state: str) -> Canned:
        task = self._task(request, names(request), state)
        self._pay(task)
        return self._ok(task)

    def _signed(self, request: Request) -> Canned:
        task = self._task(request, [fields(request)["fileName"]], "TaskStart")
        self.effect("created")
        url = f"https://store/{task['taskId']}?sig=1"
        return self._ok({"taskId": task["taskId"], "presignedUrl": url})

    def _storage(self, request: Request) -> Canned:
        assert not request.keyed
        if request.method == "GET":
            _, task, place = request.url.rsplit("/", 2)
            name = self.jobs[task]["fileInfoDTOList"][int(place)]["fileName"]
            return pdf(self.content(name.split(".")[0]))
        assert isinstance(request.body, Raw)
        self.effect("uploaded")
        return Canned(200)

    def _started(self, task: dict[str, Any]) -> Canned:
        if task["taskStatus"] != "TaskStart":
            self._pay(task)
            return said({"code": "05002", "msg": "wrong state"})
        task["taskStatus"] = "TaskWaiting"
        self._pay(task)
        return self._ok({"taskId": task["taskId"]})

    def _info(self, task: dict[str, Any]) -> Canned:
        shown = dict(task)
        if task["taskStatus"] == "TaskWaiting":
            task["taskStatus"] = "TaskFinish"
        return self._ok(shown)


class ConvertApi(Service):
    """ConvertAPI; ``generations`` are those whose asynchronous paths it has."""

    generations: tuple[int, ...] = (1, 2)

    def answer(self, request: Request) -> Canned:
        """Answer a request as the API would."""
        path = request.url.removeprefix("https://api")
        if path == "/upload":
            query = dict(request.query)
            self.names[query["fileId"]] = query["filename"].split(".")[0]
            self.effect("uploaded")
            return said({"FileId": query["fileId"]})
        if path.startswith("/d/"):
            return self._stored(request, path.split("/")[2])
        if path.startswith("/async/") and 2 not in self.generations:
            return Canned(404)
        path = path.removeprefix("/async")
        if path.startswith("/job/"):
            return self._job(request, path.removeprefix("/job/"))
        return self._convert(request)

    def _stored(self, request: Request, id_: str) -> Canned:
        if request.method != "GET":
            self.effect("deleted")
            return Canned(200)
        return pdf(self.content(self.names[id_]))

    def _job(self, request: Request, id_: str) -> Canned:
        if id_ not in self.jobs:
            return Canned(404)
        if request.method == "DELETE":
            del self.jobs[id_]
            self.effect("deleted")
            return Canned(200)
        job = self.jobs[id_]
        job["left"] -= 1
        return Canned(202) if job["left"] >= 0 else self._done(id_)

    def _convert(self, request: Request) -> Canned:
        query = dict(request.query)
        id_ = query["JobId"]
        self.bill[(names(request) or [fields(request)["File"]])[0]] += 1
        given = stems(request) or [self.names[fields(request)["File"]]]
        self.names[id_] = given[0]
        self.charged[given[0]] += 1
        is_async = request.url.startswith("/async/") or "Async" in query
        self.jobs[id_] = {"left": 1 if is_async else 0}
        self.effect("billed")
        return said({"JobId": id_}) if is_async else self._done(id_)

    def _done(self, id_: str) -> Canned:
        url = f"https://api/d/{id_}/letter.pdf"
        size = len(self.content(self.names[id_]))
        file = {"FileName": "letter.pdf", "FileSize": size, "Url": url}
        return said({"ConversionCost": 1, "Files": [file]})


class FirstGeneration(ConvertApi):
    """An older one."""

    generations = (1,)


class ReportFlow(Service):
    """The newer generation of ReportFlow; ``tell`` is its webhook."""

    tell: Callable[[Echo], None] | None = None

    def answer(self, request: Request) -> Canned:
        """Answer a request as the API would."""
        assert request.keyed
        *_, kind, last = request.url.split("/")
        if request.method == "POST":
            return self._generated(request, is_sync=kind == "sync")
        return self._file(request, kind, last)

    def _generated(self, request: Request, *, is_sync: bool) -> Canned:
        assert isinstance(request.body, Json)
        asked = request.body.value
        contents = asked.get("contents") or [asked["content"]]
        id_ = f"request-{len(self.jobs)}"
        files = [
            {"fileName": each["fileName"], "fileId": f"file-{place}"}
            for place, each in enumerate(contents)
        ]
        self.jobs[id_] = {"files": files, "left": 0 if is_sync else self._polls}
        for each in contents:
            self.bill[each["fileName"]] += 1
            self.charged[each["fileName"].split("-", 1)[0]] += 1
        self._told(id_, files)
        self.effect("billed")
        if not is_sync:
            return said({"requestId": id_, "files": files}, status=202)
        headers = {"request-id": id_, "file-id": "file-0"}
        return self._sent(files[0]["fileName"], headers)

    def _told(self, id_: str, files: list[dict[str, str]]) -> None:
        if self.tell is None:
            return
        job = files[0]["fileName"].rsplit("-", 2)[1]
        found = tuple((each["fileName"], f"{id_} {each['fileId']}") for each in files)
        self.tell(Echo(job=job, handle=id_, files=found))

    def _file(self, request: Request, id_: str, file: str) -> Canned:
        known = self.jobs[id_]
        if known["left"] > 0:
            known["left"] -= 1
            return Canned(409)
        if request.method == "HEAD":
            return Canned(200)
        names = {each["fileId"]: each["fileName"] for each in known["files"]}
        return self._sent(names[file], {})

    def _sent(self, name: str, headers: dict[str, str]) -> Canned:
        content = self.content(name.split("-", 1)[0])
        headers = {
            **headers,
            "content-type": "application/pdf",
            "content-length": str(len(content)),
            "content-disposition": f'attachment; filename="{name}"',
        }
        return Canned(200, headers, file=halves(content))
