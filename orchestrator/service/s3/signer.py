"""Signs URLs of a store; botocore does it, and nothing else of botocore is used."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.errors import UsageError
from orchestrator.service.s3.bucket import Bucket

try:
    from botocore.auth import S3SigV4QueryAuth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
except ImportError:
    message = "--storage needs pip install 'document-orchestrator[s3]'"
    raise UsageError(message) from None

LONGEST = 7 * 86_400
"""Seconds for which version 4 signatures may be valid."""


class Signer:
    """Signs requests into their URLs; the URL is then the permission."""

    def __init__(self, bucket: Bucket) -> None:
        known = bucket.credentials
        self._bucket = bucket
        self._credentials = Credentials(known.key, known.secret, known.token)

    def sign(
        self,
        method: str,
        key: str,
        *,
        life: float,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> str:
        """The URL for one kind of request on one object.

        ``headers`` are bound: who uses the URL has to send them as they are here.
        """
        expires = max(1, min(int(life), LONGEST))
        auth = S3SigV4QueryAuth(
            self._credentials, "s3", self._bucket.region, expires=expires
        )
        request = AWSRequest(
            method,
            self._bucket.url(key),
            headers=dict(headers or {}),
            params=dict(query or {}),
        )
        auth.add_auth(request)
        return str(request.url)
