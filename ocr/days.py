"""Which date is which: issue, due and delivery, chosen together, for an invoice does not fall due before it is issued."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from ocr.choices import Choice, ranked
from ocr.claims import Claim, Marks, Relation, claim_above, claim_before, marks_of
from ocr.dates import Day, find_dates
from ocr.labels import labels_in
from ocr.layout import Sheet, Spot, fold, segments_of

MAX_DAYS = 400
"""Dates looked at in one document."""
_MAX_PAIRED = 12
_LOOSE = 40
"""Letters between a label and its date within one text, as in a sentence."""
_SAME = 0.25
"""For every other place that says the same of the same date, at most two."""

_MONTH_FIRST = re.compile(r"(?:0?[1-9]|1[0-2]) ?/ ?(?:1[3-9]|2\d|3[01]) ?/")
_DAY_FIRST = re.compile(r"(?:1[3-9]|2\d|3[01]) ?([-./]) ?(?:0?[1-9]|1[0-2]) ?\1")
_EUROPEAN = re.compile(
    r"(?<![a-z])(?:factur\w+|avoir|tva|siret|siren|montant\w*|echeance|reglement|numero|[a-z]*rechnung\w*|gutschrift|mwst|ust|betrag"
    r"|fallig\w*|zahlbar|zahlung\w*|datum|[a-z]*factuur\w*|btw|bedrag|vervaldatum|betaling\w*|totaal|gesamt\w*)(?![a-z])"
)
"""Words of languages whose dates have the day first."""
_PAY = re.compile(
    r"pay|transfer|regl|echeance|prelev|virement|vire|solde|exigib|uberweis|uberwies|zahl|fallig|begleich|beglichen|eingezogen|abgebucht"
    r"|einzug|lastschrift"
    r"|abbuch|betal|voldoe|voldaan|overmak|overgemaakt|incass|afgeschreven|afschrijv|debit|remit|settle|collected|charged"
)
_LIMIT = re.compile(
    r"(?:avant le|plus tard le|jusqu au|pour le|a partir du|le|bis zum|bis spatestens(?: zum)?"
    r"|spatestens(?: am| bis| bis zum)?|bis|zum|am|per|ab dem|voor|voor de|uiterlijk(?: op| voor)?|op|omstreeks|rond|by|before"
    r"|on or before|on or about|no later than|until|on|latest)$"
)
_NOT_DUE = re.compile(
    r"skonto|escompte|discount|korting|rabais|abzug von|retard|verspat|verzug|late|mahn|herinnering|rappel|relance|depuis|seit"
    r"|since|sinds"
)
_DELIVERED = (
    "livr",
    "prestation",
    "realis",
    "liefer",
    "leistung",
    "lever",
    "deliver",
    "supply",
    "ship",
    "expedi",
    "service date",
    "execution",
)
_TITLE = re.compile(
    r"^(?:votre |uw |ihre |your |copie |duplicata )?[a-z]*(?:factuur|faktuur|rechnung|gutschrift|creditnota|facture|invoice|avoir"
    r"|note d honoraires|honorairenota"
    r"|credit memo|credit note|note de credit|autofacturation|facturation|self billing)(?: |$)"
)
_EARLIER = re.compile(
    r"initial|origin|associe|preced|anterieur|ursprung|vorherig|vorige|oorspronk|previous|original|periode|period|zeitraum|livr"
    r"|liefer|lever|deliver|echeance|fallig|due|verval"
)
_STAMP = re.compile(
    r"^(?:recu le|courrier (?:recu|arrive)(?: le)?|arrive le|date de reception|eingegangen(?: am)?|eingang(?:sdatum)?|posteingang"
    r"|ontvangen(?: op)?|received(?: on)?)$"
)
_TOWN = re.compile(r"^[^\W\d_][\w' -]{2,30}[,.]? ?(?:le|den|the|,)? ?$", re.IGNORECASE)
_REFERENCE = re.compile(
    r"(?:invoice|facture|avoir|rechnung|gutschrift|factuur|creditnota|credit note)(?: \w+){0,6} (?:du|vom|van|dated|of|le|en date du)$"
)


@dataclass(frozen=True, slots=True)
class _Said:
    day: Day
    kind: str
    score: float
    reason: str


def date_choices(sheets: Sequence[Sheet]) -> dict[str, tuple[Choice, ...]]:
    """Scored candidates of issue, due, delivery and (by a stamp) arrival date, the best first; issue and due date agree with each other."""
    days = days_of(sheets)
    marks = {sheet.page: (marks_of(sheet, "dates"), marks_of(sheet, "numbers")) for sheet in sheets}
    said = [told for day in days for told in _says(day, *marks[day.spot.sheet.page])]
    issues, dues, delivered = (_summed(told for told in said if told.kind == kind) for kind in ("issue", "due", "delivery"))
    dues = tuple(choice for choice in dues if choice.score > 0.5)
    issue, due = _together(issues, dues)
    return {
        "issue_date": _first(issues, issue),
        "due_date": _first(dues, due) if due else (),
        "delivery_date": delivered,
        "arrival_date": _summed(told for told in said if told.kind == "arrival"),
    }


def days_of(sheets: Sequence[Sheet]) -> list[Day]:
    """All dates, month first where the document writes so."""
    days = _found_days(sheets)
    if not month_first(sheets):
        return days
    return [Day(day.swapped, day.spot, day.tight) if day.swapped and "/" in day.spot.raw and day.value.day <= 12 else day for day in days]


def month_first(sheets: Sequence[Sheet]) -> bool | None:
    """Whether 02/03/2026 is meant as the third of February: who writes one date such as 03/20/2026 writes all dates so.

    None where that is doubtful: another date has the day first beyond doubt, or the words are French, German or Dutch.
    """
    days = _found_days(sheets)
    if not any(_MONTH_FIRST.match(day.spot.raw) for day in days):
        return False
    if any(_DAY_FIRST.match(day.spot.raw) for day in days) or _speaks_european(sheets):
        return None
    return True


def _found_days(sheets: Sequence[Sheet]) -> list[Day]:
    return [day for sheet in sheets for day in find_dates(sheet)][:MAX_DAYS]


def _speaks_european(sheets: Sequence[Sheet]) -> bool:
    return any(_EUROPEAN.search(fold(segment.text)) for sheet in sheets for _, _, segment in segments_of(sheet))


def _says(day: Day, marks: Marks, numbers: Marks) -> list[_Said]:
    """What its label makes of a date; without one it may be the date of issue, more likely near the top."""
    if _is_stamp(day):
        return [_Said(day, "arrival", 2.0, "a stamp of arrival")]
    prose = _prose_due(day.spot)
    claim = claim_before(day.spot, marks, _LOOSE) or _claimed_above(day, marks)
    if _in_title(day, claim):
        return [_Said(day, "issue", 2.4, "in the title")]
    if claim and not (prose and claim.mark.label.weight < 2.5):
        return _labelled(day, claim)
    return [_Said(day, "due", 2.2, prose)] if prose else _alone(day, numbers)


def _is_stamp(day: Day) -> bool:
    return not day.tight and bool(_STAMP.search(fold(day.spot.segment.text[: day.spot.start])))


def _alone(day: Day, numbers: Marks) -> list[_Said]:
    """A date without a label: that of issue rather than another, the higher on the page the likelier."""
    if day.tight:
        return []
    before = fold(day.spot.segment.text[: day.spot.start])
    if claim_before(day.spot, numbers, 6) and not before.endswith(("du", "vom", "van")):
        return []
    bonus = (
        0.9
        if _TOWN.match(day.spot.segment.text[: day.spot.start]) and day.spot.depth < 0.5 and day.spot.end >= len(day.spot.segment.text) - 1
        else 0.0
    )
    alone = 0.2 if not before else 0.0
    return [_Said(day, "issue", 0.2 + 0.3 * (1 - day.spot.depth) + bonus + alone, "its place on the page")]


def _in_title(day: Day, claim: Claim | None) -> bool:
    """« Facture n° 12 du 3 mai 2026 », « Rechnung 12 - 3.5.2026 » in the upper half, where no label but « du » stands between."""
    before = fold(day.spot.segment.text[: day.spot.start])
    if day.tight or day.spot.depth > 0.5 or not _TITLE.match(before) or len(before) > 70:
        return False
    between = claim is None or claim.relation is Relation.ABOVE or claim.mark.label.weight < 1 or claim.mark.start < 12
    return between and not _EARLIER.search(before)


def _claimed_above(day: Day, marks: Marks) -> Claim | None:
    """A heading above, where the date stands alone or nearly so."""
    if len(fold(day.spot.segment.text[: day.spot.start])) > 12:
        return None
    return claim_above(day.spot, marks)


def _labelled(day: Day, claim: Claim) -> list[_Said]:
    label, gap = claim.mark.label, claim.gap
    kind = _kind(claim)
    if kind not in {"issue", "due", "delivery"} or (day.tight and gap > 2):
        return []
    reason = f"« {label.phrase} »" + (" above" if claim.relation is Relation.ABOVE else "")
    if claim.relation is Relation.ABOVE:
        return [_Said(day, kind, 0.85 * label.weight / gap + 0.1, reason)]
    near = 1.0 if gap <= 2 else 0.8 if gap <= 15 else 0.4
    score = label.weight * near
    before = fold(day.spot.segment.text[: claim.mark.start]) if claim.mark.column == day.spot.column else ""
    if label.weight < 1:
        strong = [other for other in labels_in(before, "dates") if other.weight >= 1]
        if strong and strong[-1].kind not in {"issue", "due"}:
            score *= 0.3
        elif kind == "issue" and _REFERENCE.search(fold(day.spot.segment.text[: day.spot.start])):
            score += 0.8
    if kind == "due" and _NOT_DUE.search(before[-45:]):
        score *= 0.4
    return [_Said(day, kind, score, reason)]


def _kind(claim: Claim) -> str:
    label = claim.mark.label
    if label.kind == "other" and any(stem in label.phrase for stem in _DELIVERED):
        return "delivery"
    return label.kind


def _prose_due(spot: Spot) -> str:
    """The words of a sentence that asks for payment by this day: « à régler avant le », « überweisen Sie bis zum »; empty if none does."""
    own = fold(spot.segment.text[: spot.start])
    limit = _LIMIT.search(own[-30:])
    if not limit:
        return ""
    sentence = (own if len(own) > 24 else f"{_line_above(spot)} {own}")[-140:]
    after = fold(spot.segment.text[spot.end :])[:60]
    asked = _PAY.search(sentence) or _PAY.search(after)
    if not asked or _NOT_DUE.search(sentence[-60:]):
        return ""
    return f"« {sentence[max(0, len(sentence) - 40) :].strip()} »"


def _line_above(spot: Spot) -> str:
    """The line of text that a sentence began on."""
    x0 = spot.segment.box[0]
    for row in range(spot.row - 1, max(-1, spot.row - 3), -1):
        for segment in spot.sheet.rows[row]:
            if abs(segment.box[0] - x0) < 3 * segment.height and len(segment.text) > 25:
                return fold(segment.text)
    return ""


def _summed(said: Iterable[_Said]) -> tuple[Choice, ...]:
    """One choice a date: its best place, a little more for every other that says the same."""
    by_day: dict[date, list[_Said]] = {}
    for told in said:
        by_day.setdefault(told.day.value, []).append(told)
    return ranked(_joined(own) for own in by_day.values())


def _joined(own: Sequence[_Said]) -> Choice:
    best = max(own, key=lambda told: told.score)
    spot = best.day.spot
    place = 0.1 * (1 - spot.depth) + 0.1 * (spot.sheet.page == 1)
    repeated = _SAME * min(2, len(own) - 1)
    says = (("label", best.score), ("place", place), ("repeated", repeated))
    return Choice(best.day.value, spot, sum(score for _, score in says), best.reason, says=says)


def _together(issues: Sequence[Choice], dues: Sequence[Choice]) -> tuple[Choice | None, Choice | None]:
    pairs = [(issue, due) for issue in [*issues[:_MAX_PAIRED], None] for due in [*dues[:_MAX_PAIRED], None]]
    return max(pairs, key=lambda pair: _pair_score(*pair))


def _pair_score(issue: Choice | None, due: Choice | None) -> float:
    score = (issue.score if issue else 0.0) + (due.score if due else 0.0)
    if issue and due and isinstance(issue.value, date) and isinstance(due.value, date):
        apart = (due.value - issue.value).days
        score -= 4.0 if apart < 0 else 1.0 if apart > 200 else 0.0
    return score


def _first(choices: Sequence[Choice], chosen: Choice | None) -> tuple[Choice, ...]:
    """The chosen one before the others; nothing where none is chosen."""
    if chosen is None:
        return ()
    return (chosen, *(choice for choice in choices if choice is not chosen))
