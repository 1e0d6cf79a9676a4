"""UN/CEFACT's Cross Industry Invoice, as ZUGFeRD 1 and 2, Factur-X and XRechnung have it.

ZUGFeRD 1 has other names around the same terms; each is looked for under both. BT-n are the
terms of EN 16931.
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

ROOTS = ("CrossIndustryInvoice", "CrossIndustryDocument")
CONTEXTS = ("ExchangedDocumentContext", "SpecifiedExchangedDocumentContext")
DOCUMENTS = ("ExchangedDocument", "HeaderExchangedDocument")
TRANSACTIONS = ("SupplyChainTradeTransaction", "SpecifiedSupplyChainTradeTransaction")
AGREEMENTS = ("ApplicableHeaderTradeAgreement", "ApplicableSupplyChainTradeAgreement")
SETTLEMENTS = ("ApplicableHeaderTradeSettlement", "ApplicableSupplyChainTradeSettlement")
SUMMATIONS = (
    "SpecifiedTradeSettlementHeaderMonetarySummation",
    "SpecifiedTradeSettlementMonetarySummation",
)
LINE = "IncludedSupplyChainTradeLineItem"
LINE_AGREEMENTS = ("SpecifiedLineTradeAgreement", "SpecifiedSupplyChainTradeAgreement")
LINE_DELIVERIES = ("SpecifiedLineTradeDelivery", "SpecifiedSupplyChainTradeDelivery")
LINE_SETTLEMENTS = ("SpecifiedLineTradeSettlement", "SpecifiedSupplyChainTradeSettlement")
LINE_SUMMATIONS = (
    "SpecifiedTradeSettlementLineMonetarySummation",
    "SpecifiedTradeSettlementMonetarySummation",
)
GUIDELINE = "GuidelineSpecifiedDocumentContextParameter/ID"
# Of lines with lines below them: what only groups or informs is not billed.
STATUS_CODE = "AssociatedDocumentLineDocument/LineStatusReasonCode"
NOT_BILLED = ("GROUP", "INFORMATION")


def read_cii(root: Element) -> EInvoice:
    """The invoice in a tree whose root is one of `ROOTS`."""
    document, transaction = _find_child(root, DOCUMENTS), _find_child(root, TRANSACTIONS)
    agreement = _find_child(transaction, AGREEMENTS)
    settlement = _find_child(transaction, SETTLEMENTS)
    seller = _find_child(agreement, ("SellerTradeParty",))
    buyer = _find_child(agreement, ("BuyerTradeParty",))
    header = {
        "invoice_number": find_text(document, "ID"),  # BT-1
        "issue_date": find_text(document, "IssueDateTime/DateTimeString"),  # BT-2
        "due_date": _find_due_date(settlement),  # BT-9
        "currency": find_text(settlement, "InvoiceCurrencyCode"),  # BT-5
        "seller.name": find_text(seller, "Name"),  # BT-27
        "seller.tax_id": _find_tax_id(seller),  # BT-31, BT-32
        "seller.address": _find_address(seller),  # BG-5
        "buyer.name": find_text(buyer, "Name"),  # BT-44
        "buyer.tax_id": _find_tax_id(buyer),  # BT-48
        **_find_totals(settlement),
    }
    lines = transaction.iterfind(LINE) if transaction is not None else ()
    billed = [line for line in lines if find_text(line, STATUS_CODE) not in NOT_BILLED]
    rows = [_read_line(line) for line in billed]
    type_code = find_text(document, "TypeCode")  # BT-3
    profile = find_text(_find_child(root, CONTEXTS), GUIDELINE)  # BT-24
    syntax = "ZUGFeRD 1" if root.tag == "CrossIndustryDocument" else "CII"
    return build_e_invoice(syntax, header, rows, type_code, profile)


def _find_child(element: Element | None, names: tuple[str, ...]) -> Element | None:
    if element is None:
        return None
    return next((child for child in element if child.tag in names), None)


def _find_due_date(settlement: Element | None) -> str | None:
    """None where several terms have different ones: instalments, or a discount's."""
    if settlement is None:
        return None
    terms = settlement.iterfind("SpecifiedTradePaymentTerms")
    due_dates = {find_text(term, "DueDateDateTime/DateTimeString") for term in terms} - {None}
    return due_dates.pop() if len(due_dates) == 1 else None


def _find_tax_id(party: Element | None) -> str | None:
    """The VAT number, else the tax office's."""
    registration = "SpecifiedTaxRegistration/ID[@schemeID='{}']"
    return find_text(party, registration.format("VA"), registration.format("FC"))


def _find_address(party: Element | None) -> str | None:
    address = _find_child(party, ("PostalTradeAddress",))
    streets = [find_text(address, name) for name in ("LineOne", "LineTwo", "LineThree")]
    postcode, city = find_text(address, "PostcodeCode"), find_text(address, "CityName")
    return format_address(streets, postcode, city, find_text(address, "CountryID"))


def _find_totals(settlement: Element | None) -> dict[str, str | None]:
    totals = _find_child(settlement, SUMMATIONS)
    taxes = totals.findall("TaxTotalAmount") if totals is not None else []
    currency = find_text(settlement, "InvoiceCurrencyCode")
    return {
        "totals.net": find_text(totals, "TaxBasisTotalAmount"),  # BT-109
        "totals.tax": find_own_tax(taxes, currency),
        "totals.gross": find_text(totals, "GrandTotalAmount"),  # BT-112
    }


def _read_line(line: Element) -> Texts:
    agreement, settlement = _find_child(line, LINE_AGREEMENTS), _find_child(line, LINE_SETTLEMENTS)
    delivery = _find_child(line, LINE_DELIVERIES)
    net_price = "NetPriceProductTradePrice"
    return {
        "description": find_text(line, "SpecifiedTradeProduct/Name"),  # BT-153
        "quantity": find_text(delivery, "BilledQuantity"),  # BT-129
        "unit_price": choose_price(  # BT-146, BT-148, BT-149
            find_text(agreement, f"{net_price}/ChargeAmount"),
            find_text(agreement, "GrossPriceProductTradePrice/ChargeAmount"),
            find_text(agreement, f"{net_price}/BasisQuantity"),
        ),
        "amount": find_text(_find_child(settlement, LINE_SUMMATIONS), "LineTotalAmount"),  # BT-131
    }
