"""What the lines of an invoice say, by label words, position and arithmetic: the OCR baseline's reading.

No rule is for one issuer. `LABELS` holds what documents print before a value, in nine languages; a value stands behind
its label, right of it, or below it. Totals are the candidates that add up (net + tax = gross), else the best labelled.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from itertools import product
from typing import Any

# Kind of value -> printed words, folded (no accents, lower case). The longest label at a place wins, so "sub total" is
# no "total". `no_*` are neighbours that must not be taken for the value.
LABELS = {
    "number": "invoice number|invoice no|invoice nr|invoice num|invoice id|invoice #|inv no|inv #|bill number|bill no|"
    "receipt number|receipt no|receipt #|credit note number|credit note no|tax invoice no|document number|document no|"
    "statement no|statement number|folio|confirmation number|rechnungsnummer|rechnungsnr|rechnung nr|rechnungs nr|"
    "rechnung nummer|rechnung no|re nr|belegnummer|belegnr|beleg nr|gutschriftsnummer|gutschrift nr|gutschriftnr|"
    "rechnungskorrektur nr|korrekturrechnung nr|facture n|facture no|facture numero|facture num|n facture|"
    "n de facture|n° facture|n° de facture|no de facture|numero de facture|avoir n|avoir no|numero d'avoir|"
    "factuurnummer|factuurnr|factuur nr|factuur nummer|numero fattura|numero di fattura|fattura n|fattura nr|"
    "fattura numero|n fattura|n. documento|numero documento|numero de factura|n factura|n de factura|no factura|"
    "factura n|factura no|factura numero|factura num|factura nº|numero da fatura|fatura n|fatura no|fatura nº|"
    "n da fatura|numero de fatura|nota fiscal n|счет no|счет №|счет на оплату №|счет фактура №|номер счета|чек №|"
    "請求書番号|請求番号|伝票番号|領収書番号|receipt id|booking number|numero|n°|nº",
    "number_weak": "invoice|bill|rechnung|rechnungskorrektur|gutschrift|facture|factuur|fattura|factura|fatura|"
    "avoir|credit note|№|document",
    "issue": "invoice date|date of invoice|date of issue|issue date|issued on|issued|issued date|bill date|dated|"
    "date issued|receipt date|statement date|credit note date|invoiced on|rechnungsdatum|ausstellungsdatum|belegdatum|"
    "rechnung vom|datum der rechnung|date de facture|date de facturation|date facture|date d'emission|date de la facture|"
    "facture du|emise le|factuurdatum|fecha de factura|fecha factura|fecha de emision|fecha emision|fecha de expedicion|"
    "data fattura|data di emissione|data documento|data emissione|data de emissao|data da fatura|data emissao|дата счета|"
    "от|発行日|請求日|日付|取引日|transaction date|order date and time",
    "issue_weak": "date|datum|fecha|data|дата|tag|bonn datum",
    "due": "due date|payment due|date due|due on|due by|due|pay by|payable by|payment due date|zahlbar bis|fallig am|"
    "fallig bis|falligkeit|falligkeitsdatum|zahlungsziel|zahlungsfrist|bis zum|bis spatestens|spatestens bis|"
    "date d'echeance|echeance|date limite de paiement|a payer avant le|a regler avant le|vervaldatum|vervaldag|"
    "uiterste betaaldatum|te betalen voor|betalen voor|fecha de vencimiento|fecha vencimiento|vencimiento|data scadenza|"
    "data di scadenza|scadenza|data de vencimento|data vencimento|vencimento|срок оплаты|оплатить до|支払期限|支払期日|"
    "お支払期限|振込期限",
    "no_date": "delivery date|date of delivery|order date|ship date|lieferdatum|leistungsdatum|bestelldatum|liefertermin|"
    "leistungszeitraum|date of birth|geburtsdatum|date de livraison|date de commande|leverdatum|besteldatum|"
    "bestellung vom|auftragsdatum|auftrag vom|fecha de entrega|data di consegna|data de entrega|service date|"
    "arrival date|arrival|check in|anreise|departure|abreise|period|billing period|periode|lieferschein vom|"
    "datum und uhrzeit|дата поставки|納期|valid until|print date|service period|tse start|tse stop",
    "no_number": "customer number|customer no|customer id|customer|client|kundennummer|kunden nr|kundennr|kunde|account number|"
    "account no|account|order number|order no|order|bestellnummer|bestell nr|auftragsnummer|auftrags nr|po number|p.o. #|"
    "numero de client|n client|klantnummer|ordernummer|debiteurnummer|numero de cliente|numero cliente|vat number|"
    "vat no|vat id|vat reg no|tax id|tax no|tax number|tax reg no|gst no|abn|ust idnr|ust id|ust id nr|ustid|"
    "umsatzsteuer id|steuernummer|steuer nr|st nr|numero de tva|tva intracommunautaire|btw nummer|btw nr|kvk|nif|nit|"
    "cif|partita iva|p iva|cnpj|инн|кпп|登録番号|phone|tel|fax|telefon|telefono|phone number|total items|"
    "invoice to|invoice address|invoice for|numero de telephone",
    "gross": "grand total|invoice total|total amount|total due|amount due|balance due|total incl|total including|total inc|"
    "total payable|amount payable|total to pay|total invoice|invoice amount|total amount due|amount total|total eur|"
    "total usd|total gbp|please pay|gesamtbetrag|rechnungsbetrag|bruttobetrag|gesamtsumme|endbetrag|endsumme|"
    "gesamt brutto|summe brutto|brutto gesamt|gesamtbetrag brutto|zu zahlen|zu zahlender betrag|zahlbetrag|"
    "gesamtpreis brutto|bruttosumme|rechnungssumme|rechnungsendbetrag|bruttowert|betrag brutto|brutto summe|"
    "total ttc|montant ttc|montant total ttc|total a payer|net a payer|a payer|montant total|montant du|prix ttc|"
    "totaal incl|totaalbedrag|te betalen|totaal te betalen|totaal inclusief|total a pagar|importe total|total factura|"
    "total con iva|total general|totale fattura|totale documento|totale da pagare|totale complessivo|netto a pagare|"
    "importo totale|totale euro|totale ivato|valor total|total da fatura|total geral|total com iva|total do documento|"
    "итого к оплате|всего к оплате|к оплате|сумма к оплате|всего с ндс|итого с ндс|合計|総合計|ご請求金額|請求金額|"
    "税込合計|お買上計|総計|合計金額",
    "gross_weak": "total|totaal|totale|gesamt|summe|zahlen|итого|всего|sum|betrag|montant|importe|importo|amount|"
    "total price|einkauf|kartenzahlung|visa|mastercard|card|ec karte|girocard|bar",
    "net": "sub total|subtotal|subtotaal|sous total|net total|total net|net amount|net|amount net|total excl|total excluding|"
    "total ex|total before tax|taxable amount|total hors taxe|total ht|montant ht|montant total ht|total hors tva|"
    "base ht|net ht|total net ht|nettobetrag|summe netto|netto|netto summe|gesamt netto|nettosumme|zwischensumme|"
    "netto gesamt|gesamtbetrag netto|gesamtpreis netto|rechnungsbetrag netto|nettowert|warenwert|totaal excl|"
    "totaal exclusief|netto bedrag|bedrag excl|base imponible|importe neto|total sin iva|total neto|suma|imponibile|"
    "totale imponibile|totale netto|imponibile totale|base tributavel|total sem iva|total liquido|incidencia|"
    "сумма без ндс|итого без ндс|всего без ндс|小計|税抜金額|税抜合計|taxable value|total taxable value|steuerbetragsbasis",
    "tax": "tax|sales tax|total tax|tax total|tax amount|vat|total vat|vat amount|vat total|gst|hst|igst|value added tax|mwst|"
    "ust|mehrwertsteuer|umsatzsteuer|steuer|steuerbetrag|summe mwst|mwst betrag|gesamtsteuer|umsatzsteuerbetrag|"
    "zzgl mwst|zzgl ust|summe umsatzsteuer|tva|total tva|montant tva|montant tva|taxe|taxes|total taxes|btw|"
    "btw bedrag|totaal btw|iva|total iva|importe iva|cuota iva|cuota|totale iva|imposta|totale imposta|impuesto|"
    "impuestos|imposto|valor iva|total de iva|ндс|сумма ндс|в том числе ндс|итого ндс|消費税|税額|内税|外税|消費税額",
    "no_amount": "balance|previous balance|opening balance|paid|amount paid|amount tendered|cash|change|change due|tip|"
    "ruckgeld|gegeben|discount|rabatt|remise|skonto|korting|descuento|sconto|desconto|shipping|saldo|deposit|anzahlung|"
    "acompte|already paid|bereits gezahlt|suggested tip|gratuity|скидка|аванс|お預り|お釣り|total items|total qty|"
    "total savings|you saved|tva n|quantity|prepaid|last payment|vorauszahlung|total discount|unit price|"
    "tax rate|vat rate|mwst satz|steuersatz|einzelpreis",
    "seller": "seller|vendor|supplier|issued by|remit to|pay to|payable to|verkaufer|lieferant|rechnungssteller|vendeur|"
    "fournisseur|emetteur|leverancier|vendedor|proveedor|emisor|fornitore|cedente|emitente|fornecedor|"
    "продавец|поставщик|исполнитель|kontoinhaber|account name|beneficiary|titulaire|account holder",
    "buyer": "bill to|billed to|ship to|sold to|invoice to|customer|client|buyer|deliver to|attn|recipient|kunde|kaufer|"
    "rechnungsempfanger|lieferadresse|rechnungsadresse|empfanger|facture a|livre a|adresse de facturation|"
    "adresse de livraison|acheteur|destinataire|klant|factuuradres|cliente|facturar a|comprador|destinatario|"
    "spettabile|покупатель|заказчик|плательщик|billing address|shipping address|guest|gast|bill for|customer name|invoice for",
}  # fmt: skip
KINDS = {word: kind for kind, words in LABELS.items() for word in words.split("|")}
SIGNS = {"€": "EUR", "$": "USD", "£": "GBP", "¥": "JPY", "￥": "JPY", "円": "JPY", "₽": "RUB", "руб": "RUB", "₹": "INR",
         "euro": "EUR", "euros": "EUR", "zł": "PLN", "r$": "BRL", "sfr": "CHF", "kč": "CZK", "₺": "TRY", "₩": "KRW"}  # fmt: skip
CODES = "EUR USD GBP CHF JPY RUB INR PLN CZK SEK NOK DKK HUF CAD AUD NZD CNY BRL MXN TRY UAH ZAR SGD HKD".split()
CURRENCY = re.compile(
    rf"(?<![^\W\d])(?:{'|'.join(map(re.escape, sorted([*SIGNS, *map(str.lower, CODES)], key=len, reverse=True)))})(?![^\W\d])"
)
MONEY = re.compile(
    r"(?<![\d.,/])(?:-\s?|\()?[$€£¥￥]?-?\s?(?:\d{1,3}(?:(?P<g>[.,'’ ])\d{3})(?:(?P=g)\d{3})*|\d{1,3}(?:,\d{2})+,\d{3}|\d*)"
    r"[.,]\s?\d{2}(?![\d%]|\s?%|[.,/:-]\d)-?|-?[$€£¥￥]\s?\d[\d,]*(?![\d.,])|(?<![\d.,])\d[\d,]*(?=\s?円)"
)
DATE = re.compile(
    r"(?<![\d.,/-])(?:(?P<y>\d{4})\s?[-./年]\s?\d{1,2}\s?[-./月]\s?\d{1,2}|\d{1,2}\s?[./-]\s?\d{1,2}\s?[./-]\s?(?:\d{4}|\d{2})"
    r"|\d{1,2}(?:st|nd|rd|th|er|º)?[.\s-]{0,2}(?:de\s)?[^\W\d]{3,10}[.,]?[\s-]?(?:de\s|del\s)?'?(?:\d{4}|\d{2})"
    r"|[^\W\d]{3,10}\.?\s?\d{1,2}(?:st|nd|rd|th)?[\s,.-]{1,3}\d{4})(?![\d%])"
)
NUMBER = re.compile(r"[\s:.#°º№-]*(?:(?:nr|no|n)\b[\s:.#°º]*)?((?=[\w./-]*\d)\w[\w./-]*\w|\d)")
LEGAL = re.compile(
    r"(?<!\w)(?:gmbh|ag|kg|ohg|e\.\s?k|a\.\s?g|ug|inc|llc|ltd|limited|corp|corporation|plc|sarl|s\.a\.r\.l|sas|sa|s\.a|"
    r"eurl|b\.?v|n\.?v|s\.?r\.?l|s\.?p\.?a|s\.?l\.?u?|lda|ltda|ооо|ао|ип|pty|co)(?!\w)|株式会社"
)


@dataclass(frozen=True, slots=True)
class Line:
    """One piece of text where it stands, in the pixels of a page turned level; `marks` are the labels in it."""

    page: int
    left: float
    top: float
    right: float
    bottom: float
    text: str
    marks: tuple[tuple[str, int, int], ...] = ()

    @property
    def height(self) -> float:
        return self.bottom - self.top


def fold(text: str) -> str:
    """Lower case without accents, character for character."""
    return "".join(unicodedata.normalize("NFKD", letter)[0].lower()[0] for letter in text)


@cache
def _labels() -> re.Pattern[str]:
    words = sorted({fold(word) for word in KINDS}, key=len, reverse=True)
    parts = (r"[\W_]*".join(re.escape(piece) for piece in word.split()) for word in words)
    return re.compile(rf"(?<![a-zа-я0-9])(?:{'|'.join(parts)})(?![a-zа-я])")


def line(page: int, box: Sequence[float], text: str) -> Line:
    """A line with its labels found. `box` is left, top, right, bottom."""
    text = unicodedata.normalize("NFC", text)
    marks = tuple((_kind(found[0]), *found.span()) for found in _labels().finditer(fold(text)))
    return Line(page, *box, text, marks)


@cache
def _kind(label: str) -> str:
    squeezed = re.sub(r"[\W_]", "", label)
    return next((kind for word, kind in KINDS.items() if fold(word) == label), None) or next(
        kind for word, kind in KINDS.items() if re.sub(r"[\W_]", "", fold(word)) == squeezed
    )


def same_row(one: Line, other: Line) -> bool:
    middle = (one.top + one.bottom - other.top - other.bottom) / 2
    return one.page == other.page and abs(middle) < 0.55 * min(one.height, other.height)


def near(lines: Sequence[Line], kinds: str) -> Iterator[tuple[float, str]]:
    """Texts that may hold the value of a label of these kinds, with a cost: behind it, right of it, below it."""
    for label in lines:
        for index, (kind, _, end) in enumerate(label.marks):
            if kind not in kinds.split():
                continue
            stop = label.marks[index + 1][1] if index + 1 < len(label.marks) else None
            yield 0, label.text[end:stop]
            row = sorted(
                (x for x in lines if x is not label and same_row(x, label) and x.left > label.left),
                key=lambda x: x.left,
            )
            for place, other in enumerate(row):
                if other.marks:
                    break
                yield 1 + 0.1 * place, other.text
            for other in below(lines, label):
                yield 2, other.text


def below(lines: Sequence[Line], label: Line) -> list[Line]:
    under = (
        x for x in lines
        if x.page == label.page and 0 < x.top - label.top < 4 * label.height and not same_row(x, label)
        and min(x.right, label.right + label.height) > max(x.left, label.left - label.height)
    )  # fmt: skip
    return sorted(under, key=lambda x: x.top)[:1]


def number(lines: Sequence[Line]) -> str | None:
    for kinds, dearest in (("number", 3.0), ("number_weak", 1.1)):
        found = []
        for cost, text in near(lines, kinds):
            match = NUMBER.match(text)
            if match and cost <= dearest and not DATE.match(match[1]) and not re.fullmatch(r"\d+[.,]\d\d", match[1]):
                found.append((cost, match[1]))
        if found:
            return min(found, key=lambda item: item[0])[1]
    return None


def dates(text: str, order: str, languages: Sequence[str]) -> list[str]:
    """The dates printed in a text, ISO. Only whole dates in listed shapes reach the parser, which would else guess."""
    import dateparser

    found = []
    for match in DATE.finditer(text):
        plain = re.sub(r"\s*[年月./]\s*", "." if not match["y"] else "-", match[0])
        settings = {
            "DATE_ORDER": "YMD" if match["y"] else order,
            "REQUIRE_PARTS": ["day", "month", "year"],
            "PARSERS": ["absolute-time"],
        }
        day = dateparser.parse(plain, languages=list(languages), settings=settings)
        if day and 1950 < day.year < 2070:
            found.append(day.date().isoformat())
    return found


def order_of(lines: Sequence[Line], currency: str | None) -> str:
    """Day or month first: what a day above 12 shows, else the custom of the country that the currency tells."""
    pairs = [
        (int(a), int(b)) for x in lines for a, b in re.findall(r"(?<!\d)(\d{1,2})[./-](\d{1,2})[./-]\d{2,4}", x.text)
    ]
    if any(second > 12 for _, second in pairs):
        return "MDY"
    return "MDY" if currency == "USD" and not any(first > 12 for first, _ in pairs) else "DMY"


def issue_and_due(lines: Sequence[Line], order: str, languages: Sequence[str]) -> tuple[str | None, str | None]:
    def best(kinds: str) -> str | None:
        found = [(cost, day) for cost, text in near(lines, kinds) for day in dates(text, order, languages)[:1]]
        return min(found, key=lambda item: item[0])[1] if found else None

    due = best("due")
    free = (
        day
        for x in lines
        if not any(mark[0] in ("due", "no_date") for mark in x.marks)
        for day in dates(x.text, order, languages)
    )
    return best("issue") or best("issue_weak") or next((day for day in free if day != due), None), due


def amounts(text: str) -> list[Decimal]:
    from price_parser import Price

    found = []
    for match in MONEY.finditer(text.replace("−", "-").replace("–", "-")):
        price = Price.fromstring(re.sub(r"(?<=[.,])\s", "", match[0])).amount
        if price is not None:
            found.append(-price if match[0].startswith(("-", "(", "$-", "€-")) or match[0].endswith("-") else price)
    return found


def totals(lines: Sequence[Line]) -> dict[str, Decimal]:
    """net, tax and gross: the candidates that add up, weighed by their labels and by how far down they stand."""
    every = [price for x in lines for price in amounts(x.text)]
    weights = {kind: dict.fromkeys(every, 0.1) for kind in ("gross", "net", "tax")}
    if every:
        weights["gross"][max(every)] = 0.8
    pages = max((x.page for x in lines), default=0) + 1
    depth = max((x.bottom for x in lines), default=1)
    for label in lines:
        for index, (kind, start, end) in enumerate(label.marks):
            name, strength = kind.removesuffix("_weak"), 1.5 if kind.endswith("_weak") else 3.0
            if name not in weights:
                continue
            stop = label.marks[index + 1][1] if index + 1 < len(label.marks) else None
            row = sorted(
                (x for x in lines if x is not label and x.left > label.left and same_row(x, label)),
                key=lambda x: x.left,
            )
            found = amounts(label.text[end:stop]) + [price for x in row for price in amounts(x.text)]
            if not found:
                found, strength = [price for x in below(lines, label) for price in amounts(x.text)], strength * 0.6
            for place, price in enumerate(reversed(found)):
                weight = strength / (1 + place) + (label.page + label.bottom / depth) / pages
                weights[name][price] = max(weights[name].get(price, 0), weight)

    def top(kind: str) -> list[tuple[Decimal, float]]:
        return sorted(weights[kind].items(), key=lambda item: -item[1])[:12]

    best: tuple[float, dict[str, Decimal]] = (0, {})
    for (gross, one), net, tax in product(top("gross"), [*top("net"), None], [*top("tax"), None]):
        score = one + sum(x[1] for x in (net, tax) if x)
        if net and tax and net[0] + tax[0] == gross and net[0]:
            score += 3 if tax[0] else 1
        if (net and abs(net[0]) > abs(gross)) or (tax and abs(tax[0]) >= abs(gross) and gross):
            score -= 3
        if score > best[0]:
            best = score, {"net": net, "tax": tax, "gross": (gross, one)}
    chosen = {k: v for k, v in best[1].items() if v}
    sums = "net" in chosen and "tax" in chosen and chosen["net"][0] + chosen["tax"][0] == chosen["gross"][0]
    return {
        k: v[0]
        for k, v in chosen.items()
        if k == "gross" or sums and max(chosen["net"][1], chosen["tax"][1]) > 1 or v[1] > 1
    }


def currency(lines: Sequence[Line]) -> str | None:
    counts: Counter[str] = Counter()
    for x in lines:
        for match in CURRENCY.finditer(x.text.lower()):
            counts[SIGNS.get(match[0], match[0].upper())] += 2 if MONEY.search(x.text) else 1
    return counts.most_common(1)[0][0] if counts else None


def seller(lines: Sequence[Line]) -> str | None:
    """The line most like a company at the top: legal form, large print, a label, or the name in a web address."""
    first = [x for x in lines if x.page == 0]
    if not first:
        return None
    depth = max(x.bottom for x in first)
    usual = sorted(x.height for x in first)[len(first) // 2]
    text = " ".join(x.text.lower() for x in lines)
    stems = {s for s in re.findall(r"(?:@|www\.)([\w-]{3,})\.", text)} - {
        "gmail",
        "outlook",
        "yahoo",
        "hotmail",
        "gmx",
        "web",
    }
    labelled = {t.strip(" :") for _, t in near(lines, "seller")}
    buyers = [x for x in first if any(m[0] == "buyer" for m in x.marks)]
    best, name = 0.0, None
    for x in first:
        for part in re.split(r"\s*[·•|*]\s*|\s[-–—]\s|,\s(?!inc|llc|ltd)", x.text, flags=re.I):
            letters = re.sub(r"[\W\d_]", "", part)
            if (
                len(letters) < 2
                or x.marks
                and any(m[1] == 0 for m in x.marks)
                or MONEY.search(part)
                or "@" in part
                or "www" in part
            ):
                continue
            squeezed = re.sub(r"[\W_]", "", fold(part))
            score = 1.5 * (1 - x.top / depth) + min(x.height / usual, 3) * (0.8 if x.top < depth / 3 else 0.2)
            score += 2.5 * bool(LEGAL.search(part.lower())) + 2.5 * (part in labelled)
            score += 2 * any(re.sub(r"\W", "", s) in squeezed or squeezed in s for s in stems if len(squeezed) > 2)
            score -= 1.5 * bool(re.search(r"\d", part)) + 0.7 * (len(part.split()) > 5) + 0.5 * (part.endswith(":"))
            score -= 3 * any(0 <= x.top - b.top < 5 * b.height and abs(x.left - b.left) < 12 * b.height for b in buyers)
            if score > best:
                best, name = score, part.strip(" :")
    return name


def read(lines: Sequence[Line], languages: Sequence[str]) -> dict[str, Any]:
    lines = sorted(lines, key=lambda x: (x.page, x.top + x.bottom, x.left))
    money = currency(lines)
    issue, due = issue_and_due(lines, order_of(lines, money), languages)
    name = seller(lines)
    found = {
        "invoice_number": number(lines), "issue_date": issue, "due_date": due, "currency": money,
        "seller": {"name": name} if name else None, "totals": {k: str(v) for k, v in totals(lines).items()},
    }  # fmt: skip
    return {key: value for key, value in found.items() if value}
