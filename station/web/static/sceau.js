// What HTML alone cannot do: copy to the clipboard, and say that the workstation is silent. Every page works without this file.
"use strict";

function offerCopies(root) {
  for (const button of root.querySelectorAll("button[data-copy]")) button.hidden = false;
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

function sayOffline(silent) {
  const line = document.getElementById("offline");
  const text = silent ? line.dataset.text : "";
  if (line.textContent !== text) line.textContent = text;
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-copy]");
  if (button) copyText(button);
});
document.addEventListener("htmx:afterSettle", (event) => offerCopies(event.target.isConnected ? event.target : document));
document.addEventListener("htmx:sendError", () => sayOffline(true));
document.addEventListener("htmx:afterOnLoad", () => sayOffline(false));
document.addEventListener("htmx:beforeSwap", () => sayOffline(false));
offerCopies(document);
