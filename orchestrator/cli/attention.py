"""Documents that need eyes, shown with all that is known of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from orchestrator.batch.accounts import Account
from orchestrator.batch.attention import Offer, offer
from orchestrator.cli.common import echo_json
from orchestrator.clock import SystemClock
from orchestrator.ledger.attention import STATES
from orchestrator.ledger.view import View
from orchestrator.model import Trouble
from orchestrator.report.attention import commands, lines


def show_attention(
    view: View,
    accounts: Mapping[str, Account],
    place: Sequence[str],
    *,
    as_json: bool,
) -> None:
    """Print every document that needs eyes; what costs money comes first.

    Args:
        view: The ledger.
        accounts: Of the manifest, by name, as far as it can be read.
        place: The manifest, and the options that find its batch.
        as_json: Whether to print objects.
    """
    now = SystemClock().now()
    for each in STATES:
        for trouble in view.troubles(each):
            offered = offer(trouble, accounts.get(trouble.account))
            if as_json:
                echo_json("attention", **_fields(trouble, offered, place))
                continue
            click.echo()
            for line in lines(trouble, offered.words, place, now=now):
                click.echo(line)


def _fields(trouble: Trouble, offered: Offer, place: Sequence[str]) -> dict[str, Any]:
    failure = trouble.failure
    return {
        "id": trouble.document.id,
        "state": trouble.state,
        "output": trouble.document.output,
        "code": failure.code if failure else None,
        "message": failure.message if failure else None,
        "status": failure.status if failure else None,
        "account": trouble.account,
        "mode": trouble.mode,
        "job": trouble.job,
        "phase": trouble.phase,
        "handle": trouble.handle,
        "intended": trouble.intended,
        "created": trouble.created,
        "units": trouble.units,
        "guessed": trouble.guessed,
        "runs": trouble.runs,
        "last": trouble.last,
        "offer": offered.kind,
        "commands": commands(trouble, place),
    }
