"""What law, arithmetic and check digits say of an invoice: one question per function, each a finding or nothing.

None holds a document: the copy is faithful whatever the invoice lacks. What is not found may stand on the page and have escaped the
reader, and the words say so. The articles and their days are data (`workflow.law`). Not looked at, for a page cannot answer: whether a
delivery address differs, whether debits were opted for, whether each line is named precisely enough, whether a discount was agreed.
"""

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from difflib import SequenceMatcher
from typing import TypeAlias

from stdnum.eu.vat import MEMBER_STATES

from capture.catalogue import finding
from capture.findings import Finding
from ocr.identifiers import compact, valid_bic, valid_iban, valid_siren, valid_siret, valid_vat, vat_siren
from ocr.labels import LEGAL_FORMS
from ocr.layout import fold
from ocr.rates import tax_of
from ocr.values import VatLine
from workflow import mentions
from workflow.channel import due_by, due_channel, wrong_channel
from workflow.invoices import (
    ADVANCE,
    CREDIT,
    SELF_BILLED,
    Circumstances,
    Home,
    Invoice,
    home_of,
    supplier_siren,
)
from workflow.law import Channel, Group

Check: TypeAlias = Callable[[Invoice, Circumstances], Finding | None]
Lacks: TypeAlias = Callable[[Invoice, Circumstances], bool]

CENT = Decimal("0.01")
SUM_TOLERANCE = Decimal("0.02")
"""Between totals of one invoice: each is rounded once. House policy."""
LINES_UNREAD = 10
"""Lines that an invoice is taken to have where none was read: as many cents may VAT differ that was rounded per line. House policy."""
MOST_LINES = 5000
"""Beyond, lines are not added up."""
LIKE_US = 0.85
"""Share of a buyer's name that has to be as in ours to be ours with misread letters."""
LINES_READ = 0.6
"""Confidence from which lines are added up at all."""
NUMBER = re.compile(r"[A-Za-z0-9+\-_/]{1,35}")
"""BR-FR-01, BR-FR-02."""


# --- particulars: what the page does not say ------------------------------------------------------


def lacks_supplier_name(invoice: Invoice, _: Circumstances) -> bool:
    return not invoice.found("supplier_name") and supplier_siren(invoice) is None


def lacks_supplier_siren(invoice: Invoice, _: Circumstances) -> bool:
    return not invoice.found("supplier_siren", "supplier_siret", "supplier_vat_id")


def lacks_supplier_vat(invoice: Invoice, circumstances: Circumstances) -> bool:
    """Not asked for up to a small net amount, nor of who charges no VAT."""
    net = invoice.amount("total_net") or invoice.amount("total_gross")
    small = net is not None and abs(net) <= circumstances.law.vat_number_above
    if small or invoice.untaxed or says_exempt(invoice):
        return False
    return not (invoice.found("supplier_vat_id") or mentions.VAT_NUMBER.search(invoice.tight))


def lacks_both_vat_numbers(invoice: Invoice, _: Circumstances) -> bool:
    """Where the customer owes the tax (reverse charge), or goods go to another member state without tax."""
    if not (invoice.untaxed and mentions.CUSTOMER_OWES.search(invoice.tight)):
        return False
    told = compact(invoice.words("supplier_vat_id")).lower()
    return len({*mentions.VAT_NUMBER.findall(invoice.tight), *filter(None, [told])}) < 2


def lacks_issue_date(invoice: Invoice, _: Circumstances) -> bool:
    return not invoice.found("issue_date")


def lacks_number(invoice: Invoice, _: Circumstances) -> bool:
    return not invoice.found("invoice_number")


def lacks_tax(invoice: Invoice, _: Circumstances) -> bool:
    """Neither a VAT table, nor a tax amount with a rate on the page; nobody owes it where the invoice is exempt."""
    if invoice.vat_lines or invoice.untaxed or says_exempt(invoice):
        return False
    return invoice.amount("total_tax") is None or not mentions.RATE.search(invoice.text)


