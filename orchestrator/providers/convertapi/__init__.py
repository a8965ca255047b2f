"""ConvertAPI, in both generations of its asynchronous paths; performs no I/O."""

from orchestrator.providers.convertapi.flows import provider

__all__ = ["provider"]
