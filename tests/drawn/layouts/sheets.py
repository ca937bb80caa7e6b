"""The pages of the family `learn`: each puts the same parts together in another way."""

# ruff: noqa: E501 - a line of HTML is read as one

from datetime import timedelta
from decimal import Decimal
from html import escape

from ..content import ZERO, Invoice
from ..sheet import Drawn, Sheet
from .parts import (
    account_words,
    boxes,
    buyer_lines,
    columns_for,
    delivered_lines,
    due_words,
    exemption,
    horizontal,
    inline,
    leaders,
    legal_footer,
    logo,
    mentions,
    meta_pairs,
    named,
    number_key,
    page,
    payment,
    rows_blocks,
    rows_table,
    seller_ids,
    stacked,
    sums,
    sums_across,
    sums_box,
    sums_foot,
    sums_stacked,
    supplier_lines,
    tax_sums,
    title,
    titled_number,
    vat_table,
    vertical,
)  # fmt: skip


def _gap(height: int) -> str:
    return f'<div style="height:{height}mm"></div>'


def _heading(text: str, size: int = 16, style: str = "") -> str:
    return f'<div style="font-size:{size}pt;font-weight:bold;{style}">{text}</div>'


def _sides(left: str, right: str, width: int = 80, style: str = "") -> str:
    return f'<div class=flex style="{style}"><div style="max-width:95mm">{left}</div><div style="width:{width}mm">{right}</div></div>'


def _maybe_vat(sheet: Sheet, share: float) -> str:
    return vat_table(sheet) if sheet.chance(share) else ""


def classic(sheet: Sheet) -> Drawn:
    """Seller at the top left, buyer at the right, metadata in lines, sums in a box at the right."""
    meta = vertical(meta_pairs(sheet))
    body = _sides(logo(sheet) + supplier_lines(sheet), _gap(18) + buyer_lines(sheet))
    body += _gap(6) + _heading(title(sheet)) + meta + _gap(5) + rows_table(sheet) + _gap(4)
    body += (
        _sides(vat_table(sheet) if sheet.chance(0.5) else "", sums_box(sheet))
        + exemption(sheet)
        + _gap(4)
        + payment(sheet)
        + mentions(sheet)
    )
    return sheet.drawn(page(sheet, body, legal_footer(sheet)))


def mirrored(sheet: Sheet) -> Drawn:
    """Buyer at the left in the window, seller at the right, metadata under the seller."""
    right = supplier_lines(sheet, ids=sheet.chance(0.4)) + _gap(5) + vertical(meta_pairs(sheet))
    body = _sides(logo(sheet) + _gap(14) + buyer_lines(sheet, heading=False), right, 75) + _gap(8) + _heading(title(sheet), 14)
    body += (
        rows_table(sheet, look=sheet.pick("lines", "plain", "zebra"))
        + _gap(3)
        + sums_box(sheet, 85)
        + _gap(4)
        + payment(sheet)
        + exemption(sheet)
        + mentions(sheet)
    )
    return sheet.drawn(page(sheet, body, legal_footer(sheet, 3, bank=sheet.chance(0.4))))


def boxed_head(sheet: Sheet) -> Drawn:
    """A table of metadata across the page, words in the head, values under them."""
    body = _sides(supplier_lines(sheet, ids=True), _heading(title(sheet), 20, "text-align:right;color:var(--c)") + buyer_lines(sheet))
    body += (
        _gap(6) + horizontal(meta_pairs(sheet), shade="background:#eee" if sheet.chance(0.6) else "", across=sheet.pick(4, 5, 6)) + _gap(3)
    )
    body += (
        rows_table(sheet, look=sheet.pick("grid", "tall", "shaded"))
        + _gap(3)
        + _sides(payment(sheet), sums_box(sheet, 72, "grid"), 75)
        + vat_table(sheet)
        + exemption(sheet)
        + mentions(sheet)
    )
    return sheet.drawn(page(sheet, body, legal_footer(sheet) if sheet.chance(0.6) else ""))


def sums_in_band(sheet: Sheet) -> Drawn:
    """The sums in one band across the page, words over amounts."""
    body = f"<div class=c>{logo(sheet, 22)}<div>{supplier_lines(sheet).replace('<br>', sheet.pick(' - ', ' • '))}</div></div>" + _gap(5)
    body += _sides(
        _heading(titled_number(sheet), 13) + vertical(meta_pairs(sheet, head=False)), buyer_lines(sheet), 80, "align-items:flex-start"
    )
    body += _gap(6) + rows_table(sheet, look=sheet.pick("tall", "grid", "lines")) + _gap(3)
    body += (vat_table(sheet) + _gap(2) if len(sheet.invoice.vat) > 1 or sheet.chance(0.3) else "") + sums_across(
        sheet, sheet.pick("background:#e8e8e8", "", "background:var(--c);color:#fff")
    )
    body += _gap(3) + exemption(sheet) + payment(sheet) + mentions(sheet)
    return sheet.drawn(page(sheet, body, legal_footer(sheet)))


def sums_in_foot(sheet: Sheet) -> Drawn:
    """The sums are the last rows of the table of lines."""
    columns = columns_for(sheet)
    table = rows_table(sheet, columns, sheet.pick("lines", "zebra", "plain", "band"), numbered=False, extra=sums_foot(sheet, len(columns)))
    body = _sides(_heading(title(sheet), 24, "color:var(--c)"), logo(sheet)) + _gap(6)
    body += (
        f"<div class=flex><div>{buyer_lines(sheet, True)}</div><div>{vertical(meta_pairs(sheet))}</div></div>" + _gap(8) + table + _gap(4)
    )
    body += exemption(sheet) + payment(sheet) + mentions(sheet)
    return sheet.drawn(page(sheet, body, legal_footer(sheet, sheet.pick(1, 3))))


