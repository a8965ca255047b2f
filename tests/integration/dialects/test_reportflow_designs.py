"""ReportFlow's designs: listed, described in both ways, and stood in for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pypdfium2

from orchestrator import designs
from orchestrator.service.dialects.reportflow import parameters
from tests.integration.dialects.flow import CURRENT, LEGACY, SAMPLE, flowing, press
from tests.integration.serving import KEY, client, finish, spawn

ROWS = [
    {"No": n, "品目": f"品目 {n}", "単価": 1000 * n, "税率": "10%"}
    for n in range(1, 80)
]
PARAMS: dict[str, Any] = {
    "請求書番号": "INV-2026-001",
    "合計金額": 442200,
    "備考": None,
    "明細": ROWS,
    "宛先": {"名前": "株式会社サンプル", "住所": {"市": "東京"}},
    "深い": [[1, 2.25], {"a": [{"b": {"c": "最後"}}]}],
    "広い": [{f"c{n}": f"v{n}" for n in range(12)}],
}


async def test_designs_are_listed_without_the_stand_in(tmp_path: Path) -> None:
    """Each once, with its highest version."""
    async with flowing(tmp_path) as flow:
        listed = (await flow.ask("GET", "/v1/file/designs", CURRENT)).json["designs"]
        found = {each["id"]: each for each in listed}
        assert set(found) == {"invoice", SAMPLE}
        assert set(found[SAMPLE]) == {
            *("id", "label", "latestVersion", "thumbnail", "updatedAt")
        }
        assert found[SAMPLE]["latestVersion"] == 1


async def test_parameters_are_described_in_both_ways(tmp_path: Path) -> None:
    """An object for the first generation, an array of specs for today's."""
    async with flowing(tmp_path) as flow:
        path = f"/v1/file/design/parameter/{SAMPLE}"
        legacy = (await flow.ask("GET", path, LEGACY)).json
        assert legacy["amount"] == "number"
        assert legacy["customerName"] == "string"
        current = (await flow.ask("GET", path, CURRENT)).json
        specs = {each["name"]: each for each in current}
        assert specs["amount"]["type"] == "number"
        assert specs["issueDate"]["type"] == "date"
        assert specs["customerName"] == {
            "name": "customerName",
            "type": "text",
            "label": "customerName",
        }
        same = await flow.ask("GET", f"{path}?version=1", CURRENT)
        assert same.json == current
        missing = await flow.ask("GET", f"{path}?version=2", CURRENT)
        assert missing.refusal[1] == "指定したバージョン(2)が存在しません"
        assert (await flow.ask("GET", f"{path}?version=x", CURRENT)).refusal[0] == 400
        nothing = await flow.ask("GET", f"{path}x", CURRENT)
        assert nothing.refusal[1] == "指定したデザインが存在しません"


def test_nested_parameters_are_described() -> None:
    """Lists of rows have the specs of a row, through references."""
    schema = designs.find("invoice").schema
    specs = {each["name"]: each for each in parameters.specs(schema)}
    assert specs["lines"]["type"] == "array"
    inner = {each["name"] for each in specs["lines"]["spec"]}
    assert {"name", "quantity", "unit_price"} <= inner
    assert specs["seller"]["type"] == "collection"
    types = parameters.types(schema)
    assert types["lines"][0]["name"] == "string"
    assert types["seller"]["address"]["city"] == "string"


def test_a_schema_that_refers_to_itself_has_an_end() -> None:
    """Depth is bounded, and what is odd is text."""
    schema: dict[str, Any] = {
        "properties": {"more": {"$ref": "#"}, "odd": {"$ref": "#/$defs/gone"}, "x": 1}
    }
    assert json.dumps(parameters.specs(schema)).count("more") < 30
    assert parameters.types(schema)["odd"] == "string"


async def test_an_unknown_design_is_stood_in_for(tmp_path: Path) -> None:
    """All parameters are printed, over as many pages as it takes."""
    async with flowing(tmp_path, press(tmp_path), stand_in_designs=True) as flow:
        wanted = {"design": "0eGLPoUzbuBv5EEj", "version": 3, "params": PARAMS}
        made = await flow.single(how="sync", name="請求書.pdf", **wanted)
        assert made.status == 201
        document = pypdfium2.PdfDocument(made.body)
        assert len(document) > 1
        text = "".join(page.get_textpage().get_text_range() for page in document)
        for word in (
            *("0eGLPoUzbuBv5EEj", "Version 3", "請求書.pdf", "442200", "品目 79"),
            *("株式会社サンプル", "東京", "2.25", "最後", "v11", "null"),
        ):
            assert word in text, word
        again = await flow.single(how="sync", name="請求書.pdf", **wanted)
        assert again.body == made.body
        path = "/v1/file/design/parameter/0eGLPoUzbuBv5EEj"
        assert (await flow.ask("GET", path, LEGACY)).json == {}
        assert (await flow.ask("GET", path, CURRENT)).json == []
        letters = {"🎉": "🎉 한국어 العربية \u0007", "x" * 400: "y" * 5000, "": [[]]}
        odd = await flow.single(how="sync", design="other", params=letters)
        assert odd.status == 201
        # A design that is here is checked as ever.
        assert (await flow.single(version=9)).refusal[0] == 404
        assert (await flow.single(params={})).refusal[0] == 400
        odd = await flow.single(how="sync", design="a design/名 @1", params={})
        assert odd.status == 201


async def test_the_command_takes_the_settings(tmp_path: Path) -> None:
    """What a user types, and what is refused before anything listens."""
    options = ("serve", "--data", str(tmp_path), "--port", "0", "--api-key", KEY)
    for url in ("http://127.0.0.1:9/x", "http://example.com/x", "https://10.0.0.1/x"):
        child = spawn(*options, "--reportflow-webhook", url)
        try:
            assert child.wait(15) == 1
            assert child.stderr is not None
            assert b"ReportFlow webhook" in child.stderr.read()
        finally:
            finish(child)
    child = spawn(
        *(*options, "--stand-in-designs", "--rate-limits"),
        *("--reportflow-webhook", "https://example.com/hook"),
    )
    try:
        assert child.stderr is not None
        url = child.stderr.readline().decode().split()[-1]
        async with client(url) as one:
            path = f"{url}/v1/file/design/parameter/unknown"
            reply = await one.ask("GET", path)
            assert (reply[0], reply[1]) == (200, [])
    finally:
        finish(child)
