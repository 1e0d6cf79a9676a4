"""УПД and счёт-фактура, the file ON_NSCHFDOPPR of the Russian tax service (5.01 and 5.03)."""

from xml.etree.ElementTree import Element

from vlm_lab.scaffold.e_invoice.invoices import EInvoice, Texts, build_e_invoice
from vlm_lab.scaffold.e_invoice.xml_trees import find_text

ROOT = "Файл"
CURRENCIES = {"643": "RUB", "840": "USD", "978": "EUR", "156": "CNY", "398": "KZT", "933": "BYN"}
NOT_TAXED = "без НДС"


def read_upd(root: Element) -> EInvoice:
    """The invoice in a tree whose root is `Файл`. Both versions are looked for: 5.03 renamed the
    number and the date."""
    invoice = root.find("Документ/СвСчФакт")
    totals = root.find("Документ/ТаблСчФакт/ВсегоОпл")
    number_names, date_names = ("НомерДок", "НомерСчФ"), ("ДатаДок", "ДатаСчФ")
    currency_code = _get(invoice, "КодОКВ") or _get(_find(invoice, "ДенИзм"), "КодОКВ")
    header = {
        "invoice_number": _get(invoice, *number_names),
        "issue_date": _get(invoice, *date_names),
        "currency": CURRENCIES.get(currency_code or ""),
        **_read_party(_find(invoice, "СвПрод"), "seller"),
        **_read_party(_find(invoice, "СвПокуп"), "buyer"),
        "totals.net": _get(totals, "СтТовБезНДСВсего"),
        "totals.tax": _find_tax(totals),
        "totals.gross": _get(totals, "СтТовУчНалВсего"),
    }
    rows = [_read_row(row) for row in root.iterfind("Документ/ТаблСчФакт/СведТов")]
    return build_e_invoice("UPD", header, rows, None, root.get("ВерсФорм"))


def _read_party(party: Element | None, role: str) -> Texts:
    """An organisation's name and ИНН; of a sole trader the ИНН, since the page may print the name
    in several ways."""
    organisation = _find(party, "ИдСв/СвЮЛУч")
    trader = _find(party, "ИдСв/СвИП")
    return {
        f"{role}.name": _get(organisation, "НаимОрг"),
        f"{role}.tax_id": _get(organisation, "ИННЮЛ") or _get(trader, "ИННФЛ"),
    }


def _find_tax(totals: Element | None) -> str | None:
    """None where nothing is taxed: that is printed in words."""
    tax = find_text(totals, "СумНалВсего/СумНал")
    return None if tax == NOT_TAXED else tax


def _read_row(row: Element) -> Texts:
    """`amount` is with tax, as `Стоимость ... с налогом` is printed last."""
    return {
        "description": _get(row, "НаимТов"),
        "quantity": _get(row, "КолТов"),
        "unit_price": _get(row, "ЦенаТов"),
        "amount": _get(row, "СтТовУчНал"),
    }


def _find(element: Element | None, path: str) -> Element | None:
    return element.find(path) if element is not None else None


def _get(element: Element | None, *names: str) -> str | None:
    """The first of the attributes that says something, on one line."""
    if element is None:
        return None
    texts = (" ".join(element.get(name, "").split()) for name in names)
    return next((text for text in texts if text), None)
