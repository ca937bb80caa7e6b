// The page: takes files, starts the work, shows what came of it. Whatever comes from a package becomes text nodes, never markup.

import { Stopped, verifyPackage } from "./checks.js";
import { openParts, readMember } from "./parts.js";
import { WORDS, faultOf, fill, sentenceOf } from "./words.js";

const SIGNS = { holds: ["✓", "good"], fails: ["✗", "bad"], skipped: ["–", "watch"], incomplete: ["!", "watch"] };
const SHOWN = 100; // rows of the table at a time
const ALIVE = 4000; // ms that a worker has to say that it lives

export function openScreen(source) {
  const screen = new Screen(source);
  screen.draw();
}

// el("p", {class: "x"}, "text", node): strings are text, null is nothing; on: {click: f}.
function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined).map((child) => (child instanceof Node ? child : String(child))));
  return node;
}

class Screen {
  constructor(source) {
    this.source = source;
    this.files = [];
    this.known = { fingerprint: "", checkpoint: "" };
    this.words = (navigator.language ?? "fr").toLowerCase().startsWith("fr") || !/^en/i.test(navigator.language) ? WORDS.fr : WORDS.en;
    this.state = "empty";
    this.report = null;
    this.query = "";
    this.opened = null; // the trail that is shown
    this.run = 0;
    this.stop = () => {};
    for (const name of ["dragover", "drop"]) document.addEventListener(name, (event) => event.preventDefault());
    document.addEventListener("drop", (event) => this.take([...(event.dataTransfer?.files ?? [])]));
  }

  draw() {
    const { words } = this;
    document.documentElement.lang = words.lang;
    document.title = words.title;
    const report = this.state === "done" ? this.report : null;
    const children = [
      el("header", {}, el("h1", {}, words.title), el("button", { type: "button", class: "small noprint", lang: words === WORDS.fr ? "en" : "fr", on: { click: () => this.switchWords() } }, words.other), el("p", {}, words.lead)),
      el("main", { id: "main" }, this.dropZone(), this.working(), report ? this.results(report) : null),
      el("footer", {}, report?.package ? el("p", {}, fill(words.generator, report.package)) : null),
    ];
    for (const old of [...document.body.children]) if (!["SCRIPT", "NOSCRIPT"].includes(old.tagName)) old.remove();
    document.body.prepend(...children);
  }

  switchWords() {
    this.words = this.words === WORDS.fr ? WORDS.en : WORDS.fr;
    this.draw();
    document.querySelector("header button").focus();
  }

  // --- taking files ---

  dropZone() {
    const { words } = this;
    const input = el("input", { type: "file", id: "files", multiple: true, accept: ".zip,application/zip", on: { change: () => this.take([...input.files]) } });
    const zone = el(
      "section",
      { class: "drop", "aria-labelledby": "drop-title", on: { dragover: () => zone.classList.add("over"), dragleave: () => zone.classList.remove("over") } },
      el("h2", { id: "drop-title" }, words.drop),
      el("p", { class: "muted" }, words["drop-hint"]),
      el("div", { class: "buttons" }, input, el("label", { class: "button", for: "files" }, words.choose), this.files.length ? el("button", { type: "button", on: { click: () => this.clear() } }, words.again) : null),
      this.files.length ? el("ul", {}, this.files.map((file) => el("li", {}, el("code", {}, file.name), ` ${this.bytes(file.size)}`))) : null,
    );
    return zone;
  }

  take(files) {
    if (!files.length) return;
    const named = new Map(this.files.map((file) => [file.name, file]));
    for (const file of files) named.set(file.name, file);
    this.files = [...named.values()];
    this.start();
  }

  clear() {
    this.stop();
    this.run += 1;
    Object.assign(this, { files: [], state: "empty", report: null, opened: null, query: "" });
    this.draw();
    document.getElementById("files").focus();
  }

  // --- the work ---

