"""The numbers that name papers: the document's own, and those of the order, the contract and the public buyer's references.

A number is one token with a digit (or two that belong together) that a label claims; among several the label, the shape, the place and
its being repeated decide. Numbers of other things (customer, telephone, account …) have labels too, and so claim their own.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ocr.choices import Choice, ranked
from ocr.claims import Claim, Mark, Marks, Relation, claim_above, claim_before, marks_of
from ocr.labels import Label
from ocr.layout import Sheet, Spot, fold, segments_of

FIELDS = {
    "number": "invoice_number",
    "order": "order_reference",
    "contract": "contract_reference",
    "engagement": "engagement_number",
    "service": "service_code",
    "market": "market_reference",
}
"""Kind of label to name of field."""
_TOKEN = re.compile(r"(?<![\w/-])(?<!\w\.)[A-Za-z0-9](?:[A-Za-z0-9/_.\-]{0,33}[A-Za-z0-9])?(?![\w/])")
_TAIL = re.compile(r" ?[/\-–] ?\d{1,8}(?![-/,.]?\d)(?!\w)| \d{3,6}(?![\w.,/-])")
_BARE = frozenset({"n", "no", "nr", "num", "numero", "nummer", "number", "ref", "reference", "referenz", "code", "id"})
"""Labels that say « number » and not of what: the word before them says it."""
_GLUED_AFTER = re.compile(r"(?<=\d)(?:du|en|le|au|et|vom|von|am|van|op|of|dated|date)$")
"""A small word that the reader glued to the number before it."""
_CAPITALS = re.compile(r"(?<![\w])[A-Z][A-Z_]{3,30}(?![\w])")
_CALL = re.compile(
    r"(?:\bt[ée]l\w*|phone|\bcall\b|\bbel\b|appel\w*|fon\b|mobile?|handy|\bfax|hotline|ruf\w*)[^\d]{0,10}[+(]?$|\d[,]$|[€$£] ?$"
    r"|(?:^|[\s,])(?:B\.?P\.?|C\.?S\.?|TSA|P\.?O\.? ?Box|Postbus|Postfach|Bo[iî]te postale|Postal box) ?(?:n°)? ?$",
    re.IGNORECASE,
)
"""Before a token: it is a telephone's number, the cents of an amount, or a box at the post."""
_TOWN = re.compile(r"\d{4,5}[A-Z][a-zé]{2,}$")
"""A postal code that the reader glued to its town."""
_GLUED_TITLE = re.compile(r"[A-Za-z]*(?:nvoice|acture|actuur|aktuur|echnung|utschrift|NVOICE|ACTURE|ECHNUNG)(?=[A-Z0-9/_.-]*\d)")
_TITLE = re.compile(
    r"^(?:(?:ref|concerne|objet|betreft|betreff|betr|re|subject|onderwerp) )?[a-z]*(?:factuur|faktuur|rechnung|gutschrift"
    r"|creditnota|facture|invoice|avoir|note d honoraires"
    r"|honorairenota|credit memo|credit note|note de credit|autofacturation|facturation|self billing|quittance)(?: (?!assoc|orig"
    r"|prec|ant|page|seite|pagina|dat|adr|addr|assoz"
    r"|bez|urspr|vorh|vor|n[^ ]* client|kunden?|klant|sur|zu|op|total|montant)[a-z]{1,16}){0,4}$"
)
"""What stands before a number that is part of the title: « Facture de vente n° », « Klantfactuur »."""
_MAX_TEXT = 300
_MAX_TOKENS = 1500
"""Tokens with a digit looked at on one page."""

Span = tuple[int, int]
Taken = Mapping[tuple[int, int, int], Sequence[Span]]
"""Stretches that are something else (a date, a company's identifier), by page, row and column."""


@dataclass(frozen=True, slots=True)
class _Near:
    """A token, the label that claims it, and the kind of number that this makes it."""

    spot: Spot
    value: str
    claim: Claim
    kind: str


def reference_choices(sheets: Sequence[Sheet], taken: Taken) -> dict[str, tuple[Choice, ...]]:
    """All scored candidates by name of field, the best first."""
    near = [found for sheet in sheets for found in _claimed(sheet, taken)]
    seen = _repeats(sheets, {found.value for found in near})
    choices: dict[str, list[Choice]] = {}
    for found in near:
        if found.kind in FIELDS:
            choices.setdefault(FIELDS[found.kind], []).append(_choice(found, seen))
    return {name: ranked(own) for name, own in choices.items()}


def _claimed(sheet: Sheet, taken: Taken) -> Iterator[_Near]:
    marks = marks_of(sheet, "numbers")
    yield from _service_words(sheet, marks)
    count = 0
    for row, column, segment in segments_of(sheet):
        for spot, value in tokens_in(sheet, row, column, segment.text[:_MAX_TEXT], taken, marks):
            count += 1
            if count > _MAX_TOKENS:
                return
            claim = _title_claim(spot) or _claim(spot, marks)
            if claim:
                yield _Near(spot, value, claim, _kind(claim, marks, sheet))


