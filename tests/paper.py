"""Small PDFs that are whole, each unlike any other."""

from __future__ import annotations

import io

import pikepdf


def pdf(title: str = "") -> bytes:
    """A PDF of one empty page with a title."""
    made, file = pikepdf.new(), io.BytesIO()
    made.add_blank_page()
    made.docinfo["/Title"] = pikepdf.String(title)
    made.save(file)
    return file.getvalue()
