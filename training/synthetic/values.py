"""An invented invoice or receipt as values, and the reference that says them: figures that add up,
numbers that check.

Everything is drawn from one `random.Random`, so a seed and a few wishes are a document.
"""

import random
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from stdnum import iban, luhn
from stdnum.iso7064 import mod_11_10
from stdnum.ru import inn

from training.synthetic.lexicon import COMPANIES, GOODS, SHOP

CENT = Decimal("0.01")
RATES = {"en": Decimal(20), "de": Decimal(19), "fr": Decimal(20), "ru": Decimal(20)}
CURRENCIES = {"en": "GBP", "de": "EUR", "fr": "EUR", "ru": "RUB"}


@dataclass(frozen=True, slots=True)
class Company:
    name: str
    street: str
    city: str
    tax_id: str
    account: str


@dataclass(frozen=True, slots=True)
class Line:
    description: str
    quantity: Decimal
    unit_price: Decimal

    @property
    def amount(self) -> Decimal:
        return cents(self.quantity * self.unit_price)


@dataclass(frozen=True, slots=True)
class Paper:
    """One document's values; `gross_rows` says that the rows' prices contain the tax, as on a
    till's receipt."""

    kind: str
    language: str
    number: str
    issued: date
    due: date | None
    seller: Company
    buyer: Company | None
    lines: tuple[Line, ...]
    balance: Decimal | None = None
    gross_rows: bool = False

    @property
    def totals(self) -> tuple[Decimal, Decimal, Decimal]:
        """Net, tax and gross, each in the currency's unit with two decimals."""
        rows, rate = sum((line.amount for line in self.lines), Decimal()), RATES[self.language]
        if self.gross_rows:
            tax = cents(rows * rate / (100 + rate))
            return rows - tax, tax, rows
        tax = cents(rows * rate / 100)
        return rows, tax, rows + tax


def cents(value: Decimal) -> Decimal:
    return value.quantize(CENT, ROUND_HALF_UP)


def paper(
    chance: random.Random,
    language: str,
    kind: str = "invoice",
    rows: int = 4,
    balance: bool = False,
) -> Paper:
    """Draw one document's values; kind is `invoice`, `slip`, `receipt` or `credit` (its amounts are
    negative)."""
    seller, buyer = (company(language, values) for values in chance.sample(COMPANIES[language], 2))
    issued = date(2024, 1, 1) + timedelta(days=chance.randrange(330))
    till = kind == "receipt"
    goods = chance.sample(
        (SHOP if till else GOODS)[language], len((SHOP if till else GOODS)[language])
    )
    drawn = Paper(
        kind=kind,
        language=language,
        number=document_number(chance, kind, issued.year),
        issued=issued,
        due=issued + timedelta(days=chance.choice((14, 30)))
        if kind in ("invoice", "slip")
        else None,
        seller=seller,
        buyer=None if till else buyer,
        lines=tuple(line(chance, article(goods, index), language, till) for index in range(rows)),
        balance=cents(Decimal(chance.randrange(5000, 90000)) / 100) if balance else None,
        gross_rows=till,
    )
    return negative(drawn) if kind == "credit" else drawn


def negative(drawn: Paper) -> Paper:
    return replace(
        drawn, lines=tuple(replace(line, quantity=-line.quantity) for line in drawn.lines)
    )


def article(goods: list[str], index: int) -> str:
    """No two rows of a document are alike: what comes round again has a variant's number."""
    turn, place = divmod(index, len(goods))
    return goods[place] + (f" / {turn + 1:02d}" if turn else "")


def line(chance: random.Random, description: str, language: str, till: bool) -> Line:
    scale = 70 if language == "ru" else 1
    price = (
        Decimal(chance.randrange(120, 900) if till else chance.randrange(450, 19000)) * scale / 100
    )
    quantity = Decimal(chance.randrange(1, 4 if till else 13))
    if not till and chance.random() < 0.15:
        quantity += Decimal("0.5")
    return Line(description, quantity, cents(price))


def document_number(chance: random.Random, kind: str, year: int) -> str:
    serial = chance.randrange(100, 9999)
    forms = {"receipt": (f"{serial:06d}",), "credit": (f"CN-{year}-{serial:04d}",)}
    return chance.choice(
        forms.get(kind, (f"{year}-{serial:05d}", f"INV{serial:06d}", f"{serial}/{year % 100}"))
    )


def company(language: str, values: tuple[str, str, str]) -> Company:
    """Its numbers follow from its name, so they are the same on all of its documents."""
    chance = random.Random(values[0])  # noqa: S311 - drawings, not secrets
    return Company(
        *values, tax_id=TAX_IDS[language](chance), account=bank_account(chance, language)
    )


def digits(chance: random.Random, count: int) -> str:
    return str(chance.randrange(1, 10)) + "".join(
        str(chance.randrange(10)) for _ in range(count - 1)
    )


def german_vat(chance: random.Random) -> str:
    body = digits(chance, 8)
    return f"DE{body}{mod_11_10.calc_check_digit(body)}"


def french_vat(chance: random.Random) -> str:
    """The key of a TVA number is (12 + 3 * (SIREN mod 97)) mod 97, and a SIREN ends in its Luhn
    digit."""
    body = digits(chance, 8)
    siren = body + luhn.calc_check_digit(body)
    return f"FR{(12 + 3 * (int(siren) % 97)) % 97:02d}{siren}"


def british_vat(chance: random.Random) -> str:
    """The weighted sum 8..2 of seven digits plus the last two is a multiple of 97."""
    body = digits(chance, 7)
    total = sum(int(digit) * weight for digit, weight in zip(body, range(8, 1, -1), strict=True))
    return f"GB{body}{97 - total % 97:02d}"


def russian_inn(chance: random.Random) -> str:
    body = digits(chance, 9)
    return body + inn.calc_company_check_digit(body)


def bank_account(chance: random.Random, language: str) -> str:
    if language == "ru":
        return "40702810" + digits(chance, 12)
    body = {"en": "GB00HRWM" + digits(chance, 14), "de": "DE00" + digits(chance, 18)}.get(language)
    number = body or french_account(chance)
    checked = number[:2] + iban.calc_check_digits(number) + number[4:]
    return " ".join(checked[start : start + 4] for start in range(0, len(checked), 4))


def french_account(chance: random.Random) -> str:
    """Bank, branch, account and the RIB key 97 - (89 bank + 15 branch + 3 account) mod 97."""
    bank, branch, account = digits(chance, 5), digits(chance, 5), digits(chance, 11)
    key = 97 - (89 * int(bank) + 15 * int(branch) + 3 * int(account)) % 97
    return f"FR00{bank}{branch}{account}{key:02d}"


TAX_IDS = {"en": british_vat, "de": german_vat, "fr": french_vat, "ru": russian_inn}