def letter(sheet: Sheet) -> Drawn:
    """A letter in prose: place and date, subject, a sentence, a plain table."""
    invoice = sheet.invoice
    dated = f"{escape(invoice.supplier.city)}, {'le ' if sheet.language == 'fr' else 'den ' if sheet.language == 'de' else ''}{sheet.put('issue_date')}"
    body = (
        f"<div>{supplier_lines(sheet, ids=sheet.chance(0.5))}</div>"
        + _gap(10)
        + f'<div style="margin-left:95mm">{buyer_lines(sheet, False)}<br><br>{dated}</div>'
        + _gap(8)
    )
    body += f"<div class=b>{sheet.label('subject') + ' ' if sheet.chance(0.5) else ''}{titled_number(sheet, sheet.chance(0.2))}</div>"
    body += (
        f"<div>{inline(meta_pairs(sheet, 4, head=False))}</div>"
        + _gap(5)
        + f"<p>{sheet.say('dear')}</p><p>{sheet.say('letter')}</p>"
        + _gap(4)
    )
    body += (
        (rows_blocks(sheet) if sheet.chance(0.4) else rows_table(sheet, look="plain"))
        + _gap(2)
        + sums_box(sheet, 90, sheet.pick("plain", "lines"))
        + _gap(4)
        + exemption(sheet)
    )
    body += (
        f"<p>{due_words(sheet) if invoice.due else ''}</p>"
        + payment(sheet, prose=0)
        + _gap(4)
        + f"<p>{sheet.say('regards')}</p>"
        + _gap(8)
        + escape(invoice.supplier.director)
    )
    return sheet.drawn(
        page(sheet, body, legal_footer(sheet), font=sheet.pick("Liberation Serif", "DejaVu Serif", "Liberation Sans", "Liberation Mono"))
    )


def german_norm(sheet: Sheet) -> Drawn:
    """DIN 5008 form B: a small sender's line over the window, a block of information at the right."""
    party = sheet.invoice.supplier
    sender = f"{named(party, sheet)} · {escape(party.street)} · {party.postcode} {escape(party.city)}"
    left = _gap(24) + f'<div style="font-size:6pt;text-decoration:underline">{sender}</div>' + buyer_lines(sheet, False)
    right = (
        f'<div style="text-align:right">{logo(sheet)}</div>'
        + _gap(8)
        + vertical(meta_pairs(sheet, head=not (inlined := sheet.chance(0.25))))
    )
    body = _sides(left, right, 78) + _gap(12) + _heading(titled_number(sheet) if inlined else title(sheet), 13) + _gap(4)
    body += (
        (f"<p>{sheet.say('dear')}</p><p>{sheet.say('letter')}</p>" + _gap(2) if sheet.chance(0.5) else "")
        + rows_table(sheet, numbered=sheet.chance(0.7))
        + sums_box(sheet, 95, "plain")
    )
    body += _gap(5) + exemption(sheet) + payment(sheet, bank=(above := sheet.chance(0.3)), prose=0.6) + mentions(sheet)
    return sheet.drawn(page(sheet, body, legal_footer(sheet, 4, bank=not above or sheet.chance(0.5))))


def telecom(sheet: Sheet) -> Drawn:
    """A summary on the first page with one large amount; the lines stand on a page behind."""
    invoice = sheet.invoice
    big = f'<div style="border:1.5pt solid var(--c);padding:3mm;margin:3mm 0"><div class=flex style="font-size:130%;font-weight:bold"><span>{sheet.label("amount_debit" if invoice.terms and invoice.terms.how == "debit" else "amount_due")}</span><span class=n>{sheet.put("amount_due")}</span></div><div>{due_words(sheet) if invoice.due else ""}</div></div>'
    summary = "".join(
        f'<div class=flex style="border-bottom:.5pt dotted #888"><span>{label}</span><span class="n {"b" if strong else ""}">{value}</span></div>'
        for label, value, strong in sums(sheet)
    )
    head = vertical(meta_pairs(sheet)) if sheet.chance(0.6) else boxes(meta_pairs(sheet))
    body = (
        _sides(logo(sheet) + _gap(4) + head, _gap(22) + buyer_lines(sheet, False), 78)
        + _gap(8)
        + _heading(sheet.say("summary"), 13, "color:var(--c)")
        + f'<div style="width:120mm">{summary}</div>'
        + big
    )
    body += payment(sheet, bank=sheet.chance(0.3), prose=0) + exemption(sheet) + mentions(sheet)
    detail = (
        f'<div style="break-before:page"></div>{_heading(sheet.say("annex"), 13, "color:var(--c)")}<div>{inline([(sheet.label(number_key(sheet)), escape(invoice.number))])}</div>'
        + _gap(3)
    )
    detail += (rows_table(sheet) if sheet.chance(0.5) else rows_blocks(sheet)) + _gap(3) + vat_table(sheet, True)
    return sheet.drawn(page(sheet, body + detail, legal_footer(sheet)))