def lacks_exemption(invoice: Invoice, _: Circumstances) -> bool:
    return invoice.untaxed and not says_exempt(invoice)


def lacks_self_billing(invoice: Invoice, _: Circumstances) -> bool:
    return invoice.type_code in SELF_BILLED and not mentions.SELF_BILLED.search(invoice.tight)


def lacks_buyer(invoice: Invoice, circumstances: Circumstances) -> bool:
    return not invoice.found("buyer_name", "buyer_siren") and not _names_us(invoice, circumstances)


def lacks_due_date(invoice: Invoice, _: Circumstances) -> bool:
    return not (_asks_no_payment(invoice) or invoice.found("due_date", "payment_terms") or mentions.TERMS.search(invoice.tight))


def lacks_penalties(invoice: Invoice, _: Circumstances) -> bool:
    return not (_asks_no_payment(invoice) or mentions.PENALTIES.search(invoice.tight))


def lacks_indemnity(invoice: Invoice, _: Circumstances) -> bool:
    return not (_asks_no_payment(invoice) or mentions.INDEMNITY.search(invoice.tight))


def lacks_discount(invoice: Invoice, _: Circumstances) -> bool:
    return not (_asks_no_payment(invoice) or mentions.DISCOUNT.search(invoice.tight))


def lacks_buyer_siren(invoice: Invoice, circumstances: Circumstances) -> bool:
    return not invoice.found("buyer_siren") and not any(siren in invoice.tight for siren in circumstances.sirens)


def lacks_nature(invoice: Invoice, _: Circumstances) -> bool:
    return not mentions.NATURE.search(invoice.tight)


LACKS: dict[str, Lacks] = {
    "supplier-name": lacks_supplier_name,
    "supplier-siren": lacks_supplier_siren,
    "supplier-vat": lacks_supplier_vat,
    "both-vat-numbers": lacks_both_vat_numbers,
    "issue-date": lacks_issue_date,
    "invoice-number": lacks_number,
    "tax-breakdown": lacks_tax,
    "exemption": lacks_exemption,
    "self-billing": lacks_self_billing,
    "buyer-name": lacks_buyer,
    "due-date": lacks_due_date,
    "late-penalties": lacks_penalties,
    "recovery-indemnity": lacks_indemnity,
    "early-discount": lacks_discount,
    "buyer-siren": lacks_buyer_siren,
    "operation-nature": lacks_nature,
}
"""Code of `config/law/particulars.toml` → whether the page does without it."""
ANYWHERE = frozenset({"issue-date", "invoice-number"})
"""Asked of every invoice in the Union (directive 2006/112/CE, art. 226): the only ones that a supplier abroad is held to here."""


def says_exempt(invoice: Invoice) -> bool:
    """A provision or a reason why no VAT is due, whichever way it is written."""
    return bool(mentions.EXEMPT.search(invoice.tight) or mentions.EXEMPT_ARTICLE.search(invoice.text))


def _asks_no_payment(invoice: Invoice) -> bool:
    return invoice.type_code in CREDIT or invoice.paid


def _names_us(invoice: Invoice, circumstances: Circumstances) -> bool:
    """One of our numbers or names stands on the page, or is so like the buyer's name that was read that it is ours, misread."""
    if compact(invoice.words("buyer_siren")) in circumstances.sirens:
        return True
    buyer, ours = _core_name(invoice.words("buyer_name")), {_core_name(name) for name in circumstances.names}
    if any(number in invoice.tight for number in circumstances.sirens) or any(name and name in invoice.tight for name in ours):
        return True
    return bool(buyer) and any(SequenceMatcher(None, buyer, name).ratio() >= LIKE_US for name in ours)


def _core_name(name: str) -> str:
    """Without its legal form, which may be printed or not."""
    words = fold(name[:120]).split()
    return "".join([word for word in words if word not in LEGAL_FORMS] or words)


