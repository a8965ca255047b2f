"""The manifest: loaded as a stream, checked whole, every fault located."""

from orchestrator.manifest.entries import Entry
from orchestrator.manifest.load import Manifest, load_manifest
from orchestrator.manifest.schema import json_schema

__all__ = ["Entry", "Manifest", "json_schema", "load_manifest"]
