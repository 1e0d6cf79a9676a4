"""Units of quantities as they are printed, in words, short and as UN/ECE Recommendation 20 codes.

Pieces are no unit: `10 C62`, `10 Stk.` and `10` are one quantity. Units that measure the same in
other steps (`g`, `kg`) stay apart.
"""

PIECES = ""
# Unit -> what is printed for it.
_UNIT_WORDS = {
    PIECES: (
        "x × * pcs pc pce pieces piece ea each st stk stck stück stueck stuck szt шт ud uds un und"
        " unit units item items qty unid unidade unidad unidades unité unités pezzi pz nr ks db kpl"
        " buc adet tk vnt gab kom бр од порц 個 个 件 台 点 枚 本 개 ชิ้น cái قطعة יח יחידה יח'"
        " c62 h87 pce nar nmb xpp xea"
    ),
    "set": "set sets satz set(s) компл комплект kit jeu 套 セット",
    "pair": "pr pair pairs paar paire par пара 双",
    "dozen": "dzn doz dozen dutzend dz",
    "pack": "pack packs pk pkt packung pack. pck paquet упак уп xpk xpa opak bal 包 パック",
    "box": "box boxes bx karton kt ctn carton cartons кор xbx xct 箱",
    "kg": "kg kgs kilo kilos kilogramm kilogram kilograms кг kgm 公斤 킬로그램 كجم ק\"ג",
    "g": "g gr gram grams gramm гр г grm 克",
    "t": "t to ton tons tonne tonnes tonnen т tne 吨",
    "lb": "lb lbs pound pounds lbr",
    "oz": "oz onz",
    "l": "l ltr lt liter litre liters litres litr л литр ltr. ℓ 升",
    "ml": "ml мл mlt",
    "hl": "hl hlt",
    "m": "m mtr meter metre meters metres м metr lfm lfdm 米",
    "cm": "cm см cmt",
    "mm": "mm мм mmt",
    "km": "km км kmt kilometer kilometers",
    "m2": "m2 m^2 qm sqm м2 мкв кв.м м.кв mtk 平方米 平米 ㎡",
    "m3": "m3 m^3 cbm м3 куб.м м.куб mtq 立方米 ㎥",
    "ft": "ft feet fot",
    "in": "in inch inches inh",
    "h": "h hr hrs hour hours std stunde stunden ч час часа часов hur heure heures hora horas ora"
    " ore godz hod uur uren tim timer saat 小时 時間 시간 ساعة שעות",
    "min": "min mins minute minutes minuten мин minuti minutos dak 分",
    "s": "s sec secs sekunde sekunden сек",
    "day": "d day days tag tage день дня дней дн jour jours día días dia dias giorni dag dagen"
    " dzień dni den gün 天 日 يوم",
    "week": "week weeks wk woche wochen wee неделя нед 周 週",
    "month": "month months mo mon monat monate мес месяц месяца месяцев mois mes meses mese mesi"
    " maand miesiąc mies měsíc ay 月 个月 ヶ月",
    "year": "year years yr jahr jahre ann год лет année an año años anno yıl 年",
    "kwh": "kwh квтч квт.ч kw/h",
    "mwh": "mwh мвтч",
    "%": "% percent p1",
    "service": "ls lump pauschal psch pauschale forfait усл услуга e48 式",
}  # fmt: skip
UNITS = {word: unit for unit, words in _UNIT_WORDS.items() for word in words.split()}


def find_unit(text: str) -> str | None:
    """The unit that a word stands for, None where it is none that we know."""
    word = text.casefold().strip(". ")
    return PIECES if not word else UNITS.get(word, UNITS.get(word.replace(" ", "")))