def _service_words(sheet: Sheet, marks: Marks) -> Iterator[_Near]:
    """Codes of services without a figure: « FACTURES_PUBLIQUES » is one that Chorus Pro gives (AIFE, external specifications)."""
    if not any(mark.kind == "service" for own in marks.values() for mark in own):
        return
    for row, column, segment in segments_of(sheet):
        for match in list(_CAPITALS.finditer(segment.text[:_MAX_TEXT]))[:4]:
            spot = Spot(sheet, row, column, *match.span())
            claim = _claim(spot, marks)
            if claim and claim.mark.kind == "service" and claim.gap <= 2:
                yield _Near(spot, match[0], claim, "service")


def _claim(spot: Spot, marks: Marks) -> Claim | None:
    """The label before it; a heading above is asked only where no label stands before it in its own text."""
    before = claim_before(spot, marks)
    if before:
        return before
    own = [mark for mark in marks.get(spot.row, ()) if mark.column == spot.column and mark.end <= spot.start]
    return None if own else claim_above(spot, marks)


def _title_claim(spot: Spot) -> Claim | None:
    """The title of the paper where it ends in the number, in the upper half of a page."""
    if spot.depth > 0.55:
        return None
    before = fold(spot.segment.text[: spot.start])
    if len(before) > 60 or not _TITLE.match(before):
        return None
    words = re.sub(r" (?:n|no|nr|num|numero|number|nummer)$", "", before)
    label = Label("number", words, 2.6 if words != before or spot.end == len(spot.segment.text) else 2.2, 0, len(before))
    return Claim(Mark(label, spot.row, spot.column, 0, spot.start, spot.box[0], spot.box[2], True), Relation.BEFORE, 0)


def _kind(claim: Claim, marks: Marks, sheet: Sheet) -> str:
    """What the label names; a bare « n° » takes over what the label before it in the same text, or to its left, or above it, names."""
    mark = claim.mark
    if mark.label.phrase not in _BARE:
        return mark.kind
    before = [other for other in marks.get(mark.row, ()) if (other.column, other.end) <= (mark.column, mark.start)]
    if before:
        last = before[-1]
        passed = sheet.rows[mark.row][last.column].text[last.end : mark.start if last.column == mark.column else None]
        if last.column == mark.column and len(fold(passed)) <= 22 and not last.used:
            return last.kind
        segments = sheet.rows[mark.row]
        gap = segments[mark.column].box[0] - segments[last.column].box[2]
        if last.column < mark.column and _TITLE.match(fold(segments[last.column].text)):
            return "number"
        if last.column < mark.column and len(fold(passed)) <= 3 and mark.start < 3 and gap < 4 * segments[mark.column].height:
            return last.kind
        return "other" if _qualified(sheet, mark) and not (last.column == mark.column and last.kind == "number") else mark.kind
    return "other" if _qualified(sheet, mark) else "number" if _under_title(sheet, mark) else mark.kind


def _under_title(sheet: Sheet, mark: Mark) -> bool:
    """A bare « Réf. » right below the title « Facture » is the invoice's own."""
    own = sheet.rows[mark.row][mark.column].box
    over = sheet.rows[mark.row - 1] if mark.row else ()
    return mark.start == 0 and any(_TITLE.match(fold(s.text)) and s.box[0] < own[2] and s.box[2] > own[0] for s in over)


def _qualified(sheet: Sheet, mark: Mark) -> bool:
    """A word before « n° » in its text says of what: « police n° », « lot n° »."""
    before = fold(sheet.rows[mark.row][mark.column].text[: mark.start])
    return bool(re.search(r"[a-z]{2,}$", before))


def tokens_in(sheet: Sheet, row: int, column: int, text: str, taken: Taken, marks: Marks) -> Iterator[tuple[Spot, str]]:
    """What may be a number of a paper in one text: tokens with a digit, or two that belong together; nothing that is `taken`."""
    spans = taken.get((sheet.page, row, column), ())
    ends = [mark.end for mark in marks.get(row, ()) if mark.column == column]
    for match in _TOKEN.finditer(text):
        start, end = match.span()
        # A label that the reader glued to its value is cut off: « Nr.4711 », but not « FACT-2024-17 ».
        glued = [place for place in ends if start < place < end and text[place] not in "-_/"]
        start = max([start, *glued])
        if title := _GLUED_TITLE.match(text[start:end]):
            start += title.end()
        start += len(text[start:end]) - len(text[start:end].lstrip("._-/"))
        if (
            not re.search(r"\d", text[start:end])
            or _TOWN.match(text[start:end])
            or _CALL.search(text[max(0, start - 24) : start])
            or any(start < stop and end > begin for begin, stop in spans)
        ):
            continue
        end -= len(text[start:end]) - len(_GLUED_AFTER.sub("", text[start:end]))
        start, end = _whole(text, start, end, spans, ends)
        yield Spot(sheet, row, column, start, end), " ".join(text[start:end].split())