def lacking(invoice: Invoice, circumstances: Circumstances, group: Group) -> list[str]:
    """Codes of what the law asked for on its day and the reader did not find, in the order of the law."""
    day, home = circumstances.issued(invoice), home_of(invoice)
    asked = [each.code for each in circumstances.law.particulars if each.group is group and each.period.holds(day)]
    if home is not Home.FRANCE:
        asked = [code for code in asked if code in ANYWHERE]
    return [code for code in asked if LACKS[code](invoice, circumstances)]


def particulars_missing(invoice: Invoice, circumstances: Circumstances) -> Finding | None:
    """Tax law's own, and the new ones where the supplier is bound to issue electronically for certain."""
    if not _looks_an_invoice(invoice):
        return None
    codes = lacking(invoice, circumstances, Group.TAX)
    due = due_by(invoice, circumstances, Channel.PLATFORM)
    if due is not None and due.certain:
        codes += lacking(invoice, circumstances, Group.REFORM)
    return _listed("particulars-missing", codes, invoice, circumstances)


def mentions_missing(invoice: Invoice, circumstances: Circumstances) -> Finding | None:
    """The code of commerce's, between professionals in France."""
    if not _looks_an_invoice(invoice) or home_of(invoice) is not Home.FRANCE:
        return None
    return _listed("mentions-missing", lacking(invoice, circumstances, Group.COMMERCE), invoice, circumstances)


def _looks_an_invoice(invoice: Invoice) -> bool:
    """Read as a whole, with values on the page; an electronic invoice is held against EN 16931 instead, a till's receipt against none."""
    if not invoice.whole or invoice.structured:
        return False
    named = bool(mentions.INVOICE_WORDS.search(invoice.text)) or invoice.found("invoice_number")
    return named and invoice.found("total_gross", "total_net", "amount_due")


def _listed(code: str, codes: list[str], invoice: Invoice, circumstances: Circumstances) -> Finding | None:
    if not codes:
        return None
    law, day = circumstances.law, circumstances.issued(invoice)
    articles = [law.article(each, day) for name in codes if (each := law.particular(name, day))]
    return finding(code, measured=", ".join(f"{{{name}}}" for name in codes), limit=" ; ".join(dict.fromkeys(articles)))


def old_reference(invoice: Invoice, circumstances: Circumstances) -> Finding | None:
    """Ordonnance n° 2025-1247: the CGI's articles on VAT may be cited until the end of 2027."""
    until = circumstances.law.old_references_until
    cited = mentions.OLD_ARTICLE.search(invoice.text)
    if not cited or circumstances.issued(invoice) <= until:
        return None
    return finding("old-reference", measured=f"art. {cited[1].strip().upper()} CGI", limit=f"{{{until.isoformat()}}}")


# --- arithmetic -----------------------------------------------------------------------------------


def amounts_disagree(invoice: Invoice, _: Circumstances) -> Finding | None:
    """Net + tax = gross, Σ VAT lines = tax, base × rate = tax, gross - paid = due; all that fail in one finding."""
    wrong = [*_sums(invoice), *(_rate_words(line) for line in invoice.vat_lines if _rate_gap(line) > _line_tolerance(invoice))]
    if not wrong:
        return None
    return finding("amounts-disagree", measured=" ; ".join(wrong), limit=f"{SUM_TOLERANCE}")


def _sums(invoice: Invoice) -> Iterator[str]:
    net, tax, gross = (invoice.amount(f"total_{name}") for name in ("net", "tax", "gross"))
    if net is not None and tax is not None and gross is not None and abs(net + tax - gross) > SUM_TOLERANCE:
        yield f"{{net}} {net:f} + {{tax}} {tax:f} ≠ {{gross}} {gross:f}"
    told = sum((line.tax for line in invoice.vat_lines), Decimal(0))
    if invoice.vat_lines and tax is not None and abs(told - tax) > SUM_TOLERANCE + CENT * len(invoice.vat_lines):
        yield f"Σ {{tax}} {told:f} ≠ {{tax}} {tax:f}"
    paid, due = invoice.amount("paid_amount"), invoice.amount("amount_due")
    # What is paid may be printed with its minus; of a credit note everything may be.
    if gross is not None and paid is not None and due is not None and abs(abs(gross) - abs(paid) - abs(due)) > SUM_TOLERANCE:
        yield f"{{gross}} {abs(gross):f} − {{paid}} {abs(paid):f} ≠ {{due}} {abs(due):f}"


