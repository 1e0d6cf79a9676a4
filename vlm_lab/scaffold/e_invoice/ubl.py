"""UBL 2.1 Invoice and CreditNote, as Peppol and XRechnung have them, and the Czech ISDOC, which
grew out of it. BT-n are the terms of EN 16931.
"""

from xml.etree.ElementTree import Element

from vlm_lab.scaffold.e_invoice.invoices import (
    EInvoice,
    Texts,
    build_e_invoice,
    choose_price,
    format_address,
)
from vlm_lab.scaffold.e_invoice.xml_trees import find_own_tax, find_text

UBL_NAMESPACE = "urn:oasis:names:specification:ubl:schema:xsd:"
ISDOC_NAMESPACE = "http://isdoc.cz/namespace/"
ROOTS = ("Invoice", "CreditNote")
PAYMENT_DATE = "PaymentMeans/PaymentDueDate"  # of a credit note: it has no DueDate
# ISDOC's kinds of document, as UNTDID 1001 names them: an invoice, a credit note.
ISDOC_TYPE_CODES = {"1": "380", "2": "381", "6": "381"}


def read_ubl(root: Element) -> EInvoice:
    """The invoice or the credit note in a tree of UBL."""
    currency = find_text(root, "DocumentCurrencyCode")  # BT-5
    header = {
        "invoice_number": find_text(root, "ID"),  # BT-1
        "issue_date": find_text(root, "IssueDate"),  # BT-2
        "due_date": find_text(root, "DueDate", PAYMENT_DATE),  # BT-9
        "currency": currency,
        **_read_parties(root),
        **_read_totals(root, currency),
    }
    name = root.tag
    rows = [_read_line(line) for line in root.iterfind(f"{name}Line")]
    type_code = find_text(root, f"{name}TypeCode")  # BT-3
    if name == "CreditNote":
        type_code = type_code or "381"
    return build_e_invoice("UBL", header, rows, type_code, find_text(root, "CustomizationID"))


def read_isdoc(root: Element) -> EInvoice:
    """The invoice in a tree of ISDOC. One in a foreign currency has its amounts twice, and the
    page may print either: these are not labelled."""
    is_foreign = find_text(root, "ForeignCurrencyCode") is not None
    currency = None if is_foreign else find_text(root, "LocalCurrencyCode")
    header = {
        "invoice_number": find_text(root, "ID"),
        "issue_date": find_text(root, "IssueDate"),
        "due_date": find_text(root, "PaymentMeans/Payment/Details/PaymentDueDate"),
        "currency": find_text(root, "ForeignCurrencyCode", "LocalCurrencyCode"),
        **_read_parties(root),
        **({} if is_foreign else _read_totals(root, currency)),
    }
    lines = () if is_foreign else root.iterfind("InvoiceLines/InvoiceLine")
    rows = [_read_isdoc_line(line) for line in lines]
    type_code = ISDOC_TYPE_CODES.get(find_text(root, "DocumentType") or "")
    profile = "ForeignCurrencyCode: amounts stand there twice" if is_foreign else None
    return build_e_invoice("ISDOC", header, rows, type_code, profile)


def _read_parties(root: Element) -> Texts:
    seller = root.find("AccountingSupplierParty/Party")
    buyer = root.find("AccountingCustomerParty/Party")
    return {
        "seller.name": _find_name(seller),  # BT-27
        "seller.tax_id": _find_tax_id(seller),  # BT-31
        "seller.address": _find_address(seller),  # BG-5
        "buyer.name": _find_name(buyer),  # BT-44
        "buyer.tax_id": _find_tax_id(buyer),  # BT-48
    }


def _find_name(party: Element | None) -> str | None:
    return find_text(party, "PartyLegalEntity/RegistrationName", "PartyName/Name")


def _find_tax_id(party: Element | None) -> str | None:
    schemes = party.findall("PartyTaxScheme") if party is not None else []
    for scheme in schemes:
        if find_text(scheme, "TaxScheme/ID", "TaxScheme") == "VAT":
            return find_text(scheme, "CompanyID")
    return None


def _find_address(party: Element | None) -> str | None:
    address = party.find("PostalAddress") if party is not None else None
    street_names = (find_text(address, "StreetName"), find_text(address, "BuildingNumber"))
    street = " ".join(name for name in street_names if name)
    more_lines = [find_text(address, name) for name in ("AdditionalStreetName", "AddressLine/Line")]
    postcode, city = find_text(address, "PostalZone"), find_text(address, "CityName")
    country = find_text(address, "Country/IdentificationCode")
    return format_address([street, *more_lines], postcode, city, country)


def _read_totals(root: Element, currency: str | None) -> Texts:
    taxes = root.findall("TaxTotal/TaxAmount")
    return {
        "totals.net": find_text(root, "LegalMonetaryTotal/TaxExclusiveAmount"),  # BT-109
        "totals.tax": find_own_tax(taxes, currency),
        "totals.gross": find_text(root, "LegalMonetaryTotal/TaxInclusiveAmount"),  # BT-112
    }


def _read_line(line: Element) -> Texts:
    return {
        "description": find_text(line, "Item/Name", "Item/Description"),  # BT-153
        "quantity": find_text(line, "InvoicedQuantity", "CreditedQuantity"),  # BT-129
        "unit_price": choose_price(  # BT-146, BT-148, BT-149
            find_text(line, "Price/PriceAmount"),
            find_text(line, "Price/AllowanceCharge/BaseAmount"),
            find_text(line, "Price/BaseQuantity"),
        ),
        "amount": find_text(line, "LineExtensionAmount"),  # BT-131
    }


def _read_isdoc_line(line: Element) -> Texts:
    return {
        "description": find_text(line, "Item/Description"),
        "quantity": find_text(line, "InvoicedQuantity"),
        "unit_price": find_text(line, "UnitPrice"),
        "amount": find_text(line, "LineExtensionAmount"),
    }
