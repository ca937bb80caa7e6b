"""Full-text search: what a person types becomes terms, what a document says becomes words, and where it says it is shown.

The index follows by triggers (migration 0006): what is concealed or erased goes from it in that very transaction, everything else is
noted as due there and indexed here within seconds.
"""

import json
import logging
import re
import unicodedata
from calendar import monthrange
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from sqlalchemy.orm import Session

from capture.stores import StoreAway
from ocr.dates import month_number
from ocr.text import Box, PageText
from station.learning import kept_text
from station.records import documents
from station.records import search as records
from station.records.search import Asked, Term, Words, plain_words, smooth
from station.records.tables import OPEN_STATES, Document, FieldRow, State
from station.review import best_rows
from station.workstation import Workstation

log = logging.getLogger("sceau.search")
AT_ONCE = 50
"""Documents indexed in one transaction."""
LONGEST_QUERY = 300
"""Characters; what comes after is not looked at."""
MOST_TERMS = 24
SNIPPET = 180
"""Characters, about."""
MOST_HITS = 500
"""Shown on one page."""


# --- what is asked ---


@dataclass(frozen=True, slots=True)
class Query:
    """What was typed, as it was understood."""

    asked: Asked
    unclear: tuple[str, ...] = ()
    """Values that are none of their field: looked for as words."""
    fields: frozenset[str] = frozenset()
    """Names (`ocr.values.NAMES`) of the values it asks about."""


@dataclass(frozen=True, slots=True)
class _Part:
    """What one stretch of the query asks."""

    term: Term | None = None
    cents: tuple[int | None, int | None] | None = None
    days: tuple[str, str] | None = None
    states: frozenset[State] = frozenset()


FIELDS: Mapping[str, str] = {
    "fournisseur": "supplier", "supplier": "supplier", "numero": "number", "number": "number", "no": "number", "siren": "siren",
    "ttc": "gross", "montant": "gross", "gross": "gross", "amount": "gross", "date": "date", "etat": "state", "state": "state",
}  # fmt: skip
"""What stands before a colon, smoothed."""
NAMES: Mapping[str, tuple[str, ...]] = {
    "supplier": ("supplier_name",),
    "number": ("invoice_number",),
    "siren": ("supplier_siren", "supplier_siret", "supplier_vat_id"),
    "gross": ("total_gross",),
    "date": ("issue_date",),
    "state": (),
}
STATES: Mapping[str, frozenset[State]] = {
    "en cours": OPEN_STATES, "encours": OPEN_STATES, "working": OPEN_STATES, "recu": frozenset({State.RECEIVED}),
    "received": frozenset({State.RECEIVED}), "retenu": frozenset({State.HELD}), "held": frozenset({State.HELD}),
    "a decider": frozenset({State.HELD, State.FAILED}), "scelle": frozenset({State.SEALED}), "sealed": frozenset({State.SEALED}),
    "echec": frozenset({State.FAILED}), "failed": frozenset({State.FAILED}), "mis de cote": frozenset({State.SET_ASIDE}),
    "ecarte": frozenset({State.SET_ASIDE}), "set aside": frozenset({State.SET_ASIDE}), "aside": frozenset({State.SET_ASIDE}),
    "en attente": frozenset({State.WAITING}), "attente": frozenset({State.WAITING}), "waiting": frozenset({State.WAITING}),
    "remplace": frozenset({State.REPLACED}), "replaced": frozenset({State.REPLACED}),
}  # fmt: skip
_SPACE = " \u00a0\u202f"
_NAME = re.compile(rf"([^\W\d_]{{2,12}})[{_SPACE}]?:[{_SPACE}]*")
_PHRASE = re.compile(r"[\"«“”](?P<words>[^\"»«“”]*)[\"»”“]?")
_PLAIN = re.compile(r"[^\s\"«»“”]+|.", re.DOTALL)
_AMOUNT = rf"-?(?:\d{{1,3}}(?:[{_SPACE}.'’]\d{{3}})+(?!\d)|\d{{1,13}})(?:[.,]\d{{1,2}})?(?![\d])(?:[{_SPACE}]?(?:€|eur(?:os?)?\b))?"
_DAY = (
    r"(?:\d{4}-\d{2}-\d{2}|\d{4}-\d{2}|\d{1,2}[/.]\d{1,2}[/.](?:\d{4}|\d{2})|\d{1,2}[/.]\d{4}"
    rf"|(?:\d{{1,2}}(?:er|st|nd|rd|th)?[{_SPACE}]+)?[^\W\d_]{{3,10}}\.?[{_SPACE}]+\d{{4}}|\d{{4}})(?!\w)"
)
_IDENTIFIER = re.compile(
    rf"(?:[A-Za-z]{{2}}[{_SPACE}]?\d{{2}}[{_SPACE}]?)?"
    rf"(?:\d{{3}}(?:[{_SPACE}.]?\d{{3}}){{2}}(?:[{_SPACE}.]?\d{{5}})?(?!\d)|\d{{3}}(?:[{_SPACE}.]\d{{1,3}}){{1,2}}(?!\d)|\d+)"
)
_TO = rf"[{_SPACE}]*(?:\.\.\.?|…|[–—-]|\bà\b|\bto\b)[{_SPACE}]*"