def receipt(sheet: Sheet) -> Drawn:
    """A till roll: narrow, in a fixed letter, prices in a column."""
    invoice = sheet.invoice
    sheet.money_form = sheet.pick("{n}", "{n} {s}", "{s} {n}")
    body = f"<div class=c>{logo(sheet, 14)}{supplier_lines(sheet, ids=True)}</div><div>{'-' * 34}</div><div class=c>{sheet.say('receipt') if invoice.kind == '380' else title(sheet)}</div>"
    body += (
        "".join(f"<div>{label} {value}</div>" for label, value in meta_pairs(sheet, 4, 0.4))
        + f"<div>{'-' * 34}</div>"
        + rows_blocks(sheet)
        + f"<div>{'=' * 30}</div>"
    )
    body += "".join(
        f'<div class="flex {"b" if strong else ""}" style="{"font-size:125%" if strong else ""}"><span>{label}</span><span class=n>{value}</span></div>'
        for label, value, strong in sums(sheet)
    )
    body += (
        _gap(3)
        + (vat_table(sheet) if sheet.chance(0.7) else "")
        + exemption(sheet)
        + (buyer_lines(sheet, True) if sheet.chance(0.6) else "")
        + f"<div class=c>{payment(sheet, bank=False, prose=0)}{'<br>'.join(map(escape, invoice.notes))}</div>"
    )
    css = f"@page{{size:{sheet.pick(78, 82, 90)}mm 297mm;margin:4mm!important}}body{{font-size:8pt!important}}.frame>tfoot>tr>td{{height:4mm!important}}"
    return sheet.drawn(
        page(sheet, body, css=css, font=sheet.pick("Liberation Mono", "DejaVu Sans Mono", "Liberation Sans Narrow"), numbered=False)
    )


def craftsman(sheet: Sheet) -> Drawn:
    """Everything framed, no manner at all: a spreadsheet printed by its author."""
    cell = "border:.7pt solid #000;padding:2mm;vertical-align:top"
    body = f'<table class=w><tr><td style="{cell};width:55%">{supplier_lines(sheet, ids=True)}</td><td style="{cell}">{buyer_lines(sheet, True)}</td></tr>'
    body += (
        f'<tr><td style="{cell}" class=c>{_heading(title(sheet), 15)}</td><td style="{cell}">{vertical(meta_pairs(sheet, 8))}</td></tr></table>'
        + _gap(3)
    )
    columns = columns_for(sheet)
    body += rows_table(sheet, columns, sheet.pick("grid", "tall"), numbered=False, extra=sums_foot(sheet, len(columns)))
    body += _gap(4) + exemption(sheet) + payment(sheet) + mentions(sheet)
    return sheet.drawn(
        page(
            sheet,
            body,
            legal_footer(sheet) if sheet.chance(0.3) else "",
            font=sheet.pick("Liberation Sans", "DejaVu Sans", "Liberation Serif"),
        )
    )


def hotel(sheet: Sheet) -> Drawn:
    """A folio: dates before the lines, charges with VAT, payment at the foot."""
    invoice = sheet.invoice
    head = "".join(f"<div>{label} {value}</div>" for label, value in meta_pairs(sheet))
    body = (
        f"<div class=c>{logo(sheet, 24)}</div>"
        + _gap(4)
        + f"<div class=flex><div>{buyer_lines(sheet, sheet.chance(0.4))}</div><div>{head}</div></div>"
        + _gap(6)
        + f"<div class=c>{_heading(title(sheet), 14)}</div>"
        + _gap(3)
    )
    sheet.show_rows(("net",))
    lines = "".join(
        f'<tr><td class=n>{sheet.day(invoice.issue)}</td><td style="padding:0 4mm">{escape(row.description)}{f" x {escape(sheet.quantity(row.quantity))}" if row.quantity != 1 else ""}</td><td class="r n">{sheet.cell(row.net)}</td></tr>'
        for row in invoice.rows
    )
    body += (
        f'<table class=w style="border-top:1pt solid;border-bottom:1pt solid"><tr><th>{sheet.say("issue_date")}</th><th style="padding:0 4mm">{sheet.say("c_description")}</th><th class=r>{sheet.say("c_gross" if invoice.prices_include_tax else "c_net")}</th></tr>{lines}</table>'
        + _gap(3)
    )
    body += (
        sums_box(sheet, 80)
        + _gap(3)
        + vat_table(sheet, False)
        + exemption(sheet)
        + payment(sheet, bank=sheet.chance(0.6))
        + mentions(sheet)
    )
    return sheet.drawn(page(sheet, body, f"<div class=c>{legal_footer(sheet)}</div>"))


def cloud(sheet: Sheet) -> Drawn:
    """A provider's page: sober, much white, metadata in two columns, the due amount large."""
    invoice = sheet.invoice
    told = (
        f"{sheet.put('amount_due')} {sheet.say('due_date').lower()} {sheet.put('due_date')}"
        if invoice.due and sheet.chance(0.5)
        else f"{sheet.label('amount_due')} {sheet.put('amount_due')}"
    )
    due = f'<div style="font-size:150%;font-weight:bold">{told}</div>'
    body = f"<div class=flex>{_heading(title(sheet), 20)}{logo(sheet)}</div>" + _gap(4) + vertical(meta_pairs(sheet)) + _gap(5)
    body += (
        f'<div class=flex style="justify-content:flex-start;gap:25mm"><div>{supplier_lines(sheet, ids=True)}</div><div>{buyer_lines(sheet, True)}</div></div>'
        + _gap(6)
        + due
        + _gap(6)
    )
    body += (
        rows_table(sheet, look="lines")
        + _gap(2)
        + sums_box(sheet, 85, "lines")
        + _gap(5)
        + exemption(sheet)
        + payment(sheet, bank=sheet.chance(0.5))
        + mentions(sheet)
    )
    return sheet.drawn(page(sheet, body, font=sheet.pick("Liberation Sans", "DejaVu Sans")))


