"""An electronic invoice into its PDF: the file, and the metadata that announces it.

What Factur-X asks for beyond PDF/A-3: the XML among the associated files of the
catalogue, and four properties in the metadata, with the schema that declares them.
Typst has written everything else; its own metadata is only added to.
"""

from __future__ import annotations

import io
import zlib
from datetime import UTC, datetime

import pikepdf
from pikepdf import Array, Dictionary, Name, ObjectStreamMode, StreamDecodeLevel

from orchestrator.service.render.task import Attached
from orchestrator.service.render.work import RenderError

NAMESPACE = "urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#"

_PROPERTIES = (
    ("DocumentFileName", "name of the embedded XML invoice file"),
    ("DocumentType", "INVOICE"),
    ("Version", "The actual version of the Factur-X XML schema"),
    ("ConformanceLevel", "The conformance level of the embedded Factur-X data"),
)
_SCHEMAS_END = "</rdf:Bag></pdfaExtension:schemas>"
_METADATA_END = "</rdf:RDF>"


def attach(pdf: bytes, file: Attached) -> bytes:
    """Give the PDF with the file in it; the same input gives the same bytes.

    Raises:
        RenderError: the PDF is none that Typst made for PDF/A.
    """
    with pikepdf.open(io.BytesIO(pdf)) as document:
        root = document.Root
        root.Metadata.write(_announced(root.Metadata.read_bytes(), file))
        entry = document.make_indirect(_entry(document, file))
        root.AF = Array([*root.get("/AF", ()), entry])
        if "/Names" not in root:
            root.Names = Dictionary()
        if "/EmbeddedFiles" not in root.Names:
            root.Names.EmbeddedFiles = pikepdf.NameTree.new(document).obj
        pikepdf.NameTree(root.Names.EmbeddedFiles)[file.name] = entry
        made = io.BytesIO()
        document.save(
            made,
            deterministic_id=True,
            fix_metadata_version=False,
            compress_streams=False,
            stream_decode_level=StreamDecodeLevel.none,
            object_stream_mode=ObjectStreamMode.generate,
        )
    return made.getvalue()


def _entry(document: pikepdf.Pdf, file: Attached) -> Dictionary:
    content = file.text.encode()
    stream = document.make_stream(
        zlib.compress(content),
        Type=Name.EmbeddedFile,
        Subtype=Name("/text/xml"),
        Filter=Name.FlateDecode,
        Params=Dictionary(Size=len(content), ModDate=_day(file.timestamp)),
    )
    return Dictionary(
        Type=Name.Filespec,
        F=file.name,
        UF=file.name,
        Desc=file.description,
        AFRelationship=Name(f"/{file.relationship}"),
        EF=Dictionary(F=stream, UF=stream),
    )


def _day(timestamp: int) -> str:
    return f"D:{datetime.fromtimestamp(timestamp, UTC):%Y%m%d%H%M%S}Z"


def _announced(metadata: bytes, file: Attached) -> bytes:
    """Add the properties and their schema to the metadata."""
    text = metadata.decode()
    if text.count(_SCHEMAS_END) != 1 or text.count(_METADATA_END) != 1:
        raise RenderError("render_failed", "the metadata is not that of a PDF/A")
    text = text.replace(_SCHEMAS_END, _schema() + _SCHEMAS_END)
    return text.replace(_METADATA_END, _values(file) + _METADATA_END).encode()


def _schema() -> str:
    properties = "".join(
        '<rdf:li rdf:parseType="Resource">'
        f"<pdfaProperty:name>{name}</pdfaProperty:name>"
        "<pdfaProperty:valueType>Text</pdfaProperty:valueType>"
        "<pdfaProperty:category>external</pdfaProperty:category>"
        f"<pdfaProperty:description>{about}</pdfaProperty:description>"
        "</rdf:li>"
        for name, about in _PROPERTIES
    )
    return (
        '<rdf:li rdf:parseType="Resource">'
        "<pdfaSchema:schema>Factur-X PDFA Extension Schema</pdfaSchema:schema>"
        f"<pdfaSchema:namespaceURI>{NAMESPACE}</pdfaSchema:namespaceURI>"
        "<pdfaSchema:prefix>fx</pdfaSchema:prefix>"
        f"<pdfaSchema:property><rdf:Seq>{properties}</rdf:Seq></pdfaSchema:property>"
        "</rdf:li>"
    )


def _values(file: Attached) -> str:
    return (
        f'<rdf:Description rdf:about="" xmlns:fx="{NAMESPACE}">'
        f"<fx:DocumentFileName>{file.name}</fx:DocumentFileName>"
        "<fx:DocumentType>INVOICE</fx:DocumentType>"
        f"<fx:Version>{file.version}</fx:Version>"
        f"<fx:ConformanceLevel>{file.level}</fx:ConformanceLevel>"
        "</rdf:Description>"
    )
