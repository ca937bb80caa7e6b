"""What volumes ask for, on paper: from costs that were measured once, to cores, disk and money; writes into docs/capacity.md.

PYTHONPATH=tests:. python tests/bench_capacity.py
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bars import AMBER, BLUE, RED, Bar, as_parts

ROOT = Path(__file__).parents[1]
PAPER = ROOT / "docs" / "capacity.md"
DRAWINGS = ROOT / "docs" / "diagrams"
BEGIN, END = "<!-- capacity -->", "<!-- /capacity -->"


@dataclass(frozen=True, slots=True)
class Measured:
    """Costs as docs/measurements.md tells them, of one page unless said otherwise."""

    core_seconds: float = 2.44
    """Two cores, 53.6 s for 44 pages (`sceau take`, quiet machine): all that two cores could do, idle moments included."""
    vault_bytes: int = 15_049_280
    archive_bytes: int = 15_097_388
    beside_bytes: int = 139_000 + 18_000
    """Small images and text."""
    row_bytes: int = 29_000
    """Records and ledger; of a document of one page."""
    index_bytes: int = 6_210
    """Of a document: full text and its words (621 MB for 100,000)."""
    entries: int = 5
    """Of the ledger, of a document: received, judged, read, sealed, and one for what people do."""
    check_seconds: float = 35e-6
    """Of a ledger entry: the whole audit."""
    check_bytes: int = 160
    """Memory of the audit, of a ledger entry."""


@dataclass(frozen=True, slots=True)
class Assumed:
    """What nobody measured here: to be replaced by the house's own."""

    pages: float = 1.5
    """Of an invoice."""
    days: int = 21
    """Of a month in which paper comes."""
    hours: float = 8.0
    """Of such a day."""
    load: float = 0.6
    """Share of the cores that work may take on average, so that a busy morning is worked off the same day."""
    core_month: float = 15.0
    """Euro for a rented core with 4 GB of memory, a month."""
    terabyte_month: float = 12.0
    """Euro for a terabyte of an object store that holds what is locked, a month."""
    years: int = 10
    """For which invoices are kept: art. L123-22 C. com."""
    read_bytes: float = 200e6
    """A second, for the regular reading of all that is kept, by one process."""


@dataclass(frozen=True, slots=True)
class House:
    name: str
    invoices: float
    """A month."""


HOUSES = (House("35 000 a month", 35_000), House("1 million a month", 1e6), House("100 million a year", 100e6 / 12))


@dataclass(frozen=True, slots=True)
class Need:
    """Of one house."""

    pages_a_minute: float
    cores: float
    month_terabytes: float
    kept_terabytes: float
    """After `Assumed.years`."""
    database_gigabytes: float
    """Rows, ledger and index after a year."""
    commits_a_second: float
    """Ledger entries in working hours; each commits alone at worst."""
    check_hours: float
    check_gigabytes: float
    """Memory and time of one whole audit of a year's ledger."""
    reading_days: float
    """One reading of a year's files."""
    core_euros: float
    first_disk_euros: float
    """A month, when a year is kept."""
    last_disk_euros: float
    """A month, when all years are."""


def need_of(house: House, measured: Measured, assumed: Assumed) -> Need:
    """Linear throughout: nothing here says that a part goes on so far; what does not is told in words."""
    pages = house.invoices * assumed.pages
    open_seconds = assumed.days * assumed.hours * 3600
    file_bytes = measured.vault_bytes + measured.archive_bytes + measured.beside_bytes
    year_entries = 12 * house.invoices * measured.entries
    month_terabytes = (pages * file_bytes + house.invoices * (measured.row_bytes + measured.index_bytes)) / 1e12
    cores = pages * measured.core_seconds / open_seconds / assumed.load
    return Need(
        pages_a_minute=60 * pages / open_seconds,
        cores=cores,
        month_terabytes=month_terabytes,
        kept_terabytes=12 * assumed.years * month_terabytes,
        database_gigabytes=12 * house.invoices * (measured.row_bytes + measured.index_bytes) / 1e9,
        commits_a_second=house.invoices * measured.entries / open_seconds,
        check_hours=year_entries * measured.check_seconds / 3600,
        check_gigabytes=year_entries * measured.check_bytes / 1e9,
        reading_days=12 * month_terabytes * 1e12 / assumed.read_bytes / 86_400,
        core_euros=max(2.0, cores) * assumed.core_month,
        first_disk_euros=12 * month_terabytes * assumed.terabyte_month,
        last_disk_euros=12 * assumed.years * month_terabytes * assumed.terabyte_month,
    )


ROWS: tuple[tuple[str, str], ...] = (
    ("pages a minute in working hours", "pages_a_minute"),
    ("cores", "cores"),
    ("disk a month, TB", "month_terabytes"),
    ("disk when ten years are kept, TB", "kept_terabytes"),
    ("records, ledger and index after a year, GB", "database_gigabytes"),
    ("ledger entries a second in working hours", "commits_a_second"),
    ("whole audit of a year's ledger, hours of one core", "check_hours"),
    ("… its memory, GB", "check_gigabytes"),
    ("one reading of a year's files, days", "reading_days"),
    ("euro a month for cores", "core_euros"),
    ("… for disk when a year is kept", "first_disk_euros"),
    ("… when ten years are kept", "last_disk_euros"),
)


def shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 else f"{value:.2g}"


def as_table(needs: Sequence[Need]) -> str:
    lines = ["| | " + " | ".join(house.name for house in HOUSES) + " |", "|---|" + "---|" * len(HOUSES)]
    lines += [f"| {title} | " + " | ".join(shown(getattr(need, name)) for need in needs) + " |" for title, name in ROWS]
    return "\n".join(lines)


# --- drawings ---


def draw_money(needs: Sequence[Need]) -> str:
    legend = ((BLUE, "cores"), (AMBER, "disk, one year kept"))
    bars = [Bar(house.name, (need.core_euros, need.first_disk_euros)) for house, need in zip(HOUSES, needs, strict=True)]
    return as_parts("What a month costs, parts of a whole", bars, legend, lambda euros: f"{shown(euros)} €")


def draw_page(measured: Measured) -> str:
    legend = ((BLUE, "vault"), (AMBER, "archive"), (RED, "all else"))
    rest = measured.beside_bytes + measured.row_bytes + measured.index_bytes
    pieces = (measured.vault_bytes / 1e6, measured.archive_bytes / 1e6, rest / 1e6)
    return as_parts("What keeping a page costs", [Bar("colour, 300 dpi", pieces)], legend, lambda size: f"{shown(size)} MB")


def main() -> None:
    measured, assumed = Measured(), Assumed()
    needs = [need_of(house, measured, assumed) for house in HOUSES]
    (DRAWINGS / "capacity-money.svg").write_text(draw_money(needs), encoding="utf-8")
    (DRAWINGS / "capacity-page.svg").write_text(draw_page(measured), encoding="utf-8")
    before, _, rest = PAPER.read_text(encoding="utf-8").partition(BEGIN)
    PAPER.write_text(f"{before}{BEGIN}\n{as_table(needs)}\n{END}{rest.partition(END)[2]}", encoding="utf-8")
    print(as_table(needs))


if __name__ == "__main__":
    main()