def coloured(sheet: Sheet) -> Drawn:
    """A coloured bar with white words at the top, one at the foot for the sum."""
    party = sheet.invoice.supplier
    bar = f'<div class=flex style="background:var(--c);color:#fff;padding:5mm"><div style="font-size:18pt">{escape(party.trade_name or "")}{"" if party.trade_name else named(party, sheet)}</div><div style="font-size:18pt">{title(sheet)}</div></div>'
    told = sums(sheet)
    last = next((item for item in reversed(told) if item[2]), told[-1])
    items = [item for item in told if item is not last]
    body = (
        bar
        + _gap(5)
        + f'<div class=flex style="gap:6mm"><div>{supplier_lines(sheet)}</div><div>{buyer_lines(sheet, True)}</div><div>{"".join(f"<div class=n><small>{label}</small><br><b>{value}</b></div>" for label, value in meta_pairs(sheet, 7))}</div></div>'
        + _gap(6)
    )
    body += (
        rows_table(sheet, look="band")
        + _gap(3)
        + f'<table style="margin-left:auto">{"".join(f"<tr><td style=padding-right:8mm>{label}</td><td class=r>{value}</td></tr>" for label, value, _ in items)}</table>'
    )
    body += (
        f'<div class=flex style="background:var(--c);color:#fff;padding:2mm 5mm;font-size:120%;margin:2mm 0"><span>{last[0]}</span><b class=n>{last[1]}</b></div>'
        + exemption(sheet)
        + _maybe_vat(sheet, 0.3)
        + payment(sheet)
        + mentions(sheet)
    )
    return sheet.drawn(page(sheet, body, legal_footer(sheet, sheet.pick(1, 3))))


def only_in_foot(sheet: Sheet) -> Drawn:
    """The seller is a drawn name above and stands in words only at the foot."""
    body = (
        logo(sheet, 28)
        + _gap(12)
        + _sides(boxes(meta_pairs(sheet, 8)), buyer_lines(sheet, sheet.chance(0.4)), 75)
        + _gap(8)
        + _heading(title(sheet), 13)
        + _gap(2)
    )
    body += (
        rows_table(sheet)
        + _gap(4)
        + (vat_table(sheet) if sheet.chance(0.6) else "")
        + sums_box(sheet)
        + exemption(sheet)
        + _gap(3)
        + payment(sheet, bank=sheet.chance(0.5))
        + mentions(sheet)
    )
    return sheet.drawn(page(sheet, body, legal_footer(sheet, sheet.pick(1, 3, 4), bank=sheet.chance(0.5))))


def dotted(sheet: Sheet) -> Drawn:
    """Labels and values joined by dots, for metadata and sums."""
    pairs = meta_pairs(sheet)
    body = (
        _sides(supplier_lines(sheet, ids=True), buyer_lines(sheet), 80)
        + _gap(6)
        + f"<div class=c>{_heading(title(sheet), 15, 'letter-spacing:4px')}</div>"
        + f'<div style="width:95mm">{leaders(pairs)}</div>'
        + _gap(4)
    )
    body += (
        rows_table(sheet, look=sheet.pick("plain", "lines"))
        + _gap(3)
        + f'<div style="width:95mm;margin-left:auto">{leaders([(label, value) for label, value, _ in sums(sheet)])}</div>'
        + exemption(sheet)
        + payment(sheet)
        + mentions(sheet)
    )
    return sheet.drawn(page(sheet, body, legal_footer(sheet), font=sheet.pick("Liberation Mono", "Liberation Serif", "DejaVu Sans Mono")))


def two_columns(sheet: Sheet) -> Drawn:
    """A coloured column at the left holds who, when and how to pay; the lines stand beside it."""
    left = (
        logo(sheet, 13).replace("class=n", "")
        + _gap(4)
        + supplier_lines(sheet, ids=True)
        + _gap(5)
        + "".join(f"<div style='margin-top:2mm'><small>{label}</small><br>{value}</div>" for label, value in meta_pairs(sheet))
        + _gap(6)
        + payment(sheet, look="lines")
    )
    right = (
        _heading(title(sheet), 22, "color:var(--c)")
        + _gap(5)
        + buyer_lines(sheet)
        + _gap(8)
        + rows_table(sheet, look=sheet.pick("lines", "plain", "zebra"), numbered=False)
        + _gap(3)
        + sums_box(sheet, 70)
        + _maybe_vat(sheet, 0.4)
        + exemption(sheet)
        + mentions(sheet)
    )
    body = f'<table class=w style="table-layout:fixed"><tr style="break-inside:auto"><td style="width:50mm;background:#eef2f5;padding:3mm;overflow-wrap:anywhere">{left}</td><td style="padding-left:5mm">{right}</td></tr></table>'
    return sheet.drawn(page(sheet, body, font=sheet.pick("Liberation Sans", "Liberation Sans Narrow", "DejaVu Sans Condensed")))


