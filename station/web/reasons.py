"""Why a value was chosen, from the reader's words for the record to the words of the screens."""

import re
from collections.abc import Iterator

from station.web.words import Words

_PHRASES: tuple[tuple[str, str], ...] = (
    (r"net \+ tax = gross", "sum"),
    (r"net \+ tax is not the gross amount", "no-sum"),
    (r"no tax: « (?P<quoted>[^»]*) »", "free"),
    (r"the heading says « (?P<quoted>[^»]*) »", "other-title"),
    (r"its label", "label"),
    (r"its place on the page", "place"),
    (r"its place, shape and neighbours", "neighbours"),
    (r"checksum passes", "checksum"),
    (r"checksum does not pass", "no-checksum"),
    (r"misread letters corrected", "corrected"),
    (r"within the SIRET", "in-siret"),
    (r"the heading says credit note", "credit"),
    (r"nothing says that it is not an invoice", "invoice"),
    (r"« (?P<quoted>[^»]*) » in the heading", "in-heading"),
    (r"« (?P<quoted>[^»]*) » above", "label-above"),
    (r"« (?P<quoted>[^»]*) »", "quoted"),
    (r"a stamp of arrival", "stamp"),
    (r"the day on the slip, else of the scan", "arrival"),
    (r"in the title", "in-title"),
    (r"in the legal notice", "legal-notice"),
    (r"in the sender's line", "sender"),
    (r"at the foot", "foot"),
    (r"holder of the account", "holder"),
    (r"large or first at the top", "top"),
    (r"on top of an address", "address"),
    (r"under a heading of the seller", "seller-heading"),
    (r"under a heading of the buyer", "buyer-heading"),
    (r"beside the label of the seller", "seller-label"),
    (r"beside the label of the buyer", "buyer-label"),
    (r"beside the place of delivery", "delivery"),
    (r"beside « name »", "name-label"),
    (r"says when to pay", "terms"),
    (r"written (?P<n>\d+) times of (?P<all>\d+)", "written"),
    (r"base × rate = tax", "rates"),
    (r"the lines add up to the net amount", "lines-sum"),
    (r"rows of the table of goods", "lines"),
    (r"one misread sign put right: only this reading adds up", "repaired"),
    (r"computed: the totals and one rate", "one-rate"),
    (r"computed: net \+ tax", "net-tax"),
    (r"computed: gross − net", "gross-net"),
    (r"computed: gross − tax", "gross-tax"),
    (r"computed: gross − paid", "gross-paid"),
    (r"computed: sum of the tax table", "tax-table"),
    (r"computed: the gross amount, nothing says that it was paid", "unpaid"),
    (r"computed: date of issue \+ (?P<n>\d+) days, « (?P<quoted>.*) »", "due-computed"),
    (r"read twice alike", "alike"),
    (r"the second look differs", "differs"),
    (r"(?P<field>[a-z_]+) may have been missed", "missed"),
    (r"(?P<term>B[TG]-\d+(?:-\d+)?), (?P<name>[^,;]+)", "xml"),
)
"""Each reason that a reader writes, to `why.…` of the catalogue; what it quotes of the paper is shown as quoted."""
_KNOWN = re.compile("|".join(f"(?P<r{i}>{re.sub(r'[(][?]P<[a-z]+>', '(?:', each)})(?=$|[,;] )" for i, (each, _) in enumerate(_PHRASES)))
_QUOTES = re.compile(r"« [^»]* »")


def why_words(reason: str | None, t: Words) -> str | None:
    """Why this value and no other; words that the catalogue does not know are left out."""
    return ", ".join(dict.fromkeys(_told(reason or "", t))) or None


def _told(reason: str, t: Words) -> Iterator[str]:
    at = 0
    while at < len(reason):
        found = _KNOWN.match(reason, at)
        if found:
            phrase, key = _PHRASES[int((found.lastgroup or "r0")[1:])]
            yield _sentence(phrase, key, found[0], t)
            at = found.end() + 2
            continue
        quoted = _QUOTES.match(reason, at)
        end = re.compile("[,;] ").search(reason, quoted.end() if quoted else at)
        at = end.end() if end else len(reason)


def _sentence(phrase: str, key: str, text: str, t: Words) -> str:
    match = re.fullmatch(phrase, text)
    places = match.groupdict() if match else {}
    if "field" in places:
        places["field"] = t.known("field", places["field"])
    return t(f"why.{key}", **places)
