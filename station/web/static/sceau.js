// What HTML alone cannot do: copy to the clipboard, hear of changes, sound, count with big buttons, and say that the workstation is
// silent. Every page works without this file.
"use strict";

// --- copy ---

function offerCopies(root) {
  for (const button of root.querySelectorAll("button[data-copy], button[data-print], button[data-step]")) button.hidden = false;
}

async function copyText(button) {
  const source = document.getElementById(button.dataset.copy);
  const label = button.querySelector("span");
  const before = label.textContent;
  try {
    await navigator.clipboard.writeText(source.textContent);
  } catch {
    // No clipboard without HTTPS or a loopback address: the text is selected, Ctrl+C does the rest.
    getSelection().selectAllChildren(source);
    return;
  }
  label.textContent = button.dataset.done;
  document.getElementById("announce").textContent = button.dataset.done;
  setTimeout(() => { label.textContent = before; }, 1500);
}

// --- the workstation is silent ---

function sayOffline(silent) {
  const line = document.getElementById("offline");
  const text = silent ? line.dataset.text : "";
  if (line.textContent !== text) line.textContent = text;
}

// --- live parts: told of changes by the server's stream, asked for every other second where there is none ---

let listening = false;
let pressed = false;
let missed = false;

function look() {
  // A part that changed under a finger would swallow the press.
  if (pressed) { missed = true; return; }
  for (const part of document.querySelectorAll("[data-live]")) htmx.trigger(part, "look");
}

let stream = null;

function listen() {
  hush();
  if (document.hidden || !window.EventSource || !document.querySelector("[data-live]")) return;
  stream = new EventSource("/events");
  stream.addEventListener("open", () => { listening = true; });
  stream.addEventListener("change", look);
  stream.addEventListener("error", (event) => {
    listening = false;
    look();
    // Refused (too many streams, signed out): asking goes on, and the stream is tried again later.
    if (event.target.readyState === EventSource.CLOSED) setTimeout(listen, 30000);
  });
}

function hush() {
  stream?.close();
  stream = null;
  listening = false;
}

// A browser opens six connections to one server: pages that nobody looks at leave theirs to the others, and ask.
document.addEventListener("visibilitychange", () => (document.hidden ? hush() : listen()));
addEventListener("pagehide", hush);
addEventListener("pageshow", (event) => { if (event.persisted) listen(); });
setInterval(() => { if (!listening) look(); }, 1500);
// What changes by time alone: ages, a watcher that went silent.
setInterval(look, 15000);

addEventListener("pointerdown", () => { pressed = true; });
// What was asked before the press and is answered during it is asked again.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (!pressed || !event.detail.requestConfig?.elt?.matches("[data-live]")) return;
  event.detail.shouldSwap = false;
  missed = true;
});
for (const end of ["pointerup", "pointercancel", "blur"]) {
  addEventListener(end, () => setTimeout(() => { pressed = false; if (missed) { missed = false; look(); } }, 50));
}

// --- sound: made here, so that nothing is loaded; never before a person touched the page ---

const TUNES = { good: [[880, 0, 0.09], [1320, 0.08, 0.12]], doubt: [[247, 0, 0.22], [196, 0.28, 0.34]] };
let audio = null;

function wantsSound() {
  return recall(localStorage, "sceau-sound") !== "off";
}

function remember(store, name, value) {
  try { store.setItem(name, value); } catch { /* Remembered for this page only. */ }
}

function recall(store, name) {
  try { return store.getItem(name); } catch { return null; }
}

function wakeSound() {
  remember(sessionStorage, "sceau-touched", "yes");
  beginSound();
  audio?.resume();
}

function beginSound() {
  if (audio || !window.AudioContext || !document.getElementById("sound")) return;
  audio = new AudioContext();
  audio.addEventListener("statechange", tellSound);
  tellSound();
}

function play(name) {
  if (audio?.state !== "running" || !wantsSound() || !TUNES[name]) return;
  for (const [pitch, start, length] of TUNES[name]) {
    const voice = audio.createOscillator();
    const volume = audio.createGain();
    const at = audio.currentTime + start;
    voice.type = name === "good" ? "sine" : "triangle";
    voice.frequency.value = pitch;
    volume.gain.setValueAtTime(0.0001, at);
    volume.gain.exponentialRampToValueAtTime(0.5, at + 0.015);
    volume.gain.exponentialRampToValueAtTime(0.0001, at + length);
    voice.connect(volume).connect(audio.destination);
    voice.start(at);
    voice.stop(at + length);
  }
  document.dispatchEvent(new CustomEvent("sceau:played", { detail: name }));
}

function tellSound() {
  const button = document.getElementById("sound");
  if (!button) return;
  button.hidden = false;
  const on = wantsSound();
  button.setAttribute("aria-pressed", String(on));
  button.querySelector("span").textContent = !on ? button.dataset.off : audio?.state === "running" ? button.dataset.on : button.dataset.wait;
}

function switchSound() {
  remember(localStorage, "sceau-sound", wantsSound() ? "off" : "on");
  tellSound();
  play("good");
}

function sayVerdict() {
  // The verdict of the newest sheet, and the scanner that waits for a person.
  for (const said of document.querySelectorAll("[data-sound][data-key]")) {
    const before = recall(sessionStorage, `sceau-${said.id}`);
    remember(sessionStorage, `sceau-${said.id}`, said.dataset.key);
    if (before !== null && before !== said.dataset.key) play(said.dataset.sound);
  }
}

// --- big buttons and keys ---

function step(button) {
  const field = document.getElementById(button.dataset.for);
  const number = Math.max(0, (parseInt(field.value, 10) || 0) + Number(button.dataset.step));
  field.value = number ? String(number) : "";
}

function pressKey(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.shiftKey || event.repeat || !/^F\d+$/.test(event.key)) return;
  const target = document.querySelector(`[aria-keyshortcuts="${event.key}"]:not([aria-disabled], :disabled)`);
  if (!target) return;
  event.preventDefault();
  target.click();
}

// --- folded menus: closed by Escape, and by what is done elsewhere ---

function closeFolds(but) {
  for (const fold of document.querySelectorAll("details.fold[open]")) if (fold !== but) fold.open = false;
}

document.addEventListener("keydown", (event) => {
  const fold = event.key === "Escape" && document.querySelector("details.fold[open]");
  if (!fold) return;
  if (fold.contains(document.activeElement)) fold.querySelector("summary").focus();
  closeFolds(null);
});
for (const elsewhere of ["pointerdown", "focusin"]) document.addEventListener(elsewhere, (event) => closeFolds(event.target.closest?.("details.fold")));

// When the press ends: woken at its beginning the switch changed its words, and its width, under the finger, and the press was lost.
addEventListener("pointerup", wakeSound);
addEventListener("keydown", wakeSound);
document.addEventListener("keydown", pressKey);
document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.dataset.copy) copyText(button);
  if (button?.hasAttribute("data-print")) print();
  if (button?.dataset.step) step(button);
  if (button?.id === "sound") switchSound();
});
document.addEventListener("htmx:afterSettle", (event) => offerCopies(event.target.isConnected ? event.target : document));
document.addEventListener("htmx:afterSettle", sayVerdict);
document.addEventListener("htmx:sendError", () => sayOffline(true));
document.addEventListener("htmx:afterOnLoad", () => sayOffline(false));
document.addEventListener("htmx:beforeSwap", () => sayOffline(false));
offerCopies(document);
tellSound();
// The browser lets a page sound that was reached by a gesture on the one before.
if (recall(sessionStorage, "sceau-touched")) beginSound();
sayVerdict();
listen();
