"""ConvertAPI's protocol, mounted at ``/`` (docs/service.md, "ConvertAPI")."""

from orchestrator.service.dialects.convertapi.order import JOB_LIFE, NAME, announce
from orchestrator.service.dialects.convertapi.routes import setup

__all__ = ["JOB_LIFE", "NAME", "announce", "setup"]
