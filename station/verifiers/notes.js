// Signed notes and checkpoints (C2SP signed-note, tlog-checkpoint): text, signatures, keys. Ed25519 as RFC 8032 wants it.

import { ed25519 } from "@noble/curves/ed25519.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { TIME } from "./forms.js";
import { same } from "./tree.js";

const encoder = new TextEncoder();

// Strict: what decodes must encode to the same text again.
export function fromBase64(text) {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return null;
  try {
    const binary = atob(text);
    return btoa(binary) === text ? Uint8Array.from(binary, (letter) => letter.charCodeAt(0)) : null;
  } catch {
    return null;
  }
}

// A verifier key: name+hash+base64(0x01 and 32 bytes). Null where it is none, or its hash is not that of its name and key.
export function readKey(text) {
  const match = /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(text);
  const bytes = match && fromBase64(match[3]);
  if (!bytes || bytes.length !== 33 || bytes[0] !== 1) return null;
  const hash = sha256(new Uint8Array([...encoder.encode(`${match[1]}\n`), ...bytes])).slice(0, 4);
  if (bytesToHex(hash) !== match[2]) return null;
  return { text, name: match[1], hash, bytes: bytes.slice(1), fingerprint: bytesToHex(sha256(bytes.slice(1))) };
}

// Text (with its last newline) and signatures. Null where it is no signed note.
export function readNote(note) {
  const cut = note.lastIndexOf("\n\n");
  if (cut < 1 || !note.endsWith("\n")) return null;
  const text = note.slice(0, cut + 1);
  // eslint-disable-next-line no-control-regex
  if (/[\u0000-\u0009\u000b-\u001f]/.test(note)) return null;
  const signatures = note.slice(cut + 2, -1).split("\n").map(readSignature);
  return signatures.length && signatures.every(Boolean) ? { text, signatures } : null;
}

function readSignature(line) {
  const match = /^\u2014 ([^\s+]+) ([A-Za-z0-9+/=]+)$/.exec(line);
  const bytes = match && fromBase64(match[2]);
  return bytes && bytes.length > 4 ? { name: match[1], hash: bytes.slice(0, 4), bytes: bytes.slice(4) } : null;
}

export function signedBy(note, key) {
  return note.signatures.some((signature) => speaksFor(signature, key)) && note.signatures.every((signature) => !speaksFor(signature, key) || fits(note, signature, key));
}

export function speaksFor(signature, key) {
  return signature.name === key.name && same(signature.hash, key.hash);
}

function fits(note, signature, key) {
  try {
    return ed25519.verify(signature.bytes, encoder.encode(note.text), key.bytes, { zip215: false });
  } catch {
    return false;
  }
}

// {origin, size, root, at, links: [{kind, size, root}]}, or null where the note's text is no checkpoint of this form.
export function readCheckpoint(text) {
  const [origin, size, root, ...rest] = text.slice(0, -1).split("\n");
  const hash = root === undefined ? null : fromBase64(root);
  if (!origin || !/^(0|[1-9][0-9]{0,15})$/.test(size ?? "") || !hash || hash.length !== 32) return null;
  const links = [];
  let at = null;
  for (const line of rest) {
    const link = /^(day|month|year) (0|[1-9][0-9]{0,15}) (\S+)$/.exec(line);
    const linked = link && fromBase64(link[3]);
    if (linked && linked.length === 32) links.push({ kind: link[1], size: Number(link[2]), root: linked });
    else if (line.startsWith("at ") && at === null && TIME.test(line.slice(3))) at = line.slice(3);
    else if (/^(at|day|month|year)( |$)/.test(line)) return null;
    // Other extension lines are passed over (C2SP tlog-checkpoint).
  }
  if (at === null) return null;
  return { origin, size: Number(size), root: hash, at, links };
}
