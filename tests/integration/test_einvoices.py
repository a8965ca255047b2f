"""Electronic invoices from a manifest to files, through the real service."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
