"""What an account at ComPDF is worth (``asset/info``); performs no I/O."""

from __future__ import annotations

from orchestrator.model import Failure, Remedy
from orchestrator.providers.compdf.codes import data_of
from orchestrator.wire.flow import Standing
from orchestrator.wire.http import Response
from orchestrator.wire.values import mapping, number, records


def standing(response: Response) -> Standing:
    """Whether the key is good, and how many files are left.

    A wrong key may be told under HTTP 200, by the body's code alone.
    """
    data = data_of(response)
    if isinstance(data, Failure):
        is_key = data.remedy is Remedy.STOP and data.code in ("bad_key", "forbidden")
        return Standing(
            refusal=f"the key is refused ({data.message})" if is_key else ""
        )
    assets = [
        (number(each.get("asset")), number(each.get("withholdingAsset")))
        for each in records(mapping(data).get("tenantAsset"))
    ]
    left = [have - (held or 0.0) for have, held in assets if have is not None]
    return Standing(balance=sum(left) if left else None)
