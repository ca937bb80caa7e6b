// Draws each table of the direction's page as a chart. The table is the figure, and stays; without this file it is simply open.
"use strict";

const calm = matchMedia("(prefers-reduced-motion: reduce)");
const dark = matchMedia("(prefers-color-scheme: dark)");
const language = document.documentElement.lang;
let drawn = [];

function token(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function told(unit) {
  const money = { style: "currency", currency: "EUR", maximumFractionDigits: 0 };
  const plain = new Intl.NumberFormat(language, unit === "euro" ? money : { maximumFractionDigits: 1 });
  const after = { minute: " min", days: language === "fr" ? " j" : " d", megabyte: language === "fr" ? " Mo" : " MB", gigabyte: language === "fr" ? " Go" : " GB" }[unit] || "";
  return (value) => plain.format(value) + after;
}

// Of the columns that are drawn, those of the place's `data-plot`; a figure that is not known leaves a gap.
function figuresOf(table, columns) {
  const rows = [...table.tBodies[0].rows].filter((row) => !row.dataset.apart && row.querySelector("td[data-value]"));
  const heads = [...table.tHead.rows[0].cells];
  const value = (row, column) => {
    const text = row.cells[column + 1].dataset.value;
    return text === "" ? null : Number(text);
  };
  return {
    labels: rows.map((row) => row.cells[0].textContent.trim()),
    datasets: columns.map((column) => ({ label: heads[column + 1].textContent.trim(), data: rows.map((row) => value(row, column)) })),
  };
}

function draw(place) {
  const table = document.getElementById(place.dataset.table);
  const { labels, datasets } = figuresOf(table, place.dataset.plot.split(" ").map(Number));
  if (!datasets.some((each) => each.data.some((value) => value))) return;
  const write = told(place.dataset.unit);
  const line = place.dataset.shape === "line";
  const stacked = place.dataset.shape === "stacked";
  datasets.forEach((each, n) => {
    const colour = token(`--chart-${(n % 6) + 1}`);
    Object.assign(each, { backgroundColor: colour, borderColor: line ? colour : token("--sheet"), borderWidth: line ? 2 : 1 });
    if (line) Object.assign(each, { tension: 0, pointRadius: 3, pointStyle: n ? "rect" : "circle", borderDash: n ? [6, 4] : [], spanGaps: true });
  });
  const canvas = document.createElement("canvas");
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-labelledby", place.dataset.said);
  place.replaceChildren(canvas);
  place.hidden = false;
  const grid = { color: token("--line") };
  const ticks = { color: token("--ink-2") };
  drawn.push(new Chart(canvas, {
    type: line ? "line" : "bar",
    data: { labels, datasets },
    options: {
      animation: calm.matches ? false : { duration: 250 },
      maintainAspectRatio: false,
      interaction: { mode: "index", intersect: false },
      scales: {
        x: { stacked, grid: { display: false }, ticks },
        y: { stacked, beginAtZero: true, grid, ticks: { ...ticks, precision: place.dataset.unit === "count" ? 0 : undefined, maxTicksLimit: 6, callback: write } },
      },
      plugins: {
        legend: { display: datasets.length > 1, labels: { color: token("--ink"), boxWidth: 14 } },
        tooltip: { callbacks: { label: (item) => `${item.dataset.label} : ${item.raw === null ? "–" : write(item.raw)}` } },
      },
    },
  }));
}

function drawAll() {
  for (const each of drawn) each.destroy();
  drawn = [];
  for (const place of document.querySelectorAll(".plot")) draw(place);
}

document.addEventListener("DOMContentLoaded", () => {
  if (!window.Chart) return;
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  drawAll();
  // The picture shows at a glance what the table tells: the table folds away behind it.
  for (const place of document.querySelectorAll(".plot:not([hidden]) + details")) place.open = false;
  dark.addEventListener("change", drawAll);
});