def carried_over(sheet: Sheet) -> Drawn:
    """Several pages with a sum carried from one to the next."""
    invoice, columns, size = sheet.invoice, columns_for(sheet), sheet.rng.randint(4, 14)
    numbered, look = sheet.chance(0.3), sheet.pick("grid", "lines", "shaded", "plain")
    span, running, pages = len(columns) + numbered, ZERO, []
    head = horizontal(meta_pairs(sheet)) if sheet.chance(0.5) else vertical(meta_pairs(sheet))
    for at in range(0, len(invoice.rows), size):
        part = invoice.rows[at : at + size]
        before = (
            f'<div class=flex style="padding:1mm 1.5mm"><span>{sheet.say("carry_in")}</span><span>{sheet.cell(running)}</span></div>'
            if at
            else ""
        )
        running += sum((row.net for row in part), Decimal(0))
        after = (
            f'<tr><td class=r colspan={span - 1}>{sheet.say("carry_out")}</td><td class="r n b">{sheet.cell(running)}</td></tr>'
            if at + size < len(invoice.rows)
            else ""
        )
        again = _heading(f"{title(sheet)} {escape(invoice.number)}", 11) if at else ""
        pages.append(again + before + rows_table(sheet, columns, look, numbered, part, after))
    body = (
        _sides(logo(sheet) + supplier_lines(sheet), _gap(10) + buyer_lines(sheet))
        + _heading(title(sheet), 15)
        + head
        + _gap(4)
        + '<div style="break-before:page"></div>'.join(pages)
    )
    body += (
        _gap(3)
        + (sums_across(sheet) if sheet.chance(0.4) else sums_box(sheet))
        + (vat_table(sheet) if sheet.chance(0.5) else "")
        + exemption(sheet)
        + payment(sheet)
        + mentions(sheet)
    )
    return sheet.drawn(page(sheet, body, legal_footer(sheet), numbered=True))


def amount_first(sheet: Sheet) -> Drawn:
    """The sum stands above in a box beside number and dates; the lines follow."""
    due = f'<div style="border:1pt solid #000;padding:2mm;text-align:center">{sheet.say("amount_due")}<div style="font-size:150%;font-weight:bold">{sheet.put("amount_due")}</div></div>'
    body = (
        _sides(supplier_lines(sheet), due, 55)
        + _gap(6)
        + _sides(vertical(meta_pairs(sheet)), buyer_lines(sheet), 80)
        + _gap(6)
        + _heading(title(sheet), 12)
    )
    body += (
        vat_table(sheet, True)
        + _gap(3)
        + rows_table(sheet)
        + _gap(3)
        + sums_box(sheet, 80)
        + exemption(sheet)
        + payment(sheet)
        + mentions(sheet)
    )
    return sheet.drawn(page(sheet, body, legal_footer(sheet)))


def slip_below(sheet: Sheet) -> Drawn:
    """A payment slip to cut off at the foot repeats amount, number and account."""
    invoice = sheet.invoice
    account = invoice.accounts[0]
    pairs = [(sheet.label("amount_due"), sheet.put("amount_due")), (sheet.label(number_key(sheet)), sheet.put("invoice_number"))] + (
        [(sheet.label("due_date"), sheet.put("due_date"))] if invoice.due else []
    )
    slip = f'<div style="border-top:1pt dashed #000;margin-top:8mm;padding-top:3mm;break-inside:avoid">{_sides(account_words(sheet, account, "lines") if invoice.supplier.country != "US" else "", boxes(pairs), 85)}</div>'
    body = (
        _sides(logo(sheet) + supplier_lines(sheet, ids=True), _gap(15) + buyer_lines(sheet, False))
        + _gap(4)
        + _heading(titled_number(sheet), 13)
        + inline(meta_pairs(sheet, head=False), sheet.pick(" | ", " &nbsp; ", " - "))
        + _gap(4)
    )
    body += rows_table(sheet) + _gap(2) + sums_box(sheet) + exemption(sheet) + payment(sheet, bank=False) + mentions(sheet) + slip
    return sheet.drawn(page(sheet, body, legal_footer(sheet) if sheet.chance(0.6) else ""))


def three_boxes(sheet: Sheet) -> Drawn:
    """Seller, buyer and place of delivery in three boxes; metadata in boxes with small words."""
    frame = "border:.5pt solid #999;padding:2mm;flex:1"
    parts = [
        f'<div style="{frame}"><div class=b>{sheet.say("supplier")}</div>{supplier_lines(sheet, ids=sheet.chance(0.6), bold=False)}</div>',
        f'<div style="{frame}">{buyer_lines(sheet, True)}</div>',
    ]
    if sheet.invoice.delivered_to:
        parts.append(f'<div style="{frame}">{delivered_lines(sheet)}</div>')
    if sheet.chance(0.25):
        parts.reverse()
    body = (
        f"<div class=flex>{logo(sheet)}{_heading(title(sheet), 18)}</div>"
        + _gap(4)
        + f'<div style="display:flex;gap:3mm">{"".join(parts)}</div>'
        + _gap(4)
        + boxes(meta_pairs(sheet))
        + _gap(4)
    )
    body += (
        rows_table(sheet, look=sheet.pick("shaded", "band", "grid"))
        + _gap(3)
        + _sides(payment(sheet, look="lines") + _maybe_vat(sheet, 0.4), sums_box(sheet, 72, "grid"), 74)
        + exemption(sheet)
        + mentions(sheet)
    )
    return sheet.drawn(
        page(sheet, body, legal_footer(sheet) if sheet.chance(0.7) else "", css=".hd{font-weight:bold;border-bottom:.5pt solid #999}")
    )


