"""What the lines of an invoice say, by label words, position and arithmetic: the OCR baseline's reading.

No rule is for one issuer. A value stands behind its label, right of it or below it; totals are candidates that add up.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from itertools import product
from statistics import median
from typing import Any

# Kind of value -> what is printed before it in en de fr nl es it pt ru ja, folded (see `fold`); a blank is any
# punctuation or none. Of overlapping labels the longest wins, so "sub total" is no "total"; `not_*` are only barriers.
LABELS = {
    "number": r"(invoice|inv|bill|receipt|credit note|document|statement|folio|booking) (number|no|nr|num|id|#)|folio|"
    r"(rechnungs?|beleg|re|gutschrifts?|rechnungskorrektur|factuur) (nummer|nr|no)|numero|n°|nº|№|номер счета|"
    r"((numero|num|n°?|no) )?(de |di |da )?(facture|avoir|fattura|factura|fatura|documento) (n°?|nº|nr|no|numero|num)?|"
    r"(счет|счет фактура|чек|счет на оплату) №|請求書?番号|伝票番号|領収書番号|伝票no",
    "number_weak": r"(tax )?invoice|bill|rechnung|gutschrift|factuur|credit note",
    "issue": r"(invoice|issue|bill|receipt|statement|transaction) date|date of (invoice|issue)|(date )?issued( on)?|"
    r"(rechnungs|ausstellungs|beleg|factuur)datum|rechnung vom|datum der rechnung|date (de |d'|"
    r"de la )?(facture|emission|"
    r"facturation)|facture du|emise le|fecha (de )?(factura|emision|expedicion)|data (di |de |da )?(fattura|emissione|"
    r"documento|emissao|fatura)|дата счета|от|発行日|請求日|日付|取引日",
    "issue_weak": r"dated?|datum|fecha|data|дата|le",
    "due": r"(payment )?due( date| on| by)?|date due|pay(able)? by|zahlbar bis|fallig(keit|keitsdatum)?( am| bis)?|"
    r"zahlungs(ziel|frist)|bis zum|bis spatestens|spatestens( bis)?|(date )?(d')?echeance|date limite de paiement|"
    r"a (payer|regler) avant le|verval(datum|dag)|(te )?betalen voor|(fecha (de )?|data (de )?)?vencimi?ento|"
    r"(data )?(di )?scadenza|срок оплаты|оплатить до|お?支払期[限日]|振込期限",
    "not_issue": r"(delivery|order|ship|service|print|arrival|departure) date|date of (birth|delivery)|arrival|"
    r"departure|"
    r"(liefer|leistungs|bestell|auftrags|geburts|lever|bestel)datum|(auftrag|bestellung|lieferschein) vom|"
    r"anreise|abreise|"
    r"leistungszeitraum|(billing |service )?period|date de (livraison|commande)|(fecha|data) (de |"
    r"di )(entrega|consegna)|納期",
    "not_number": r"(customer|account|order|p o|vat|tax( reg)?|gst|phone) (number|no|id|#)|order|account|abn|nif|nit|"
    r"cif|"
    r"(kunden?|bestell|auftrags|steuer|ust id|klant|order|debiteur|btw|ku) (nummer|nr|no)|(ust|vat|tax) id|kvk|siret|"
    r"(numero|n°?) (de )?client|(numero|tva|n°?) (de )?(tva|intracommunautaire)|(partita|p) iva|инн|кпп|登録番号|tel|"
    r"fax|phone|telefono?|(invoice|facture) (to|for|a)",
    "gross": r"(grand|invoice) total|total (amount|due|amount due|incl|including|inc|payable|invoice|eur|usd|gbp)|"
    r"(amount|balance) (due|payable|total)|invoice amount|(gesamt|rechnungs|brutto|end|zahl|rechnungsend)betrag|"
    r"(gesamt|end|brutto|rechnungs)summe|(gesamt|summe|betrag|preis) brutto|brutto( gesamt| summe)?|"
    r"zu zahlen(der betrag)?|"
    r"(montant |net )?(total )?(ttc|a payer)|montant (total|du)|totaal (incl|te betalen|inclusief)|"
    r"totaalbedrag|te betalen|"
    r"total (a pagar|factura|con iva|com iva|general|geral|da fatura)|importe total|(totale|"
    r"importo) (fattura|documento|"
    r"da pagare|complessivo|totale|euro|ivato)|valor total|(итого|всего|сумма) (к оплате|с ндс)|к оплате|"
    r"総?合計(金額)?|ご?請求金額|税込合計|お買上計|総計",
    "gross_weak": r"total|totaal|totale|gesamt|summe|итого|всего|betrag|montant|importe|importo|amount|bar|"
    r"(karten|ec )?zahlung|visa|mastercard|girocard",
    "net": r"sub total|subtotaal|sous total|(net|taxable) (total|amount|value)|(total|amount|totaal) (net|excl|"
    r"excluding|"
    r"exclusief|before tax|neto|sin iva|sem iva|liquido)|(total |montant |base |net )*(ht|hors tva|hors taxe)|netto|"
    r"net|(netto)(betrag|summe|wert)|(summe|gesamt|betrag) netto|zwischensumme|warenwert|bedrag excl|base imponible|"
    r"(totale )?imponibile|totale netto|(сумма|итого|всего) без ндс|小計|税抜(金額|合計)",
    "tax": r"((total|sales|valor|importe|cuota|totale|montant|totaal|сумма|итого|summe|zzgl|в том числе) )?"
    r"(de )?(tax|vat|gst|hst|igst|mwst|ust|mehrwertsteuer|umsatzsteuer|steuer|tva|taxes?|btw|iva|"
    r"impuestos?|imposta|ндс)"
    r"( total| amount| betrag| bedrag)?|steuerbetrag|消費税額?|税額|内税|外税",
    "not_amount": r"(previous |opening )?balance|(amount |already )?paid|cash|change|(suggested )?tip|gratuity|"
    r"ruckgeld|gegeben|(total )?(discount|savings)|rabatt|remise|skonto|korting|descuento|sconto|shipping|deposit|"
    r"anzahlung|acompte|"
    r"unit price|einzelpreis|(tax|vat|mwst|steuer) (rate|satz)|скидка|аванс|お預り|お釣り?",
    "seller": r"seller|vendor|supplier|(remit|pay|payable) to|issued by|verkaufer|lieferant|vendeur|fournisseur|"
    r"emetteur|"
    r"vendedor|proveedor|emisor|fornitore|emitente|продавец|поставщик|исполнитель|kontoinhaber|account (name|holder)",
    "buyer": r"(bill(ed)?|ship(ped)?|sold|deliver) to|customer( name)?|client|buyer|guest|attn|kunde|kaufer|empfanger|"
    r"(rechnungs|liefer)(empfanger|adresse|anschrift)|(facture|livre|facturar) a|(adresse de )?(facturation|livraison)|"
    r"klant|cliente|comprador|destinatario|spettabile|покупатель|заказчик|(billing|shipping) address",
}  # fmt: skip
SIGNS = {"€": "EUR", "euro": "EUR", "euros": "EUR", "$": "USD", "£": "GBP", "¥": "JPY", "円": "JPY", "₽": "RUB",
         "руб": "RUB", "₹": "INR", "zł": "PLN", "kč": "CZK", "₺": "TRY", "r$": "BRL", "hk$": "HKD"}  # fmt: skip
CODE = re.compile(r"(?<![^\W\d])(r\$|hk\$|[€$£¥円₽₹₺]|(?:euros?|руб|zł|kč|eur|usd|gbp|chf|jpy|rub|inr|pln|czk|sek|nok|"
                  r"dkk|huf|cad|aud|nzd|cny|brl|hkd|sgd)(?![^\W\d]))")  # fmt: skip
MONEY = re.compile(
    r"(?<![\d.,/])[-(]?\s?[$€£¥]?-?\s?(?:(?:\d{1,3}(?:(?P<g>[.,'’ ])\d{3})(?:(?P=g)\d{3})*|"
    r"\d{1,3}(?:,\d{2})+,\d{3}|\d*)"
    r"[.,]\s?\d{2}(?![\d%]|\s?%|[.,/:-]\d)-?|(?<=[$€£¥])\d[\d,]*(?![\d.,])|\d[\d,]*(?=\s?円))"
)
DAY, YEAR = r"\d{1,2}(?:st|nd|rd|th|er|º)?", r"'?(?:\d{4}|\d{2})(?!\d)"
DATE = re.compile(
    r"(?<![\d.,/-])(?:(?P<iso>\d{4}\s?[-./年]\s?\d{1,2}\s?[-./月]\s?\d{1,2})(?!\d)|\d{1,2}\s?[./-]\s?\d{1,2}\s?[./-]\s?"
    rf"{YEAR}|{DAY}[.\s-]{{0,2}}(?:de\s)?[^\W\d]{{3,10}}[.,]?[\s-]?(?:del?\s)?{YEAR}|"
    rf"[^\W\d]{{3,10}}\.?\s?{DAY}[\s,.-]{{1,3}}\d{{4}})"
)
NUMBER = re.compile(r"[\s:.#°º№-]*(?:(?:nr|no|n)\b[\s:.#°º]*)?((?=[\w./-]*\d)\w[\w./-]*\w|\d)", re.I)
LEGAL = re.compile(
    r"(?<!\w)(?:gmbh|ag|kg|ohg|e\.? ?k|inc|llc|ltd|limited|corp|plc|s\.?a\.?r\.?l|sas|s\.?a|b\.?v|n\.?v|s\.?r\.?l|"
    r"s\.?p\.?a|s\.?l|lda|ltda|ооо|ао|ип)(?!\w)|株式会社"
)


@dataclass(frozen=True, slots=True)
class Line:
    """One piece of text on a page turned level: left, top, right, bottom in pixels, and the labels in it."""

    page: int
    box: tuple[float, float, float, float]
    text: str
    marks: tuple[tuple[int, int, str], ...] = ()

    def in_row(self, other: "Line") -> bool:
        (_, top, _, bottom), (_, high, _, low) = self.box, other.box
        return self.page == other.page and abs(top + bottom - high - low) < 1.1 * min(bottom - top, low - high)


def fold(text: str) -> str:
    """Lower case without accents, character for character."""
    return "".join(unicodedata.normalize("NFKD", letter)[0].lower()[0] for letter in text)


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    spaced = {kind: words.replace("№", "n").replace(" ", r"[\W_]*") for kind, words in LABELS.items()}
    return {kind: re.compile(rf"(?<![a-zа-я0-9])(?:{words})(?![a-zа-я])") for kind, words in spaced.items()}


def line(page: int, box: tuple[float, float, float, float], text: str) -> Line:
    """A line with its labels found."""
    text = unicodedata.normalize("NFC", text)
    spans = [(*found.span(), kind) for kind, known in _patterns().items() for found in known.finditer(fold(text))]
    marks: list[tuple[int, int, str]] = []
    for start, end, kind in sorted(spans, key=lambda span: span[0] - span[1]):
        if start < end and all(end <= mark[0] or start >= mark[1] for mark in marks):
            marks.append((start, end, kind))
    return Line(page, box, text, tuple(sorted(marks)))


def near(lines: Sequence[Line], kind: str) -> Iterator[tuple[Line, list[str], list[str]]]:
    """Each label of a kind, the texts behind and right of it up to the next label, and the nearest text below it."""
    for label in lines:
        left, top, right, bottom = label.box
        for place, (_, end, name) in enumerate(label.marks):
            if name != kind:
                continue
            stop = label.marks[place + 1][0] if place + 1 < len(label.marks) else None
            row = sorted((x for x in lines if x.box[0] > left and x.in_row(label)), key=lambda x: x.box[0])
            row = row[: next((i for i, x in enumerate(row) if x.marks), None)] if not stop else []
            under = [x for x in lines if x.page == label.page and 0 < x.box[1] - top < 4 * (bottom - top)
                     and x.box[2] > left - 10 and x.box[0] < right + 10 and not x.in_row(label)]  # fmt: skip
            yield label, [label.text[end:stop], *(x.text for x in row)], [x.text for x in under[:1]]


def number(lines: Sequence[Line]) -> str | None:
    for kind in ("number", "number_weak"):
        for _, row, under in near(lines, kind):
            for text in row[:2] + (under if kind == "number" else []):
                found = NUMBER.match(text)
                if found and not DATE.match(found[1]) and not re.fullmatch(r"\d+[.,]\d\d", found[1]):
                    return found[1]
    return None


def dates(text: str, order: str, languages: Sequence[str]) -> list[str]:
    """The dates in a text, ISO. Only whole dates in listed shapes reach the parser, which would guess at others."""
    import dateparser

    settings: dict[str, Any] = {"REQUIRE_PARTS": ["day", "month", "year"], "PARSERS": ["absolute-time"]}
    days = []
    for found in DATE.finditer(text):
        plain = re.sub(r"\s*[年月./]\s*", "-" if found["iso"] else ".", found[0])
        settings["DATE_ORDER"] = "YMD" if found["iso"] else order
        days.append(dateparser.parse(plain, languages=list(languages), settings=settings))
    return [day.date().isoformat() for day in days if day]


def issue_and_due(lines: Sequence[Line], order: str, languages: Sequence[str]) -> tuple[str | None, str | None]:
    def first(kind: str) -> str | None:
        texts = (text for _, row, under in near(lines, kind) for text in row + under)
        return next((day for text in texts for day in dates(text, order, languages)), None)

    due = first("due")
    free = [x.text for x in lines if not {"due", "not_issue"} & {kind for *_, kind in x.marks}]
    unlabelled = (day for text in free for day in dates(text, order, languages) if day != due)
    return first("issue") or first("issue_weak") or next(unlabelled, None), due


def amounts(text: str) -> list[Decimal]:
    from price_parser import Price

    found = [re.sub(r"(?<=[.,])\s", "", match[0]) for match in MONEY.finditer(re.sub("[−–]", "-", text))]
    signed = [(Price.fromstring(text).amount, "-" in text or text.startswith("(")) for text in found]
    return [-price if negative else price for price, negative in signed if price is not None]


def totals(lines: Sequence[Line]) -> dict[str, str]:
    """net, tax and gross: of what stands at their labels (the lower the better), the three that add up."""
    every = [price for x in lines for price in amounts(x.text)]
    weights = {kind: dict.fromkeys(every, 0.1) for kind in ("net", "tax", "gross")}
    weights["gross"].update({max(every): 0.8} if every else {})
    depth = max((x.page + 1) * x.box[3] for x in lines) if lines else 1
    for kind, strength in (("net", 3.0), ("tax", 3.0), ("gross", 3.0), ("gross_weak", 1.5)):
        known = weights[kind.removesuffix("_weak")]
        for label, row, under in near(lines, kind):
            behind = [price for text in row for price in amounts(text)]
            share = 1.0 if behind else 0.6
            for place, price in enumerate(reversed(behind or [price for text in under for price in amounts(text)])):
                weight = strength * share / (1 + place) + (label.page + 1) * label.box[3] / depth
                known[price] = max(known.get(price, 0), weight)
    best = {kind: sorted(known, key=known.__getitem__)[-12:] for kind, known in weights.items()}

    def score(trio: tuple[Any, ...]) -> float:
        net, tax, gross = trio
        pairs = zip(weights, trio, strict=True)
        points = sum(weights[kind].get(price, 0) for kind, price in pairs if price is not None)
        points += (3 if tax else 1) if net and tax is not None and net + tax == gross else 0
        return float(points - 3 * (abs(net or 0) > abs(gross)) - 3 * (abs(tax or 0) >= abs(gross) > 0))

    trios = product([*best["net"], None], [*best["tax"], None], best["gross"])
    chosen = dict(zip(weights, max(trios, key=score, default=()), strict=False))
    whole = None not in chosen.values()
    return {k: str(v) for k, v in chosen.items() if v is not None and (whole or weights[k][v] > 0.5)}


def seller(lines: Sequence[Line]) -> str | None:
    """The line most like an issuer: high up, large, with a legal form, a label, or its name in a web address."""
    first = [x for x in lines if x.page == 0]
    depth = max((x.box[3] for x in first), default=1)
    usual = median([x.box[3] - x.box[1] for x in first] or [1])
    sites = re.findall(r"(?:@|www\.)([\w-]{4,})\.", " ".join(x.text.lower() for x in lines))
    sites = [re.sub(r"\W", "", site) for site in sites if site not in ("gmail", "outlook", "yahoo", "hotmail")]
    labelled = {text.strip(" :") for _, row, under in near(lines, "seller") for text in (row + under)}
    buyers = [x.box for x in first if any(kind == "buyer" for *_, kind in x.marks)]
    scores: dict[str, float] = {}
    for x in first:
        (left, top, _, bottom), barred = x.box, any(start == 0 for start, *_ in x.marks)
        theirs = any(0 <= top - b[1] < 5 * (b[3] - b[1]) and abs(left - b[0]) < 12 * usual for b in buyers)
        for part in re.split(r"\s*[·•|*]\s*|\s[-–—]\s|,\s(?!inc|llc|ltd)", x.text, flags=re.I):
            plain = re.sub(r"[\W\d_]", "", fold(part))
            if len(plain) < 2 or barred or MONEY.search(part) or "@" in part or "www" in part:
                continue
            score = 1.5 * (1 - top / depth) + min((bottom - top) / usual, 3) * (0.8 if top < depth / 3 else 0.2)
            score += 2.5 * bool(LEGAL.search(part.lower())) + 2.5 * (part in labelled) - 3 * theirs
            score += 2 * any(site in plain or (len(plain) > 2 and plain in site) for site in sites)
            score -= 1.5 * bool(re.search(r"\d", part)) + 0.7 * (len(part.split()) > 5) + 0.5 * part.endswith(":")
            scores[part.strip(" :")] = max(score, scores.get(part.strip(" :"), 0))
    return max(scores, key=scores.__getitem__, default=None)


def items(lines: Sequence[Line]) -> list[dict[str, str]]:
    """Rows with words and an amount at their end, above the first total."""
    found: list[dict[str, str]] = []
    for x in lines:
        row = sorted((y for y in lines if y.in_row(x)), key=lambda y: y.box[0])
        if any(kind in ("net", "tax", "gross", "gross_weak") for y in row for *_, kind in y.marks) and found:
            break
        prices = [price for y in row for price in amounts(y.text)]
        if row[0] is not x or not prices or not amounts(row[-1].text):
            continue
        words = max((y.text for y in row), key=lambda text: sum(map(str.isalpha, text)))
        count = next((y.text for y in row if re.fullmatch(r"\d{1,4}", y.text)), None)
        cells = {"description": words, "quantity": count, "amount": str(prices[-1])}
        cells["unit_price"] = str(prices[-2]) if len(prices) > 1 else None
        found.append({key: value for key, value in cells.items() if value})
    return found


def read(lines: Sequence[Line], languages: Sequence[str]) -> dict[str, Any]:
    """The fields of a document in the shipped schema's keys; what was not found is left out."""
    lines = sorted(lines, key=lambda x: (x.page, x.box[1] + x.box[3], x.box[0]))
    signs = Counter[str]()
    for x in lines:
        for sign in CODE.findall(x.text.lower()):
            signs[SIGNS.get(sign, sign.upper())] += 2 if MONEY.search(x.text) else 1
    currency = max(signs, key=signs.__getitem__, default=None)
    pairs = [tuple(map(int, pair)) for x in lines for pair in re.findall(r"\b(\d\d?)[./-](\d\d?)[./-]\d{2,4}", x.text)]
    american = any(b > 12 for _, b in pairs) or (currency == "USD" and not any(a > 12 for a, _ in pairs))
    issue, due = issue_and_due(lines, "MDY" if american else "DMY", languages)
    found = {"invoice_number": number(lines), "issue_date": issue, "due_date": due, "currency": currency,
             "seller": {"name": seller(lines)}, "totals": totals(lines), "line_items": items(lines)}  # fmt: skip
    return {key: value for key, value in found.items() if value not in (None, {}, [], {"name": None})}
