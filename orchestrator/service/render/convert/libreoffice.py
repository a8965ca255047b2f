"""Documents to PDF with a LibreOffice found on the machine, one start a document."""

from __future__ import annotations
