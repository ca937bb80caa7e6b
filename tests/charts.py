"""Draws the charts of docs/measurements.md from its own tables, so that a chart shows what the table says.

PYTHONPATH=tests:. python tests/charts.py
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bars import AMBER, BLUE, Bar, on_scale

ROOT = Path(__file__).parents[1]
REPORT, DRAWINGS = ROOT / "docs" / "measurements.md", ROOT / "docs" / "diagrams"
COLOURS = (BLUE, AMBER)


@dataclass(frozen=True, slots=True)
class Chart:
    """Which columns of which table, by the heading above it and by the columns' own."""

    title: str
    heading: str
    columns: tuple[str, ...]
    unit: str


CHARTS: Mapping[str, Chart] = {
    "peers-cpu": Chart("CPU of a page, start included", "Beside OCRmyPDF, program by program", ("CPU s a page",), "s"),
    "peers-pace": Chart("Pages a minute on two cores", "Beside OCRmyPDF, program by program", ("pages a minute",), ""),
    "workers": Chart("Pages a minute", "One worker, then two", ("one worker", "two workers"), ""),
    "rows": Chart("CPU among a million documents ÷ among ten thousand", "Ten thousand documents and a million", ("ratio",), "×"),
    "writers": Chart("Ledger entries committed a second, 16 writers", "Sixteen writers on PostgreSQL", ("before", "after"), ""),
}


def table_of(text: str, heading: str) -> list[dict[str, str]]:
    """Rows of the first table below a heading, by column. Raises KeyError where there is none."""
    _, found, below = text.partition(f"\n## {heading}\n")
    lines = [line for line in below.partition("\n## ")[0].splitlines() if line.startswith("|")] if found else []
    if len(lines) < 3:
        raise KeyError(heading)
    columns, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    return [dict(zip(columns, row, strict=True)) for row in rows if len(row) == len(columns)]


def number_in(cell: str) -> float:
    """The first number of a cell: `**1,204** (3)` is 1204."""
    return float(re.findall(r"[\d.]+", cell.replace(",", ""))[0])


def draw_chart(chart: Chart, rows: Sequence[Mapping[str, str]]) -> str:
    bars = [Bar(next(iter(row.values())).replace("*", ""), [number_in(row[column]) for column in chart.columns]) for row in rows]
    legend = list(zip(COLOURS, chart.columns, strict=False))
    return on_scale(chart.title, bars, legend, lambda size: f"{size:,.4g} {chart.unit}".strip())


def drawn_charts(text: str) -> dict[str, str]:
    """SVG by the name of its file."""
    return {f"{name}.svg": draw_chart(chart, table_of(text, chart.heading)) for name, chart in CHARTS.items()}


def main() -> None:
    for name, drawn in drawn_charts(REPORT.read_text(encoding="utf-8")).items():
        (DRAWINGS / name).write_text(drawn, encoding="utf-8")


if __name__ == "__main__":
    main()