  working() {
    const { words } = this;
    if (this.state === "working") {
      const total = this.files.reduce((sum, file) => sum + file.size, 0);
      return el(
        "section",
        { id: "working" },
        el("p", { role: "status" }, fill(words.working, { done: this.bytes(0), total: this.bytes(total) })),
        el("progress", { max: Math.max(total, 1), value: 0, "aria-label": words.checks }),
        el("p", {}, el("button", { type: "button", id: "stop", on: { click: () => this.stopped() } }, words.stop)),
      );
    }
    if (this.state === "stopped") return el("section", { role: "status" }, el("p", {}, words.stopped));
    if (this.state === "trouble") return el("section", { role: "alert" }, el("p", {}, words.trouble), el("details", {}, el("summary", {}, words.details), el("pre", {}, this.trouble)));
    return null;
  }

  progress(done) {
    const bar = document.querySelector("#working progress");
    if (!bar) return;
    bar.value = Math.min(done, bar.max);
    document.querySelector("#working p").textContent = fill(this.words.working, { done: this.bytes(bar.value), total: this.bytes(bar.max) });
  }

  stopped() {
    this.stop();
    this.run += 1;
    this.state = "stopped";
    this.draw();
  }

  async start() {
    this.stop();
    const run = (this.run += 1);
    Object.assign(this, { state: "working", report: null, opened: null });
    this.draw();
    const parts = this.files.map((file) => ({ name: file.name.replace(/ \(\d+\)(?=\.zip$)/i, ""), blob: file }));
    try {
      const report = await this.work(parts);
      if (run !== this.run) return;
      Object.assign(this, { state: "done", report });
    } catch (error) {
      if (run !== this.run || error instanceof Stopped) return;
      Object.assign(this, { state: "trouble", trouble: String(error?.stack ?? error) });
    }
    this.draw();
    document.getElementById("verdict")?.focus();
  }

  async work(parts) {
    const worker = await this.worker();
    return worker ? this.inWorker(worker, parts) : this.inPage(parts);
  }

  // A worker from this page's own text, or null where the browser gives none to a page opened from disk.
  async worker() {
    const address = URL.createObjectURL(new Blob([this.source], { type: "text/javascript" }));
    try {
      const worker = new Worker(address);
      const alive = await new Promise((resolve) => {
        worker.onmessage = () => resolve(true);
        worker.onerror = () => resolve(false);
        setTimeout(() => resolve(false), ALIVE);
      });
      if (alive) return worker;
      worker.terminate();
    } catch {
      // no worker: the page does it
    } finally {
      URL.revokeObjectURL(address);
    }
    return null;
  }

  inWorker(worker, parts) {
    return new Promise((resolve, reject) => {
      this.stop = () => {
        worker.terminate();
        reject(new Stopped());
      };
      worker.onerror = (event) => reject(new Error(event.message));
      worker.onmessage = ({ data }) => {
        if (data.alive) return undefined;
        if (data.done !== undefined) return this.progress(data.done);
        worker.terminate();
        if (data.report) resolve(data.report);
        else reject(new Error(data.trouble));
        return undefined;
      };
      worker.postMessage({ parts, known: this.known });
    });
  }

  inPage(parts) {
    let stop = false;
    let done = 0;
    let rested = performance.now();
    this.stop = () => (stop = true);
    const pace = async (bytes) => {
      done += bytes;
      if (stop) throw new Stopped();
      if (performance.now() - rested < 50) return;
      this.progress(done);
      await new Promise((resolve) => setTimeout(resolve));
      rested = performance.now();
    };
    return verifyPackage(parts, { pace, known: this.known });
  }

  // --- what came of it ---

  results(report) {
    return [
      this.verdict(report),
      report.package?.practice || report.seal?.practice ? el("p", { class: "practice" }, this.words.practice) : null,
      report.package ? this.trust(report) : null,
      this.knownForm(report),
      this.checks(report),
      this.handedIn(report),
      this.gaps(report),
      report.rows.length ? this.documents(report) : null,
      el("div", { id: "trail" }),
    ];
  }

  verdict(report) {
    const { words } = this;
    const [sign, colour] = SIGNS[report.verdict];
    return el(
      "section",
      { class: `verdict ${colour}`, id: "verdict", tabindex: "-1", role: "status" },
      el("span", { class: "sign", "aria-hidden": "true" }, sign),
      el("div", {}, el("h2", {}, words[`verdict-${report.verdict}`]), el("p", {}, words[`verdict-${report.verdict}-text`])),
    );
  }

