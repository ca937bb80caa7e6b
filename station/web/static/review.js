// The review desk with a script: keys, deep zoom, boxes both ways, words to click, autosave. The page is a plain form without it, and
// nothing here writes HTML from values: texts are set as text.
"use strict";

(() => {
  const desk = document.getElementById("desk");
  if (!desk) return;
  const alone = desk.dataset.window === "image";
  const image = document.getElementById("image");
  const id = image.dataset.document;
  const address = `/relecture/${id}`;
  const byId = (name) => document.getElementById(name);
  const channel = window.BroadcastChannel ? new BroadcastChannel(`sceau-review-${id}`) : null;
  desk.classList.add("live");
  for (const each of desk.querySelectorAll(".scripted")) each.hidden = false;

  // --- the image ---

  const sizes = JSON.parse(image.dataset.sizes);
  let page = Number(image.dataset.page);
  let viewer = null;
  let words = null;
  let current = null;
  let boxes = new Map();

  const pageWidth = () => sizes[page]?.[0] || 1000;
  const places = () => [...document.querySelectorAll(alone ? "#places li" : ".field[data-box]")]
    .filter((each) => each.dataset.box && Number(each.dataset.page) === page);

  async function openPage(number) {
    page = number;
    image.dataset.page = String(number);
    for (const link of image.querySelectorAll(".page-link")) {
      if (Number(link.dataset.number) === number) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    const light = byId("light");
    const working = `/documents/${id}/pages/${number}/page.jpg`;
    if (light && light.dataset.page !== String(number) && number !== Number(light.dataset.first || 0)) light.src = working;
    let facts = { sealed: false };
    try {
      const answer = await fetch(`${address}/image/${number}.json`);
      if (answer.ok) facts = await answer.json();
    } catch { /* The working image stays, and says what it is. */ }
    if (page !== number || !window.OpenSeadragon) return;
    byId("image-words").textContent = facts.words || desk.dataset.wordsWorking || "";
    const source = facts.sealed ? {
      width: facts.width, height: facts.height, tileSize: facts.side, tileOverlap: 0, minLevel: 0, maxLevel: facts.levels - 1,
      getTileUrl: (level, x, y) => `${facts.tiles}/${level}-${x}-${y}`,
    } : { type: "image", url: working };
    if (!facts.sealed && !light) return;
    showDeep(source);
  }

  function showDeep(source) {
    byId("zoomed").hidden = false;
    if (!viewer) {
      // It would put rules of its own into the page, which the pages' policy forbids; review.css has them.
      // It looks for an element of this name: one of no kind that a browser knows will do.
      const rules = document.createElementNS("urn:sceau", "style");
      rules.setAttribute("data-openseadragon-mobile-css", "true");
      document.head.append(rules);
      viewer = OpenSeadragon({
        element: byId("zoomed"), drawer: "canvas", showNavigationControl: false, animationTime: reduced() ? 0 : 0.3, maxZoomPixelRatio: 4,
        gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true }, crossOriginPolicy: false, preserveViewport: false,
        immediateRender: true, minZoomImageRatio: 0.5, visibilityRatio: 1,
      });
      // Single letters belong to screen readers, and the desk has keys of its own.
      viewer.innerTracker.keyHandler = null;
      viewer.innerTracker.keyDownHandler = null;
      viewer.canvas.removeAttribute("tabindex");
      viewer.addHandler("open", () => { fitWidth(); drawBoxes(); if (current) reveal(current, false); });
      viewer.addHandler("tile-drawn", deepen);
      viewer.addHandler("canvas-press", beginPick);
      viewer.addHandler("canvas-drag", dragPick);
      viewer.addHandler("canvas-release", endPick);
    }
    byId("sheet").classList.remove("deep");
    viewer.open(source);
  }

  // From the top and as wide as there is room: so the page can be read.
  function fitWidth() {
    viewer.viewport.zoomTo(1, null, true);
    viewer.viewport.panTo(new OpenSeadragon.Point(0.5, viewer.viewport.getBounds(true).height / 2), true);
  }

  // The light image is there at once and gives way when the first tile is.
  function deepen() { byId("sheet").classList.add("deep"); }

  const reduced = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

  function rectOf(box) {
    const width = pageWidth();
    return new OpenSeadragon.Rect(box[0] / width, box[1] / width, (box[2] - box[0]) / width, (box[3] - box[1]) / width);
  }

  const boxOf = (field) => field.dataset.box.split(",").map(Number);

  function drawBoxes() {
    if (!viewer?.world.getItemCount()) return;
    viewer.clearOverlays();
    boxes = new Map();
    for (const field of places()) {
      const button = document.createElement("button");
      const tone = ["good", "watch", "bad"].find((each) => field.classList.contains(`tone-${each}`)) || "calm";
      button.type = "button";
      button.className = `box ${tone}`;
      button.tabIndex = 0;
      const value = byId(`v-${field.dataset.name}`)?.value || "";
      button.setAttribute("aria-label", value ? `${field.dataset.label} : ${value}` : field.dataset.label);
      button.title = field.dataset.label;
      button.addEventListener("click", () => (alone ? tell({ focus: field.dataset.name }) : focusField(field)));
      for (const [name, lit] of [["pointerenter", true], ["focus", true], ["pointerleave", false], ["blur", false]]) {
        button.addEventListener(name, () => field.classList.toggle("lit", lit));
      }
      boxes.set(field.dataset.name, button);
      viewer.addOverlay({ element: button, location: rectOf(boxOf(field)) });
      new OpenSeadragon.MouseTracker({ element: button, clickHandler: () => button.click() });
    }
    lightBox();
  }

  function lightBox() {
    for (const [name, button] of boxes) button.classList.toggle("on", name === current);
  }

  function fieldNamed(name) {
    return alone ? document.querySelector(`#places li[data-name="${CSS.escape(name)}"]`) : byId(`f-${name}`);
  }

  async function reveal(name, zoom) {
    const field = fieldNamed(name);
    current = name;
    if (!field?.dataset.box) { lightBox(); return; }
    if (Number(field.dataset.page) !== page) { openPage(Number(field.dataset.page)); return; }
    lightBox();
    if (!viewer?.world.getItemCount()) return;
    const rect = rectOf(boxOf(field));
    if (zoom) {
      // The value with about two lines around it.
      const room = rect.height * 2;
      viewer.viewport.fitBounds(new OpenSeadragon.Rect(rect.x - room * 3, rect.y - room, rect.width + room * 6, rect.height + room * 2), reduced());
    } else if (!inView(rect)) {
      viewer.viewport.panTo(rect.getCenter(), reduced());
      viewer.viewport.applyConstraints(reduced());
    }
  }

  function inView(rect) {
    const bounds = viewer.viewport.getBounds();
    return rect.x >= bounds.x && rect.y >= bounds.y && rect.x + rect.width <= bounds.x + bounds.width && rect.y + rect.height <= bounds.y + bounds.height;
  }

  function turnView() {
    if (viewer) viewer.viewport.setRotation((viewer.viewport.getRotation() + 90) % 360);
  }

  function turnPage(step) {
    const numbers = Object.keys(sizes).map(Number).sort((a, b) => a - b);
    const next = numbers[numbers.indexOf(page) + step];
    if (next) openPage(next);
  }

  for (const link of image.querySelectorAll(".page-link")) {
    link.addEventListener("click", (event) => { event.preventDefault(); openPage(Number(link.dataset.number)); });
  }
  byId("zoom-in").addEventListener("click", () => viewer?.viewport.zoomBy(1.5));
  byId("zoom-out").addEventListener("click", () => viewer?.viewport.zoomBy(1 / 1.5));
  byId("zoom-field").addEventListener("click", () => current && reveal(current, true));
  byId("turn").addEventListener("click", turnView);
  byId("detach")?.addEventListener("click", (event) => open(event.currentTarget.dataset.address, `sceau-${id}`, "width=900,height=1000"));

  // --- words of the page, to be clicked ---

  async function loadWords() {
    try {
      const answer = await fetch(`${address}/mots.json`);
      if (answer.ok) words = (await answer.json()).pages;
    } catch { words = null; }
  }

  let pick = null;
  let lastWord = null;

  function pointOn(position) {
    const point = viewer.viewport.pointFromPixel(position);
    return [point.x * pageWidth(), point.y * pageWidth()];
  }

  const wordAt = ([x, y]) => (words?.[page] || []).findIndex((word) => x >= word[1] && x <= word[3] && y >= word[2] && y <= word[4]);

  function beginPick(event) {
    if (alone || !words) return;
    const from = pointOn(event.position);
    pick = wordAt(from) >= 0 ? { from, to: from } : null;
  }

  function dragPick(event) {
    if (!pick) return;
    // What begins on a word takes words; what begins on empty paper moves the page.
    event.preventDefaultAction = true;
    pick.to = pointOn(event.position);
    showPicked(between(pick.from, pick.to));
  }

  function endPick(event) {
    if (!pick) return;
    const found = between(pick.from, pick.to);
    const extended = event.originalEvent?.shiftKey && lastWord ? between(lastWord, pick.to) : found;
    lastWord = extended === found ? pick.from : lastWord;
    pick = null;
    if (extended.length) takeWords(extended);
  }

  function between(from, to) {
    const [left, right] = [Math.min(from[0], to[0]), Math.max(from[0], to[0])];
    const [top, bottom] = [Math.min(from[1], to[1]), Math.max(from[1], to[1])];
    return (words[page] || []).filter((word) => word[3] >= left && word[1] <= right && word[4] >= top && word[2] <= bottom);
  }

  function around(found) {
    return [Math.min(...found.map((w) => w[1])), Math.min(...found.map((w) => w[2])), Math.max(...found.map((w) => w[3])), Math.max(...found.map((w) => w[4]))];
  }

  let picked = null;

  function showPicked(found) {
    if (picked) viewer.removeOverlay(picked);
    picked = null;
    if (!found.length) return;
    picked = document.createElement("div");
    picked.className = "box picked";
    viewer.addOverlay({ element: picked, location: rectOf(around(found)) });
  }

  function takeWords(found) {
    const field = current && fieldNamed(current);
    const input = lastInput && field?.contains(lastInput) ? lastInput : field?.querySelector("input:not([type=hidden]):not([type=checkbox])");
    showPicked([]);
    if (!input) return;
    input.value = found.map((word) => word[0]).join(" ");
    input.focus();
    const box = around(found).map(Math.round);
    keep(field);
    save(field, field.dataset.kind === "rows" ? {} : { page, box: box.join(",") });
  }

  // --- two windows ---

  function tell(message) { channel?.postMessage(message); }

  channel?.addEventListener("message", ({ data }) => {
    if (data.focus && !alone) focusField(byId(`f-${data.focus}`));
    if (data.shown && alone) reveal(data.shown, data.zoom === true);
  });

  byId("light")?.setAttribute("data-first", String(page));
  openPage(page);
  if (alone) return;
  loadWords();

  // --- fields ---

  const form = byId("values");
  const keys = JSON.parse(desk.dataset.keys);
  const fields = [...document.querySelectorAll(".field")];
  const known = new Map();
  let seen = Number(desk.dataset.revision);
  let lastInput = null;

  const inputOf = (field) => field.querySelector("input:not([type=hidden]):not([type=checkbox])");
  const isStop = (field) => field.dataset.stop === "yes";
  const isOpen = (field) => { const fold = field.closest("details.rest"); return !fold || fold.open; };

  function textOf(field) {
    if (field.dataset.kind !== "rows") return inputOf(field).value.trim();
    const rows = [...field.querySelectorAll("tbody tr")].map((row) => Object.fromEntries(
      [...row.querySelectorAll("input")].map((cell) => [cell.name.split("-").pop(), cell.value.trim()])));
    const told = rows.filter((row) => Object.values(row).some(Boolean));
    return told.length ? JSON.stringify(told) : "";
  }

  const atKey = `sceau-at-${desk.dataset.person}-${id}`;
  const wasOf = (field) => form.elements[`was-${field.dataset.name}`];

  function focusField(field) {
    const input = field && inputOf(field);
    if (!input) return false;
    const fold = field.closest("details.rest");
    if (fold) fold.open = true;
    input.focus({ preventScroll: true });
    input.select();
    // Only the column of values moves: the head of the page and the image stay where they are.
    const column = byId("fields");
    if (column.scrollHeight <= column.clientHeight + 1) field.scrollIntoView({ block: "nearest" });
    else {
      const [inside, around] = [field.getBoundingClientRect(), column.getBoundingClientRect()];
      if (inside.top < around.top || inside.bottom > around.bottom) column.scrollTop += inside.top - around.top - around.height / 3;
    }
    return true;
  }

  function neighbour(step, onlyStops) {
    const at = fields.findIndex((field) => field.contains(document.activeElement));
    for (let i = at + step; i >= 0 && i < fields.length; i += step) {
      if (isOpen(fields[i]) && (!onlyStops || isStop(fields[i]))) return fields[i];
    }
    return null;
  }

  document.addEventListener("focusin", (event) => {
    const field = event.target.closest?.(".field");
    if (!field) return;
    lastInput = event.target.matches("input") ? event.target : lastInput;
    current = field.dataset.name;
    localStorage.setItem(atKey, current);
    reveal(current, false);
    tell({ shown: current });
  });
  for (const field of fields) {
    field.addEventListener("pointerenter", () => boxes.get(field.dataset.name)?.classList.add("on"));
    field.addEventListener("pointerleave", lightBox);
  }

  // --- saving: one after the other, nothing typed is ever waited for ---

  // What was typed is its person's: whoever opens the document next in this browser neither sees nor saves it.
  const draftKey = `sceau-draft-${desk.dataset.person}-${id}`;
  const unsaved = JSON.parse(localStorage.getItem(draftKey) || "{}");
  class SignedOut extends Error {}

  const queue = [];
  let sending = false;
  let unlooked = "";

  function keep(field) {
    unsaved[field.dataset.name] = textOf(field);
    localStorage.setItem(draftKey, JSON.stringify(unsaved));
  }

  function forget(name) {
    delete unsaved[name];
    if (Object.keys(unsaved).length) localStorage.setItem(draftKey, JSON.stringify(unsaved));
    else localStorage.removeItem(draftKey);
  }

  function save(field, more = {}) {
    queue.push({ path: "champs", name: field.dataset.name, text: textOf(field), more });
    pump();
  }

  async function pump() {
    if (sending || !queue.length) return;
    sending = true;
    const next = queue[0];
    try {
      const body = new URLSearchParams({ seen: String(seen), ...next.more });
      if (next.path === "champs") {
        body.set("name", next.name);
        body.set("text", next.text);
        body.set("revision", String(known.get(next.name) ?? seen));
      }
      const answer = await fetch(`${address}/${next.path}`, { method: "POST", body, keepalive: String(body).length < 60000, redirect: "manual" });
      if (answer.type === "opaqueredirect") throw new SignedOut();
      if (answer.status >= 400 && answer.status < 500 && answer.status !== 409 && answer.status !== 408 && answer.status !== 429) {
        // It would be refused for ever: it is told where it stands, and what was typed after it is saved.
        queue.shift();
        sayRefused(next, answer.status);
        sending = false;
        pump();
        return;
      }
      if (answer.status !== 200 && answer.status !== 409) throw new Error(String(answer.status));
      const told = await answer.json();
      queue.shift();
      take(told, next);
    } catch (error) {
      sayLost(error instanceof SignedOut ? desk.dataset.wordsOut : desk.dataset.wordsLost);
      setTimeout(() => { sending = false; pump(); }, 2000);
      return;
    }
    sending = false;
    pump();
  }

  function sayLost(words) {
    byId("saved").textContent = words;
    byId("saved").classList.add("lost");
  }

  function sayRefused(sent, status) {
    const words = desk.dataset.wordsRefused.replace("{status}", String(status));
    sayLost(words);
    const line = sent.path === "champs" && byId(`w-${sent.name}`);
    if (line) line.textContent = words;
  }

  function take(told, sent) {
    byId("saved").classList.remove("lost");
    // A save that was on its way must not wipe out what stands against submitting.
    if (told.clashes.length || document.querySelector(".field .clash")) sayLost(desk.dataset.wordsClash);
    else byId("saved").textContent = unlooked ? `${told.saved} · ${unlooked}` : told.saved;
    showStrip(told.strip);
    // What stands in the page and is not saved yet is never written over.
    for (const other of told.others) if (unsaved[other.name] === undefined) showField(other, null);
    for (const entry of told.fields) {
      const clash = told.clashes.find((each) => each.name === entry.name);
      if (clash) { showClash(clash, told.revision); continue; }
      known.set(entry.name, told.revision);
      showField(entry, sent);
    }
    seen = told.revision;
    byId("revision").value = String(seen);
    byId("undo").disabled = false;
    byId("redo").disabled = false;
    if (sent.path === "pas" && told.fields[0]) focusField(byId(`f-${told.fields[0].name}`));
  }

  function showField(entry, sent) {
    const field = byId(`f-${entry.name}`);
    if (!field) return;
    const newer = sent && textOf(field) !== sent.text && sent.path === "champs";
    if (!newer) {
      forget(entry.name);
      if (field.dataset.kind === "rows") fillRows(field, entry);
      else if (entry.state !== "unclear" || !sent) inputOf(field).value = entry.text;
      // With what the form would send left as it was, submitting says nothing twice.
      wasOf(field).value = textOf(field);
    }
    for (const tone of ["good", "watch", "bad", "calm"]) field.classList.toggle(`tone-${tone}`, tone === entry.tone);
    field.classList.toggle("stop", entry.stop);
    field.dataset.stop = entry.stop ? "yes" : "";
    field.dataset.needed = entry.needed ? "yes" : "";
    if (entry.sure) field.dataset.sure = textOf(field); else delete field.dataset.sure;
    if (entry.box) { field.dataset.box = entry.box.join(","); field.dataset.page = String(entry.page); } else delete field.dataset.box;
    const badge = byId(`b-${entry.name}`);
    badge.className = `badge ${entry.tone}`;
    badge.lastElementChild.textContent = entry.badge;
    badge.querySelector("svg")?.replaceWith(drawn(entry.icon));
    byId(`w-${entry.name}`).textContent = entry.wrong || "";
    inputOf(field)?.toggleAttribute("aria-invalid", Boolean(entry.wrong));
    if (entry.wrong) inputOf(field)?.setAttribute("aria-invalid", "true");
    field.querySelector(".signs")?.remove();
    field.querySelector(".clash")?.remove();
    const place = field.querySelector(".place");
    if (place) place.textContent = entry.place;
    showSums();
    drawBoxes();
    if (current === entry.name) reveal(entry.name, false);
  }

  // The icons are the set's own, drawn by the server; parsed as SVG, nothing in them runs.
  function drawn(text) {
    const icon = new DOMParser().parseFromString(text.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"'), "image/svg+xml").documentElement;
    return document.importNode(icon, true);
  }

  function fillRows(field, entry) {
    const rows = [...field.querySelectorAll("tbody tr")];
    entry.rows.forEach((cells, number) => {
      const row = rows[number] || addRow(field);
      [...row.querySelectorAll("input")].forEach((cell, column) => { if (cell !== document.activeElement) cell.value = cells[column]; });
    });
    for (const row of rows.slice(entry.rows.length)) row.remove();
  }

  function addRow(field) {
    const body = field.querySelector("tbody");
    const row = body.lastElementChild.cloneNode(true);
    const number = body.children.length;
    for (const cell of row.querySelectorAll("input")) {
      cell.value = "";
      cell.name = cell.name.replace(/-\d+-(\w+)$/, `-${number}-$1`);
      cell.setAttribute("aria-label", cell.getAttribute("aria-label").replace(/\d+/, String(number + 1)));
    }
    body.append(row);
    return row;
  }

  function showClash(clash, revision) {
    const field = byId(`f-${clash.name}`);
    field.querySelector(".clash")?.remove();
    const line = document.createElement("div");
    line.className = "clash";
    line.setAttribute("role", "alert");
    const words = document.createElement("span");
    words.textContent = clash.words;
    line.append(words, choice(desk.dataset.wordsMine, () => { known.set(clash.name, revision); line.remove(); save(field); }),
      choice(desk.dataset.wordsTheirs, () => {
        known.set(clash.name, revision);
        line.remove();
        forget(clash.name);
        // What stands there now is asked for by saying nothing new: the answer shows it.
        queue.push({ path: "etat", name: clash.name, text: "", more: { name: clash.name } });
        pump();
      }));
    field.append(line);
    // Not below the buttons, and not behind who has gone on to submit.
    if (document.activeElement?.closest(".field") && !field.contains(document.activeElement)) return;
    line.scrollIntoView({ block: "center" });
    if (!field.contains(document.activeElement)) line.querySelector("button").focus();
  }

  function choice(label, act) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "outline";
    button.textContent = label;
    button.addEventListener("click", act);
    return button;
  }

  let waiting = null;

  form.addEventListener("input", (event) => {
    const field = event.target.closest(".field");
    if (!field || event.target.type === "checkbox") return;
    keep(field);
    if (field.dataset.kind === "rows" && event.target.closest("tr") === field.querySelector("tbody").lastElementChild && event.target.value) addRow(field);
    showSums();
    clearTimeout(waiting);
    waiting = setTimeout(() => saveIfNew(field), 1500);
  });

  form.addEventListener("focusout", (event) => {
    const field = event.target.closest(".field");
    if (field && !field.contains(event.relatedTarget)) saveIfNew(field);
  });

  form.addEventListener("change", (event) => {
    const field = event.target.closest(".field");
    if (!field || event.target.type !== "checkbox") return;
    if (event.target.name.startsWith("ok-")) confirmField(field);
    if (event.target.name.startsWith("absent-")) save(field, event.target.checked ? { absent: "yes" } : {});
    event.target.checked = event.target.name.startsWith("absent-") && event.target.checked;
  });

  function saveIfNew(field) {
    if (textOf(field) !== wasOf(field).value && !queue.some((each) => each.name === field.dataset.name && each.text === textOf(field))) save(field);
  }

  function confirmField(field) {
    const again = field.dataset.sure !== undefined && field.dataset.sure === textOf(field);
    save(field, again ? { sure: "yes" } : {});
    field.dataset.stop = "";
    unlooked = "";
  }

  // --- sums ---

  const numberOf = (text) => {
    const plain = text.replace(/[\s\u00a0\u202f€%]/g, "").replace(/,/g, ".");
    const at = plain.lastIndexOf(".");
    const value = Number(at < 0 ? plain : plain.slice(0, at).replace(/\./g, "") + plain.slice(at));
    return plain && Number.isFinite(value) ? Math.round(value * 100) : null;
  };
  const money = new Intl.NumberFormat(document.documentElement.lang, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  const euros = (cents) => money.format(cents / 100).replace(/\u00a0/g, "\u202f");
  const amountIn = (name) => (byId(`v-${name}`) ? numberOf(byId(`v-${name}`).value) : null);

  function showSums() {
    const [net, tax, gross] = ["total_net", "total_tax", "total_gross"].map(amountIn);
    if (net !== null && tax !== null && gross !== null) {
      const rest = net + tax - gross;
      showStrip({ text: `${euros(net)} + ${euros(tax)} − ${euros(gross)} = ${euros(rest)}`, good: rest === 0 });
    }
    showColumns("lines", [["net", "total_net"]]);
    showColumns("vat_breakdown", [["base", "total_net"], ["tax", "total_tax"]]);
  }

  function showColumns(name, pairs) {
    const field = byId(`f-${name}`);
    const line = byId(`sums-${name}`);
    if (!field || !line) return;
    const heads = [...field.querySelectorAll("thead th")];
    const columns = [...(field.querySelector("tbody tr")?.querySelectorAll("input") || [])].map((cell) => cell.name.split("-").pop());
    line.replaceChildren();
    for (const [column, total] of pairs) {
      const cells = [...field.querySelectorAll(`tbody input[name$="-${column}"]`)].map((cell) => numberOf(cell.value)).filter((value) => value !== null);
      const asked = amountIn(total);
      if (!cells.length || asked === null) continue;
      const sum = cells.reduce((one, other) => one + other, 0);
      const places = { column: heads[columns.indexOf(column)]?.textContent || column, sum: euros(sum), field: byId(`f-${total}`).dataset.label, rest: euros(sum - asked) };
      const badge = document.createElement("span");
      badge.className = `badge ${sum === asked ? "good" : "bad"}`;
      badge.textContent = `${sum === asked ? "✓" : "✗"} ${desk.dataset.wordsSum.replace(/\{(\w+)\}/g, (_, key) => places[key])}`;
      line.append(badge);
    }
  }

  function showStrip(strip) {
    const badge = byId("strip").querySelector(".badge");
    const tone = strip.good === null ? "calm" : strip.good ? "good" : "bad";
    if (badge.classList.contains("good") && tone === "bad") {
      byId("strip").classList.add("blink");
      setTimeout(() => byId("strip").classList.remove("blink"), 500);
    }
    badge.className = `badge ${tone}`;
    badge.lastElementChild.textContent = `${strip.text} ${strip.good === true ? "✓" : strip.good === false ? "✗" : ""}`.trim();
    badge.querySelector("svg")?.remove();
  }

  // --- keys ---

  function comboOf(event) {
    const key = event.key.length === 1 ? event.key.toUpperCase() : event.key;
    const sign = key.length === 1 && !/[A-Z0-9]/.test(key);
    return [event.ctrlKey && "Ctrl", event.altKey && "Alt", event.shiftKey && !sign && "Shift", key].filter(Boolean).join("+");
  }

  const acts = {
    next: () => focusField(neighbour(1, true)) || afterLast(),
    previous: () => focusField(neighbour(-1, true)),
    confirm: (event) => {
      const field = event.target.closest?.(".field");
      if (!field || !event.target.matches("input:not([type=checkbox])")) return false;
      const following = neighbour(1, true);
      confirmField(field);
      if (!focusField(following)) byId("submit").focus();
      return true;
    },
    submit: () => { submitForm(); return true; },
    edit: () => {
      const input = inputOf(byId(`f-${current}`) || fields[0]);
      input.focus();
      input.setSelectionRange(input.value.length, input.value.length);
      return true;
    },
    "page-next": () => { turnPage(1); return true; },
    "page-previous": () => { turnPage(-1); return true; },
    zoom: () => { if (current) { reveal(current, true); tell({ shown: current, zoom: true }); } return true; },
    rotate: () => { turnView(); return true; },
    hold: () => { byId("aside").open = true; byId("hold-reason").focus(); return true; },
    keys: () => { listKeys(); byId("keys").showModal(); return true; },
    alternative: () => {
      const field = byId(`f-${current}`);
      const input = field && inputOf(field);
      if (!input?.dataset.alternatives || JSON.parse(input.dataset.alternatives).length === 0) return false;
      field.first ??= input.value;
      const all = [field.first, ...JSON.parse(input.dataset.alternatives).filter((each) => each !== field.first)];
      input.value = all[(all.indexOf(input.value) + 1) % all.length];
      input.focus();
      keep(field);
      saveIfNew(field);
      return true;
    },
    below: () => inField() && focusField(neighbour(1, false)),
    above: () => inField() && focusField(neighbour(-1, false)),
    undo: (event) => stepBack("undo", event),
    redo: (event) => stepBack("redo", event),
  };

  const inField = () => document.activeElement?.closest(".field") && document.activeElement.matches("input");

  // The overlay lists the keys that do something here and now.
  function listKeys() {
    const field = byId(`f-${current}`);
    const at = fields.indexOf(field);
    const beside = (step) => { for (let i = at + step; i >= 0 && i < fields.length; i += step) if (isOpen(fields[i])) return true; return false; };
    const numbers = Object.keys(sizes).map(Number).sort((a, b) => a - b);
    const idle = {
      next: at < 0, previous: !fields.slice(0, Math.max(at, 0)).some((each) => isStop(each) && isOpen(each)), confirm: at < 0, below: !beside(1), above: !beside(-1),
      alternative: !alternativesOf(field).length, "page-next": page === numbers.at(-1), "page-previous": page === numbers[0],
      zoom: !viewer || !field?.dataset.box, rotate: !viewer, undo: byId("undo").disabled, redo: byId("redo").disabled,
    };
    for (const line of byId("keys").querySelectorAll("[data-key]")) line.hidden = Boolean(idle[line.dataset.key]);
  }

  function alternativesOf(field) {
    const input = field && inputOf(field);
    return input?.dataset.alternatives ? JSON.parse(input.dataset.alternatives).filter((each) => each !== input.value) : [];
  }

  function afterLast() {
    // Past the last doubtful value the focus goes on as in any page.
    if (!document.activeElement?.closest(".field")) return false;
    byId("submit").focus();
    return true;
  }

  function stepBack(way, event) {
    const field = event.target.closest?.(".field");
    // Signs typed a moment ago are the browser's to take back.
    if (field && textOf(field) !== wasOf(field).value) return false;
    queue.push({ path: "pas", name: "", text: "", more: { way, script: "yes" } });
    pump();
    return true;
  }

  document.addEventListener("keydown", (event) => {
    if (event.isComposing || byId("keys").open || event.target.matches("textarea, select")) return;
    const combo = comboOf(event);
    const name = Object.keys(keys).find((each) => keys[each] === combo);
    if (name && acts[name](event)) event.preventDefault();
  });

  byId("show-keys").hidden = false;
  byId("show-keys").addEventListener("click", acts.keys);
  byId("close-keys").addEventListener("click", () => byId("keys").close());
  for (const name of ["undo", "redo"]) {
    byId(name).addEventListener("click", (event) => { event.preventDefault(); stepBack(name, { target: document.body }); });
  }

  function submitForm() {
    const missed = fields.find((field) => field.dataset.needed === "yes" && !field.querySelector(".clash") && isStop(field));
    const whole = form.elements.whole?.checked;
    if (missed && !whole) {
      focusField(missed);
      byId("announce").textContent = desk.dataset.wordsUnlooked;
      unlooked = desk.dataset.wordsUnlooked;
      byId("saved").textContent = unlooked;
      return;
    }
    // What is on its way arrives first, so that the form says nothing against it.
    whenSaved(() => { localStorage.removeItem(atKey); showAhead(); form.requestSubmit(byId("submit")); });
  }

  // The next one's page is there already: it is shown while this one is written down. Whatever comes of it is a whole page again.
  let ahead = null;

  function showAhead() {
    if (!ahead?.complete || !ahead.naturalWidth) return;
    byId("zoomed").hidden = true;
    byId("sheet").classList.remove("deep");
    byId("image-words").textContent = desk.dataset.wordsWorking;
    ahead.alt = "";
    (byId("light") || byId("sheet").firstElementChild).replaceWith(ahead);
    desk.classList.add("going");
    form.setAttribute("aria-busy", "true");
  }

  function whenSaved(then, tries = 0) {
    if (!sending && !queue.length) { then(); return; }
    if (tries === 20 && !byId("saved").classList.contains("lost")) byId("saved").textContent = desk.dataset.wordsWaits;
    setTimeout(() => whenSaved(then, tries + 1), 50);
  }

  byId("submit").addEventListener("click", (event) => {
    if (event.detail === 0 && !event.isTrusted) return;
    event.preventDefault();
    submitForm();
  });

  // --- who has it open ---

  async function stayPresent() {
    if (document.hidden) return;
    try {
      const answer = await fetch(`${address}/presence`, { method: "POST", body: new URLSearchParams() });
      if (!answer.ok) return;
      const { notice, revision } = await answer.json();
      if (revision > seen && !sending && !queue.length) { queue.push({ path: "etat", name: "", text: "", more: { name: "" } }); pump(); }
      byId("notice").hidden = !notice;
      byId("notice-words").textContent = notice;
    } catch { /* Saving says that the workstation is silent. */ }
  }

  stayPresent();
  // Once more soon: a page that was open when the workstation fell silent may have saved after this one was drawn.
  setTimeout(stayPresent, 3000);
  setInterval(stayPresent, 30000);

  // --- the splitter ---

  const splitter = byId("splitter");

  function split(share) {
    const value = Math.min(75, Math.max(30, Math.round(share)));
    desk.style.setProperty("--split", String(value));
    splitter.setAttribute("aria-valuenow", String(value));
    localStorage.setItem("sceau-split", String(value));
  }

  split(Number(localStorage.getItem("sceau-split")) || 60);
  splitter.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -2, ArrowRight: 2 }[event.key];
    if (step) { event.preventDefault(); split(Number(splitter.getAttribute("aria-valuenow")) + step); }
  });
  splitter.addEventListener("pointerdown", (event) => {
    splitter.setPointerCapture(event.pointerId);
    splitter.onpointermove = (move) => {
      const frame = desk.getBoundingClientRect();
      split(((move.clientX - frame.left) / frame.width) * 100);
    };
  });
  splitter.addEventListener("pointerup", () => { splitter.onpointermove = null; });

  // --- at the beginning: what was lost, the same field, the next document's images ---

  let restored = false;
  for (const [name, text] of Object.entries(unsaved)) {
    const field = byId(`f-${name}`);
    if (!field || textOf(field) === text) { forget(name); continue; }
    if (field.dataset.kind === "rows") {
      JSON.parse(text || "[]").forEach((cells, number) => {
        const row = field.querySelectorAll("tbody tr")[number] || addRow(field);
        for (const cell of row.querySelectorAll("input")) cell.value = cells[cell.name.split("-").pop()] || "";
      });
    } else inputOf(field).value = text;
    restored = true;
    save(field);
  }
  if (restored) byId("announce").textContent = desk.dataset.wordsRestored;

  // Where this browser was last; on another, where something was said last.
  const here = localStorage.getItem(atKey);
  const at = desk.dataset.unlooked || here || desk.dataset.last;
  const lastField = at && byId(`f-${at}`);
  const wanted = fields.find((field) => field.querySelector("[aria-invalid]")) || (lastField && (isStop(lastField) || here === at) ? lastField : null)
    || fields.find(isStop);
  if (!focusField(wanted)) byId("submit").focus();

  if (desk.dataset.next) {
    // The next one's page is cut into tiles while this one is looked at.
    setTimeout(() => {
      if (desk.dataset.nextImage) { ahead = new Image(); ahead.src = desk.dataset.nextImage; ahead.decode().catch(() => {}); }
      fetch(`/relecture/${desk.dataset.next}/image/1.json`).catch(() => {});
    }, 300);
  }
})();
