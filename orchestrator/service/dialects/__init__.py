"""Other APIs that the service speaks beside its own, over the same desk.

A dialect gives its routes, the bodies of its webhooks, and for how long its jobs can be
asked for, in seconds.
"""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from orchestrator.service.dialects import convertapi
from orchestrator.service.hooks import Announce

BODIES: Mapping[str, Announce] = {convertapi.NAME: convertapi.announce}
LIVES: Mapping[str, float] = {convertapi.NAME: convertapi.JOB_LIFE}


def setup(app: web.Application) -> None:
    """Add what the dialects answer."""
    convertapi.setup(app)