def vat_rounding(invoice: Invoice, _: Circumstances) -> Finding | None:
    """VAT is computed once per rate; who rounds per line differs by at most a cent a line (EN 16931 BR-CO-17 asks for the former)."""
    tolerance = _line_tolerance(invoice)
    off = [_rate_words(line) for line in invoice.vat_lines if 0 < _rate_gap(line) <= tolerance]
    return finding("vat-rounding", measured=" ; ".join(off), limit=f"{tolerance:f}") if off else None


def _rate_gap(line: VatLine) -> Decimal:
    return abs(tax_of(line.base, line.rate) - line.tax)


def _rate_words(line: VatLine) -> str:
    return f"{line.base:f} × {line.rate.normalize():f} % = {tax_of(line.base, line.rate):f} ≠ {line.tax:f}"


def _line_tolerance(invoice: Invoice) -> Decimal:
    return CENT * (len(invoice.lines) or LINES_UNREAD)


def lines_disagree(invoice: Invoice, _: Circumstances) -> Finding | None:
    """Σ lines = net, where every line has its amount and no discount or charge of the whole is printed."""
    net, gross, lines = invoice.amount("total_net"), invoice.amount("total_gross"), invoice.lines
    if (
        net is None
        or not 0 < len(lines) <= MOST_LINES
        or invoice.fields["lines"].confidence < LINES_READ
        or mentions.ON_THE_WHOLE.search(invoice.tight)
    ):
        return None
    amounts = [line.net for line in lines if line.net is not None]
    told, tolerance = sum(amounts, Decimal(0)), CENT * len(lines)
    # Some print their lines with VAT: those add up to the gross total.
    if len(amounts) < len(lines) or min(abs(told - each) for each in (net, gross or net)) <= tolerance:
        return None
    return finding("lines-disagree", measured=f"Σ {{lines}} {told:f} ≠ {{net}} {net:f}", limit=f"{tolerance:f}")


def vat_rate_unknown(invoice: Invoice, circumstances: Circumstances) -> Finding | None:
    """BR-FR-16, at the tax point: the delivery's day where it is known."""
    if home_of(invoice) not in (Home.FRANCE, Home.MONACO):
        return None
    days = {day for day in (invoice.day("delivery_date"), circumstances.issued(invoice)) if day}
    known = {each.rate for each in circumstances.law.rates if any(each.period.holds(day) for day in days)}
    odd = sorted({line.rate for line in invoice.vat_lines} - known)
    if not odd:
        return None
    usual = ", ".join(f"{rate.normalize():f}" for rate in sorted(known, reverse=True))
    return finding("vat-rate-unknown", measured=", ".join(f"{rate.normalize():f} %" for rate in odd), limit=f"{usual} %")


# --- identifiers, dates, number ---------------------------------------------------------------------


def identifier_invalid(invoice: Invoice, _: Circumstances) -> Finding | None:
    """Check digits of what was read; a VAT number outside the Union has no rule here."""
    checks: tuple[tuple[str, str, Callable[[str], bool]], ...] = (
        ("supplier_siren", "SIREN", valid_siren),
        ("supplier_siret", "SIRET", valid_siret),
        ("supplier_vat_id", "{tax}", _plausible_vat),
        ("buyer_siren", "SIREN {buyer}", valid_siren),
        ("iban", "IBAN", valid_iban),
        ("bic", "BIC", valid_bic),
    )
    wrong = [f"{label} {number}" for name, label, check in checks if (number := compact(invoice.words(name))) and not check(number)]
    return finding("identifier-invalid", measured=" ; ".join(wrong)) if wrong else None


