// Seals and timestamps: CMS (RFC 5652) and RFC 3161 tokens, by pkijs and the browser's own cryptography. What a certificate says is read; whom to trust is not judged.

import { sha256, sha384, sha512 } from "@noble/hashes/sha2.js";
import * as asn1js from "asn1js";
import * as pkijs from "pkijs";
import { same } from "./tree.js";

const SIGNED_DATA = "1.2.840.113549.1.7.2";
const DATA = "1.2.840.113549.1.7.1";
const TST_INFO = "1.2.840.113549.1.9.16.1.4";
const CONTENT_TYPE = "1.2.840.113549.1.9.3";
const MESSAGE_DIGEST = "1.2.840.113549.1.9.4";
const TIMESTAMP = "1.2.840.113549.1.9.16.2.14";
const SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47";
const TIME_STAMPING = "1.3.6.1.5.5.7.3.8";
const EC_KEY = "1.2.840.10045.2.1";
const RSA_KEY = "1.2.840.113549.1.1.1";
const RSA_PSS = "1.2.840.113549.1.1.10";
// By kind of key and digest, what the signature's algorithm may be called.
const SIGNATURES = {
  [EC_KEY]: { "SHA-256": ["1.2.840.10045.4.3.2"], "SHA-384": ["1.2.840.10045.4.3.3"], "SHA-512": ["1.2.840.10045.4.3.4"] },
  [RSA_KEY]: {
    "SHA-256": ["1.2.840.113549.1.1.11", RSA_KEY, RSA_PSS],
    "SHA-384": ["1.2.840.113549.1.1.12", RSA_KEY, RSA_PSS],
    "SHA-512": ["1.2.840.113549.1.1.13", RSA_KEY, RSA_PSS],
  },
};
const DIGESTS = {
  "2.16.840.1.101.3.4.2.1": ["SHA-256", sha256],
  "2.16.840.1.101.3.4.2.2": ["SHA-384", sha384],
  "2.16.840.1.101.3.4.2.3": ["SHA-512", sha512],
};
const PRACTICE = "ESSAI - sans valeur probante";
const NAMES = { "2.5.4.3": "CN", "2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.6": "C", "2.5.4.97": "organizationIdentifier", "2.5.4.5": "serialNumber" };

// Why a seal or a token does not hold; `code` is among the words of the page.
export class Broken extends Error {
  constructor(code, reason = "") {
    super(`${code} ${reason}`);
    this.code = code;
    this.reason = reason;
  }
}

export function canLook() {
  return Boolean(globalThis.crypto?.subtle);
}

let engine = null;

function machine() {
  engine ??= new pkijs.CryptoEngine({ name: "browser", crypto: globalThis.crypto });
  return engine;
}