  trust(report) {
    const { words } = this;
    const { scope, entity } = report.package;
    const newest = report.checkpoints.at(-1);
    const pair = (name, ...value) => [el("dt", {}, name), el("dd", {}, ...value)];
    return el(
      "section",
      {},
      el("h2", {}, words.trust),
      el("p", {}, words["trust-text"]),
      el(
        "dl",
        {},
        report.keys.length ? report.keys.map((key) => pair(words.fingerprint, el("code", {}, key.fingerprint), " ", this.copyButton(key.fingerprint))) : pair(words.fingerprint, words["no-key"]),
        pair(words.entity, entity),
        pair(words.scope, "document" in scope ? fill(words.extract, scope) : fill(words.period, { from: this.day(scope.from), to: this.day(scope.to) })),
        report.seal ? [pair(words.sealed, report.seal.subject), pair(words["sealed-at"], this.time(report.seal.time)), pair(words.authority, report.seal.authority), pair(words.root, report.seal.root)] : null,
        newest ? pair(words["newest-checkpoint"], fill(words["checkpoint-said"], { size: newest.size, at: newest.at ? this.time(newest.at) : "?" })) : null,
      ),
    );
  }

  copyButton(text) {
    const button = el("button", { type: "button", class: "small", on: { click: () => copy() } }, this.words.copy);
    const copy = async () => {
      try {
        await navigator.clipboard.writeText(text);
        button.textContent = this.words.copied;
      } catch {
        getSelection().selectAllChildren(button.previousElementSibling);
      }
    };
    return button;
  }

  knownForm(report) {
    const { words, known } = this;
    const key = el("input", { type: "text", id: "known-key", autocomplete: "off", spellcheck: "false", value: known.fingerprint });
    const checkpoint = el("textarea", { id: "known-checkpoint", spellcheck: "false" }, known.checkpoint);
    const compare = () => {
      this.known = { fingerprint: key.value, checkpoint: checkpoint.value };
      this.start();
    };
    return el(
      "details",
      { class: "known", open: Boolean(known.fingerprint || known.checkpoint) },
      el("summary", {}, words.known),
      el("label", { class: "named", for: "known-key" }, words["known-key"]),
      key,
      el("label", { class: "named", for: "known-checkpoint" }, words["known-checkpoint"]),
      checkpoint,
      el("p", {}, el("button", { type: "button", on: { click: compare }, disabled: !report }, words.compare)),
    );
  }

