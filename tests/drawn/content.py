"""What an invented invoice says, drawn from a seed: every sum is exact to the cent. How it looks is the business of the layouts."""

import random
from collections.abc import Iterable, Set
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from ocr.values import LISTS, NAMES

from .goods import DETAILS, GOODS, UNITS
from .identities import Account, Party, digits, draw_account, draw_party

LANGUAGES = ("fr", "de", "nl", "en")
CENT = Decimal("0.01")
ZERO = Decimal("0.00")

RATES: dict[str, tuple[str, ...]] = {
    "FR": ("20", "20", "20", "20", "20", "20", "10", "10", "5.5", "5.5", "2.1"),
    "BE": ("21", "21", "21", "6", "12"),
    "CH": ("8.1", "8.1", "8.1", "2.6", "3.8"),
    "LU": ("17", "17", "17", "8", "3"),
    "DE": ("19", "19", "19", "7"),
    "AT": ("20", "20", "10", "13"),
    "NL": ("21", "21", "21", "9"),
    "GB": ("20", "20", "5"),
    "IE": ("23", "13.5"),
    "US": ("0",),
}
CURRENCIES = {"CH": "CHF", "GB": "GBP", "US": "USD"}
HOMES: dict[str, tuple[str, ...]] = {
    "fr": ("FR",) * 16 + ("BE", "BE", "CH", "LU"),
    "de": ("DE",) * 15 + ("AT", "AT", "CH", "CH", "LU"),
    "nl": ("NL",) * 14 + ("BE",) * 6,
    "en": ("GB",) * 7 + ("IE", "US", "US", "FR", "FR", "NL", "NL", "DE"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of what was sold; net = quantity × unit price − discount, to the cent."""

    code: str
    description: str
    details: tuple[str, ...]
    """Further lines under the description."""
    quantity: Decimal
    unit: str
    unit_price: Decimal
    """Without VAT; with VAT where the invoice's prices include it."""
    discount: Decimal
    """Per cent."""
    net: Decimal
    """Without VAT; with VAT where the invoice's prices include it."""
    rate: Decimal


@dataclass(frozen=True, slots=True)
class Adjustment:
    """A discount (negative) or a charge (positive) on the whole invoice."""

    key: str
    """discount, shipping, packing or fuel."""
    percent: Decimal | None
    amount: Decimal
    rate: Decimal


@dataclass(frozen=True, slots=True)
class Vat:
    """One rate's base and tax."""

    rate: Decimal
    base: Decimal
    tax: Decimal
    category: str
    """UNTDID 5305: S, Z, E, AE, K, G."""


@dataclass(frozen=True, slots=True)
class Terms:
    """When to pay: days after the issue, perhaps to the end of the month, and how a printer says it."""

    days: int
    month_end: bool
    words: str
    how: str
    """transfer, debit, card, cheque or cash."""


@dataclass(frozen=True, slots=True)
class Invoice:
    """Everything an invoice may say; None or empty where this one has nothing to say. What is printed is the layout's choice."""

    language: str
    trade: str
    kind: str
    """UNTDID 1001: 380, 381, 386, 389."""
    regime: str
    """standard, franchise, reverse, intra, export or exempt."""
    supplier: Party
    buyer: Party
    delivered_to: Party | None
    number: str
    issue: date
    due: date | None
    delivery: date | None
    order_date: date | None
    period: tuple[date, date] | None
    order_reference: str | None
    contract_reference: str | None
    engagement_number: str | None
    service_code: str | None
    market_reference: str | None
    customer_number: str | None
    delivery_note: str | None
    quote_number: str | None
    file_reference: str | None
    preceding_number: str | None
    """Of the invoice that a credit note corrects."""
    preceding_date: date | None
    mandate: str | None
    terms: Terms | None
    currency: str
    prices_include_tax: bool
    rows: tuple[Row, ...]
    adjustments: tuple[Adjustment, ...]
    vat: tuple[Vat, ...]
    rows_total: Decimal
    total_net: Decimal
    total_tax: Decimal
    total_gross: Decimal
    paid: Decimal
    carried: Decimal
    """What was still open from earlier bills."""
    withheld: Decimal
    """Retenue de garantie."""
    rounding: Decimal
    amount_due: Decimal
    accounts: tuple[Account, ...]
    salesperson: str
    notes: tuple[str, ...]


NUMBERS = (
    "F{Y}{n4}",
    "F{Y}-{n3}",
    "{Y}-{n3}",
    "{Y}-{n4}",
    "FA{y}{m}{n3}",
    "FA-{n5}",
    "FAC/{Y}/{n5}",
    "FC{n6}",
    "{n8}",
    "{n5}",
    "{n4}",
    "{n10}",
    "RE-{n4}",
    "RE{Y}{n4}",
    "R{y}-{n5}",
    "INV-{n6}",
    "INV/{Y}/{n5}",
    "INV{n7}",
    "{y}.{n3}",
    "{Y}/{n4}",
    "{y}{m}{n4}",
    "{Y}{m}{n3}",
    "{LL}{n6}",
    "{LLL}-{Y}-{n4}",
    "{n3}/{Y}",
    "{n2}-{n5}-{n2}",
    "9{n7}",
    "VF{y}{n5}",
    "V{n6}",
    "{L}{n4}/{y}",
    "{n9}",
    "{n12}",
    "FV-{y}-{n4}",
    "{Y}{n6}",
    "{LL}-{n3}{LL}{n2}",
    "{n4}-{n4}",
    "F-{Y}{m}-{n3}",
    "{y}-{n3}",
    "FACT-{Y}-{n4}",
    "{n3}",
    "{n6}-{n1}",
    "FR{n8}",
    "{Y}{m}{d}-{n2}",
    "{n4} {n4} {n4}",
    "RG{n8}",
    "{n7}/{n2}",
    "IN{y}{n6}",
    "F/{y}/{n4}",
    "{LLL}{n5}",
    "#{n5}",
    "N{n5}",
    "{n3}.{n3}",
)
ORDERS = (
    "BC{n6}",
    "PO-{n5}",
    "{n10}",
    "45{n8}",
    "CDE-{Y}-{n4}",
    "C{n7}",
    "{n6}",
    "PO{n7}",
    "{LL}{y}-{n4}",
    "CMD{n5}",
    "{Y}-{n4}/{LL}",
    "B-{n5}",
    "AB{n6}",
    "{n5}",
    "{n3}-{n7}-{n7}",
    "{Y}BC{n4}",
    "WO/{n5}",
    "{L}{n5}",
    "O-{n6}",
    "BON {n4}",
    "{Y}.{n3}",
)
CUSTOMERS = ("{n5}", "{n6}", "C{n5}", "CL{n4}", "411{n5}", "{n8}", "K-{n5}", "D{n5}", "{LLL}{n3}", "{n2}.{n3}.{n3}", "CLI-{n4}", "{n10}")
NOTES_NUMBERS = ("BL{n6}", "LS-{n5}", "{n8}", "BL-{Y}-{n4}", "PB{n5}", "{n6}")
CONTRACTS = ("CT-{n5}", "{n8}", "MNT-{Y}-{n3}", "{n10}", "A{n7}", "CTR{n6}", "V-{n6}")
SERVICES = ("{LLL}{n3}", "SERV-{n4}", "{n4}", "FACTURES_PUBLIQUES", "D{n3}{LLL}", "{LLL}_{LLL}", "SCE{n3}")
MARKETS = ("{Y}-{n3}", "{Y}M{n4}", "M{y}-{n4}", "{Y}{n5}", "{y}{LL}{n3}", "{Y}-{n2}-{LLL}")


def shaped(rng: random.Random, shape: str, day: date) -> str:
    """The shape with its blanks filled: {Y} {y} {m} {d} from the day, {n5} five digits (often with leading zeros), {LL} letters."""
    filled = {
        "Y": f"{day:%Y}",
        "y": f"{day:%y}",
        "m": f"{day:%m}",
        "d": f"{day:%d}",
        **{"L" * count: "".join(rng.choices("ABCDEFGHJKLMNPRSTUVWX", k=count)) for count in (1, 2, 3)},
        **{f"n{count}": _counted(rng, count) for count in range(1, 13)},
    }
    first, *rest = shape.split("{")
    return first + "".join(
        _counted(rng, int(name[1:])) + tail if name[0] == "n" else filled[name] + tail for name, tail in (part.split("}") for part in rest)
    )


def _counted(rng: random.Random, count: int) -> str:
    """A running number: padded with zeros half of the time."""
    if count > 2 and rng.random() < 0.5:
        return str(rng.randint(1, 10 ** (count - 1) - 1)).zfill(count)
    return digits(rng, count)


def cents(value: Decimal) -> Decimal:
    """To the cent, half up, as invoices are rounded."""
    return value.quantize(CENT, ROUND_HALF_UP)


def _draw_price(rng: random.Random, lowest: int, highest: int) -> Decimal:
    low, high = min(lowest, highest), max(lowest, highest)
    value = Decimal(rng.randint(low * 100, high * 100 - 1)) / 100
    if rng.random() < 0.35 and high > 5:
        value = Decimal(int(value)) or Decimal(1)
    elif rng.random() < 0.3:
        value = (value * 10).quantize(Decimal(1)) / 10
    return value.quantize(CENT) or Decimal("1.00")


def _draw_quantity(rng: random.Random, unit: str) -> Decimal:
    match unit:
        case "lump" | "month":
            return Decimal(1) if rng.random() < 0.85 else Decimal(rng.randint(2, 12))
        case "h":
            return Decimal(rng.choice([1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 24, 35])) + rng.choice(
                [Decimal(0), Decimal(0), Decimal("0.5"), Decimal("0.25")]
            )
        case "m2" | "m" | "kg" | "l":
            return Decimal(rng.randint(1, 900)) / rng.choice([1, 10, 100]) or Decimal(1)
        case "kwh":
            return Decimal(rng.randint(40, 4200))
        case "day":
            return Decimal(rng.choice([1, 1, 2, 3, 5, 10])) / rng.choice([1, 1, 1, 2])
    return Decimal(rng.choice([1, 1, 1, 2, 2, 3, 4, 5, 6, 8, 10, 12, 20, 24, 50, 100, 250]))


def _draw_rows(
    rng: random.Random, language: str, trade: str, count: int, rates: tuple[Decimal, ...], sign: int, decimals: int
) -> tuple[Row, ...]:
    coded, discounted, detailed = rng.random() < 0.45, rng.random() < 0.15, rng.random() < 0.3
    shape = rng.choice(("{n6}", "{LL}{n4}", "{LLL}-{n3}", "{n4}.{n2}", "ART{n3}", "{n8}", "{L}{n5}"))
    units = {key: rng.choice(names) for key, names in UNITS[language].items()}
    rows = []
    goods = GOODS[trade][language]
    for entry in rng.sample(goods, count) if count <= len(goods) else rng.choices(goods, k=count):
        text, unit, low, high = entry.rsplit("|", 3)
        if count > len(goods) and rng.random() < 0.6:
            text = f"{text} {rng.choice(['A', 'B', 'XL', 'S', 'N° 2', 'bis', 'Lot 3', '2.0', 'v2'])}"
        quantity, price = sign * _draw_quantity(rng, unit), _draw_price(rng, int(low), int(high))
        if unit == "kwh":
            price = (price / 8).quantize(Decimal("0.0001"))
        elif decimals > 2 and rng.random() < 0.5:
            price = price + Decimal(rng.randint(1, 99)) / 10000
        discount = Decimal(rng.choice([5, 10, 15, 20, 30])) if discounted and price > 0 and rng.random() < 0.5 else Decimal(0)
        details = tuple(rng.sample(DETAILS[language], rng.choice([1, 1, 2]))) if detailed and rng.random() < 0.5 else ()
        code = shaped(rng, shape, date(2024, 1, 1)) if coded else ""
        rows.append(
            Row(
                code,
                text,
                details,
                quantity,
                units[unit],
                price,
                discount,
                cents(quantity * price * (100 - discount) / 100),
                rng.choice(rates),
            )
        )
    return tuple(rows)


ADJUSTED = ("discount", "discount", "shipping", "shipping", "packing", "fuel")


def _draw_adjustments(rng: random.Random, rows: tuple[Row, ...], sign: int) -> tuple[Adjustment, ...]:
    """None for five in six."""
    if rng.random() > 0.17:
        return ()
    rate = rows[0].rate
    base = sum((row.net for row in rows if row.rate == rate), ZERO)
    key = rng.choice(ADJUSTED)
    if key == "discount":
        percent = Decimal(rng.choice([2, 3, 5, 8, 10]))
        return (Adjustment(key, percent, -cents(base * percent / 100), rate),)
    return (Adjustment(key, None, sign * _draw_price(rng, 5, 45), rate),)


def vat_of(rows: Iterable[Row], adjustments: Iterable[Adjustment], category: str, inclusive: bool) -> tuple[Vat, ...]:
    """Base and tax of each rate, the highest rate first; from prices with VAT the base is what remains (CGI art. 266)."""
    sums: dict[Decimal, Decimal] = {}
    for rate, amount in [(row.rate, row.net) for row in rows] + [(each.rate, each.amount) for each in adjustments]:
        sums[rate] = sums.get(rate, ZERO) + amount
    table = []
    for rate in sorted(sums, reverse=True):
        base = cents(sums[rate] * 100 / (100 + rate)) if inclusive else sums[rate]
        table.append(Vat(rate, base, sums[rate] - base if inclusive else cents(base * rate / 100), category if rate == 0 else "S"))
    return tuple(table)


TERMS: dict[str, tuple[tuple[int, bool, str], ...]] = {
    "fr": (
        (30, False, "30 jours"),
        (30, False, "30 jours net"),
        (30, True, "30 jours fin de mois"),
        (45, True, "45 jours fin de mois"),
        (60, False, "60 jours date de facture"),
        (0, False, "à réception de facture"),
        (0, False, "Comptant"),
        (8, False, "8 jours date de facture"),
        (15, False, "Paiement sous 15 jours"),
        (45, False, "45 jours nets"),
        (30, False, "à 30 jours date de facture, sans escompte"),
        (10, False, "10 jours à compter de la réception"),
    ),
    "de": (
        (14, False, "zahlbar innerhalb von 14 Tagen ohne Abzug"),
        (30, False, "30 Tage netto"),
        (10, False, "10 Tage netto"),
        (0, False, "sofort fällig ohne Abzug"),
        (30, False, "8 Tage 2 % Skonto, 30 Tage netto"),
        (7, False, "innerhalb 7 Tagen rein netto"),
        (14, False, "14 Tage"),
        (21, False, "zahlbar binnen 21 Tagen"),
        (30, True, "30 Tage zum Monatsende"),
    ),
    "nl": (
        (30, False, "binnen 30 dagen"),
        (14, False, "binnen 14 dagen na factuurdatum"),
        (8, False, "8 dagen"),
        (30, True, "30 dagen einde maand"),
        (0, False, "contant"),
        (21, False, "21 dagen netto"),
        (30, False, "30 dagen na factuurdatum"),
        (14, False, "14 dagen netto"),
    ),
    "en": (
        (30, False, "Net 30"),
        (14, False, "Payment within 14 days"),
        (30, False, "30 days from invoice date"),
        (0, False, "Due on receipt"),
        (30, True, "30 days end of month"),
        (7, False, "7 days"),
        (60, False, "Net 60 days"),
    ),
}


def _month_end(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def _draw_terms(rng: random.Random, language: str) -> Terms:
    days, month_end, words = rng.choice(TERMS[language])
    return Terms(days, month_end, words, rng.choices(("transfer", "debit", "card", "cheque", "cash"), (60, 16, 10, 10, 4))[0])


NOTES = {
    "fr": (
        "Merci de votre confiance.",
        "Nous vous remercions de rappeler le numéro de facture lors du règlement.",
        "Marchandise vendue avec réserve de propriété (loi n° 80-335 du 12 mai 1980).",
        "Garantie décennale : AXA police n° 4512897304, France métropolitaine.",
        "Notre service client est à votre écoute au 0 800 123 456 (appel gratuit).",
    ),
    "de": (
        "Vielen Dank für Ihren Auftrag!",
        "Die Ware bleibt bis zur vollständigen Bezahlung unser Eigentum.",
        "Bei Rückfragen stehen wir Ihnen gerne zur Verfügung.",
        "Es gelten unsere AGB, Stand 01.01.2020.",
    ),
    "nl": (
        "Bedankt voor uw opdracht.",
        "Op al onze leveringen zijn onze algemene voorwaarden van toepassing, gedeponeerd bij de KvK.",
        "Vragen over deze factuur? Bel 088 123 45 67.",
        "Reclames binnen 8 dagen na ontvangst.",
    ),
    "en": (
        "Thank you for your business.",
        "Goods remain our property until paid in full.",
        "Queries about this invoice: please call 0800 123 456.",
        "Please quote the invoice number with your payment.",
    ),
}


def _draw_buyer(rng: random.Random, language: str, supplier: Party, regime: str) -> Party:
    if regime in {"intra", "export"}:
        others = (
            [country for country in ("FR", "DE", "NL", "BE", "AT") if country != supplier.country]
            if regime == "intra"
            else ["CH", "US", "GB"]
        )
        return draw_party(rng, "FR" if "FR" in others and rng.random() < 0.6 else rng.choice(others))
    if supplier.country == "FR":
        return draw_party(rng, "FR", public=rng.random() < 0.18)
    return draw_party(rng, supplier.country if rng.random() < 0.85 else "FR", language)


def _draw_regime(rng: random.Random, country: str, trade: str) -> str:
    if country == "US":
        return "export"
    eu = country not in {"CH", "GB"}
    weights = {
        "standard": 80,
        "franchise": 6 if eu else 0,
        "reverse": 5 if eu and trade == "craft" else 1 if eu else 0,
        "intra": 6 if eu else 0,
        "export": 2,
        "exempt": 3 if trade == "services" else 0,
    }
    return rng.choices(tuple(weights), tuple(weights.values()))[0]


CATEGORIES = {"standard": "Z", "franchise": "E", "reverse": "AE", "intra": "K", "export": "G", "exempt": "E"}


def _draw_count(rng: random.Random, trade: str) -> int:
    if trade in {"utility", "hotel", "cloud"}:
        return rng.choice([1, 2, 2, 3, 3, 4, 5])
    return rng.choices((1, 2, 3, 4, 5, 6, rng.randint(7, 12), rng.randint(13, 35)), (20, 16, 15, 11, 9, 7, 14, 8))[0]


DEPOSIT = {
    "fr": "Acompte de 30 % sur devis {}",
    "de": "Anzahlung 30 % gemäß Angebot {}",
    "nl": "Aanbetaling 30% volgens offerte {}",
    "en": "Deposit 30 % as per quotation {}",
}


def draw_invoice(rng: random.Random, language: str, trade: str | None = None) -> Invoice:
    """One invoice of a supplier who writes that language; the same seed gives the same invoice. Raises KeyError for another language."""
    country = rng.choice(HOMES[language])
    supplier = draw_party(rng, country, language)
    trade = trade or rng.choices(tuple(GOODS), (22, 12, 20, 8, 8, 10, 14, 6))[0]
    regime = _draw_regime(rng, country, trade)
    kind = rng.choices(("380", "381", "386", "389"), (85, 9, 4, 2))[0]
    buyer = _draw_buyer(rng, language, supplier, regime)
    issue = date(
        rng.choice([2013, 2015, 2017, 2018, 2019, 2020, 2021, 2022, 2022, 2023, 2023, 2024, 2024, 2025, 2025, 2026, 2026]), 1, 1
    ) + timedelta(days=rng.randrange(365))
    sign = -1 if kind == "381" and rng.random() < 0.45 else 1
    all_rates = tuple(Decimal(rate) for rate in RATES[country])
    rates = (
        (Decimal(0),) if regime != "standard" else tuple(rng.sample(all_rates, min(len(all_rates), rng.choices((1, 2, 3), (68, 25, 7))[0])))
    )
    if trade in {"utility", "hotel", "food"} and regime == "standard" and rng.random() < 0.5:
        rates = tuple(dict.fromkeys(all_rates))[:2]
    inclusive = regime == "standard" and kind == "380" and rng.random() < (0.45 if trade == "hotel" else 0.07)
    quote = shaped(rng, rng.choice(("D{Y}{n4}", "DEV-{n5}", "DE{n5}", "{Y}-{n4}", "AN-{n5}", "{n6}", "OFF{n4}")), issue)
    if kind == "386":
        price = _draw_price(rng, 150, 4000)
        rows = (Row("", DEPOSIT[language].format(quote), (), Decimal(1), "", price, Decimal(0), cents(price), rates[0]),)
    else:
        rows = _draw_rows(rng, language, trade, _draw_count(rng, trade), rates, sign, 4 if rng.random() < 0.06 else 2)
        if sign * sum(row.net for row in rows) <= 0:
            rows = tuple(row for row in rows if sign * row.net > 0) or _draw_rows(rng, language, "office", 2, rates, sign, 2)
    adjustments = () if kind == "386" else _draw_adjustments(rng, rows, sign)
    vat = vat_of(rows, adjustments, CATEGORIES[regime], inclusive)
    net, tax = sum((line.base for line in vat), ZERO), sum((line.tax for line in vat), ZERO)
    gross = net + tax
    currency = CURRENCIES.get(country, "EUR") if rng.random() < 0.97 or regime != "export" else "USD"
    money = _draw_settlement(rng, trade, kind, gross, currency, country)
    terms = _draw_terms(rng, language) if rng.random() < 0.82 else None
    due = None
    if terms and rng.random() < 0.86:
        due = issue + timedelta(days=terms.days)
        due = _month_end(due) if terms.month_end else due
    ordered = issue - timedelta(days=rng.randint(2, 60))
    delivery = issue - timedelta(days=rng.choice([0, 0, 1, 2, 3, 5, 8, 14, 20]))
    start = (issue.replace(day=1) - timedelta(days=1)).replace(day=1)

    def maybe(share: float, shapes: tuple[str, ...], day: date = issue) -> str | None:
        return shaped(rng, rng.choice(shapes), day) if rng.random() < share else None

    public = buyer.public
    return Invoice(
        language=language,
        trade=trade,
        kind=kind,
        regime=regime,
        supplier=supplier,
        buyer=buyer,
        delivered_to=draw_party(rng, buyer.country) if rng.random() < 0.12 else None,
        number=shaped(rng, rng.choice(NUMBERS), issue),
        issue=issue,
        due=due,
        delivery=delivery if rng.random() < 0.45 else None,
        order_date=ordered if rng.random() < 0.3 else None,
        period=(start, _month_end(start)) if trade in {"utility", "cloud"} or rng.random() < 0.08 else None,
        order_reference=maybe(0.5, ORDERS, ordered),
        contract_reference=maybe(0.6 if trade == "utility" else 0.1, CONTRACTS),
        engagement_number=maybe(0.8, ("{n10}", "{n8}", "EJ{n6}", "{Y}-{n5}", "{n6}", "1{n9}")) if public else None,
        service_code=maybe(0.6, SERVICES) if public else None,
        market_reference=maybe(0.4, MARKETS) if public else None,
        customer_number=maybe(0.55, CUSTOMERS),
        delivery_note=maybe(0.25, NOTES_NUMBERS),
        quote_number=quote if kind == "386" or rng.random() < 0.15 else None,
        file_reference=maybe(0.15, ("{n5}", "{LL}/{n3}", "{Y}-{n3}", "P{n4}", "{LLL}{y}{n3}")),
        preceding_number=shaped(rng, rng.choice(NUMBERS), ordered) if kind == "381" else None,
        preceding_date=ordered if kind == "381" and rng.random() < 0.7 else None,
        mandate=maybe(1.0, ("RUM{n8}", "++{n9}", "M-{n6}")) if terms and terms.how == "debit" else None,
        terms=terms,
        currency=currency,
        prices_include_tax=inclusive,
        rows=rows,
        adjustments=adjustments,
        vat=vat,
        rows_total=sum((row.net for row in rows), ZERO),
        total_net=net,
        total_tax=tax,
        total_gross=gross,
        **money,
        accounts=tuple(draw_account(rng, country) for _ in range(2 if rng.random() < 0.12 else 1)),
        salesperson=draw_party(rng, country, language).director,
        notes=tuple(rng.sample(NOTES[language], rng.choice([0, 0, 1, 1, 2]))),
    )


def _draw_settlement(rng: random.Random, trade: str, kind: str, gross: Decimal, currency: str, country: str) -> dict[str, Decimal]:
    """What was paid, what was open, what is held back, how it is rounded, what is due."""
    paid = carried = withheld = rounding = ZERO
    chance = rng.random()
    if kind == "380":
        if chance < 0.08:
            paid = cents(gross * rng.choice([10, 20, 30, 40, 50]) / 100)
        elif chance < 0.12:
            paid = gross
        elif chance < 0.15 and trade == "craft" and country == "FR":
            withheld = cents(gross * 5 / 100)
        elif chance < 0.3 and trade == "utility":
            carried = _draw_price(rng, 5, 90)
        elif chance < 0.16 or (currency == "CHF" and chance < 0.6):
            rounding = (gross * 20).quantize(Decimal(1), ROUND_HALF_UP) / 20 - gross
    return {
        "paid": paid,
        "carried": carried,
        "withheld": withheld,
        "rounding": rounding.quantize(CENT),
        "amount_due": gross - paid + carried - withheld + rounding.quantize(CENT),
    }


def truth_of(invoice: Invoice, shown: Set[str]) -> dict[str, Any]:
    """The truth file of a page that shows these names of `NAMES`: dates ISO 8601, amounts as decimal strings, null where not shown.

    Beyond the names of fields, "lines.quantity", "lines.unit_price", "lines.net" and "lines.rate" say which columns stand there.
    """
    told: dict[str, Any] = {name: [] if name in LISTS else None for name in NAMES}
    told |= {name: value for name, value in _values(invoice).items() if name in shown}
    if "lines" in shown:
        told["lines"] = [_row_truth(invoice, row, shown) for row in invoice.rows]
    if "vat_breakdown" in shown:
        told["vat_breakdown"] = [
            {"rate": _plain(line.rate), "base": f"{line.base:.2f}", "tax": f"{line.tax:.2f}", "category": line.category}
            for line in invoice.vat
        ]
    return told | {"line_count": len(told["lines"]) or None}


def _values(invoice: Invoice) -> dict[str, Any]:
    return {
        "document_type_code": invoice.kind,
        "invoice_number": invoice.number,
        "issue_date": invoice.issue.isoformat(),
        "due_date": invoice.due and invoice.due.isoformat(),
        "delivery_date": invoice.delivery and invoice.delivery.isoformat(),
        "supplier_name": invoice.supplier.name,
        "supplier_siren": invoice.supplier.siren,
        "supplier_siret": invoice.supplier.siret,
        "supplier_vat_id": plain_vat(invoice.supplier.vat_id),
        "buyer_name": invoice.buyer.name,
        "buyer_siren": invoice.buyer.siren,
        "order_reference": invoice.order_reference,
        "contract_reference": invoice.contract_reference,
        "engagement_number": invoice.engagement_number,
        "service_code": invoice.service_code,
        "market_reference": invoice.market_reference,
        "currency": invoice.currency,
        "total_net": f"{invoice.total_net:.2f}",
        "total_tax": f"{invoice.total_tax:.2f}",
        "total_gross": f"{invoice.total_gross:.2f}",
        "paid_amount": f"{invoice.paid:.2f}",
        "amount_due": f"{invoice.amount_due:.2f}",
        "iban": invoice.accounts[0].iban,
        "bic": invoice.accounts[0].bic,
        "payment_terms": invoice.terms and invoice.terms.words,
    }


def plain_vat(vat_id: str | None) -> str | None:
    """Without spaces, dots, dashes and the word that follows a Swiss number."""
    return vat_id and "".join(char for char in vat_id.removesuffix(" MWST").removesuffix(" TVA") if char.isalnum())


def _row_truth(invoice: Invoice, row: Row, shown: Set[str]) -> dict[str, Any]:
    net = not invoice.prices_include_tax
    return {
        "description": row.description,
        "quantity": _plain(row.quantity) if "lines.quantity" in shown else None,
        "unit_price": _money(row.unit_price) if "lines.unit_price" in shown and net else None,
        "net": f"{row.net:.2f}" if "lines.net" in shown and net else None,
        "rate": _plain(row.rate) if "lines.rate" in shown else None,
    }


def _plain(value: Decimal) -> str:
    return f"{value.normalize():f}"


def _money(value: Decimal) -> str:
    plain = f"{value.normalize():f}"
    return plain if "." in plain and len(plain.split(".")[1]) > 2 else f"{value:.2f}"
