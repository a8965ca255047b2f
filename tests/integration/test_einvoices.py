"""Electronic invoices from a manifest to files, through the real service."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import facturx
import pikepdf
import pytest
from pdf_oxide import PdfDocument

from orchestrator.batch import load_manifest, run_batch
from orchestrator.service.render.attach import NAMESPACE

ROOT = Path(__file__).parents[2]
