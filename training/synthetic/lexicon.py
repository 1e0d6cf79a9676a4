"""What the invented companies are called, what they sell, and the words printed around the figures,
per language.

Any likeness to a company that exists is an accident: names and streets were made up for these
pages.
"""

GOODS: dict[str, tuple[str, ...]] = {
    "en": (
        "Oak shelf board 80 x 20 cm",
        "Desk lamp, brass",
        "Packing tape, 6 rolls",
        "On-site service, technician",
        "Label printer ribbon",
        "Delivery and handling",
        "Copper wire 2.5 mm, 50 m",
        "Annual maintenance plan",
    ),
    "de": (
        "Regalbrett Eiche 80 x 20 cm",
        "Schreibtischlampe Messing",
        "Kopierpapier A4, 500 Blatt",
        "Montage vor Ort, Stunde",
        "Schrauben M6, 200 Stück",
        "Fracht und Verpackung",
        "Prüfung der Anlage",
        "Türgriff Edelstahl",
    ),
    "fr": (
        "Étagère en chêne 80 x 20 cm",
        "Lampe de bureau en laiton",
        "Papier A4, 500 feuilles",
        "Main-d'œuvre, heure",
        "Câble cuivre 2,5 mm, 50 m",
        "Frais de port",
        "Révision annuelle",
        "Poignée de porte inox",
    ),
    "ru": (
        "Полка дубовая 80 x 20 см",
        "Лампа настольная",
        "Бумага А4, 500 листов",
        "Монтаж оборудования, час",
        "Кабель медный 2,5 мм, 50 м",
        "Доставка по городу",
        "Техническое обслуживание",
        "Ручка дверная стальная",
    ),
}

SHOP: dict[str, tuple[str, ...]] = {
    "en": ("Flat white", "Rye bread", "Oat biscuits", "Green apples", "Tea, loose", "Postcard"),
    "de": ("Milchkaffee", "Roggenbrot", "Haferkekse", "Äpfel grün", "Tee lose", "Postkarte"),
    "fr": (
        "Café crème",
        "Pain de seigle",
        "Sablés",
        "Pommes vertes",
        "Thé en vrac",
        "Carte postale",
    ),
    "ru": (
        "Кофе с молоком",
        "Хлеб ржаной",
        "Печенье овсяное",
        "Яблоки зелёные",
        "Чай листовой",
        "Открытка",
    ),
}

COMPANIES: dict[str, tuple[tuple[str, str, str], ...]] = {
    "en": (
        ("Harrowmere Supplies Ltd", "14 Tallow Lane", "Leeds LS9 4QX"),
        ("Pell & Oakden Ltd", "7 Ferrier Wharf", "Bristol BS2 7RD"),
        ("Quillbrook Systems Ltd", "220 Marlpit Road", "Norwich NR3 8KE"),
        ("Tarnside Joinery Ltd", "3 Becksmoor Yard", "Kendal LA9 2UT"),
    ),
    "de": (
        ("Brunnfelder Technik GmbH", "Ahornstieg 12", "34117 Kassel"),
        ("Ostervald & Krämer GmbH", "Mühlgrabenweg 8", "04229 Leipzig"),
        ("Nordhalm Bürobedarf GmbH", "Speicherkai 41", "28195 Bremen"),
        ("Lindacker Werkstätten GmbH", "Am Steinbügel 5", "97070 Würzburg"),
    ),
    "fr": (
        ("Ateliers Vaubreuil SARL", "18 rue des Tanneurs", "69007 Lyon"),
        ("Maison Corbelane SAS", "5 quai des Tilleuls", "44000 Nantes"),
        ("Fournitures Ormelle SAS", "92 avenue du Moulin", "31400 Toulouse"),
        ("Lestrange Bâtiment SARL", "27 chemin du Lavoir", "38000 Grenoble"),
    ),
    "ru": (
        ("ООО «Северный мост»", "ул. Заречная, д. 14", "630007, Новосибирск"),
        ("ООО «Берёзовая роща»", "пер. Садовый, д. 3", "420015, Казань"),
        ("ООО «Технолиния»", "ул. Литейная, д. 28", "620014, Екатеринбург"),
        ("ООО «Дом и склад»", "пр. Речной, д. 101", "443001, Самара"),
    ),
}

LABELS: dict[str, dict[str, str]] = {
    "en": {
        "invoice": "INVOICE", "credit": "CREDIT NOTE", "receipt": "RECEIPT",
        "number": "Invoice no.", "slip_number": "Receipt no.", "credit_number": "Credit note no.",
        "date": "Date", "due": "Due date", "to": "Bill to", "tax_id": "VAT no.",
        "item": "Description", "qty": "Qty", "price": "Unit price", "amount": "Amount",
        "net": "Net total", "tax": "VAT", "gross": "Total", "balance": "Previous balance",
        "all_due": "Amount due incl. previous balance", "page": "Page", "bank": "Bank details",
        "terms": "Goods remain our property until paid in full.",
        "thanks": "Thank you for your visit",
    },
    "de": {
        "invoice": "Rechnung", "credit": "Gutschrift", "receipt": "Quittung",
        "number": "Rechnungs-Nr.", "slip_number": "Beleg-Nr.", "credit_number": "Gutschrift-Nr.",
        "date": "Datum", "due": "Zahlbar bis", "to": "Rechnung an", "tax_id": "USt-IdNr.",
        "item": "Bezeichnung", "qty": "Menge", "price": "Einzelpreis", "amount": "Betrag",
        "net": "Nettobetrag", "tax": "MwSt.", "gross": "Gesamtbetrag", "balance": "Offener Saldo",
        "all_due": "Zu zahlen inkl. Saldo", "page": "Seite", "bank": "Bankverbindung",
        "terms": "Die Ware bleibt bis zur vollständigen Bezahlung unser Eigentum.",
        "thanks": "Vielen Dank für Ihren Einkauf",
    },
    "fr": {
        "invoice": "FACTURE", "credit": "AVOIR", "receipt": "REÇU", "number": "Facture n°",
        "slip_number": "Ticket n°", "credit_number": "Avoir n°", "date": "Date", "due": "Échéance",
        "to": "Facturé à", "tax_id": "N° TVA", "item": "Désignation", "qty": "Qté",
        "price": "Prix unitaire", "amount": "Montant", "net": "Total HT", "tax": "TVA",
        "gross": "Total TTC", "balance": "Solde antérieur", "all_due": "À payer, solde compris",
        "page": "Page", "bank": "Coordonnées bancaires",
        "terms": "Les marchandises restent notre propriété jusqu'au paiement complet.",
        "thanks": "Merci de votre visite",
    },
    "ru": {
        "invoice": "СЧЁТ", "credit": "КРЕДИТ-НОТА", "receipt": "ЧЕК", "number": "Счёт №",
        "slip_number": "Чек №", "credit_number": "Кредит-нота №", "date": "Дата",
        "due": "Оплатить до", "to": "Покупатель", "tax_id": "ИНН", "item": "Наименование",
        "qty": "Кол-во", "price": "Цена", "amount": "Сумма", "net": "Итого без НДС", "tax": "НДС",
        "gross": "Всего к оплате", "balance": "Долг на начало",
        "all_due": "К оплате с учётом долга", "page": "Стр.", "bank": "Банковские реквизиты",
        "terms": "Товар остаётся собственностью продавца до полной оплаты.",
        "thanks": "Спасибо за покупку",
    },
}  # fmt: skip
