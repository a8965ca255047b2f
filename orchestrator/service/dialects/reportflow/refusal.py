"""How this API says no: NestJS's shape, its own Japanese texts; performs no I/O."""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web

from orchestrator.service.native.context import answer
from orchestrator.service.problems import Problem

# The first four and those of 413 and 504 are documented word by word; the others are
# known as names of messages only, and are in our words.
BAD_KEY = "認証情報が不正です"
NO_DESIGN = "指定したデザインが存在しません"
NO_VERSION = "指定したバージョン({version})が存在しません"
TOO_LARGE = "Payload Too Large"
OVER_TIME = "Gateway Timeout"
NO_KEY = "appkeyヘッダーが指定されていません"
NO_JOB = "指定したジョブが存在しません"
NO_FILE = "指定したファイルが存在しません"
GONE = "ファイルの保存期間が過ぎています"
NOT_READY = "PDFの生成が完了していません。しばらく待ってから再度お試しください"
FAILED = "PDFの変換に失敗しました"
MANY_FILES = "一度に生成できるファイルは{most}件までです"
TOO_MANY = "ThrottlerException: Too Many Requests"

_TEXTS = {
    "unauthorized": BAD_KEY,
    "not_found": NO_JOB,
    "expired": GONE,
    "too_large": TOO_LARGE,
    "too_many": TOO_MANY,
    "internal": "Internal server error",
}
_NAMES = {413: "Request Entity Too Large", 504: "Request timeout"}


class Refused(Problem):
    """A refusal in this API's own words."""

    def __init__(
        self, status: int, text: str | list[str], *, wait: float | None = None
    ) -> None:
        super().__init__("bad_request", text if isinstance(text, str) else text[0])
        self.status = status
        self.text = text
        self.wait = wait

    def headers(self) -> dict[str, str]:
        """Headers that go with the answer; ``wait`` is in seconds."""
        return {} if self.wait is None else {"Retry-After": f"{int(self.wait) + 1}"}


def tell(_: web.Request, problem: Problem) -> web.Response:
    """Answer with a problem of any part of the service."""
    own = problem if isinstance(problem, Refused) else None
    status = own.status if own else problem.kind.status
    text = own.text if own else _TEXTS.get(problem.code, problem.message)
    name = _NAMES.get(status, HTTPStatus(status).phrase)
    body = {"statusCode": status, "message": text, "error": name}
    response = answer(body, status)
    response.headers.update(problem.headers())
    return response
