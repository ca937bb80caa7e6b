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
      const entries = await reader.getEntries();
      if (!(await isFramed(blob, entries))) faults.push({ code: "spare", path: name });
      for (const entry of entries) {
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

// Whether members follow one another from the first byte on, then the directory, then its end: no room for anything else (APPNOTE 4.3).
async function isFramed(blob, entries) {
  const tail = new DataView(await blob.slice(Math.max(0, blob.size - 98)).arrayBuffer());
  const end = tail.byteLength - 22;
  if (end < 0 || tail.getUint32(end, true) !== 0x06054b50) return false;
  const large = end === 76 && tail.getUint32(56, true) === 0x07064b50 && tail.getUint32(0, true) === 0x06064b50;
  let [size, start] = [tail.getUint32(end + 12, true), tail.getUint32(end + 16, true)];
  if (large && [size, start].includes(0xffffffff)) [size, start] = [Number(tail.getBigUint64(40, true)), Number(tail.getBigUint64(48, true))];
  if (start + size !== blob.size - (large ? 98 : 22)) return false;
  let at = 0;
  for (const entry of [...entries].sort((one, other) => one.offset - other.offset)) {
    if (entry.offset !== at || entry.comment || entry.bitFlag.dataDescriptor) return false;
    const head = new DataView(await blob.slice(at + 26, at + 30).arrayBuffer());
    if (head.byteLength < 4) return false;
    const [name, extra] = [head.getUint16(0, true), head.getUint16(2, true)];
    // Nothing but the 64-bit sizes of a member that was announced as large (APPNOTE 4.5.3).
    if (extra !== 0) {
      const large = new DataView(await blob.slice(at + 30 + name, at + 34 + name).arrayBuffer());
      if (extra !== 20 || large.byteLength < 4 || large.getUint32(0, true) !== 0x00100001) return false;
    }
    at += 30 + name + extra + entry.compressedSize;
  }
  return at === start;
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
