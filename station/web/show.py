"""Rows as the screens show them: which word, which colour, which symbol. Values in, values out; no template asks the database."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, TypeAlias

from capture.catalogue import OF_INVOICES, message
from capture.findings import Authority, Finding, Level
from conformity.circumstances import Source
from ocr.confidence import Colour, colour_of
from ocr.suppliers import AMOUNTS
from sealing.evidence import Gauge, Rung
from station import acts
from station.evidence import file_gauge
from station.particulars import TWICE
from station.problems import PROBLEMS
from station.records.documents import finding_of
from station.records.tables import OF_THE_PAGE, OPEN_STATES, Archive, Document, FieldRow, FindingRow, Link, State
from station.web.reasons import why_words
from station.web.words import NARROW, Words, typeset

Tone: TypeAlias = str
"""good, watch, bad, busy or calm: a colour and a symbol in the style sheet, always beside a word."""

STATE_LOOKS: dict[State, tuple[Tone, str]] = {
    State.RECEIVED: ("busy", "hourglass"),
    State.JUDGED: ("busy", "hourglass"),
    State.READ: ("busy", "hourglass"),
    State.SEALED: ("good", "stamp"),
    State.HELD: ("watch", "hand"),
    State.FAILED: ("bad", "circle-x"),
    State.DUPLICATE: ("calm", "copy"),
    State.SET_ASIDE: ("calm", "archive"),
    State.WAITING: ("calm", "layers"),
    State.REPLACED: ("calm", "link"),
    State.ERASED: ("calm", "circle-x"),
}
VERDICT_LOOKS: dict[str, tuple[Tone, str]] = {
    "conform": ("good", "circle-check"),
    "review": ("watch", "triangle-alert"),
    "blocked": ("bad", "circle-x"),
    "none": ("calm", "clock"),
}
LEVEL_LOOKS: dict[Level, tuple[Tone, str]] = {
    Level.BLOCKING: ("bad", "circle-x"),
    Level.REVIEW: ("watch", "triangle-alert"),
    Level.INFO: ("calm", "info"),
}
COLOUR_LOOKS: dict[Colour, tuple[Tone, str]] = {
    Colour.GREEN: ("good", "circle-check"),
    Colour.ORANGE: ("watch", "triangle-alert"),
    Colour.RED: ("bad", "circle-x"),
}
WEIGHT: dict[Level, int] = {Level.BLOCKING: 0, Level.REVIEW: 1, Level.INFO: 2}
FIELD_ORDER = (
    "supplier_name", "supplier_siren", "supplier_siret", "supplier_vat_id", "supplier_tax_number", "invoice_number", "issue_date",
    "due_date", "total_net", "total_tax", "total_gross", "amount_due", "currency", "iban", "order_reference",
    "buyer_name", "document_type_code",
)  # fmt: skip
"""The legal and arithmetic order in which a clerk checks an invoice."""
UTC_TIME = re.compile(r"\b(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC\b", re.ASCII)
"""As `sealing.verify` writes a time."""


@dataclass(frozen=True, slots=True)
class Badge:
    """A word with its colour and symbol."""

    text: str
    tone: Tone
    icon: str


@dataclass(frozen=True, slots=True)
class Step:
    """One rung of the evidence gauge."""

    text: str
    done: bool
    practice: bool = False


@dataclass(frozen=True, slots=True)
class ShownFinding:
    badge: Badge
    sentence: str
    code: str
    pages: str
    """« Page 3 », « Pages 1 à 4 »; empty where the finding is about the whole file."""
    clause: str | None
    authority: str
    measured: str | None
    limit: str | None
    other: str | None = None
    """Identifier of the document that it names."""


@dataclass(frozen=True, slots=True)
class ShownField:
    name: str
    label: str
    value: str
    page: int | None
    badge: Badge
    reason: str | None


@dataclass(frozen=True, slots=True)
class ShownCheck:
    text: str
    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Card:
    """One document in a list."""

    id: str
    title: str
    received: str
    state: Badge
    verdict: Badge
    findings: tuple[ShownFinding, ...]
    more_findings: int
    fields: Mapping[str, str]
    steps: tuple[Step, ...]
    stays: str | None
    """What remains the original where the document does not conform, in words; None where the archive takes its place."""
    problem: str | None
    sealed: bool
    pages: int
    thumb: str | None
    """Address of the first page's small image."""


