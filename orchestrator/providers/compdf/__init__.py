"""ComPDF, the cloud API, version 2 with ``x-api-key``; performs no I/O."""

from orchestrator.providers.compdf.flows import provider

__all__ = ["provider"]
