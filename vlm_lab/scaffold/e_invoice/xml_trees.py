"""Bytes of an XML file by a stranger -> a tree whose names have no namespaces.

Nothing outside is loaded and no entity is expanded: a document type, which would define them, is
refused, and so is what is nested or repeated without an end.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

MAX_DEPTH = 64
MAX_ELEMENTS = 300_000  # an invoice of a thousand rows has fifty thousand


class XmlDocument(NamedTuple):
    """The root, and the namespace that its name is from."""

    root: Element
    namespace: str


class _Handlers:
    """Builds the tree from the parser's events, within the limits."""

    def __init__(self) -> None:
        self.builder = TreeBuilder()
        self.namespace: str | None = None
        self.depth = self.element_count = 0

    def start_element(self, name: str, attributes: Mapping[str, str]) -> None:
        namespace, _, local_name = name.rpartition(" ")
        if self.namespace is None:
            self.namespace = namespace
        self.depth += 1
        self.element_count += 1
        if self.depth > MAX_DEPTH:
            raise ValueError(f"is nested more than {MAX_DEPTH} elements deep")
        if self.element_count > MAX_ELEMENTS:
            raise ValueError(f"has more than {MAX_ELEMENTS:,} elements")
        local_attributes = {key.rpartition(" ")[2]: value for key, value in attributes.items()}
        self.builder.start(local_name, local_attributes)

    def end_element(self, name: str) -> None:
        self.depth -= 1
        self.builder.end(name.rpartition(" ")[2])

    def refuse_doctype(self, *_: object) -> None:
        raise ValueError("has a <!DOCTYPE>, which is not read")


def parse_xml(data: bytes) -> XmlDocument:
    """The tree. ValueError says what is wrong, as the end of a sentence about the file."""
    handlers = _Handlers()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = handlers.start_element
    parser.EndElementHandler = handlers.end_element
    parser.CharacterDataHandler = handlers.builder.data
    parser.StartDoctypeDeclHandler = handlers.refuse_doctype
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, LookupError) as error:
        raise ValueError(f"is damaged XML ({error})") from None
    return XmlDocument(handlers.builder.close(), handlers.namespace or "")


def find_text(element: Element | None, *paths: str) -> str | None:
    """The text at the first of the paths that has one, on one line; None where none has."""
    if element is None:
        return None
    for path in paths:
        for found in element.iterfind(path):
            text = " ".join((found.text or "").split())
            if text:
                return text
    return None


def find_own_tax(taxes: Sequence[Element], currency: str | None) -> str | None:
    """The amount in the invoice's own currency (BT-110): it may stand there in the tax office's,
    too (BT-111). None where several are in its own."""
    own_taxes = [tax for tax in taxes if tax.get("currencyID", currency) == currency]
    return find_text(own_taxes[0], ".") if len(own_taxes) == 1 else None