def card_of(document: Document, t: Words, *, has_thumb: bool, findings: int = 2, gauge: Gauge | None = None) -> Card:
    """A document as a list shows it, with its weightiest findings; of a confidential one, only where it stands.

    Without its `gauge`, the evidence is shown as far as the newest file goes.
    """
    if document.confidential or document.state == State.ERASED:
        return _silent_card(document, t)
    shown = show_findings(document.findings, t)
    return Card(
        id=document.id,
        title=document.title,
        received=t.moment(document.received_at),
        state=state_badge(document, t),
        verdict=verdict_badge(document, t),
        findings=shown[:findings],
        more_findings=max(0, len(shown) - findings),
        fields={field.name: field.value for field in show_fields(document.fields, t)},
        steps=evidence_steps(gauge or file_gauge(document), t),
        stays=stays_words(document, t),
        problem=problem_words(document, t),
        sealed=bool(document.archives),
        pages=sum(1 for page in document.pages if not page.superseded),
        thumb=f"/documents/{document.id}/pages/1/thumb.jpg?r={document.attempt}" if has_thumb else None,
    )


def _silent_card(document: Document, t: Words) -> Card:
    state = state_badge(document, t)
    verdict = Badge(t("confidential.badge"), "calm", "lock") if document.confidential else state
    nothing: tuple[ShownFinding, ...] = ()
    title, received = title_of(document, t), t.moment(document.received_at)
    return Card(document.id, title, received, state, verdict, nothing, 0, {}, (), None, problem_words(document, t), False, 0, None)


def title_of(document: Document, t: Words) -> str:
    """Its name, where one may be shown."""
    if document.confidential:
        return t("confidential.title")
    return t("erasure.title-done") if document.state == State.ERASED else document.title


@dataclass(frozen=True, slots=True)
class ShownLink:
    """Another document that this one came out of, or became."""

    text: str
    id: str
    title: str
    state: Badge


def show_links(linked: Iterable[tuple[Link, Document]], document: Document, t: Words) -> tuple[ShownLink, ...]:
    return tuple(
        ShownLink(
            t.known("link", f"{link.kind}-{'older' if link.newer_id == document.id else 'newer'}"),
            other.id,
            title_of(other, t),
            state_badge(other, t),
        )
        for link, other in linked
    )


def state_badge(document: Document, t: Words) -> Badge:
    tone, symbol = STATE_LOOKS[document.state]
    kept = newest(document.archives) if document.state == State.SEALED else None
    if kept is not None and not kept.level:
        return Badge(t("state.unsealed"), tone, "archive")
    if document.state in OPEN_STATES and document.try_at is not None:
        return Badge(t("state.retrying"), "watch", "clock")
    return Badge(t(f"state.{document.state.value.replace(' ', '-')}"), tone, symbol)


def verdict_badge(document: Document, t: Words) -> Badge:
    code = document.verdict or "none"
    tone, symbol = VERDICT_LOOKS.get(code, VERDICT_LOOKS["none"])
    # It speaks of the copy and never of the values; where a file came, there is no copy.
    return Badge(t.known("verdict", "conform-native" if code == "conform" and acts.is_electronic(document) else code), tone, symbol)


def stays_words(document: Document, t: Words) -> str | None:
    """« Non conforme : le papier reste l'original », or the native file where there never was a paper."""
    if not document.paper_stays:
        return None
    return t(f"documents.{what_stays(document)}-stays")


def what_stays(document: Document) -> str:
    """What is the original where the archive is not: native (a file came), print (a file that has to be asked for), paper."""
    if document.source == Source.PRINT:
        return "print"
    return "native" if acts.is_electronic(document) else "paper"


def problem_words(document: Document, t: Words) -> str | None:
    """What troubles a document, what is safe, what to do."""
    if document.problem is None:
        return None
    return PROBLEMS.get(document.problem, PROBLEMS["unexpected"]).words(t.language)


def problem_said(code: str, t: Words) -> str:
    """What happened, alone: where many share it."""
    problem = PROBLEMS.get(code, PROBLEMS["unexpected"])
    return typeset(problem.happened_en if t.language == "en" else problem.happened)


# --- findings -----------------------------------------------------------------------------------


def show_findings(rows: Iterable[FindingRow], t: Words) -> tuple[ShownFinding, ...]:
    """The weightiest first, then in the order of the pages; the same finding on several pages is said once."""
    ordered = sorted(rows, key=lambda row: (WEIGHT[row.level], row.page or 0, row.id or 0))
    pages: dict[Finding, list[int]] = {}
    for row in ordered:
        found = finding_of(row)
        pages.setdefault(replace(found, page=None), []).extend([found.page] if found.page else [])
    return tuple(_shown_finding(found, sorted(numbers), t) for found, numbers in pages.items())


