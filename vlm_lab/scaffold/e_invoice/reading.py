"""A document -> the e-invoice that it carries, or that lies beside it under its name."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from xml.etree.ElementTree import Element

from vlm_lab.errors import DocumentError
from vlm_lab.files import read_bounded_bytes
from vlm_lab.sanitize import terminal_safe
from vlm_lab.scaffold.e_invoice.cii import ROOTS as CII_ROOTS
from vlm_lab.scaffold.e_invoice.cii import read_cii
from vlm_lab.scaffold.e_invoice.invoices import EInvoice
from vlm_lab.scaffold.e_invoice.printed import leave_out_unprinted
from vlm_lab.scaffold.e_invoice.ubl import ISDOC_NAMESPACE, UBL_NAMESPACE, read_isdoc, read_ubl
from vlm_lab.scaffold.e_invoice.ubl import ROOTS as UBL_ROOTS
from vlm_lab.scaffold.e_invoice.upd import ROOT as UPD_ROOT
from vlm_lab.scaffold.e_invoice.upd import read_upd
from vlm_lab.scaffold.e_invoice.xml_trees import XmlDocument, parse_xml
from vlm_lab.suite.pages import read_xml_attachments

MAX_XML_BYTES = 8 * 2**20
SUFFIXES_BESIDE = (".xml", ".isdoc")
KNOWN_FORMS = "ZUGFeRD, Factur-X, XRechnung, UBL, ISDOC, UPD"
# Other XML may be attached, too: what the norms call the invoice is looked at first.
ATTACHMENT_NAMES = ("factur-x.xml", "xrechnung.xml", "zugferd-invoice.xml")
Reader = Callable[[Element], EInvoice]


class SourceFile(NamedTuple):
    """An XML file: its name as a sentence names it, and its content or why there is none."""

    name: str
    content: bytes
    fault: str = ""


class Reading(NamedTuple):
    """What came of one document: an e-invoice or none, from which file, and why none where a file
    is there."""

    invoice: EInvoice | None
    source_name: str
    fault: str


def read_e_invoice(path: Path) -> Reading | None:
    """The first of a document's XML files that is an e-invoice; None where it has no XML."""
    first_fault: Reading | None = None
    for source in _iterate_sources(path):
        try:
            invoice = leave_out_unprinted(_parse_source(source), path)
            return Reading(invoice, source.name, "")
        except ValueError as error:
            first_fault = first_fault or Reading(None, source.name, str(error))
    return first_fault


def _iterate_sources(path: Path) -> Iterator[SourceFile]:
    """What the PDF carries before what lies beside it: that goes where the page goes."""
    try:
        attachments = read_xml_attachments(path)
    except DocumentError as error:
        yield SourceFile("the file", b"", f"cannot be opened ({error})")
        attachments = []
    for attachment in sorted(attachments, key=lambda each: _rank_name(each.name)):
        is_too_large = attachment.size > len(attachment.content)
        fault = f"unpacks to {attachment.size:,} bytes, more than is read" if is_too_large else ""
        yield SourceFile(terminal_safe(attachment.name), attachment.content, fault)
    for path_beside in _find_beside(path):
        try:
            content = read_bounded_bytes(path_beside, MAX_XML_BYTES)
            yield SourceFile(terminal_safe(path_beside.name), content)
        except OSError as error:
            fault = f"cannot be read ({error.strerror})"
            yield SourceFile(terminal_safe(path_beside.name), b"", fault)


def _rank_name(name: str) -> bool:
    return name.lower() not in ATTACHMENT_NAMES


def _find_beside(path: Path) -> Iterator[Path]:
    for suffix in SUFFIXES_BESIDE:
        for name in (f"{path.stem}{suffix}", f"{path.name}{suffix}"):
            if path.with_name(name).is_file():
                yield path.with_name(name)


def _parse_source(source: SourceFile) -> EInvoice:
    """ValueError says why it is none, as the end of a sentence about the file."""
    if source.fault:
        raise ValueError(source.fault)
    document = parse_xml(source.content)
    reader = _choose_reader(document)
    if reader is None:
        root_name = terminal_safe(document.root.tag[:40])
        raise ValueError(f"is no e-invoice: its root is <{root_name}> ({KNOWN_FORMS} are read)")
    invoice = reader(document.root)
    if not invoice.values:
        raise ValueError("has none of the fields of an invoice")
    return invoice


def _choose_reader(document: XmlDocument) -> Reader | None:
    root_name, namespace = document.root.tag, document.namespace
    if root_name in CII_ROOTS:
        return read_cii
    if root_name in UBL_ROOTS and namespace.startswith(UBL_NAMESPACE):
        return read_ubl
    if root_name == "Invoice" and namespace.startswith(ISDOC_NAMESPACE):
        return read_isdoc
    return read_upd if root_name == UPD_ROOT else None
