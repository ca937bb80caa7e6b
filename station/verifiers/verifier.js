// The beginning of both lives of this one script: in the page it shows, in a worker made of the very same text it verifies.

import { verifyPackage } from "./checks.js";
import { openScreen } from "./screen.js";
import { WORDS, faultOf, sentenceOf } from "./words.js";

if (typeof document === "undefined") {
  serve();
} else {
  openScreen(document.currentScript.textContent);
  // For whoever verifies many: the same checks, from bytes, without the page.
  window.verifyParts = async (parts, known = {}, atOnce = undefined) => {
    const named = parts.map(({ name, bytes }) => ({ name, blob: new Blob([bytes]) }));
    const { verdict, checks } = await verifyPackage(named, { known, atOnce });
    const said = checks.map((check) => ({ name: check.name, outcome: check.outcome, sentence: sentenceOf(check, WORDS.fr), faults: check.faults.map((fault) => faultOf(fault, WORDS.fr)) }));
    return { verdict, checks: said };
  };
}

function serve() {
  self.onmessage = async ({ data: { parts, known } }) => {
    let done = 0;
    let told = 0;
    const pace = async (bytes) => {
      done += bytes;
      if (performance.now() - told < 100) return;
      told = performance.now();
      self.postMessage({ done });
    };
    try {
      self.postMessage({ report: await verifyPackage(parts, { pace, known }) });
    } catch (error) {
      self.postMessage({ trouble: String(error?.stack ?? error) });
    }
  };
  self.postMessage({ alive: true });
}