def plain_program(sheet: Sheet) -> Drawn:
    """An old program's page in a fixed letter without any lines."""
    sheet.money_form = sheet.pick("{n}", "{n}", "{n} {c}")
    sheet.shown.discard("currency")
    body = (
        supplier_lines(sheet, ids=True, bold=False) + _gap(8) + f'<div style="margin-left:85mm">{buyer_lines(sheet, False)}</div>' + _gap(8)
    )
    body += (
        f"<div>{title(sheet).upper()}</div>"
        + "".join(
            f'<div style="display:flex"><span style="width:62mm">{label}</span><span>{value}</span></div>'
            for label, value in meta_pairs(sheet)
        )
        + f"<div>{'-' * 80}</div>"
    )
    body += (
        rows_table(sheet, look="plain")
        + f"<div>{'-' * 80}</div>"
        + sums_box(sheet, 95, "plain")
        + _gap(4)
        + exemption(sheet)
        + (f"<div>{sheet.label('currency')} {sheet.put('currency')}</div>" if sheet.chance(0.6) else "")
        + payment(sheet, look=sheet.pick("line", "lines"))
        + mentions(sheet)
    )
    return sheet.drawn(
        page(
            sheet,
            body,
            font=sheet.pick("Liberation Mono", "DejaVu Sans Mono"),
            css="th{font-weight:normal!important}body{font-size:8.5pt!important}",
        )
    )


def wide_table_sums_left(sheet: Sheet) -> Drawn:
    """Sums at the left under the lines, the account beside them at the right."""
    body = (
        f'<div class=flex><div style="width:80mm">{buyer_lines(sheet, True)}</div><div class=r>{logo(sheet)}{supplier_lines(sheet, bold=False)}</div></div>'
        + _gap(6)
    )
    body += (
        _heading(titled_number(sheet, False), 15)
        + vertical([*meta_pairs(sheet, head=False), (sheet.label("issue_date"), sheet.put("issue_date"))])
        + _gap(5)
        + rows_table(sheet)
        + _gap(4)
    )
    table = "".join(
        f'<tr><td style="padding-right:6mm" class="{"b" if strong else ""}">{label}</td><td class="r n {"b" if strong else ""}">{value}</td></tr>'
        for label, value, strong in sums(sheet)
    )
    body += (
        f'<div class=flex><table>{table}</table><div style="width:85mm">{payment(sheet, look="lines")}</div></div>'
        + _maybe_vat(sheet, 0.4)
        + exemption(sheet)
        + mentions(sheet)
    )
    return sheet.drawn(page(sheet, body, legal_footer(sheet, sheet.pick(1, 3))))


def net_beside_gross(sheet: Sheet) -> Drawn:
    """The VAT table and the sums are one wide table: base, rate, tax, then net, tax, gross."""
    invoice = sheet.invoice
    sheet.shown |= {"vat_breakdown", "vat.base"}
    edge = "border:.5pt solid #777;padding:1mm 2mm"
    heads = "".join(
        f'<th class=c style="{edge};background:#eee">{sheet.say(key)}</th>'
        for key in ("v_base", "v_rate", "v_tax", "total_net", "total_tax", "total_gross")
    )
    body_rows = ""
    for place, line in enumerate(invoice.vat):
        tail = (
            f'<td rowspan={len(invoice.vat)} class="r n" style="{edge}">{sheet.put("total_net")}</td><td rowspan={len(invoice.vat)} class="r n" style="{edge}">{sheet.put("total_tax")}</td><td rowspan={len(invoice.vat)} class="r n b" style="{edge}">{sheet.put("total_gross")}</td>'
            if not place
            else ""
        )
        body_rows += f'<tr><td class="r n" style="{edge}">{sheet.cell(line.base)}</td><td class="r n" style="{edge}">{sheet.rate(line.rate)}</td><td class="r n" style="{edge}">{sheet.cell(line.tax)}</td>{tail}</tr>'
    extra = ""
    for key, value in (
        ("paid", invoice.paid),
        ("carried", invoice.carried),
        ("withheld", invoice.withheld),
        ("rounding", invoice.rounding),
    ):
        if value:
            extra += f"<div class=r>{sheet.label(key)} {sheet.money(value)}</div>"
            sheet.shown |= {"paid_amount"} if key == "paid" else set()
    body = _sides(
        logo(sheet) + supplier_lines(sheet, ids=sheet.chance(0.3)),
        _gap(12) + f'<div style="border:.7pt solid #000;padding:3mm;border-radius:3mm">{buyer_lines(sheet, sheet.chance(0.3))}</div>',
        85,
    ) + _gap(5)
    body += (
        f"<table class=w><tr><td>{_heading(title(sheet), 15)}</td><td>{horizontal(meta_pairs(sheet), across=4)}</td></tr></table>"
        + _gap(3)
        + rows_table(sheet, look=sheet.pick("tall", "grid"))
        + _gap(3)
    )
    body += (
        f'<table class=w>{"<tr>" + heads + "</tr>"}{body_rows}</table>{extra}<div class="r b" style="font-size:120%;margin-top:1mm">{sheet.label("amount_due")} {sheet.put("amount_due")}</div>'
        + exemption(sheet)
        + payment(sheet)
        + mentions(sheet)
    )
    return sheet.drawn(page(sheet, body, legal_footer(sheet)))


