"""A thin way to write XML with few words; performs no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from xml.etree.ElementTree import Element, SubElement, indent, tostring

__all__ = ["Element", "amount", "leaf", "number", "serialize", "sub"]

sub = SubElement


def leaf(parent: Element, tag: str, text: str | None, /, **attributes: str) -> None:
    """Add an element with a text, if there is one."""
    if text is not None:
        SubElement(parent, tag, attributes).text = text


def amount(value: Decimal) -> str:
    """Write an amount with the digits of its currency."""
    return f"{value:f}"


def number(value: Decimal) -> str:
    """Write a quantity, a price or a percentage without needless zeros."""
    return f"{value.normalize():f}"


def serialize(root: Element, namespaces: Mapping[str, str]) -> bytes:
    """Write the document, one element a line."""
    for prefix, uri in namespaces.items():
        root.set(f"xmlns:{prefix}" if prefix else "xmlns", uri)
    indent(root, " ")
    text: bytes = tostring(root, encoding="UTF-8", xml_declaration=True)
    return text + b"\n"
