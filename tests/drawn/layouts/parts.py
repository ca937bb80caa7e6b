"""The parts that pages are put together from: who, what, when, lines, sums, how to pay. Each says its values through the sheet."""

# ruff: noqa: E501 - a line of HTML is read as one

from decimal import Decimal
from html import escape

from ..content import Row
from ..identities import Account, Party
from ..sheet import NBSP, Sheet, group, row_cell
from . import words

Pairs = list[tuple[str, str]]
FONTS = (
    "Liberation Sans",
    "Liberation Sans",
    "Liberation Sans",
    "Liberation Serif",
    "DejaVu Sans",
    "DejaVu Serif",
    "Liberation Sans Narrow",
    "DejaVu Sans Condensed",
    "Liberation Mono",
)
COLOURS = ("#1f3864", "#c00000", "#2e7d32", "#333", "#00695c", "#6a1b9a", "#e65100", "#01579b", "#000", "#555", "#8d6e63")


def page(
    sheet: Sheet, body: str, footer: str = "", css: str = "", top: int = 12, bottom: int = 28, font: str = "", numbered: bool | None = None
) -> str:
    """One HTML document; the footer stands at the foot of every page."""
    rng = sheet.rng
    size, side = rng.choice((7.5, 8, 8.5, 9, 9, 9.5, 10, 10.5, 11)), rng.randint(11, 22)
    numbered = sheet.chance(0.4) if numbered is None else numbered
    pages = sheet.say("page").split("{}")
    counters = ["counter(page)", "counter(pages)"]
    content = " ".join(f'"{part}" {counters.pop(0) if counters and place < len(pages) - 1 else ""}' for place, part in enumerate(pages))
    corner = rng.choice(("@bottom-right", "@bottom-center", "@top-right"))
    margin = (
        f"@page{{size:A4;margin:9mm {side}mm 9mm;{corner}{{content:{content};font:7.5pt '{font or 'Liberation Sans'}'}}}}"
        if numbered
        else f"@page{{size:A4;margin:8mm {side}mm}}"
    )
    colour = rng.choice(COLOURS)
    style = (
        f"{margin}*{{box-sizing:border-box}}body{{margin:0;font:{size}pt/{rng.choice((1.2, 1.25, 1.35, 1.45))} '{font or rng.choice(FONTS)}';color:{rng.choice(('#000', '#000', '#222'))};--c:{colour}}}"
        "table{border-collapse:collapse}td,th{vertical-align:top;text-align:left}.r{text-align:right}.c{text-align:center}.n{white-space:nowrap}.w{width:100%}.b{font-weight:bold}small{font-size:88%}"
        "h1,h2,h3,p{margin:0}.flex{display:flex;justify-content:space-between}.col{display:flex;flex-direction:column}"
        f".foot{{position:fixed;bottom:0;left:0;right:0;font-size:{rng.choice((5.5, 6, 6.5, 7))}pt;line-height:1.3;color:{rng.choice(('#000', '#444', '#666'))}}}"
        f".frame>thead>tr>td{{height:{top - 8 if top > 8 else 1}mm}}.frame>tfoot>tr>td{{height:{bottom - 6}mm}}.frame>tbody>tr>td{{padding:0}}tr{{break-inside:avoid}}"
    )
    inner = f'<table class="frame w"><thead><tr><td></td></tr></thead><tfoot><tr><td></td></tr></tfoot><tbody><tr><td>{body}</td></tr></tbody></table>'
    return (
        f'<!doctype html><html><meta charset="utf-8"><style>{style}{css}</style><body>{inner}<div class="foot">{footer}</div></body></html>'
    )


def address(party: Party, sheet: Sheet, name: bool = True, abroad: bool = False) -> list[str]:
    """The lines of an address."""
    city = f"{party.city} {party.postcode}" if party.country in {"GB", "IE", "US"} else f"{party.postcode} {party.city}"
    lines = [escape(party.street), escape(party.extra or ""), escape(city)]
    if abroad:
        lines.append(escape(words_country(party, sheet)))
    return [line for line in ([named(party, sheet)] if name else []) + lines if line]


def words_country(party: Party, sheet: Sheet) -> str:
    """The country in the invoice's language."""
    from ..identities import COUNTRY_NAMES

    country = COUNTRY_NAMES[sheet.language][party.country]
    return country.upper() if sheet.case == "upper" else country


def named(party: Party, sheet: Sheet) -> str:
    """The legal name; shown, if it is the supplier's or the buyer's."""
    if party is sheet.invoice.supplier:
        return sheet.put("supplier_name")
    return sheet.put("buyer_name") if party is sheet.invoice.buyer else escape(party.name)


