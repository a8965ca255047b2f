"""ReportFlow's webhook: one for each request, when its last file has ended."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

from standardwebhooks import Webhook

from orchestrator.service.render.work import RenderError
from tests.integration.dialects.flow import (
    CURRENT,
    LEGACY,
    PARAMS,
    SAMPLE,
    flowing,
)
from tests.integration.serving import SECRET, ScriptedRenderer
from tests.integration.test_service_hooks import receiver


async def test_one_request_is_told_of_once(tmp_path: Path) -> None:
    """However many files it has, and in whatever order they end."""
    renderer = ScriptedRenderer()
    renderer.gate.clear()
    async with (
        receiver() as hook,
        flowing(tmp_path, renderer, reportflow_webhook=hook.url) as flow,
    ):
        names = [f"{n}.pdf" for n in range(20)]
        accepted = (await flow.multiple(names, passthrough={"p": 0.1})).json
        await asyncio.sleep(0.2)
        assert hook.got == []
        renderer.gate.set()
        await hook.until(1)
        await asyncio.sleep(0.3)
        assert len(hook.got) == 1
        headers, text = hook.got[0]
        Webhook(SECRET).verify(text, headers)
        assert '"p":0.1}' in text  # numbers go back as they came
        body = json.loads(text)
        assert body["requestId"] == accepted["requestId"]
        assert [each["fileId"] for each in body["files"]] == [
            each["fileId"] for each in accepted["files"]
        ]


async def test_the_body_is_that_of_both_generations(tmp_path: Path) -> None:
    """The seed's keys, today's keys, and the ids with which a receiver downloads."""
    async with (
        receiver() as hook,
        flowing(tmp_path, reportflow_webhook=hook.url) as flow,
    ):
        await flow.single(headers=LEGACY, shareType="03", passthrough={"a": "b"})
        await hook.until(1)
        body = json.loads(hook.got[0][1])
        assert set(body) == {
            *("event", "timestamp", "workspaceId", "requestId"),
            *("designId", "version", "files"),
        }
        assert body["event"] == "file.completed"
        pattern = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
        assert re.fullmatch(pattern, body["timestamp"])
        assert (body["designId"], body["version"]) == (SAMPLE, 1)
        (file,) = body["files"]
        assert file["uuid"] == body["requestId"]
        assert file["params"] == PARAMS
        assert file["passthrough"] == {"a": "b"}
        assert file["share"]["shareType"] == "public"
        path = f"/v1/file/download/{file['uuid']}/{file['fileId']}"
        assert (await flow.ask("GET", path, CURRENT)).status == 200


async def test_sync_requests_are_told_of_too(tmp_path: Path) -> None:
    """The way in which a reply is wanted changes nothing."""
    async with (
        receiver() as hook,
        flowing(tmp_path, reportflow_webhook=hook.url) as flow,
    ):
        reply = await flow.single(how="sync")
        await hook.until(1)
        body = json.loads(hook.got[0][1])
        assert body["requestId"] == reply.headers["Request-Id"]


async def test_failures_are_silent(tmp_path: Path) -> None:
    """There is no event for them: the files that were made are told of, or nothing."""

    class Failing(ScriptedRenderer):
        async def make(self, work: Any) -> Any:
            if len(self.made) < 3:
                self.made.append(work)
                raise RenderError("render_failed", "no")
            return await super().make(work)

    async with (
        receiver() as hook,
        flowing(tmp_path, Failing(), reportflow_webhook=hook.url) as flow,
    ):
        lost = (await flow.single(headers=LEGACY)).json
        assert (await flow.ask("GET", lost["url"])).status == 422
        partly = (await flow.multiple(["a", "b", "c"])).json
        await hook.until(1)
        body = json.loads(hook.got[0][1])
        assert body["requestId"] == partly["requestId"]
        assert len(body["files"]) == 1


async def test_a_restart_between_two_files_loses_no_webhook(tmp_path: Path) -> None:
    """One file of the request was made by one service, the rest by the next."""

    class Slow(ScriptedRenderer):
        async def make(self, work: Any) -> Any:
            if self.made:
                self.gate.clear()
            return await super().make(work)

    async with receiver() as hook:
        async with flowing(
            tmp_path, Slow(), reportflow_webhook=hook.url, workers=1
        ) as flow:
            assert (await flow.multiple(["a", "b", "c"])).status == 202
            path = "/v1/jobs?state=done"
            while not (await flow.native.ask("GET", path))[1]["jobs"]:
                await asyncio.sleep(0.02)
        assert hook.got == []
        async with flowing(tmp_path, reportflow_webhook=hook.url):
            await hook.until(1)
            assert len(json.loads(hook.got[0][1])["files"]) == 3


async def test_a_deleted_file_does_not_hold_the_webhook_back(tmp_path: Path) -> None:
    """What is gone has ended."""
    renderer = ScriptedRenderer()
    renderer.gate.clear()
    async with (
        receiver() as hook,
        flowing(tmp_path, renderer, reportflow_webhook=hook.url, workers=1) as flow,
    ):
        accepted = (await flow.multiple([f"{n}" for n in range(5)])).json
        await flow.native.ask("DELETE", f"/v1/jobs/{accepted['requestId']}-4")
        renderer.gate.set()
        await hook.until(1)
        assert len(json.loads(hook.got[0][1])["files"]) == 4
