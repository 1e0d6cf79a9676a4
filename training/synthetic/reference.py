"""The reference of a drawn document: what is printed, under the keys of the invoices' schema.json,
and no more."""

from decimal import Decimal
from typing import Any

from training.synthetic.values import CURRENCIES, Line, Paper


def reference(paper: Paper) -> dict[str, Any]:
    """Amounts with a dot and two decimals, ISO dates and currency, tax ids as printed; unprinted
    keys are left out."""
    net, tax, gross = paper.totals
    seller, buyer = paper.seller, paper.buyer
    labels: dict[str, Any] = {
        "invoice_number": paper.number,
        "issue_date": paper.issued.isoformat(),
        "due_date": paper.due.isoformat() if paper.due else None,
        "currency": CURRENCIES[paper.language],
        "seller": {
            "name": seller.name,
            "tax_id": seller.tax_id,
            "address": f"{seller.street}, {seller.city}",
        },
        "buyer": {"name": buyer.name, "tax_id": buyer.tax_id} if buyer else None,
        "totals": {"net": str(net), "tax": str(tax), "gross": str(gross)},
        "line_items": [line_item(line) for line in paper.lines],
    }
    return {key: value for key, value in labels.items() if value is not None}


def line_item(line: Line) -> dict[str, str]:
    return {
        "description": line.description,
        "quantity": plain(line.quantity),
        "unit_price": str(line.unit_price),
        "amount": str(line.amount),
    }


def plain(quantity: Decimal) -> str:
    """Without trailing zeros and without an exponent: 10 stays 10, 2.50 is 2.5."""
    return format(quantity.normalize(), "f")
