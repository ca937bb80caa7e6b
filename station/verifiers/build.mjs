// Makes one file of the verifier: node build.mjs OUT.html. The same sources and packages give the same bytes.

import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const options = { bundle: true, minify: true, write: false, charset: "utf8", legalComments: "none", logLevel: "warning", absWorkingDir: here };
const script = await build({ ...options, entryPoints: ["verifier.js"], format: "iife", target: "es2022" });
const style = await build({ ...options, entryPoints: ["verifier.css"] });

const hashOf = (text) => `sha256-${createHash("sha256").update(text).digest("base64")}`;
const parts = { script: inlined(script.outputFiles[0].text), style: style.outputFiles[0].text.trim() };
Object.assign(parts, { "script-hash": hashOf(parts.script), "style-hash": hashOf(parts.style) });
const page = readFileSync(join(here, "verifier.html"), "utf8").replace(/\{\{([\w-]+)\}\}/g, (_, name) => parts[name]);
writeFileSync(process.argv[2], page);

// Nothing in the script may end or open an element of the page; a line end is one and the same for the parser and for the hash.
function inlined(text) {
  return text.trim().replace(/\r\n?/g, "\n").replace(/<(?=\/script|!--|script)/gi, "\\x3c");
}
