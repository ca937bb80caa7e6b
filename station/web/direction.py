"""The direction's page: figures as sentences, tables and charts (where scripts run), each as CSV; and the list for a closing."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse

from station import direction
from station.direction import Ages, Cash, Closing, Cost, Overview, Speed, Stake, Stored
from station.packaging.forms import csv_line
from station.receivables import own_keys
from station.records.direction import Waiting
from station.records.documents import Unknown
from station.web import desk
from station.web.words import Words
from workflow.interest import Regime

router = APIRouter()
Day = Annotated[str, Query(max_length=10)]
PAGE = 100
"""Invoices of the closing on one page."""
AT_ONCE = 2_000
"""Invoices of the closing's CSV read at once."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure: as people read it, and as a chart or a spreadsheet counts it."""

    text: str
    value: str
    """Decimal with a point; empty where there is none."""


@dataclass(frozen=True, slots=True)
class Row:
    label: str
    cells: tuple[Cell, ...]
    apart: bool = False
    """Told and not drawn: beside it the others would not be seen."""


@dataclass(frozen=True, slots=True)
class Chart:
    """One figure of the page; the table is all of it, the picture shows some columns."""

    name: str
    said: str
    """What it shows, in a sentence."""
    head: tuple[str, ...]
    """Of the column of labels, then of each column of figures."""
    rows: tuple[Row, ...]
    shape: str
    """bar, stacked, line."""
    plot: tuple[int, ...]
    """Columns of figures that are drawn."""
    unit: str
    """count, minute, days, euro, megabyte, gigabyte."""
    notes: tuple[str, ...] = ()

    @property
    def hollow(self) -> bool:
        """Whether every figure in it is nothing."""
        return all(cell.value in ("", "0", "0.0", "0.00") for row in self.rows for cell in row.cells)


@router.get("/direction")
def direction_page(request: Request, session: desk.InReading, day: Day = "") -> Response:
    """Every figure as of today; `day` is that of the closing."""
    t, found = desk.words_of(request), _overview(request, session, day)
    return desk.show(
        request,
        "direction.html",
        charts=charts_of(found, t),
        today=t.day(_today(request)),
        day=found.closing.day.isoformat(),
        last=_today(request).isoformat(),
        wrong=day != "" and _day_or_none(day) is None,
    )