def shop(sheet: Sheet) -> Drawn:
    """A web shop: centred title, order data first, lines with pictures' gaps, sums at the right."""
    pairs = meta_pairs(sheet)
    body = (
        f"<div class=c>{logo(sheet, 20)}{_heading(title(sheet), 16)}</div>"
        + _gap(3)
        + f'<div style="background:#f4f4f4;padding:3mm;columns:2">{"".join(f"<div>{label} <b>{value}</b></div>" for label, value in pairs)}</div>'
        + _gap(4)
    )
    body += (
        f'<div style="display:flex;gap:20mm"><div>{buyer_lines(sheet, True)}</div><div>{delivered_lines(sheet)}</div></div>'
        + _gap(4)
        + rows_table(sheet, look=sheet.pick("lines", "zebra"), numbered=False)
        + _gap(3)
        + sums_box(sheet, 80, sheet.pick("plain", "shaded"))
    )
    body += (
        _gap(3)
        + exemption(sheet)
        + payment(sheet, bank=sheet.chance(0.3))
        + mentions(sheet)
        + _gap(4)
        + f"<div class=c>{supplier_lines(sheet, ids=True, bold=False)}</div>"
    )
    return sheet.drawn(page(sheet, body, legal_footer(sheet) if sheet.chance(0.3) else ""))


def stacked_grid(sheet: Sheet) -> Drawn:
    """Words over values everywhere: metadata in a grid without lines, each sum in its own box."""
    body = (
        f"<div class=flex>{logo(sheet)}<div class=r>{_heading(title(sheet), 19)}</div></div>"
        + _gap(5)
        + stacked(meta_pairs(sheet), sheet.pick(2, 3, 4))
        + _gap(5)
    )
    body += (
        f'<div style="display:flex;gap:25mm">{"".join(f"<div>{block}</div>" for block in (supplier_lines(sheet, ids=sheet.chance(0.5)), buyer_lines(sheet)))}</div>'
        + _gap(6)
    )
    body += (
        rows_table(sheet)
        + _gap(4)
        + sums_stacked(sheet)
        + _gap(3)
        + _maybe_vat(sheet, 0.5)
        + exemption(sheet)
        + payment(sheet)
        + mentions(sheet)
    )
    return sheet.drawn(page(sheet, body, legal_footer(sheet, sheet.pick(1, 3))))


def energy(sheet: Sheet) -> Drawn:
    """A supplier of power or water: meter, readings, consumption, and a calendar of payments that competes with the dates."""
    invoice, rng = sheet.invoice, sheet.rng
    meter = {
        "fr": ("Point de livraison (PDL)", "N° compteur", "Ancien index", "Nouvel index", "Consommation"),
        "de": ("Zählpunkt", "Zählernummer", "Zählerstand alt", "Zählerstand neu", "Verbrauch"),
        "nl": ("EAN-code", "Meternummer", "Beginstand", "Eindstand", "Verbruik"),
        "en": ("Supply number", "Meter no.", "Previous reading", "Present reading", "Consumption"),
    }[sheet.language]
    old, used = rng.randint(1000, 90000), rng.randint(50, 4000)
    values = (str(rng.randrange(10**13, 10**14)), str(rng.randrange(10**5, 10**9)), str(old), str(old + used), f"{used} kWh")
    body = (
        _sides(logo(sheet) + supplier_lines(sheet), _gap(16) + buyer_lines(sheet, False))
        + _gap(4)
        + _heading(titled_number(sheet, sheet.chance(0.6)), 13)
        + vertical(meta_pairs(sheet, head=False) + ([(sheet.label("issue_date"), sheet.put("issue_date"))] if sheet.chance(0.9) else []))
    )
    body += (
        _gap(4)
        + _heading(sheet.say("summary"), 11)
        + "".join(
            f'<div class=flex style="width:105mm;{"font-weight:bold;font-size:120%" if strong else ""}"><span>{label}</span><span class=n>{value}</span></div>'
            for label, value, strong in sums(sheet)
        )
    )
    body += (
        (f'<div style="border:1pt solid var(--c);padding:2mm;margin:3mm 0">{due_words(sheet)}</div>' if invoice.due else "")
        + exemption(sheet)
        + payment(sheet, bank=sheet.chance(0.4), prose=0)
        + _gap(4)
    )
    body += (
        horizontal(list(zip(meter, values, strict=True)), across=5) + _gap(3) + rows_table(sheet) + _maybe_vat(sheet, 0.7) + mentions(sheet)
    )
    return sheet.drawn(page(sheet, body, legal_footer(sheet)))


def consignments(sheet: Sheet) -> Drawn:
    """A haulier's or a wholesaler's list: every line has its own date and note before the words."""
    invoice, rng = sheet.invoice, sheet.rng
    sheet.show_rows(("net", "quantity"))
    words_of = {
        "fr": ("Date", "N° BL", "Poids kg"),
        "de": ("Datum", "Sendung", "Gewicht kg"),
        "nl": ("Datum", "Zending", "Gewicht kg"),
        "en": ("Date", "Consignment", "Weight kg"),
    }[sheet.language]
    heads = "".join(
        f'<th style="border-bottom:1pt solid;padding:1mm">{head}</th>'
        for head in (
            words_of[0],
            words_of[1],
            sheet.say("c_description"),
            sheet.say("c_quantity"),
            words_of[2],
            sheet.say("c_gross" if invoice.prices_include_tax else "c_net"),
        )
    )
    note = rng.randint(100000, 900000)
    body_rows = "".join(
        f'<tr><td class=n style="padding-right:2mm">{sheet.day(invoice.issue - timedelta(days=len(invoice.rows) - place))}</td><td style="padding-right:2.5mm">{note + 13 * place}</td><td>{escape(row.description)}</td><td class=r>{escape(sheet.quantity(row.quantity))}</td><td class=r>{rng.randint(5, 900)}</td><td class="r n">{sheet.cell(row.net)}</td></tr>'
        for place, row in enumerate(invoice.rows)
    )
    body = (
        _sides(f"<div>{logo(sheet)}{supplier_lines(sheet)}</div>", buyer_lines(sheet, True), 75)
        + _gap(5)
        + _heading(title(sheet), 14)
        + horizontal(meta_pairs(sheet), shade="background:#ddd", across=5)
        + _gap(3)
    )
    body += (
        f"<table class=w><thead><tr>{heads}</tr></thead><tbody>{body_rows}</tbody></table>"
        + _gap(3)
        + (sums_across(sheet) if sheet.chance(0.4) else sums_box(sheet))
        + _maybe_vat(sheet, 0.3)
        + exemption(sheet)
        + payment(sheet)
        + mentions(sheet)
    )
    return sheet.drawn(page(sheet, body, legal_footer(sheet, sheet.pick(1, 3), bank=sheet.chance(0.2))))