def _shown_finding(found: Finding, pages: Sequence[int], t: Words) -> ShownFinding:
    tone, symbol = LEVEL_LOOKS[found.level]
    return ShownFinding(
        badge=Badge(t(f"level.{found.level.value}"), tone, symbol),
        sentence=_sentence(found, t),
        code=found.code,
        pages=_pages_words(pages, t),
        clause=found.clause,
        authority=t(f"authority.{Authority(found.authority).name.lower()}"),
        # The sentence of a check of the invoice says both already.
        measured=None if found.code in OF_INVOICES else found.measured,
        limit=None if found.code in OF_INVOICES else found.limit,
        other=found.limit if found.code in TWICE else None,
    )


def _pages_words(pages: Sequence[int], t: Words) -> str:
    if len(pages) < 2:
        return t("document.page", n=pages[0]) if pages else ""
    runs: list[list[int]] = []
    for number in pages:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    told = ", ".join(f"{run[0]}–{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
    return t("document.pages-run", n=told)


def _sentence(found: Finding, t: Words) -> str:
    try:
        return message(found, t.language)
    except KeyError:
        # Written by a newer version: the code is better than an error page.
        return found.code


# --- fields -------------------------------------------------------------------------------------


def show_fields(rows: Iterable[FieldRow], t: Words) -> tuple[ShownField, ...]:
    """One value per name, the most trusted source first; in the order in which a clerk checks."""
    best: dict[str, FieldRow] = {}
    for row in rows:
        if row.value and (row.name not in best or row.rank < best[row.name].rank):
            best[row.name] = row
    currency = best["currency"].value if "currency" in best else None
    known = [best[name] for name in FIELD_ORDER if name in best]
    others = [best[name] for name in sorted(best) if name not in FIELD_ORDER]
    return tuple(_shown_field(row, currency, t) for row in known + others)


def _shown_field(row: FieldRow, currency: str | None, t: Words) -> ShownField:
    return ShownField(
        row.name,
        t.known("field", row.name),
        show_value(row.name, row.value or "", currency, t),
        row.page,
        confidence_badge(row, t),
        why_words(row.reason, t),
    )


def show_value(name: str, value: str, currency: str | None, t: Words) -> str:
    """Canonical text as people write it: dates JJ/MM/AAAA, amounts with their sign, an IBAN in groups of four."""
    if name in AMOUNTS:
        return t.amount(value, currency)
    if name.endswith("_date"):
        return _day(value, t)
    if name == "vat_breakdown":
        return _vat_lines(value, currency, t)
    if name == "iban":
        return " ".join(re.findall(".{1,4}", value.replace(" ", "")))
    return value


def _vat_lines(value: str, currency: str | None, t: Words) -> str:
    """`20 % de 1 028,80 € : 205,76 €` for each rate; text that is not such a list is shown as it is."""
    told = show_rows("vat_breakdown", value, currency, t)
    if told is None:
        return value
    return " · ".join(t("rows.vat", rate=rate, base=base, tax=tax) for rate, base, tax in told.rows)


@dataclass(frozen=True, slots=True)
class ShownRows:
    """A value of several rows: the words of its head, and each row's cells in the form of the language."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


_COLUMNS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "vat_breakdown": (("rate", "rate"), ("base", "amount"), ("tax", "amount")),
    "lines": (("description", "text"), ("quantity", "number"), ("unit_price", "amount"), ("net", "amount"), ("rate", "rate")),
}
"""What each row of a list tells, and how it is written."""


def show_rows(name: str, value: str | None, currency: str | None, t: Words) -> ShownRows | None:
    """The rows of a list in the order of the paper; None for a value of one row, and for text that is no such list."""
    columns = _COLUMNS.get(name)
    try:
        kept = json.loads(value or "") if columns else None
        if not columns or not isinstance(kept, list) or not kept:
            return None
        rows = tuple(tuple(_cell(row[key] if key == "rate" else row.get(key), kind, currency, t) for key, kind in columns) for row in kept)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return ShownRows(tuple(t(f"rows.{key}") for key, _ in columns), rows)


def _cell(value: object, kind: str, currency: str | None, t: Words) -> str:
    """Nothing where the paper does not say; rates and quantities without needless zeros."""
    if value is None:
        return ""
    text = str(value)
    if kind == "amount":
        return t.amount(text, currency)
    return text if kind == "text" else t.plain(text) + (f"{NARROW}%" if kind == "rate" else "")


def _day(value: str, t: Words) -> str:
    try:
        return t.day(date.fromisoformat(value))
    except ValueError:
        return value


def confidence_badge(row: FieldRow, t: Words) -> Badge:
    """How far a value may be trusted, in a word: who gave it, or how sure the page's word is."""
    if row.source not in OF_THE_PAGE:
        return Badge(t.known("source", row.source), "good", "check")
    if row.confidence is None:
        return Badge(t("confidence.unknown"), "calm", "circle-help")
    colour = colour_of(row.confidence)
    return Badge(t(f"confidence.{colour}"), *COLOUR_LOOKS[colour])


# --- evidence -----------------------------------------------------------------------------------


def newest(archives: Sequence[Archive]) -> Archive | None:
    return max(archives, key=lambda archive: archive.version, default=None)


def evidence_steps(gauge: Gauge, t: Words) -> tuple[Step, ...]:
    """How far the evidence of a document goes, by what is known, never by what is hoped for; a practice seal stands in a seal's place."""
    practice = gauge.practice
    rungs = [rung for rung in Rung if rung is not (Rung.SEAL if practice else Rung.PRACTICE)]
    marked = (Rung.PRACTICE, Rung.TIMED, Rung.LTA) if practice else ()
    return tuple(Step(t(f"evidence.{rung.value}"), rung in gauge.reached, rung in marked) for rung in rungs)


def lack_words(gauge: Gauge, t: Words) -> str | None:
    """What is missing for the next rung; None where nothing is."""
    return None if gauge.next is None else t(f"evidence.lack-{gauge.next.value}")


def is_view(archive: Archive) -> bool:
    """Whether it holds a view with the native file inside: then the check of the pixels compared that file's bytes, and says so."""
    return any(check.get("name") == "pixels" and str(check.get("detail")).startswith("vue ;") for check in archive.checks)


def image_words(archive: Archive | None, t: Words) -> str:
    """What the image on the screen is, and where the proof lies: in the pixels of a scan, in the native file of a view."""
    if archive is None:
        return t("document.working-image-unsealed")
    return t("document.working-image-view" if is_view(archive) else "document.working-image-why")


def show_checks(archive: Archive, t: Words) -> tuple[ShownCheck, ...]:
    """Each check in the words of what it proved."""
    proved = {"pixels": "native"} if is_view(archive) else {}
    names = [str(check.get("name", "?")) for check in archive.checks]
    return tuple(
        ShownCheck(t.known("check", proved.get(name, name)), bool(check.get("ok")), _check_detail(check, t))
        for name, check in zip(names, archive.checks, strict=True)
    )


def _check_detail(check: Mapping[str, Any], t: Words) -> str:
    """What a check measured, its time by the clock of the screens; an archive may hold it in French only."""
    told = str((check.get("english") if t.language == "en" else None) or check.get("detail") or "")
    return UTC_TIME.sub(lambda found: _by_our_clock(found, t), told)


def _by_our_clock(found: re.Match[str], t: Words) -> str:
    try:
        return t.moment(datetime.fromisoformat(f"{found[1]}+00:00"))
    except (ValueError, OverflowError):
        return found[0]


# --- the ledger's story ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Chapter:
    """One entry of a document's story."""

    sequence: int
    text: str
    at: str
    detail: str


def tell_story(story: Iterable[tuple[int, str, datetime, Mapping[str, Any]]], document: Document, t: Words) -> tuple[Chapter, ...]:
    """Each entry in words; of a confidential document without its details, which may quote it."""
    silent = document.confidential or document.state == State.ERASED
    return tuple(
        Chapter(sequence, t.known("event", kind), t.moment(at), "" if silent else _detail(body, document, t))
        for sequence, kind, at, body in story
    )


def choice_key(document: Document, choice: str) -> str:
    """Under which name a choice stands among the words: what is kept differs where there never was a paper."""
    stays = what_stays(document)
    return f"treat-{stays}" if choice == "treat" and stays != "paper" else choice


def _detail(body: Mapping[str, Any], document: Document, t: Words) -> str:
    """The few facts of an entry that a person looks for."""
    parts = []
    if "choice" in body:
        parts.append(t.known("choice", f"{choice_key(document, str(body['choice']))}.name"))
    if body.get("task"):
        parts.append(t.known("approval.did", str(body.get("what"))))
    if body.get("to") and "expected" in body:
        parts.append(t.known("invoice-state", str(body["to"]).replace(" ", "-")))
    if body.get("reason"):
        parts.append(f"« {body['reason']} »")
    if body.get("source") and "before" in body:
        parts.append(t.known("nature", str(body["source"])))
    if isinstance(body.get("said"), Mapping):
        parts.append(", ".join(t.known("field", name) for name in body["said"]))
    if body.get("verdict"):
        parts.append(t.known("verdict", str(body["verdict"])))
    if body.get("name"):
        parts.append(str(body["name"]))
    if body.get("problem"):
        code = str(body["problem"])
        parts.append((PROBLEMS[code].happened_en if t.language == "en" else PROBLEMS[code].happened) if code in PROBLEMS else code)
    return " · ".join(parts)