def logo(sheet: Sheet, size: int = 0) -> str:
    """A drawn name in an odd letter: the trade name, the coined part of the name, or initials; the legal name only where it is whole."""
    party, rng = sheet.invoice.supplier, sheet.rng
    text = party.trade_name or (
        party.name
        if sheet.chance(0.4)
        else " ".join(word for word in party.name.split() if word.isalpha() and len(word) > 2)[:22] or party.name
    )
    if text == party.name:
        sheet.shown.add("supplier_name")
    look = rng.choice(
        ("letter-spacing:3px", "font-style:italic", "font-weight:bold", "text-transform:none;font-weight:bold", "font-variant:small-caps")
    )
    spot = rng.choice(
        (
            "",
            "",
            f'<span style="display:inline-block;width:9mm;height:9mm;background:var(--c);border-radius:{rng.choice((0, 50))}%;margin-right:3mm;vertical-align:middle"></span>',
        )
    )
    return f"<div class=n style=\"font-family:'{rng.choice(('DejaVu Serif', 'DejaVu Sans', 'Liberation Serif', 'Liberation Sans Narrow'))}';font-size:{size or rng.choice((16, 18, 22, 26))}pt;color:var(--c);{look}\">{spot}{escape(text)}</div>"


def supplier_lines(sheet: Sheet, ids: bool = False, bold: bool = True) -> str:
    """Name, address, telephone and mail of the seller."""
    party = sheet.invoice.supplier
    lines = address(party, sheet, abroad=sheet.chance(0.2))
    if bold:
        lines[0] = f"<b>{lines[0]}</b>"
    if sheet.chance(0.8):
        lines.append(f"{sheet.label('phone')} {escape(party.phone)}")
    if sheet.chance(0.65):
        lines.append(f"{sheet.label('email')} {escape(party.email)}" if sheet.chance(0.5) else escape(party.email))
    if sheet.chance(0.3):
        lines.append(escape(party.web))
    if ids:
        lines += [f"{label} {value}" for label, value in seller_ids(sheet)]
    return "<br>".join(lines)


def seller_ids(sheet: Sheet) -> Pairs:
    """What the law wants on paper about the seller, as pairs of label and value."""
    party, pairs = sheet.invoice.supplier, []
    if party.siret:
        pairs += [(sheet.label("siret"), sheet.siret(party))] if sheet.chance(0.72) else [(sheet.label("siren"), sheet.siren(party))]
    if party.vat_id and (sheet.invoice.regime != "franchise" or sheet.chance(0.15)) and sheet.chance(0.93):
        pairs.append((sheet.label("vat_id"), sheet.vat_id(party)))
    if party.country == "FR" and party.activity_code and sheet.chance(0.6):
        pairs.append((sheet.label("activity"), party.activity_code))
    if party.register and party.country != "FR" and sheet.chance(0.85):
        pairs.append((sheet.label("register"), escape(party.register)))
    if party.tax_number and sheet.chance(0.6):
        pairs.append((sheet.label("tax_number"), party.tax_number))
    return pairs


def register_words(sheet: Sheet) -> str:
    """RCS Paris 552 100 554, which shows the SIREN."""
    party = sheet.invoice.supplier
    if party.country != "FR" or not party.register or not party.siren:
        return ""
    sheet.shown.add("supplier_siren")
    number = group(party.siren, 3, 3, 3) if sheet.grouped["siren"] else party.siren
    return sheet.pick(f"{party.register} {number}", f"{party.register} B {number}", f"{number} {party.register}")