@router.get("/direction/cloture")
def closing_page(request: Request, session: desk.InReading, day: Day = "", page: Annotated[int, Query(ge=1, le=100_000)] = 1) -> Response:
    """Invoice by invoice what was received and not exported at the end of a day, and its total."""
    t, entity, asked = desk.words_of(request), desk.entity_of(request), _asked_day(request, day)
    own = own_keys(desk.workstation_of(request).settings.of_company(entity))
    found = direction.closing_of(session, entity, asked, own)
    pages = max(1, -(-found.count // PAGE))
    page = min(page, pages)
    listed = direction.waiting_on(session, entity, asked, PAGE, (page - 1) * PAGE, own=own)
    return desk.show(
        request,
        "direction_closing.html",
        said=_closing_said(found, t),
        notes=_apart(found.unpriced, found.foreign, t),
        listed=[(each, shown_waiting(each, t)) for each in listed],
        day=asked.isoformat(),
        last=_today(request).isoformat(),
        page=page,
        pages=pages,
        wrong=day != "" and _day_or_none(day) is None,
    )


@router.get("/direction/{figure}.csv")
def figure_csv(request: Request, session: desk.InReading, figure: str, day: Day = "") -> Response:
    """The table of one figure; of the closing the list itself, each invoice a line. Raises Unknown."""
    t = desk.words_of(request)
    name = f"attachment; filename=sceau-{figure}-{_today(request).isoformat()}.csv"
    if figure == "closing":
        asked = _asked_day(request, day)
        name = f"attachment; filename=sceau-{figure}-{asked.isoformat()}.csv"
        lines = _closing_lines(request, asked, t)
        return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers={"content-disposition": name})
    chart = next((each for each in charts_of(_overview(request, session, day), t) if each.name == figure), None)
    if chart is None:
        raise Unknown(figure)
    body = csv_line(chart.head) + b"".join(csv_line((row.label, *(cell.value for cell in row.cells))) for row in chart.rows)
    return Response(b"\xef\xbb\xbf" + body, media_type="text/csv; charset=utf-8", headers={"content-disposition": name})


def _closing_lines(request: Request, day: date, t: Words) -> Iterator[bytes]:
    """Read some at a time, each with a look of its own at the records, for a page's transaction ends before its answer leaves."""
    database, entity = desk.workstation_of(request).database, desk.entity_of(request)
    yield b"\xef\xbb\xbf" + csv_line(
        t(f"direction.list-{name}") for name in ("document", "received", "supplier", "number", "gross", "currency", "due")
    )
    behind: tuple[datetime, str] | None = None
    own = own_keys(desk.workstation_of(request).settings.of_company(entity))
    while True:
        with database.reading() as session:
            listed = direction.waiting_on(session, entity, day, AT_ONCE, behind=behind, own=own)
        for each in listed:
            at = each.received_at.astimezone(direction.PARIS).date().isoformat()
            gross = "" if each.cents is None else f"{Decimal(each.cents) / 100:.2f}"
            yield csv_line((each.document_id, at, each.supplier, each.number, gross, each.currency, each.due or ""))
        if len(listed) < AT_ONCE:
            return
        behind = (listed[-1].received_at, listed[-1].document_id)


def _overview(request: Request, session: desk.InReading, day: str) -> Overview:
    settings = desk.workstation_of(request).settings
    return direction.overview(session, settings, desk.entity_of(request), _today(request), _asked_day(request, day))


def _today(request: Request) -> date:
    return desk.words_of(request).today(desk.workstation_of(request).clock())


def _asked_day(request: Request, day: str) -> date:
    """No later than today: of tomorrow nothing is known."""
    return min(_day_or_none(day) or _today(request), _today(request))


def _day_or_none(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if found.year >= 2000 else None


# --- what each figure says ---


def charts_of(found: Overview, t: Words) -> tuple[Chart, ...]:
    return (
        cash_chart(found.cash, t),
        stake_chart(found.stake, t),
        ages_chart(found.ages, t),
        speed_chart(found.speed, t),
        closing_chart(found.closing, t),
        stored_chart(found.stored, t),
        cost_chart(found.cost, t),
    )


def cash_chart(cash: Cash, t: Words) -> Chart:
    coming = sum(week.cents for week in cash.weeks)
    rows = [Row(t("direction.cash-overdue"), _paid(cash.overdue.count, cash.overdue.cents, t), apart=True)] if cash.overdue else []
    rows += [Row(t("direction.week", first=t.day(week.first)), _paid(week.count, week.cents, t)) for week in cash.weeks]
    rows += [Row(t("direction.cash-later"), _paid(*cash.later, t), apart=True)] if cash.later[0] else []
    said = t("direction.cash-said", amount=_euros(coming, t))
    if cash.overdue:
        said += " " + t("direction.cash-said-overdue", invoices=_invoices(cash.overdue.count, t), amount=_euros(cash.overdue.cents, t))
    notes = [t("direction.cash-note")]
    if cash.undated[0]:
        notes.append(t("direction.cash-undated", invoices=_invoices(cash.undated[0], t), amount=_euros(cash.undated[1], t)))
    head = (t("direction.head-week"), t("direction.head-invoices"), t("direction.head-amount"))
    return Chart("cash", said, head, tuple(rows), "bar", (1,), "euro", (*notes, *_apart(cash.unpriced, cash.foreign, t)))


def stake_chart(stake: Stake, t: Words) -> Chart:
    rows = tuple(
        Row(
            _span(band.low, band.high, "days", t),
            (*_paid(band.count, band.cents, t), _money(band.interest, t), _money(band.indemnity, t)),
        )
        for band in stake.bands
    )
    if not stake.count:
        said = t("direction.stake-none")
    else:
        figures = {"interest": _amount(stake.interest, t), "indemnity": _amount(stake.indemnity, t), "invoices": _invoices(stake.count, t)}
        said = t("direction.stake-said", **figures)
        if stake.per_day is not None:
            said += " " + t("direction.stake-per-day", amount=_amount(stake.per_day, t))
    notes = [t(f"direction.stake-{'public' if stake.regime is Regime.PUBLIC else 'private'}"), t("direction.stake-note")]
    if stake.uncounted:
        halves = ", ".join(_half(half, t) for half in stake.missing)
        notes.insert(0, t("direction.stake-missing", invoices=_invoices(stake.uncounted, t), halves=halves))
    heads = ("head-delay", "head-invoices", "head-amount", "head-interest", "head-indemnity")
    return Chart("interest", said, tuple(t(f"direction.{each}") for each in heads), rows, "stacked", (2, 3), "euro", tuple(notes))


def ages_chart(ages: Ages, t: Words) -> Chart:
    edges = [-1, *direction.AGES]
    heads = [_span(low + 1, high, "days", t) for low, high in zip(edges, [*direction.AGES, None], strict=True)]
    rows = tuple(
        Row(t.known("direction.state", state.replace(" ", "-")), tuple(_count(n, t) for n in (*counts, sum(counts))))
        for state, counts in ages.rows
    )
    said = t("direction.ages-said", invoices=_invoices(ages.total, t), old=t.number(ages.oldest), days=direction.AGES[-1])
    head = (t("direction.head-state"), *heads, t("direction.head-total"))
    return Chart("ages", said, head, rows, "stacked", tuple(range(len(heads))), "count", (t("direction.ages-note"),))


def speed_chart(speed: tuple[Speed, ...], t: Words) -> Chart:
    rows = tuple(Row(_month(each.month), (_days(each.median, t), _days(each.slow, t), _count(each.count, t))) for each in speed)
    newest = next((each for each in reversed(speed) if each.count), None)
    if newest is None:
        said = t("direction.speed-none")
    else:
        places = {"month": _month(newest.month), "median": t.plain(str(newest.median)), "slow": t.plain(str(newest.slow))}
        said = t("direction.speed-said", **places)
    head = tuple(t(f"direction.{each}") for each in ("head-month", "head-median", "head-slow", "head-approved"))
    return Chart("speed", said, head, rows, "line", (0, 1), "days", (t("direction.speed-note"),))


def closing_chart(closing: Closing, t: Words) -> Chart:
    rows = tuple(Row(_month_or_before(month, t), _paid(count, cents, t)) for month, count, cents in closing.months)
    head = (t("direction.head-received"), t("direction.head-invoices"), t("direction.head-amount"))
    notes = (t("direction.closing-note"), *_apart(closing.unpriced, closing.foreign, t))
    return Chart("closing", _closing_said(closing, t), head, rows, "bar", (1,), "euro", notes)


def _closing_said(closing: Closing, t: Words) -> str:
    return t("direction.closing-said", day=t.day(closing.day), invoices=_invoices(closing.count, t), amount=_euros(closing.cents, t))


def stored_chart(stored: Stored, t: Words) -> Chart:
    head = (t("direction.head-month"), *(t.known("direction.kind", kind) for kind in stored.kinds))
    rows = tuple(
        Row(_month_or_before(month, t), tuple(_bytes(size, t) for size in sizes), apart=month is None)
        for month, sizes in zip(stored.months, stored.sizes, strict=True)
    )
    said = t("direction.stored-said", size=t.size(stored.total), files=t.count("direction.files", stored.files))
    return Chart("storage", said, head, rows, "stacked", tuple(range(len(stored.kinds))), "megabyte", (t("direction.stored-note"),))


def cost_chart(cost: Cost, t: Words) -> Chart:
    edges = [None, *(high for high, _ in cost.worked)]
    rows = tuple(Row(_minutes(low, high, t), (_count(n, t),)) for low, (high, n) in zip(edges, cost.worked, strict=False))
    said = t("direction.cost-none")
    if cost.reviewed:
        said = t("direction.cost-said", reviews=t.count("direction.reviews", cost.reviewed), minutes=t.plain(str(cost.minutes)))
        if cost.each is None:
            said += " " + t("direction.cost-unset")
        else:
            said += " " + t("direction.cost-each", amount=_amount(cost.each, t), hour=_amount(cost.hour or Decimal(0), t))
    head = (t("direction.head-minutes"), t("direction.head-invoices"))
    return Chart("cost", said, head, rows, "bar", (0,), "count", (t("direction.cost-note"),))


# --- cells and words ---


def shown_waiting(each: Waiting, t: Words) -> dict[str, str]:
    amount = "" if each.cents is None else t.amount(f"{Decimal(each.cents) / 100:.2f}", each.currency or None)
    due = t.day(date.fromisoformat(each.due)) if each.due else ""
    return {"received": t.day(t.today(each.received_at)), "amount": amount, "due": due, "supplier": each.supplier or each.title}


def _apart(unpriced: int, foreign: int, t: Words) -> tuple[str, ...]:
    told = (("direction.unpriced", unpriced), ("direction.foreign", foreign))
    return tuple(t(key, invoices=_invoices(count, t)) for key, count in told if count)


def _invoices(count: int, t: Words) -> str:
    return t.count("direction.invoices", count)


def _paid(count: int, cents: int, t: Words) -> tuple[Cell, ...]:
    return _count(count, t), _money(Decimal(cents) / 100, t)


def _count(number: int, t: Words) -> Cell:
    return Cell(t.number(number), str(number))


def _money(amount: Decimal, t: Words) -> Cell:
    return Cell(_amount(amount, t), f"{amount:.2f}")


def _days(days: Decimal | None, t: Words) -> Cell:
    return Cell("–", "") if days is None else Cell(t.plain(str(days)), str(days))


def _bytes(size: int, t: Words) -> Cell:
    return Cell(t.size(size), f"{Decimal(size) / 1_000_000:.3f}")


def _amount(amount: Decimal, t: Words) -> str:
    return t.amount(f"{amount:.2f}", "EUR")


def _euros(cents: int, t: Words) -> str:
    return _amount(Decimal(cents) / 100, t)


def _span(low: int, high: int | None, unit: str, t: Words) -> str:
    if high is None:
        return t(f"direction.{unit}-more", n=low - 1)
    return t(f"direction.{unit}-span", low=low, high=high)


def _minutes(low: int | None, high: int | None, t: Words) -> str:
    if high is None:
        return t("direction.minutes-more", n=low or 0)
    return t("direction.minutes-none") if low is None else t("direction.minutes-span", low=low, high=high)


def _month(month: date) -> str:
    return month.strftime("%m/%Y")


def _month_or_before(month: date | None, t: Words) -> str:
    return t("direction.before") if month is None else _month(month)


def _half(half: str, t: Words) -> str:
    year, number = half.split("-H")
    return t(f"direction.half-{number}", year=year)