def _whole(text: str, start: int, end: int, spans: Sequence[Span], ends: Sequence[int]) -> Span:
    """With the letters before it (« FA 2024 ») and the figures behind it (« 2024 / 017 ») that belong to the same number."""
    lead = re.search(r"(?<![\w/.-])([A-Z]{1,4}) $", text[max(0, start - 6) : start])
    if lead and text[start].isdigit() and max(0, start - 6) + lead.start() >= max((place for place in ends if place <= start), default=0):
        begin = max(0, start - 6) + lead.start()
        if fold(lead[1]) not in _BARE:
            start = begin
    groups = re.match(r"(?: \d{4}){2,4}(?![\w.,/-])", text[end:])
    if groups and re.fullmatch(r"\d{4}", text[start:end]):
        return start, end + groups.end()
    tail = _TAIL.match(text, end)
    if tail and text[end - 1].isdigit() and not any(tail.start() < stop and tail.end() > begin for begin, stop in spans):
        sign = bool(re.search(r"[/\-–]", tail[0]))
        if re.match(r" [-–] ?\d{1,2}(?:er)?[. ]{1,2}[^\W\d_]{3}", text[end:]):
            return start, end
        if sign or (len(re.sub(r"\D", "", text[start:end])) >= 4 and len(tail[0]) <= 5):
            end = tail.end()
    return start, end


def _choice(found: _Near, seen: Mapping[str, int]) -> Choice:
    claim, weight = found.claim, found.claim.mark.label.weight
    if claim.relation is Relation.BEFORE:
        label = weight * (1.0 if claim.gap <= 1 else 0.7 if _is_close(found) else 0.35) + (1.0 if claim.gap == 0 else 0.0)
    else:
        label = 0.9 * weight / claim.gap + 0.3
    shape, place = _shape_score(found.value), _place_score(found.spot)
    repeated = 0.3 * min(2, seen.get(found.value, 1) - 1)
    says = (("label", label), ("shape", shape), ("place", place), ("repeated", repeated), ("depends", _refers(found)))
    reason = f"« {claim.mark.label.phrase} »" + (" above" if claim.relation is Relation.ABOVE else "")
    return Choice(found.value, found.spot, sum(score for _, score in says), reason, says=says)


def _is_close(found: _Near) -> bool:
    """Nothing but signs, figures and one short word between label and number."""
    text = found.spot.segment.text[found.claim.mark.end : found.spot.start] if found.claim.mark.column == found.spot.column else ""
    return len(fold(text).split()) <= 1


def _shape_score(value: str) -> float:
    digits = sum(c.isdigit() for c in value)
    score = 0.3 * (len(value) >= 4) + 0.3 * (digits >= 3)
    score -= 1.0 * bool(re.fullmatch(r"(?:19|20)\d\d", value)) + 1.5 * (len(value) < 3)
    score -= 1.5 * bool(re.fullmatch(r"\d+[.,]\d\d", value)) + 0.8 * bool(re.fullmatch(r"0\d(?:[. ]?\d\d){4}", value))
    return score - 1.0 * (digits < 2)


def _place_score(spot: Spot) -> float:
    return 0.4 * (spot.depth < 0.5) + 0.3 * (spot.sheet.page == 1)


_OTHERS = re.compile(
    r"(?<![a-z])(?:refers? to|relates? to|credit op|credits|relati\w+ a|concern\w+|annul\w+|rectifi\w+|corrig\w+|remplac\w+"
    r"|origin\w+|preced\w+|previous|anterieur\w*"
    r"|associe\w*|sur la|gegen|bezug|bezieht|betrifft|korrig\w+|ursprung\w*|stornier\w*|zur|zu|vorherig\w*|betref\w+"
    r"|oorspronkelijk\w*|vorige|bij|against)(?: \w+){0,2} ?$"
)


def _refers(found: _Near) -> float:
    """Against the number of another paper that this one speaks of."""
    text = found.spot.sheet.rows[found.claim.mark.row][found.claim.mark.column].text
    return -2.5 if found.kind == "number" and _OTHERS.search(fold(text[: found.claim.mark.start])[-40:]) else 0.0


def _repeats(sheets: Sequence[Sheet], values: set[str]) -> Counter[str]:
    """How often each value stands on the pages as a token of its own."""
    seen: Counter[str] = Counter()
    for sheet in sheets:
        for _, _, segment in segments_of(sheet):
            seen.update(match[0] for match in _TOKEN.finditer(segment.text[:_MAX_TEXT]) if match[0] in values)
    return seen