def legal_footer(sheet: Sheet, columns: int = 1, bank: bool = False) -> str:
    """The small print: one block of words with separators, or columns."""
    party, invoice = sheet.invoice.supplier, sheet.invoice
    first = [sheet.put("supplier_name")]
    if party.capital and party.country in {"FR", "BE", "LU", "DE"} and sheet.chance(0.55):
        amount = f"{party.capital:,}".replace(",", sheet.thousands or " ") + sheet.pick(" €", " euros", " EUR")
        first.append(sheet.say("capital").format(amount))
    first += [escape(line) for line in (party.street, f"{party.postcode} {party.city}")]
    second = [f"{label} {value}" for label, value in seller_ids(sheet)]
    if sheet.chance(0.6):
        second.append(register_words(sheet))
    third = [f"{sheet.label('phone')} {escape(party.phone)}", escape(party.email), escape(party.web)]
    if party.country in {"DE", "AT", "CH"} and sheet.chance(0.6):
        second.append(f"Geschäftsführer: {escape(party.director)}")
    fourth = (
        [
            f"{escape(account.bank)}<br><span class=n>{sheet.label('iban')} {sheet.iban(account)}</span><br>{sheet.label('bic')} {sheet.bic(account)}"
            for account in invoice.accounts
        ]
        if bank
        else []
    )
    blocks = [[part for part in block if part] for block in (first, second, third, fourth)]
    if columns == 1:
        glue = sheet.pick(" - ", " | ", " • ", " – ", ", ")
        return f'<div class=c style="border-top:.5pt solid #999;padding-top:1mm">{"<br>".join(glue.join(block).replace("<br>", " ") for block in blocks if block)}</div>'
    cells = "".join(f"<td>{'<br>'.join(block)}</td>" for block in blocks if block)
    return f'<table class=w style="border-top:.5pt solid #999;{"table-layout:fixed" if not bank else ""}"><tr>{cells}</tr></table>'


def buyer_lines(sheet: Sheet, heading: bool | None = None, ids: float = 0.3) -> str:
    """The addressee, with or without a word above."""
    party = sheet.invoice.buyer
    lines = address(party, sheet, abroad=party.country != sheet.invoice.supplier.country or sheet.chance(0.1))
    if sheet.chance(0.5):
        lines[0] = f"<b>{lines[0]}</b>"
    if sheet.chance(0.25):
        lines.insert(
            1, {"fr": "À l'attention de ", "de": "z. Hd. ", "nl": "T.a.v. ", "en": "Attn. "}[sheet.language] + escape(party.director)
        )
    if party.public and sheet.chance(0.7):
        lines.append(f"{sheet.label('siret')} {sheet.siret(party)}")
    elif party.siren and sheet.chance(ids):
        lines.append(
            f"{sheet.label('siren')} {sheet.siren(party)}" if sheet.chance(0.5) else f"{sheet.label('siret')} {sheet.siret(party)}"
        )
    if party.vat_id and (sheet.invoice.regime in {"intra", "reverse"} or sheet.chance(ids)):
        lines.append(f"{sheet.label('buyer_vat_id')} {sheet.vat_id(party)}")
    heading = sheet.chance(0.6) if heading is None else heading
    return (f"<div class=hd>{sheet.label('buyer')}</div>" if heading else "") + "<br>".join(lines)


def delivered_lines(sheet: Sheet) -> str:
    """Where it went, if elsewhere."""
    party = sheet.invoice.delivered_to
    return f"<div class=hd>{sheet.label('delivered')}</div>" + "<br>".join(address(party, sheet)) if party else ""


def title(sheet: Sheet) -> str:
    """What the document calls itself."""
    return sheet.say({"380": "title", "381": "credit", "386": "deposit_title", "389": "self_billed"}[sheet.invoice.kind])


def titled_number(sheet: Sheet, with_date: bool = True) -> str:
    """One line with title, number and date, as many print it."""
    shapes = words.PROSE[sheet.language]["number"]
    shape = sheet.rng.choice([one for one in shapes if with_date or "{issue}" not in one] or ["{title} {number}"])
    if not with_date:
        shape = sheet.pick(
            "{title} {number}",
            "{title} N° {number}" if sheet.language == "fr" else "{title} Nr. {number}" if sheet.language == "de" else "{title} {number}",
        )
    if not shape.startswith("{title}") and sheet.invoice.kind != "380":
        shape = "{title} {number}" + (" - {issue}" if with_date else "")
    return shape.format(title=title(sheet), number=sheet.put("invoice_number"), issue=sheet.put("issue_date") if with_date else "")


def number_key(sheet: Sheet) -> str:
    """The label of the number, by kind."""
    return "credit_number" if sheet.invoice.kind == "381" else "number"


def meta_pairs(sheet: Sheet, most: int = 14, keep: float = 0.85, head: bool = True) -> Pairs:
    """Number, dates and references as pairs, number and date first; each of the rest with some chance."""
    pairs: Pairs = []
    if head:
        pairs = [(sheet.label(number_key(sheet)), sheet.put("invoice_number")), (sheet.label("issue_date"), sheet.put("issue_date"))]
        if sheet.chance(0.25):
            pairs.reverse()
    rest = [
        key
        for key in (
            "customer",
            "due_date",
            "order_reference",
            "order_date",
            "delivery_date",
            "delivery_note",
            "contract_reference",
            "engagement_number",
            "service_code",
            "market_reference",
            "quote",
            "file",
            "contact",
            "period",
            "preceding",
            "mandate",
            "currency",
        )
        if _meta_value(sheet, key, False)
    ]
    rest = [key for key in rest if sheet.chance(keep) or key in {"engagement_number", "preceding"}]
    if sheet.chance(0.5):
        sheet.rng.shuffle(rest)
    rest = rest[: most - len(pairs)]
    if sheet.chance(0.2) and head and rest:
        pairs.insert(0, (sheet.label(rest[0]), _meta_value(sheet, rest.pop(0), True)))
    pairs += [(sheet.label(key), _meta_value(sheet, key, True)) for key in rest]
    return pairs