def _span_pattern(value: str) -> re.Pattern[str]:
    """One value, from one to another, open at one side, or after a sign."""
    return re.compile(
        rf"(?P<sign><=|>=|<|>|≤|≥)[{_SPACE}]*(?P<than>{value})|(?P<low>{value}){_TO}(?P<high>{value})"
        rf"|(?P<since>{value})[{_SPACE}]?\.\.\.?|\.\.\.?[{_SPACE}]?(?P<until>{value})|(?P<one>{value})",
        re.IGNORECASE,
    )


_AMOUNTS, _DAYS = _span_pattern(_AMOUNT), _span_pattern(_DAY)


def parse_query(text: str) -> Query:
    """Words and « phrases », and fields before a colon; whatever is typed is a query, for what is no field and no value is words."""
    text = unicodedata.normalize("NFC", text[:LONGEST_QUERY])
    parts: list[_Part] = []
    unclear: list[str] = []
    names: set[str] = set()
    place = 0
    while place < len(text) and len(parts) < MOST_TERMS:
        named = _NAME.match(text, place)
        field = FIELDS.get(smooth(named[1])) if named else None
        if named and field and named.end() < len(text):
            part, end = _VALUES[field](text, named.end())
            if part is not None:
                parts.append(part)
                names.update(NAMES[field])
                place = end
                continue
            unclear.append(text[place : (_PLAIN.match(text, named.end()) or named).end()])
            place = named.end()
        elif named and field:
            break  # Not yet typed to the end.
        term, place = _words_at(text, place)
        if term is not None:
            parts.append(_Part(term))
    asked = Asked(
        tuple(part.term for part in parts if part.term),
        tuple(part.cents for part in parts if part.cents),
        tuple(part.days for part in parts if part.days),
        frozenset().union(*(part.states for part in parts)),
    )
    return Query(asked, tuple(unclear), frozenset(names))


def _words_at(text: str, place: int, column: str = "") -> tuple[Term | None, int]:
    """A phrase, or a word that may go on; signs without letters and digits ask nothing."""
    phrase = _PHRASE.match(text, place)
    found = phrase or _PLAIN.match(text, place)
    if found is None:
        return None, place + 1
    words = plain_words(phrase["words"] if phrase else found[0])
    return (Term(_spellings(words), phrase is None, column) if words else None), found.end()