def right_labels(sheet: Sheet) -> Drawn:
    """Labels pushed to the right against their values, the seller at the centre, sums in two blocks: what leads to net at the left, what is due at the right."""
    told = sums(sheet)
    half = max(1, len(told) // 2)
    blocks = [
        vertical([(label, f"<b>{value}</b>" if strong else value) for label, value, strong in part], 'style="text-align:right"')
        for part in (told[:half], told[half:])
    ]
    body = (
        f"<div class=c>{_heading(named(sheet.invoice.supplier, sheet), 17, 'color:var(--c)')}{'<br>'.join(supplier_lines(sheet, ids=True, bold=False).split('<br>')[1:])}</div>"
        + _gap(6)
    )
    body += (
        f"<div class=flex>{buyer_lines(sheet, True).join(('<div>', '</div>'))}{vertical(meta_pairs(sheet), 'style=text-align:right')}</div>"
        + _gap(4)
        + _heading(title(sheet), 13)
        + rows_table(sheet)
        + _gap(4)
    )
    body += (
        f'<div class=flex style="border:.6pt solid #888;padding:2mm">{"".join(blocks)}</div>'
        + _maybe_vat(sheet, 0.4)
        + exemption(sheet)
        + payment(sheet)
        + mentions(sheet)
    )
    return sheet.drawn(page(sheet, body, legal_footer(sheet) if sheet.chance(0.5) else ""))


def sentence(sheet: Sheet) -> Drawn:
    """Fees of a person: hardly a table, the sums in a sentence."""
    invoice = sheet.invoice
    if len(invoice.rows) > 4 or invoice.adjustments:
        return letter(sheet)
    sheet.show_rows(("net",))
    rows = "".join(
        f'<div class=flex style="margin:1mm 0"><span>{escape(row.description)}</span><span class=n>{sheet.money(row.net)}</span></div>'
        for row in invoice.rows
    )
    items = (
        [(sheet.label("total_net"), sheet.put("total_net"))] + [(label, value) for label, value, _ in tax_sums(sheet)]
        if not invoice.prices_include_tax
        else []
    )
    items.append((sheet.label("total_gross"), sheet.put("total_gross")))
    if invoice.paid:
        items.append((sheet.label("paid"), sheet.put("paid_amount")))
    if invoice.amount_due != invoice.total_gross:
        items.append((sheet.label("amount_due"), sheet.put("amount_due")))
    ids = " - ".join(f"{label} {value}" for label, value in seller_ids(sheet))
    body = (
        f"<div class=c>{_heading(named(invoice.supplier, sheet), 15)}{escape(invoice.supplier.street)} - {invoice.supplier.postcode} {escape(invoice.supplier.city)}<br><small>{ids}</small></div>"
        + _gap(14)
        + f'<div style="margin-left:90mm">{buyer_lines(sheet, False)}</div>'
        + _gap(12)
    )
    body += (
        _heading(titled_number(sheet), 12)
        + "".join(f"<div>{label} {value}</div>" for label, value in meta_pairs(sheet, 5, head=False))
        + _gap(6)
        + f"<p>{sheet.say('letter')}</p>"
        + _gap(3)
        + rows
        + _gap(3)
    )
    body += (
        (
            f"<p>{inline(items, ', ')}.</p>"
            if sheet.chance(0.35)
            else "".join(
                f'<div class=flex style="margin-left:70mm"><span>{label}</span><b class=n>{value}</b></div>' for label, value in items
            )
        )
        + exemption(sheet)
        + _gap(5)
        + payment(sheet, prose=0.7)
        + mentions(sheet)
    )
    return sheet.drawn(page(sheet, body, font=sheet.pick("Liberation Serif", "DejaVu Serif", "Liberation Sans")))


def fits(layout: str, invoice: Invoice) -> bool:  # noqa: PLR0911 - one answer per page
    """Whether this invoice may be drawn so: statements are for subscriptions, till rolls for shops, carried sums for many lines."""
    count = len(invoice.rows)
    match layout:
        case "telecom":
            return invoice.trade in {"utility", "cloud"} and invoice.kind == "380"
        case "energy":
            return invoice.trade == "utility" and invoice.kind == "380"
        case "consignments":
            return invoice.trade in {"food", "industry", "office"} and count > 1 and not any(row.discount for row in invoice.rows)
        case "receipt":
            return invoice.trade in {"food", "hotel", "office"} and invoice.kind == "380" and count < 12
        case "carried_over":
            return count > 6
        case "sentence":
            return count <= 4
        case "two_columns":
            return count <= 14
        case "hotel":
            return invoice.trade in {"hotel", "food"}
    return True