def _meta_value(sheet: Sheet, key: str, show: bool) -> str:
    """The printed value; without `show` only whether there is one."""
    invoice = sheet.invoice
    own = {
        "customer": invoice.customer_number,
        "delivery_note": invoice.delivery_note,
        "quote": invoice.quote_number,
        "file": invoice.file_reference,
        "preceding": invoice.preceding_number,
        "mandate": invoice.mandate,
        "contact": invoice.salesperson,
    }
    if key in own:
        text = escape(own[key] or "")
        if key == "preceding" and text and invoice.preceding_date and show and sheet.chance(0.7):
            text += f" {sheet.say('of')} {sheet.day(invoice.preceding_date)}"
        return text if key != "contact" or show or sheet.chance(0.25) else ""
    if key == "order_date":
        return sheet.day(invoice.order_date) if invoice.order_date else ""
    if key == "period":
        return sheet.say("from_to").format(*(sheet.day(day) for day in invoice.period)) if invoice.period else ""
    if not show:
        return {
            "due_date": "x" if invoice.due else "",
            "delivery_date": "x" if invoice.delivery else "",
            "currency": "x" if sheet.chance(0.2) else "",
        }.get(key, getattr(invoice, key, None) or "")
    return sheet.put(key)


def vertical(pairs: Pairs, style: str = "") -> str:
    """Label left, value right of it, one pair a line."""
    side = "r" if "right" in style else ""
    return (
        f"<table {style}>"
        + "".join(
            f'<tr><td class="{"n" if len(label) < 26 else ""} {side}">{label}</td><td style="padding-left:4mm" class="{"n" if len(value) < 26 else ""}">{value}</td></tr>'
            for label, value in pairs
        )
        + "</table>"
    )


def leaders(pairs: Pairs, sheet_dots: str = ". ") -> str:
    """Label, dots, value."""
    return "".join(
        f'<div style="display:flex"><span>{label}</span><span style="flex:1;overflow:hidden;white-space:nowrap;direction:rtl">{sheet_dots * 60}</span><span class=n style="padding-left:1.5mm;flex-shrink:0">{value}</span></div>'
        for label, value in pairs
    )


def horizontal(pairs: Pairs, border: str = ".5pt solid #888", shade: str = "", across: int = 6) -> str:
    """A table: labels in the head, values under them."""
    html = ""
    for at in range(0, len(pairs), across):
        part = pairs[at : at + across]
        heads = "".join(f'<th style="border:{border};padding:1mm 2mm;{shade}">{label.rstrip(": ")}</th>' for label, _ in part)
        cells = "".join(f'<td style="border:{border};padding:1mm 2mm">{value}</td>' for _, value in part)
        html += f'<table class=w style="margin-bottom:1mm;text-align:center"><tr>{heads}</tr><tr>{cells}</tr></table>'
    return html


def boxes(pairs: Pairs, border: str = ".5pt solid #888") -> str:
    """Boxes with a small label above the value."""
    cells = "".join(
        f'<div style="border:{border};padding:1mm 2mm;min-width:28mm"><div style="font-size:75%;color:#555">{label.rstrip(": ")}</div><div class=b>{value}</div></div>'
        for label, value in pairs
    )
    return f'<div style="display:flex;flex-wrap:wrap;gap:2mm">{cells}</div>'


def inline(pairs: Pairs, glue: str = " - ") -> str:
    """One after the other in a line of words."""
    return glue.join(f"{label} {value}" for label, value in pairs)


def columns_for(sheet: Sheet) -> tuple[str, ...]:
    """Which columns the lines have."""
    invoice = sheet.invoice
    columns = ["description"]
    if any(row.code for row in invoice.rows):
        columns.insert(0, "code")
    if invoice.kind != "386" and sheet.chance(0.93):
        columns.append("quantity")
        if sheet.chance(0.5) and any(row.unit for row in invoice.rows):
            columns.append("unit")
        columns.append("price")
    if any(row.discount for row in invoice.rows):
        columns.append("discount")
    if sheet.chance(0.6) or len(invoice.vat) > 1:
        columns.insert(len(columns) if sheet.chance(0.7) else 1, "rate")
    columns.append("net")
    if "quantity" in columns and sheet.chance(0.2):
        columns.remove("quantity")
        if "unit" in columns:
            columns.remove("unit")
        columns.insert(0, "quantity")
    return tuple(columns)