  checks(report) {
    const { words } = this;
    return el("section", { class: "long" }, el("h2", {}, words.checks), el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": words.checks }, el("table", { id: "checks", role: "table" }, el("tbody", { role: "rowgroup" }, report.checks.map((check) => this.check(check))))));
  }

  check(check) {
    const { words } = this;
    const [sign, colour] = SIGNS[check.outcome];
    const facts = { ...check.facts };
    if (check.name === "seal" && facts.time) facts.time = this.time(facts.time);
    const more = check.faults.slice(1, 20);
    return el(
      "tr",
      { role: "row", "data-check": check.name, "data-outcome": check.outcome },
      el("td", { role: "cell", class: `outcome ${colour}` }, `${sign} ${words[check.outcome]}`),
      el("th", { role: "rowheader", scope: "row" }, words.names[check.name]),
      el("td", { role: "cell" }, sentenceOf({ ...check, facts }, words), more.length ? el("ul", {}, more.map((fault) => el("li", {}, faultOf(fault, words))), check.count > 20 ? el("li", {}, fill(words.more, { count: check.count - 20 })) : null) : null),
    );
  }

  handedIn(report) {
    const { words } = this;
    const line = ({ name, bytes, files }) => el("li", {}, el("code", {}, name), ` ${this.bytes(bytes)}, ${files}`);
    return el(
      "section",
      {},
      el("h2", {}, words.parts),
      el("ul", {}, report.parts.map(line)),
      report.missingVolumes.length ? [el("h3", { class: "watch" }, words["missing-volumes"]), el("ul", {}, report.missingVolumes.map(line))] : null,
      report.package?.withheld.length ? [el("h3", {}, words.withheld), el("p", {}, fill(words["withheld-text"], { count: report.package.withheld.length }))] : null,
    );
  }

  gaps(report) {
    const counts = new Map();
    for (const gap of report.rows.flatMap((row) => row.gaps)) counts.set(gap, (counts.get(gap) ?? 0) + 1);
    if (!counts.size) return null;
    return el("section", {}, el("h2", {}, this.words["gaps-all"]), el("ul", {}, [...counts].sort((one, other) => other[1] - one[1]).map(([gap, count]) => el("li", {}, el("span", { class: "gap" }, this.words.gapNames[gap] ?? gap), ` ${count}`))));
  }

  documents(report) {
    const { words } = this;
    const body = el("tbody", { role: "rowgroup" });
    const said = el("p", { class: "muted", role: "status" });
    const search = el("input", { type: "search", id: "search", value: this.query, autocomplete: "off", on: { input: () => fillRows() } });
    const fillRows = () => {
      this.query = search.value;
      const wanted = plain(this.query).split(/\s+/).filter(Boolean);
      const found = report.rows.filter((row) => wanted.every((word) => haystackOf(row).includes(word)));
      body.replaceChildren(...found.slice(0, SHOWN).map((row) => this.row(row)));
      said.textContent = `${fill(words.found, { count: found.length, all: report.rows.length })}${found.length > SHOWN ? `. ${fill(words["found-more"], { shown: SHOWN })}` : ""}`;
    };
    fillRows();
    const names = ["number", "supplier", "issued", "gross", "sealed", "level", "gaps", "trail"];
    return el(
      "section",
      { class: "long" },
      el("h2", {}, words.documents),
      el("label", { class: "named", for: "search" }, words.search),
      search,
      said,
      el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": words.documents }, el("table", { id: "documents", role: "table" }, el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, names.map((name) => el("th", { scope: "col", role: "columnheader" }, words[`col-${name}`])))), body)),
    );
  }

  // Each cell names its column for narrow screens, where a row is a card; roles, because a table laid out so is none to a screen reader.
  row(row) {
    const { words } = this;
    const cell = (name, kind, ...children) => el("td", { role: "cell", class: kind, "data-head": words[`col-${name}`] }, el("span", {}, ...children));
    const gross = row.gross === null ? "" : `${this.amount(row.gross)} ${row.currency ?? ""}`;
    return el(
      "tr",
      { role: "row" },
      el("th", { scope: "row", role: "rowheader" }, row.number ?? row.title ?? row.document),
      cell("supplier", row.supplier || row.supplier_siren ? null : "empty", row.supplier ?? "", row.supplier_siren ? [" ", el("span", { class: "muted" }, row.supplier_siren)] : null),
      cell("issued", row.issued ? "short" : "empty", row.issued ? this.day(row.issued) : ""),
      cell("gross", gross ? "amount" : "empty", gross),
      cell("sealed", "short", this.day(row.sealed_at.slice(0, 10))),
      cell("level", row.level ? null : "empty", words.levels[row.level] ?? row.level ?? ""),
      cell("gaps", null, row.gaps.length ? row.gaps.map((gap) => el("span", { class: "gap" }, words.gapNames[gap] ?? gap)) : words["gaps-none"]),
      el("td", { role: "cell" }, el("button", { type: "button", class: "small", "aria-label": `${words["see-trail"]}: ${row.number ?? row.document}`, on: { click: () => this.showTrail(row) } }, words["see-trail"])),
    );
  }

  async showTrail(row) {
    const { words, report } = this;
    const { members } = await openParts(this.files.map((file) => ({ name: file.name, blob: file })));
    const member = members.get(`documents/${row.document}/trail.json`);
    let trail = null;
    try {
      trail = member ? JSON.parse(new TextDecoder().decode((await readMember(member, async () => {})).bytes)) : null;
    } catch {
      // what is wrong with it stands among the checks
    }
    const check = report.checks.find((each) => each.name === "trails");
    const broken = !trail || check.outcome === "skipped" || check.faults.some((fault) => fault.document === row.document) || check.count > check.faults.length;
    const name = row.number ?? row.title ?? row.document;
    const section = el(
      "section",
      { class: "long", "aria-labelledby": "trail-title" },
      el("h2", { id: "trail-title", tabindex: "-1" }, fill(words.trail, { name })),
      el("p", { class: broken ? "bad" : "good" }, broken ? `✗ ${words["trail-fails"]}` : `✓ ${words["trail-holds"]}`),
      el("h3", {}, words.files),
      el("ul", {}, row.files.map((file) => el("li", {}, `v${file.version} `, el("code", {}, file.sha256), ` ${this.bytes(file.size)} `, this.copyButton(file.sha256)))),
      el("h3", {}, words.gaps),
      el("p", {}, row.gaps.length ? row.gaps.map((gap) => el("span", { class: "gap" }, words.gapNames[gap] ?? gap)) : words["gaps-none"]),
      el("h3", {}, words["col-trail"]),
      el("ol", { class: "timeline" }, (trail?.events ?? []).map((event) => this.event(event))),
      trail ? this.reading(trail) : null,
      el("p", {}, el("button", { type: "button", on: { click: () => section.remove() } }, words.close)),
    );
    document.getElementById("trail").replaceChildren(section);
    document.getElementById("trail-title").focus();
  }

  event(event) {
    const { words, report } = this;
    const { first, last } = report.ledger;
    const inside = event.sequence >= first && event.sequence < last;
    const steps = new Map(report.proofs).get(event.sequence);
    const proof = inside ? fill(words["proof-segment"], event) : fill(words["proof-others"], { sequence: event.sequence, steps: steps ?? "?" });
    return el(
      "li",
      {},
      el("p", {}, el("strong", {}, words.types[event.type] ?? event.type), ` ${this.time(event.at)} `, el("span", { class: "muted" }, `${event.actor} · ${fill(words.clock, event)}`)),
      el("p", { class: "muted" }, `✓ ${proof}`),
      event.payload === null ? el("p", { class: "muted" }, words.erased) : el("details", {}, el("summary", {}, words.payload), el("pre", {}, pretty(event.payload))),
    );
  }

  reading(trail) {
    const rest = Object.fromEntries(["fields", "findings", "decisions", "clauses", "checks", "retention", "originals", "pages"].map((name) => [name, trail[name]]));
    return el("details", {}, el("summary", {}, this.words["read-only"]), el("pre", {}, JSON.stringify(rest, null, 1)));
  }

  // --- how things are written here ---

  bytes(size) {
    const units = this.words.lang === "fr" ? ["o", "Ko", "Mo", "Go"] : ["B", "KB", "MB", "GB"];
    const power = Math.min(Math.floor(Math.log10(Math.max(size, 1)) / 3), 3);
    return `${(size / 1000 ** power).toLocaleString(this.words.lang, { maximumFractionDigits: 1 })} ${units[power]}`;
  }

  day(day) {
    return new Date(`${day}T12:00:00Z`).toLocaleDateString(this.words.lang === "fr" ? "fr-FR" : "en-GB", { timeZone: "UTC" });
  }

  time(at) {
    const date = new Date(at);
    if (Number.isNaN(date.getTime())) return String(at);
    return `${date.toLocaleString(this.words.lang === "fr" ? "fr-FR" : "en-GB", { timeZone: "UTC", dateStyle: "short", timeStyle: "medium" })} UTC`;
  }

  amount(text) {
    const [whole, cents = ""] = text.replace("-", "").split(".");
    const grouped = whole.replace(/\B(?=(\d{3})+(?!\d))/g, this.words.lang === "fr" ? "\u202f" : ",");
    return `${text.startsWith("-") ? "−" : ""}${grouped}${cents ? (this.words.lang === "fr" ? "," : ".") + cents : ""}`;
  }
}

const plain = (text) => text.normalize("NFD").replace(/[\u0300-\u036f]/g, "").toLowerCase();
const wordsOf = (row) => [row.number, row.title, row.document, row.supplier, row.supplier_siren, row.customer, row.customer_siren, row.issued, row.gross, row.type, ...row.gaps, ...row.files.map((file) => file.sha256)].filter(Boolean).join(" ");

// Made once for each row: fifty thousand of them are searched at every key.
const haystacks = new WeakMap();

function haystackOf(row) {
  if (!haystacks.has(row)) haystacks.set(row, plain(wordsOf(row)));
  return haystacks.get(row);
}

function pretty(payload) {
  try {
    return JSON.stringify(JSON.parse(payload), null, 1);
  } catch {
    return payload;
  }
}
