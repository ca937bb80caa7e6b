// The parts as they were handed in: ZIP files, read strictly and from the disk piece by piece, hashed as they stream.

import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { BlobReader, ZipReader, configure } from "@zip.js/zip.js/lib/zip-core-native.js";
import { allowedPath } from "./forms.js";

configure({ useWebWorkers: false, chunkSize: 1 << 20 });

// Text files are held in memory whole, save for the ledger's lines; what is larger than this was not written by `sceau export`.
const WHOLE_LIMIT = 1 << 30;
// Up to this size a member is hashed at once, by the browser itself where it may; what is larger, as it streams.
export const AT_ONCE = 1 << 26;

export class Unreadable extends Error {}

export class Stopped extends Error {}

// {members: Map of path to {path, part, size, entry}, parts: [{name, bytes, paths}], faults}
export async function openParts(parts) {
  const members = new Map();
  const faults = [];
  const opened = [];
  for (const { name, blob } of parts) {
    const paths = [];
    try {
      const reader = new ZipReader(new BlobReader(blob), { strictness: "strict", checkSignature: true, checkOverlappingEntry: true });
      for (const entry of await reader.getEntries()) {
        const path = entry.filename;
        if (entry.directory || entry.encrypted || !allowedPath(path)) faults.push({ code: "path", path });
        else if (members.has(path)) faults.push({ code: "twice", path });
        else {
          members.set(path, { path, part: name, size: entry.uncompressedSize, entry });
          paths.push(path);
        }
      }
    } catch (error) {
      faults.push({ code: "zip", path: name, reason: String(error.message ?? error) });
    }
    opened.push({ name, bytes: blob.size, paths });
  }
  return { members, parts: opened, faults };
}

// Each piece goes to `take`; raises Unreadable where the member is damaged, Stopped where a person stopped.
export async function streamMember(member, take, pace) {
  let size = 0;
  const sink = new WritableStream({
    async write(piece) {
      size += piece.length;
      if (size > member.size) throw new Unreadable(member.path);
      await take(piece);
      await pace(piece.length);
    },
  });
  try {
    await member.entry.getData(sink, { checkSignature: true, strictness: "strict" });
  } catch (error) {
    if (error instanceof Stopped || error?.cause instanceof Stopped) throw new Stopped();
    throw new Unreadable(`${member.path}: ${error?.message ?? error}`);
  }
  if (size !== member.size) throw new Unreadable(member.path);
}

// {sha256, bytes} of a member that fits in memory.
export async function readMember(member, pace) {
  if (member.size > WHOLE_LIMIT) throw new Unreadable(member.path);
  const bytes = new Uint8Array(member.size);
  let at = 0;
  await streamMember(member, (piece) => {
    bytes.set(piece, at);
    at += piece.length;
  }, pace);
  return { sha256: await digest(bytes), bytes };
}

async function digest(bytes) {
  const subtle = globalThis.crypto?.subtle;
  return bytesToHex(subtle ? new Uint8Array(await subtle.digest("SHA-256", bytes)) : sha256(bytes));
}

// {sha256, size, head, prefix}: the first five bytes, and the hash of the first `prefixSize` bytes where that is asked.
export async function hashMember(member, prefixSize, pace, atOnce) {
  if (member.size <= atOnce) {
    const { sha256: hash, bytes } = await readMember(member, pace);
    const prefix = Number.isInteger(prefixSize) && prefixSize <= bytes.length ? await digest(bytes.subarray(0, prefixSize)) : null;
    return { sha256: hash, size: bytes.length, head: String.fromCharCode(...bytes.subarray(0, 5)), prefix };
  }
  return streamHash(member, prefixSize, pace);
}

async function streamHash(member, prefixSize, pace) {
  const running = sha256.create();
  let size = 0;
  let head = new Uint8Array(0);
  let prefix = null;
  await streamMember(member, (piece) => {
    if (head.length < 5) head = new Uint8Array([...head, ...piece.slice(0, 5 - head.length)]);
    if (prefix === null && prefixSize !== null && prefixSize !== undefined && size + piece.length >= prefixSize) {
      prefix = bytesToHex(running.clone().update(piece.subarray(0, prefixSize - size)).digest());
    }
    running.update(piece);
    size += piece.length;
  }, pace);
  return { sha256: bytesToHex(running.digest()), size, head: String.fromCharCode(...head), prefix };
}

// Calls `take` with the bytes of each line; gives the member's hash and whether the last line ended.
export async function lineMember(member, take, pace) {
  const running = sha256.create();
  let rest = new Uint8Array(0);
  await streamMember(member, async (piece) => {
    running.update(piece);
    let start = 0;
    for (let end = piece.indexOf(10); end >= 0; end = piece.indexOf(10, start)) {
      const line = piece.subarray(start, end);
      if (rest.length) {
        const joined = new Uint8Array(rest.length + line.length);
        joined.set(rest);
        joined.set(line, rest.length);
        rest = new Uint8Array(0);
        take(joined);
      } else {
        take(line);
      }
      start = end + 1;
    }
    if (start < piece.length) {
      const joined = new Uint8Array(rest.length + piece.length - start);
      joined.set(rest);
      joined.set(piece.subarray(start), rest.length);
      rest = joined;
    }
  }, pace);
  return { sha256: bytesToHex(running.digest()), ended: rest.length === 0 };
}