def _spellings(words: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """« coeur » and « cœur », however it was typed."""
    apart = tuple(word.replace("œ", "oe").replace("æ", "ae") for word in words)
    glued = tuple(word.replace("oe", "œ").replace("ae", "æ") for word in apart)
    return tuple(dict.fromkeys((words, apart, glued)))


def _supplier_at(text: str, place: int) -> tuple[_Part | None, int]:
    term, end = _words_at(text, place, "supplier")
    return (_Part(term) if term else None), end


def _number_at(text: str, place: int) -> tuple[_Part | None, int]:
    """As printed, or without the signs between."""
    term, end = _words_at(text, place, "number")
    if term is None:
        return None, end
    together = tuple(("".join(form),) for form in term.forms[:1])
    return _Part(Term(tuple(dict.fromkeys((*term.forms, *together))), term.prefix, "number")), end


def _siren_at(text: str, place: int) -> tuple[_Part | None, int]:
    """Digits in groups, or the whole VAT number."""
    found = _IDENTIFIER.match(text, place)
    if found is None:
        return None, place
    plain = "".join(plain_words(found[0]))
    return _Part(Term(((plain,),), column="identifiers")), found.end()


def _gross_at(text: str, place: int) -> tuple[_Part | None, int]:
    span = _span_at(_AMOUNTS, text, place, _cents_of)
    if span is None:
        return None, place
    low, high, end = span
    return _Part(cents=(low, high)), end


def _date_at(text: str, place: int) -> tuple[_Part | None, int]:
    span = _span_at(_DAYS, text, place, _days_of)
    if span is None:
        return None, place
    low, high, end = span
    return _Part(days=("" if low is None else day_text(low), "" if high is None else day_text(high))), end


def _state_at(text: str, place: int) -> tuple[_Part | None, int]:
    """Its name or, from three letters on, the beginning of it."""
    rest = smooth(text[place:])
    for name in sorted(STATES, key=len, reverse=True):
        if re.match(rf"[\"«{_SPACE}]*{name}s?(?!\w)[\"»]?", rest):
            found = re.match(rf"[\"«{_SPACE}]*{name}s?[{_SPACE}]?[\"»]?", rest)
            return _Part(states=STATES[name]), place + (found.end() if found else 0)
    begun = re.match(r"\w{3,}", rest)
    fitting = [states for name, states in STATES.items() if begun and name.startswith(begun[0])]
    return (_Part(states=frozenset().union(*fitting)), place + begun.end()) if fitting and begun else (None, place)


_VALUES: Mapping[str, Callable[[str, int], tuple[_Part | None, int]]] = {
    "supplier": _supplier_at, "number": _number_at, "siren": _siren_at, "gross": _gross_at, "date": _date_at, "state": _state_at,
}  # fmt: skip
Ends = Callable[[str], tuple[int, int] | None]
"""A value as people write it to the first and the last of what it may mean; None of what is none."""


def _span_at(pattern: re.Pattern[str], text: str, place: int, ends: Ends) -> tuple[int | None, int | None, int] | None:
    """From, to (both included) and where it ends in the text."""
    found = pattern.match(text, place)
    names = ("low", "high") if found and found["low"] else ("than", "since", "until", "one")
    values = [ends(found[name]) for name in names if found[name]] if found else []
    told = [value for value in values if value is not None]
    if found is None or len(told) < len(values):
        return None
    # « jusqu'à 200 » ends at 200,00 and « jusqu'à 2025 » with its last day: a whole amount is one, a year is not.
    first, exact = told[0][0], told[-1][0 if ends is _cents_of else 1]
    return (*_side(found, first, exact, told[-1][1]), found.end())


def _side(found: re.Match[str], first: int, exact: int, last: int) -> tuple[int | None, int | None]:
    """From and to, by how the span is written."""
    if found["low"]:
        return min(first, exact), max(first, exact)
    if found["since"] or found["sign"] in (">", ">=", "≥"):
        return (exact + 1 if found["sign"] == ">" else first), None
    if found["until"] or found["sign"] in ("<", "<=", "≤"):
        return None, (first - 1 if found["sign"] == "<" else exact)
    return first, last


def _cents_of(text: str) -> tuple[int, int] | None:
    """« 1 234,56 » is itself, « 1 234 » anything of so many whole euros."""
    plain = re.sub(r"[^\d.,-]", "", text)
    whole, sign, cents = re.fullmatch(r"(.*?)(?:([.,])(\d{1,2}))?", plain).groups()  # type: ignore[union-attr]  # it matches anything
    digits = re.sub(r"\D", "", whole)
    if not digits:
        return None
    value = int(digits) * 100 + (int(cents.ljust(2, "0")) if sign else 0)
    last = value if sign else value + 99
    return (-last, -value) if plain.startswith("-") and not sign else (-value, -value) if plain.startswith("-") else (value, last)


def _days_of(text: str) -> tuple[int, int] | None:
    """A day, a month or a year, as the ordinals of its first and last day."""
    words = re.findall(r"[^\W\d_]+|\d+", text)
    numbers = [int(word) for word in words if word.isdigit()]
    letters = [word for word in words if not word.isdigit() and word not in ("er", "st", "nd", "rd", "th")]
    day, month, year = 0, 0, numbers[-1] if numbers else 0
    if letters:
        month = month_number(letters[0]) or 13
        day = numbers[0] if len(numbers) == 2 else 0
    elif text[4:5] == "-":
        year, month, day = numbers[0], numbers[1], numbers[2] if len(numbers) == 3 else 0
    elif len(numbers) == 3:
        day, month = numbers[0], numbers[1]
    elif len(numbers) == 2:
        month = numbers[0]
    year += 2000 if len(words[-1]) == 2 and text[4:5] != "-" else 0
    try:
        first = date(year, month or 1, day or 1)
        last = first if day else date(year, month or 12, monthrange(year, month or 12)[1])
    except ValueError:
        return None
    return first.toordinal(), last.toordinal()


def day_text(ordinal: int) -> str:
    """ISO; a day before or after all days is the first or the last."""
    return date.fromordinal(min(max(ordinal, 1), date.max.toordinal())).isoformat()


# --- what is found ---


def words_of(document: Document, pages: Sequence[PageText]) -> Words:
    """What of a document can be found: the values that count, and what was read on all its pages."""
    values = {name: row.value or "" for name, row in best_rows(document).items() if row.value}
    number, vat = values.get("invoice_number", ""), values.get("supplier_vat_id", "")
    numbers = [values.get("supplier_siren", ""), values.get("supplier_siret", ""), vat, vat[-9:]]
    body = "\n".join(page.text for page in sorted(pages, key=lambda page: page.page))
    columns = {
        "title": document.title,
        "supplier": f"{values.get('supplier_name', '')} {document.supplier or ''}",
        "number": f"{number} {''.join(plain_words(number))}",
        "identifiers": " ".join(dict.fromkeys("".join(plain_words(each)) for each in numbers if each)),
        "told": "\n".join(_written(values)),
        "body": body,
    }
    day = values.get("issue_date", "")
    return Words(
        day if re.fullmatch(r"\d{4}-\d\d-\d\d", day) else document.received_at.date().isoformat(),
        _hundredths(values.get("total_gross", "")),
        {name: _storable(text) for name, text in columns.items()},
    )


def _storable(text: str) -> str:
    """Composed, as it is compared; half pairs and the null sign, which no database takes, are left out."""
    return unicodedata.normalize("NFC", text).encode("utf-8", "ignore").decode("utf-8").replace("\0", " ")


def _hundredths(text: str) -> int | None:
    try:
        value = Decimal(text)
        return int((value * 100).to_integral_value(ROUND_HALF_UP)) if value.is_finite() and value.adjusted() < 15 else None
    except InvalidOperation:
        return None


def _written(values: Mapping[str, str]) -> Iterator[str]:
    """Values as the records and as people write them."""
    for text in values.values():
        if text.startswith("[{"):
            yield from _row_words(text)
            continue
        yield text
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            yield "/".join(reversed(text.split("-")))
        elif re.fullmatch(r"-?\d+\.\d+", text):
            whole, cents = text.lstrip("-").split(".")
            yield f"{int(whole):,}".replace(",", " ") + f",{cents}"


def _row_words(text: str) -> Iterator[str]:
    """Of lines of an invoice: what was sold."""
    try:
        yield from (str(row["description"]) for row in json.loads(text) if "description" in row)
    except (ValueError, TypeError):
        yield text


def index_due(workstation: Workstation, limit: int = AT_ONCE) -> int:
    """Index what changed, at most so many documents in one transaction; how many of them were looked at.

    What is due stays due as long as the bucket with its words is away: without them it would be found less for good.
    """
    with workstation.database.reading() as session:
        due = records.due_documents(session, limit)
        # Files are read before the transaction, so that no writer waits for them.
        texts = dict(_texts_at_hand(workstation, session, [document_id for document_id, _ in due]))
    if texts:
        with workstation.database.writing() as session:
            for document_id, turn in due:
                if document_id not in texts:
                    continue
                document = documents.get_document(session, document_id)
                records.put_words(session, document, words_of(document, texts[document_id]))
                records.settle_turn(session, document_id, turn)
    return len(texts)


def _texts_at_hand(workstation: Workstation, session: Session, ids: Sequence[str]) -> Iterator[tuple[str, tuple[PageText, ...]]]:
    for document_id in ids:
        try:
            yield document_id, kept_text(workstation, documents.get_document(session, document_id))[0]
        except StoreAway as error:
            log.info("document %s: indexed later: %s", document_id, error)


def tend_search(workstation: Workstation) -> None:
    """One turn of the background: some of what is due, and the pages of the index rid of what was erased."""
    index_due(workstation)
    purge_index(workstation)


def purge_index(workstation: Workstation) -> bool:
    """Where something was concealed or erased: merge the index step by step, each a transaction. Whether there was anything to do."""
    with workstation.database.reading() as session:
        if not records.purge_wanted(session):
            return False
    first = True
    while True:
        with workstation.database.writing() as session:
            if records.purge_step(session, first=first):
                break
        first = False
    records.settle_log(workstation.database)
    return True


def rebuild_search(workstation: Workstation, tell: Callable[[int, int], object] = lambda _done, _of: None) -> int:
    """Everything indexed anew; how many documents. `tell` hears how far it is."""
    with workstation.database.writing() as session:
        total = records.rebuild_index(session)
    done = 0
    while count := index_due(workstation):
        done += count
        tell(min(done, total), total)
    purge_index(workstation)
    return total


def look_up(workstation: Workstation, typed: str, order: str = "score", size: int = 20) -> tuple[int, list[dict[str, str | None]]]:
    """How many documents say so, and the first of them as plain values."""
    with workstation.database.reading() as session:
        found = records.find_entries(session, parse_query(typed).asked, workstation.settings.entities, order, size=size)
        return found.total, [_plain_hit(documents.get_document(session, each)) for each in found.document_ids]


def _plain_hit(document: Document) -> dict[str, str | None]:
    values = {name: row.value for name, row in best_rows(document).items()}
    names = ("issue_date", "supplier_name", "invoice_number", "total_gross")
    return {"document": document.id, "title": document.title, "state": document.state.value, **{name: values.get(name) for name in names}}


# --- where it says so ---


@dataclass(frozen=True, slots=True)
class Stretch:
    """A piece of text, and whether it is what was looked for."""

    text: str
    hit: bool


@dataclass(frozen=True, slots=True)
class PageHits:
    """Where a page shows what was looked for, in pixels of the page as it is shown."""

    page: int
    width: int
    height: int
    boxes: tuple[Box, ...]


def hit_pattern(terms: Iterable[Term]) -> re.Pattern[str] | None:
    """Finds the words of the terms in smoothed text; None where there are none."""
    told = [_form_pattern(term, form) for term in terms for form in term.forms]
    return re.compile(rf"(?<![^\W_])(?:{'|'.join(sorted(told, key=len, reverse=True))})") if told else None


def _form_pattern(term: Term, form: tuple[str, ...]) -> str:
    open_ended = term.prefix and len(form[-1]) > 1
    return r"[\W_]+".join(map(re.escape, form)) + (r"[^\W_]*" if open_ended else r"(?![^\W_])")


def mark_hits(text: str, terms: Iterable[Term]) -> tuple[Stretch, ...]:
    """The whole text, cut where a hit begins and ends."""
    pattern = hit_pattern(terms)
    spans = [match.span() for match in pattern.finditer(smooth(text))] if pattern else []
    return tuple(_cut(text, spans, 0, len(text)))


def snippet_of(body: str, terms: Sequence[Term]) -> tuple[Stretch, ...]:
    """The stretch of the text with the most different words that were looked for, about `SNIPPET` long; empty where there is none."""
    pattern = hit_pattern(terms)
    if pattern is None:
        return ()
    plain = smooth(body)
    spans = []
    for match in pattern.finditer(plain):
        spans.append(match.span())
        if len(spans) == MOST_HITS:
            break
    if not spans:
        return ()
    start = max(spans, key=lambda span: (len({plain[a:b] for a, b in spans if span[0] <= a < span[0] + SNIPPET}), -span[0]))[0]
    first, last = max(0, start - SNIPPET // 4), min(len(body), start + SNIPPET)
    # Whole words at both ends, where there are any near.
    first += next((match.end() for match in re.finditer(r"\s", body[first:start])), 0) if first else 0
    last -= next((len(match[0]) for match in re.finditer(r"\s\S{0,20}$", body[start:last])), 0) if last < len(body) else 0
    inside = [span for span in spans if span[0] >= first and span[1] <= last]
    parts = tuple(Stretch(part.text.replace("\n", " "), part.hit) for part in _cut(body, inside, first, last))
    return (*((Stretch("… ", False),) if first else ()), *parts, *((Stretch(" …", False),) if last < len(body) else ()))


def _cut(text: str, spans: Iterable[tuple[int, int]], first: int, last: int) -> Iterator[Stretch]:
    for start, end in spans:
        if start > first:
            yield Stretch(text[first:start], False)
        yield Stretch(text[start:end], True)
        first = end
    if first < last:
        yield Stretch(text[first:last], False)


def page_hits(pages: Iterable[PageText], query: Query, rows: Iterable[FieldRow]) -> tuple[PageHits, ...]:
    """By page, the words that were looked for, and the places of the values that a field asked about."""
    pattern = hit_pattern(query.asked.terms)
    values = [(row.page, _box_of(row)) for row in rows if row.name in query.fields and row.box]
    return tuple(
        PageHits(page.page, page.width, page.height, tuple(dict.fromkeys((*_word_boxes(page, pattern), *_boxes_on(page.page, values)))))
        for page in sorted(pages, key=lambda page: page.page)
    )


def _boxes_on(page: int, values: Iterable[tuple[int | None, Box | None]]) -> Iterator[Box]:
    return (box for number, box in values if number == page and box is not None)


def _box_of(row: FieldRow) -> Box | None:
    if not row.box or len(row.box) != 4:
        return None
    x0, y0, x1, y1 = (int(side) for side in row.box)
    return x0, y0, x1, y1


def _word_boxes(page: PageText, pattern: re.Pattern[str] | None) -> Iterator[Box]:
    """A hit may begin in one word and end in another."""
    if pattern is None:
        return
    words = page.words
    plain = [smooth(unicodedata.normalize("NFC", word.text)) for word in words]
    at = 0
    starts = []
    for text in plain:
        starts.append(at)
        at += len(text) + 1
    number, shown = 0, 0
    for match in pattern.finditer(" ".join(plain)):
        while number < len(words) and starts[number] + len(plain[number]) <= match.start():
            number += 1
        while number < len(words) and starts[number] < match.end():
            yield words[number].box
            number, shown = number + 1, shown + 1
        if shown >= MOST_HITS:
            return