def _plausible_vat(number: str) -> bool:
    country = number[:2].lower()
    return valid_vat(number) if country in MEMBER_STATES or country == "el" else True


def identifiers_differ(invoice: Invoice, _: Circumstances) -> Finding | None:
    """SIRET starts with SIREN (BR-FR-09), the French VAT number ends with it (Monaco's does not); BIC and IBAN are of one country."""
    siren, siret = compact(invoice.words("supplier_siren")), compact(invoice.words("supplier_siret"))
    vat = compact(invoice.words("supplier_vat_id"))
    told = {"SIREN": siren, "SIRET": siret[:9], "{tax}": vat_siren(vat) or ""}
    known = {label: number for label, number in told.items() if number}
    wrong = [f"{label} {number}" for label, number in known.items()] if len(set(known.values())) > 1 else []
    iban, bic = compact(invoice.words("iban")), compact(invoice.words("bic"))
    if valid_iban(iban) and valid_bic(bic) and _country(iban[:2]) != _country(bic[4:6]):
        wrong += [f"IBAN {iban[:2]}", f"BIC {bic}"]
    return finding("identifiers-differ", measured=" ; ".join(wrong)) if wrong else None


def _country(code: str) -> str:
    """Banks of Monaco and of overseas France stand under France in the one code and under their own in the other."""
    return "FR" if code in {"MC", "GP", "MQ", "GF", "RE", "YT", "PM", "BL", "MF", "NC", "PF", "WF"} else code


def due_before_issue(invoice: Invoice, _: Circumstances) -> Finding | None:
    """BR-FR-CO-07: not of advances, nor of what is paid already."""
    issue, due = invoice.day("issue_date"), invoice.day("due_date")
    if issue is None or due is None or due >= issue or invoice.type_code in ADVANCE or invoice.paid:
        return None
    return finding("due-before-issue", measured=f"{{{due.isoformat()}}}", limit=f"{{{issue.isoformat()}}}")


def number_not_electronic(invoice: Invoice, circumstances: Circumstances) -> Finding | None:
    """BR-FR-01 and 02, where the invoice had to come by a regulated flow, or did."""
    number, due = invoice.words("invoice_number"), due_channel(invoice, circumstances)
    regulated = (invoice.structured and home_of(invoice) is Home.FRANCE) or (due is not None and due.certain)
    if not number or not regulated or NUMBER.fullmatch(number):
        return None
    return finding("number-not-electronic", measured=f"« {number} »", limit="{signs}")


def not_our_company(invoice: Invoice, circumstances: Circumstances) -> Finding | None:
    """Nothing on the page names us, and the buyer that was read is another; silent where the settings name nobody."""
    ours = [*circumstances.sirens, *circumstances.names]
    if not ours or not invoice.whole or _names_us(invoice, circumstances):
        return None
    siren = compact(invoice.words("buyer_siren"))
    surely = invoice.found("buyer_siren") and valid_siren(siren) and bool(circumstances.sirens)
    name = invoice.words("buyer_name") if invoice.found("buyer_name") and circumstances.names else ""
    if not surely and not name:
        return None
    told = " ".join(filter(None, (invoice.words("buyer_name"), f"(SIREN {siren})" if surely else "")))
    return finding("not-our-company", measured=told, limit=", ".join(ours[:6]))


CHECKS: tuple[Check, ...] = (
    particulars_missing,
    mentions_missing,
    old_reference,
    amounts_disagree,
    vat_rounding,
    lines_disagree,
    vat_rate_unknown,
    identifier_invalid,
    identifiers_differ,
    due_before_issue,
    number_not_electronic,
    not_our_company,
    wrong_channel,
)


def check_invoice(invoice: Invoice, circumstances: Circumstances) -> tuple[Finding, ...]:
    """What the page alone gives reason to say."""
    return tuple(found for check in CHECKS if (found := check(invoice, circumstances)) is not None)