const bytesOf = (view) => new Uint8Array(view instanceof ArrayBuffer ? view : view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
const derOf = (certificate) => bytesOf(certificate.toSchema(false).toBER(false)); // not encoded anew: the bytes as they were signed
const nameBytes = (name) => bytesOf(name.valueBeforeDecode);

// The certificates of a PEM file. Raises Broken where one cannot be read.
export function readRoots(pem) {
  const blocks = [...pem.matchAll(/-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/g)];
  try {
    return blocks.map(([, body]) => parseCertificate(Uint8Array.from(atob(body.replace(/\s+/g, "")), (letter) => letter.charCodeAt(0))));
  } catch (error) {
    throw new Broken("roots", String(error.message ?? error));
  }
}

function parseCertificate(der) {
  const parsed = asn1js.fromBER(bytesOf(der).buffer);
  if (parsed.offset !== der.length) throw new Broken("certificate");
  return new pkijs.Certificate({ schema: parsed.result });
}

// The seal of the manifest: {subject, practice, time, authority, trusted}. Raises Broken.
export async function checkSeal(der, manifest, roots) {
  const signed = parseSigned(der);
  if (signed.encapContentInfo.eContentType !== DATA || signed.encapContentInfo.eContent) throw new Broken("not-detached");
  const unsigned = signed.signerInfos[0].unsignedAttrs?.attributes ?? [];
  if (unsigned.length !== 1 || unsigned[0].type !== TIMESTAMP || unsigned[0].values.length !== 1) throw new Broken("no-timestamp");
  const signature = bytesOf(signed.signerInfos[0].signature.valueBlock.valueHexView);
  const stamp = await readToken(bytesOf(unsigned[0].values[0].toBER(false)), signature);
  if (stamp.signed.signerInfos[0].unsignedAttrs) throw new Broken("unsigned");
  await checkAlone(stamp.signed);
  await checkAlone(signed);
  stamp.root = nameOf((await findPath(stamp.certificate, stamp.certificates, roots, stamp.time)).at(-1).subject);
  const signer = await checkSigned(signed, manifest);
  signer.root = nameOf((await findPath(signer.certificate, signer.certificates, roots, stamp.time)).at(-1).subject);
  // The file is in no manifest: a certificate that leads nowhere would be a place to write anything.
  for (const { certificates } of [stamp, signer]) for (const each of certificates) await findPath(each, certificates, roots, null);
  return { ...signer, time: stamp.time, authority: stamp.subject, practice: signer.practice || stamp.practice, trusted: signer.root };
}

// A token (RFC 3161) over these bytes: {subject, practice, time, root}; without `root` where its authority leads up to none of the roots. Raises Broken.
export async function checkToken(der, stamped, roots) {
  const stamp = await readToken(der, stamped);
  try {
    const path = await findPath(stamp.certificate, stamp.certificates, roots, stamp.time);
    return { ...stamp, root: nameOf(path.at(-1).subject) };
  } catch (error) {
    if (error instanceof Broken) return stamp;
    throw error;
  }
}

async function checkAlone(signed) {
  if (signed.crls?.length || (signed.certificates ?? []).some((each) => !(each instanceof pkijs.Certificate))) throw new Broken("unsigned");
}

async function readToken(der, stamped) {
  const signed = parseSigned(der);
  const content = signed.encapContentInfo;
  if (content.eContentType !== TST_INFO || !content.eContent) throw new Broken("no-token");
  const inner = contentBytes(content.eContent);
  let info;
  try {
    const parsed = asn1js.fromBER(inner.buffer);
    if (parsed.offset !== inner.length) throw new Broken("token-form");
    info = new pkijs.TSTInfo({ schema: parsed.result });
  } catch (error) {
    throw new Broken("token-form", String(error.message ?? error));
  }
  const digest = DIGESTS[info.messageImprint.hashAlgorithm.algorithmId];
  if (!digest) throw new Broken("digest");
  if (!same(bytesOf(info.messageImprint.hashedMessage.valueBlock.valueHexView), digest[1](stamped))) throw new Broken("imprint");
  const signer = await checkSigned(signed, inner);
  if (!purposes(signer.certificate).includes(TIME_STAMPING)) throw new Broken("no-time-authority");
  const { notBefore, notAfter } = signer.certificate;
  if (!(notBefore.value <= info.genTime && info.genTime <= notAfter.value)) throw new Broken("not-in-time", signer.subject);
  return { ...signer, signed, time: info.genTime };
}

function contentBytes(octets) {
  if (octets.idBlock.isConstructed) throw new Broken("der"); // pieces are BER
  return bytesOf(octets.valueBlock.valueHexView);
}

function parseSigned(der) {
  if (!strictDer(der)) throw new Broken("der");
  try {
    const parsed = asn1js.fromBER(bytesOf(der).buffer);
    if (parsed.offset !== der.length) throw new Broken("der");
    const content = new pkijs.ContentInfo({ schema: parsed.result });
    if (content.contentType !== SIGNED_DATA) throw new Broken("no-signature");
    const signed = new pkijs.SignedData({ schema: content.content });
    if (signed.signerInfos.length !== 1) throw new Broken("signers");
    return signed;
  } catch (error) {
    throw error instanceof Broken ? error : new Broken("der", String(error.message ?? error));
  }
}

async function checkSigned(signed, content) {
  const info = signed.signerInfos[0];
  const certificates = (signed.certificates ?? []).filter((each) => each instanceof pkijs.Certificate);
  const certificate = certificates.find((each) => speaks(info.sid, each));
  if (!certificate) throw new Broken("no-certificate");
  const digest = DIGESTS[info.digestAlgorithm.algorithmId];
  if (!digest) throw new Broken("digest");
  checkWording(signed, info, certificate, digest[0]);
  if (!signed.digestAlgorithms.every((each) => each.algorithmId === info.digestAlgorithm.algorithmId)) throw new Broken("digest");
  if (!info.signedAttrs) throw new Broken("no-attributes");
  const said = (type) => info.signedAttrs.attributes.filter((each) => each.type === type);
  const [type, imprint, binding] = [said(CONTENT_TYPE), said(MESSAGE_DIGEST), said(SIGNING_CERTIFICATE_V2)];
  if (type.length !== 1 || type[0].values[0].valueBlock.toString() !== signed.encapContentInfo.eContentType) throw new Broken("content-type");
  if (imprint.length !== 1 || !same(bytesOf(imprint[0].values[0].valueBlock.valueHexView), digest[1](content))) throw new Broken("other-content");
  if (binding.length !== 1 || !binds(binding[0], certificate)) throw new Broken("other-certificate");
  const attributes = info.signedAttrs.encodedValue;
  let fits = false;
  try {
    fits = await machine().verifyWithPublicKey(attributes, info.signature, certificate.subjectPublicKeyInfo, info.signatureAlgorithm, digest[0]);
  } catch (error) {
    throw new Broken("signature", String(error.message ?? error));
  }
  if (!fits) throw new Broken("signature");
  return { certificate, certificates, name: commonName(certificate), subject: nameOf(certificate.subject), practice: isPractice(certificate) };
}

// What no signature covers must still be said in the one right way.
function checkWording(signed, info, certificate, digest) {
  const byName = info.sid instanceof pkijs.IssuerAndSerialNumber;
  const version = byName && signed.encapContentInfo.eContentType === DATA ? 1 : 3;
  if (signed.version !== version || info.version !== (byName ? 1 : 3)) throw new Broken("version");
  const plain = ({ algorithmParams }) => algorithmParams === undefined || algorithmParams instanceof asn1js.Null || algorithmParams instanceof asn1js.Any;
  if (signed.digestAlgorithms.length !== 1 || ![...signed.digestAlgorithms, info.digestAlgorithm].every(plain)) throw new Broken("digest");
  const { algorithmId } = info.signatureAlgorithm;
  const key = certificate.subjectPublicKeyInfo.algorithm.algorithmId;
  if (!SIGNATURES[key]?.[digest].includes(algorithmId) || (algorithmId !== RSA_PSS && !plain(info.signatureAlgorithm))) throw new Broken("algorithm");
  if (key === EC_KEY && !twoIntegers(bytesOf(info.signature.valueBlock.valueHexView))) throw new Broken("signature");
}

// An ECDSA signature is a SEQUENCE of two INTEGERs and nothing else (RFC 3279, 2.2.3).
function twoIntegers(bytes) {
  if (bytes[0] !== 48 || bytes[2] !== 2 || !strictDer(bytes)) return false;
  const second = 4 + bytes[3];
  return bytes[1] < 128 && bytes[second] === 2 && second + 2 + bytes[second + 1] === bytes.length;
}

function speaks(sid, certificate) {
  if (sid instanceof pkijs.IssuerAndSerialNumber) return same(nameBytes(sid.issuer), nameBytes(certificate.issuer)) && sid.serialNumber.isEqual(certificate.serialNumber);
  const identifier = extension(certificate, "2.5.29.14");
  return Boolean(identifier?.parsedValue?.valueBlock) && same(bytesOf(sid.valueBlock.valueHexView), bytesOf(identifier.parsedValue.valueBlock.valueHexView));
}

// ESSCertIDv2 (RFC 5035): the hash of the certificate, by SHA-256 unless it says otherwise.
function binds(attribute, certificate) {
  const first = attribute.values[0]?.valueBlock.value?.[0]?.valueBlock.value?.[0]?.valueBlock.value ?? [];
  if (first[0] instanceof asn1js.Sequence && !first[0].valueBlock.value.length) return false;
  const [algorithm, hash] = first[0] instanceof asn1js.Sequence ? [first[0].valueBlock.value[0].valueBlock.toString(), first[1]] : ["2.16.840.1.101.3.4.2.1", first[0]];
  const digest = DIGESTS[algorithm];
  return Boolean(digest && hash instanceof asn1js.OctetString) && same(bytesOf(hash.valueBlock.valueHexView), digest[1](derOf(certificate)));
}

// From a certificate up to one of the roots, each signed by the next. Raises Broken.
async function findPath(certificate, certificates, roots, at) {
  const path = [certificate];
  while (path.length < 10) {
    const current = path.at(-1);
    if (at !== null && !(current.notBefore.value <= at && at <= current.notAfter.value)) throw new Broken("not-in-time", nameOf(current.subject));
    if (roots.some((root) => same(derOf(root), derOf(current)))) return path;
    const above = [...roots, ...certificates].filter((each) => each.subject.isEqual(current.issuer) && !path.includes(each));
    let found = null;
    for (const candidate of above) if (!found && mayIssue(candidate) && (await issued(current, candidate))) found = candidate;
    if (!found) throw new Broken("no-path", nameOf(current.subject));
    path.push(found);
  }
  throw new Broken("no-path");
}

async function issued(certificate, issuer) {
  const elliptic = issuer.subjectPublicKeyInfo.algorithm.algorithmId === EC_KEY;
  if (elliptic && !twoIntegers(bytesOf(certificate.signatureValue.valueBlock.valueHexView))) return false;
  try {
    return await certificate.verify(issuer, machine());
  } catch {
    return false;
  }
}

const extension = (certificate, oid) => certificate.extensions?.find((each) => each.extnID === oid);
const mayIssue = (certificate) => extension(certificate, "2.5.29.19")?.parsedValue?.cA === true;
const purposes = (certificate) => extension(certificate, "2.5.29.37")?.parsedValue?.keyPurposes ?? [];

function nameOf(name) {
  return name.typesAndValues.map(({ type, value }) => `${NAMES[type] ?? type}=${value.valueBlock.value}`).join(", ");
}

function commonName(certificate) {
  const found = certificate.subject.typesAndValues.find(({ type }) => NAMES[type] === "CN");
  return found ? String(found.value.valueBlock.value) : nameOf(certificate.subject);
}

export function isPractice(certificate) {
  return certificate.subject.typesAndValues.some(({ value }) => String(value.valueBlock.value).includes(PRACTICE));
}

// Definite, shortest lengths everywhere and nothing after the end: one way to write it.
function strictDer(bytes, start = 0, end = bytes.length, depth = 0) {
  let at = start;
  let count = 0;
  while (at < end) {
    const tag = bytes[at];
    at += 1;
    if ((tag & 31) === 31 || at >= end || depth > 60) return false;
    let length = bytes[at];
    at += 1;
    if (length >= 128) {
      const digits = length - 128;
      if (digits === 0 || digits > 4 || at + digits > end) return false;
      length = bytes.subarray(at, at + digits).reduce((sum, byte) => sum * 256 + byte, 0);
      if (length < 128 || bytes[at] === 0) return false;
      at += digits;
    }
    if (at + length > end) return false;
    if (tag === 1 && !(length === 1 && [0, 255].includes(bytes[at]))) return false;
    if (tag & 32 && !strictDer(bytes, at, at + length, depth + 1)) return false;
    at += length;
    count += 1;
    if (depth === 0 && count > 1) return false;
  }
  return true;
}