def head_word(sheet: Sheet, column: str) -> str:
    """The head of a column."""
    gross = sheet.invoice.prices_include_tax
    return sheet.say({"net": "c_gross" if gross else "c_net", "price": "c_price_gross" if gross else "c_price"}.get(column, f"c_{column}"))


RIGHT = {"quantity", "price", "net", "discount"}


def rows_table(
    sheet: Sheet,
    columns: tuple[str, ...] | None = None,
    look: str = "",
    numbered: bool | None = None,
    rows: tuple[Row, ...] | None = None,
    extra: str = "",
) -> str:
    """The lines. Looks: grid, lines, zebra, plain, shaded, band."""
    columns = columns or columns_for(sheet)
    sheet.show_rows(columns)
    look = look or sheet.pick("grid", "lines", "zebra", "plain", "shaded", "band", "tall")
    rows = sheet.invoice.rows if rows is None else rows
    numbered = sheet.chance(0.25) if numbered is None else numbered
    pad = sheet.rng.choice((0.5, 0.8, 1.2, 1.6))
    head = {
        "shaded": "background:#e3e3e3",
        "band": "background:var(--c);color:#fff",
        "zebra": "background:var(--c);color:#fff" if sheet.chance(0.5) else "border-bottom:1pt solid #000",
    }.get(look, "border-bottom:1pt solid #000" if look != "plain" else "")
    edge = {
        "grid": "border:.5pt solid #777",
        "lines": "border-bottom:.5pt solid #bbb",
        "tall": "border-left:.5pt solid #777;border-right:.5pt solid #777",
    }.get(look, "")
    wide = {"description": "width:45%"}
    heads = ("<th>#</th>" if numbered else "") + "".join(
        f'<th class="{"r" if column in RIGHT else ""}" style="padding:{pad + 0.3}mm 1.5mm;{head};{edge};{wide.get(column, "")}">{head_word(sheet, column)}</th>'
        for column in columns
    )
    body = ""
    sections = sheet.chance(0.07) and len(rows) > 3 and not extra and rows is sheet.invoice.rows
    cuts = sorted(sheet.rng.sample(range(1, len(rows)), min(2, len(rows) // 2 - 1))) if sections else []
    start = sheet.invoice.rows.index(rows[0])
    for place, row in enumerate(rows):
        if sections and place in {0, *cuts}:
            body += _section(sheet, rows, place, cuts, len(columns) + numbered)
        shade = "background:#f0f4f8" if look == "zebra" and place % 2 else ""
        cells = (f'<td style="{edge};padding:{pad}mm 1.5mm">{start + place + 1}</td>' if numbered else "") + "".join(
            f'<td class="{"r n" if column in RIGHT else ""}" style="padding:{pad}mm 1.5mm;{edge}">{row_cell(sheet, row, column)}</td>'
            for column in columns
        )
        body += f'<tr style="{shade}">{cells}</tr>'
    if look == "tall":
        body += (
            f'<tr style="height:{sheet.rng.randint(5, 40)}mm;border-bottom:.5pt solid #777">'
            + f'<td style="{edge}"></td>' * (len(columns) + numbered)
            + "</tr>"
        )
    return f'<table class=w style="{"border:.5pt solid #777" if look in {"grid", "tall"} else ""}"><thead><tr>{heads}</tr></thead><tbody>{body}{extra}</tbody></table>'


def _section(sheet: Sheet, rows: tuple[Row, ...], place: int, cuts: list[int], span: int) -> str:
    """The sum of the section before, and the head of the next: a site, a delivery note, a person."""
    before = [0, *cuts].index(place)
    html = ""
    if before and sheet.case != "upper":
        total = sum((row.net for row in rows[[0, *cuts][before - 1] : place]), Decimal(0))
        html = (
            f'<tr><td class=r colspan={span - 1}><i>{sheet.say("rows_total")}</i></td><td class="r n"><i>{sheet.cell(total)}</i></td></tr>'
        )
    head = {
        "fr": ("Lot {} - Gros œuvre", "BL n° {} du ", "Chantier {}", "Tranche {}", "Salarié : Dupuis, semaine {}"),
        "de": ("Lieferschein {} vom ", "Abschnitt {}", "Bauabschnitt {}", "Titel {}"),
        "nl": ("Pakbon {} d.d. ", "Onderdeel {}", "Project {}"),
        "en": ("Delivery note {} of ", "Section {}", "Phase {}"),
    }[sheet.language][(len(rows) + len(cuts)) % 3]
    number = 20340 + 7 * place if head.endswith(" ") else before + 1
    day = sheet.day(sheet.invoice.issue) if head.endswith(" ") else ""
    return html + f'<tr><td colspan={span} style="padding:1mm 1.5mm"><b>{head.format(number)}{day}</b></td></tr>'


def stacked(pairs: Pairs, columns: int = 3) -> str:
    """Small words over values, in a grid without lines."""
    cells = "".join(f'<div style="min-width:0"><div style="font-size:80%">{label}</div><div>{value}</div></div>' for label, value in pairs)
    return f'<div style="display:grid;grid-template-columns:repeat({columns},auto);gap:2mm 8mm;justify-content:start">{cells}</div>'


def sums_stacked(sheet: Sheet) -> str:
    """Each sum in a box of its own, its word above it, side by side at the right."""
    cells = "".join(
        f'<div style="border:.6pt solid {"#000" if strong else "#999"};padding:1mm 2.5mm;text-align:{sheet.pick("right", "center")}"><div style="font-size:80%">{label.rstrip(": ")}</div><div class="n {"b" if strong else ""}">{value}</div></div>'
        for label, value, strong in sums(sheet)
    )
    return f'<div style="display:flex;flex-wrap:wrap;gap:1.5mm;justify-content:flex-end;break-inside:avoid">{cells}</div>'


def rows_blocks(sheet: Sheet) -> str:
    """Each line as a paragraph: words, then quantity × price, then the sum at the right."""
    sheet.show_rows(("quantity", "price", "net"))
    html = ""
    for row in sheet.invoice.rows:
        detail = f"{escape(sheet.quantity(row.quantity))} {escape(row.unit)} x {sheet.cell(row.unit_price)}" + (
            f" - {row.discount.normalize():f}{NBSP}%" if row.discount else ""
        )
        html += f'<div style="margin:1.2mm 0"><div>{row_cell(sheet, row, "description")}</div><div class=flex><span style="padding-left:6mm">{detail}</span><span class=n>{sheet.money(row.net)}</span></div></div>'
    return html


def sums(sheet: Sheet, short: bool = False) -> list[tuple[str, str, bool]]:
    """The sums in their order: label, value, whether it is the one that is stressed."""
    invoice = sheet.invoice
    items: list[tuple[str, str, bool]] = []
    settled = invoice.amount_due == invoice.total_gross
    if invoice.adjustments:
        items.append((sheet.label("rows_total"), sheet.money(invoice.rows_total), False))
        for each in invoice.adjustments:
            label = sheet.say("discount_line").format(sheet.with_percent(each.percent)) if each.percent else sheet.say(each.key)
            items.append((label, sheet.money(each.amount), False))
    if not invoice.prices_include_tax:
        items.append((sheet.label("total_net"), sheet.put("total_net"), False))
        items += tax_sums(sheet)
    final = (
        "amount_refund"
        if invoice.kind == "381" and sheet.chance(0.4)
        else "amount_debit"
        if invoice.terms and invoice.terms.how == "debit" and sheet.chance(0.25)
        else "amount_due"
    )
    if settled and (short or sheet.chance(0.22)):
        items.append((sheet.label(final), sheet.put("amount_due"), True))
    else:
        items.append((sheet.label("total_gross"), sheet.put("total_gross"), settled))
        if invoice.prices_include_tax:
            items += tax_sums(sheet)
            if sheet.chance(0.5):
                items.append((sheet.label("total_net"), sheet.put("total_net"), False))
        for key, value, field in (
            ("paid", -invoice.paid, "paid_amount"),
            ("carried", invoice.carried, ""),
            ("withheld", -invoice.withheld, ""),
            ("rounding", invoice.rounding, ""),
        ):
            if value or (key == "paid" and sheet.chance(0.06)):
                shown = -value if key in {"paid", "withheld"} and sheet.chance(0.6) else value
                items.append((sheet.label(key), sheet.money(shown), False))
                if field:
                    sheet.shown.add(field)
        if not settled or sheet.chance(0.45):
            items.append((sheet.label(final), sheet.put("amount_due"), True))
    return items


def tax_sums(sheet: Sheet) -> list[tuple[str, str, bool]]:
    """One line of tax, or one per rate."""
    invoice = sheet.invoice
    if invoice.regime != "standard":
        if sheet.chance(0.45):
            label = sheet.say("rate_tax").format(sheet.with_percent(Decimal(0))) if sheet.chance(0.4) else sheet.label("total_tax")
            return [(label, sheet.put("total_tax"), False)]
        return []
    key = "included_tax" if invoice.prices_include_tax else "rate_tax"
    if len(invoice.vat) == 1:
        named_rate = sheet.chance(0.65) or invoice.prices_include_tax
        return [
            (
                sheet.say(key).format(sheet.with_percent(invoice.vat[0].rate)) if named_rate else sheet.label("total_tax"),
                sheet.put("total_tax"),
                False,
            )
        ]
    if sheet.chance(0.4) and not invoice.prices_include_tax:
        return [(sheet.label("total_tax"), sheet.put("total_tax"), False)]
    based = sheet.chance(0.6)
    over = {"fr": " sur ", "de": " auf ", "nl": " over ", "en": " on "}[sheet.language]
    if based:
        sheet.shown.add("vat_breakdown")
    lines = [
        (
            sheet.say(key).format(sheet.with_percent(line.rate)) + (over + sheet.money(line.base) if based else ""),
            sheet.money(line.tax),
            False,
        )
        for line in invoice.vat
    ]
    return lines + ([(sheet.label("total_tax"), sheet.put("total_tax"), False)] if sheet.chance(0.4) else [])


def sums_box(sheet: Sheet, width: int = 75, look: str = "") -> str:
    """Label left, amount right, in a box at the right."""
    look = look or sheet.pick("plain", "grid", "lines", "shaded", "filled")
    edge = {"grid": "border:.5pt solid #777;", "lines": "border-bottom:.5pt solid #bbb;"}.get(look, "")
    html = ""
    for label, value, strong in sums(sheet):
        style = f"{edge}padding:.8mm 2mm;" + (
            {"shaded": "background:#e3e3e3;", "filled": "background:var(--c);color:#fff;"}.get(look, "border-top:1pt solid #000;")
            + ("font-weight:bold;font-size:110%" if strong else "")
            if strong
            else ""
        )
        html += f'<tr><td style="{style}">{label}</td><td class="r n" style="{style}">{value}</td></tr>'
    return f'<table style="width:{width}mm;margin-left:auto;break-inside:avoid">{html}</table>'


def sums_across(sheet: Sheet, shade: str = "background:#e8e8e8") -> str:
    """A table across the page: the words in the head, the amounts under them."""
    items = sums(sheet)
    heads = "".join(f'<th class=c style="border:.5pt solid #777;padding:1mm;{shade}">{label.rstrip(": ")}</th>' for label, _, _ in items)
    cells = "".join(
        f'<td class="c n {"b" if strong else ""}" style="border:.5pt solid #777;padding:1.2mm">{value}</td>' for _, value, strong in items
    )
    return f'<table class=w style="break-inside:avoid"><tr>{heads}</tr><tr>{cells}</tr></table>'


def sums_foot(sheet: Sheet, span: int) -> str:
    """Rows at the foot of the table of lines; `span` is its number of columns."""
    return "".join(
        f'<tr><td class=r colspan={span - 1} style="padding:.8mm 1.5mm;{"font-weight:bold" if strong else ""}">{label}</td><td class="r n" style="padding:.8mm 1.5mm;border-top:.5pt solid #999;{"font-weight:bold" if strong else ""}">{value}</td></tr>'
        for label, value, strong in sums(sheet)
    )


def vat_table(sheet: Sheet, titled: bool | None = None) -> str:
    """Rate, base, tax for each rate; with totals sometimes."""
    invoice = sheet.invoice
    if invoice.regime != "standard" and sheet.chance(0.6):
        return ""
    sheet.shown |= {"vat_breakdown", "vat.base"}
    order = sheet.pick(("rate", "base", "tax"), ("base", "rate", "tax"), ("rate", "base", "tax", "gross"), ("rate", "tax", "base"))
    cells = {
        "rate": lambda line: sheet.rate(line.rate),
        "base": lambda line: sheet.cell(line.base),
        "tax": lambda line: sheet.cell(line.tax),
        "gross": lambda line: sheet.cell(line.base + line.tax),
    }
    edge = sheet.pick("border:.5pt solid #888;", "", "border-bottom:.5pt solid #ccc;")
    heads = "".join(
        f'<th class=r style="{edge}padding:.6mm 2mm;font-weight:{sheet.pick("bold", "normal")}">{sheet.say("v_" + key)}</th>'
        for key in order
    )
    body = "".join(
        "<tr>" + "".join(f'<td class="r n" style="{edge}padding:.6mm 2mm">{cells[key](line)}</td>' for key in order) + "</tr>"
        for line in invoice.vat
    )
    if sheet.chance(0.25) and len(invoice.vat) > 1:
        total = {
            "rate": "",
            "base": sheet.cell(invoice.total_net),
            "tax": sheet.cell(invoice.total_tax),
            "gross": sheet.cell(invoice.total_gross),
        }
        body += "<tr>" + "".join(f'<td class="r n b" style="{edge}padding:.6mm 2mm">{total[key]}</td>' for key in order) + "</tr>"
        sheet.shown |= {"total_net", "total_tax"}
    titled = sheet.chance(0.3) if titled is None else titled
    return (
        f"<div class=b>{sheet.say('v_title')}</div>" if titled else ""
    ) + f'<table style="break-inside:avoid">{"<tr>" + heads + "</tr>"}{body}</table>'


def exemption(sheet: Sheet) -> str:
    """Why there is no VAT."""
    text = words.EXEMPTIONS[sheet.language].get(sheet.invoice.regime)
    return f"<div>{escape(text)}</div>" if text else ""


def payment(sheet: Sheet, bank: bool = True, look: str = "", prose: float = 0.3) -> str:
    """Terms, manner, when, and the account."""
    invoice, lines = sheet.invoice, []
    if invoice.terms and sheet.chance(0.75):
        lines.append(f"{sheet.label('terms')} {sheet.put('payment_terms')}")
    if invoice.terms and sheet.chance(0.65):
        lines.append(f"{sheet.label('method')} {sheet.rng.choice(words.METHODS[sheet.language][invoice.terms.how])}")
    if invoice.due and sheet.chance(prose):
        lines.append(due_words(sheet))
    elif invoice.due and "due_date" not in sheet.shown and sheet.chance(0.75):
        lines.append(f"{sheet.label('due_date')} {sheet.put('due_date')}")
    if bank and invoice.supplier.country != "US":
        lines += [account_words(sheet, account, look) for account in invoice.accounts]
    return "".join(f"<div>{line}</div>" for line in lines)


def due_words(sheet: Sheet) -> str:
    """A sentence that tells when to pay how much."""
    invoice = sheet.invoice
    shapes = words.PROSE[sheet.language]["debit" if invoice.terms and invoice.terms.how == "debit" else "pay"]
    shape = sheet.rng.choice(shapes)
    amount = sheet.put("amount_due") if "{amount}" in shape else ""
    number = sheet.put("invoice_number") if "{number}" in shape else ""
    return shape.format(amount=amount, due=sheet.put("due_date"), number=number)


def account_words(sheet: Sheet, account: Account, look: str = "") -> str:
    """Bank, IBAN and BIC: in a line, in lines, or as a table."""
    look = look or sheet.pick("line", "lines", "table")
    pairs = [(sheet.label("bank"), escape(account.bank))] if sheet.chance(0.6) else []
    if sheet.chance(0.2):
        pairs.insert(0, (sheet.label("holder"), sheet.put("supplier_name")))
    pairs.append((sheet.label("iban"), f"<span class=n>{sheet.iban(account)}</span>"))
    if sheet.chance(0.85):
        pairs.append((sheet.label("bic"), sheet.bic(account)))
    if account.iban.startswith("FR") and sheet.chance(0.12):
        return _french_account(account) + inline(pairs, " - ")
    if look == "line":
        return inline(pairs, sheet.pick(" - ", " &nbsp; ", " / ", ", "))
    return horizontal(pairs) if look == "table" else "<br>".join(f"{label} {value}" for label, value in pairs)


def _french_account(account: Account) -> str:
    """Code banque, code guichet, numéro de compte, clé RIB: the number before there was an IBAN."""
    bban = account.iban[4:]
    return horizontal([("Code banque", bban[:5]), ("Code guichet", bban[5:10]), ("N° de compte", bban[10:21]), ("Clé RIB", bban[21:])])


def mentions(sheet: Sheet) -> str:
    """Legal sentences and notes, small."""
    texts = list(words.LEGAL[sheet.language])
    sheet.rng.shuffle(texts)
    chosen = texts[: sheet.rng.choice([0, 1, 1, 2, 3])]
    return f'<div style="font-size:80%;color:#444;margin-top:3mm">{" ".join(escape(text) for text in chosen)}</div>' + "".join(
        f"<div>{escape(note)}</div>" for note in sheet.invoice.notes
    )
