// Whether two messages are the same one: by their headers after unique-ids have changed, by what an IMAP server makes of a
// message, and by the Message-ID in Gmail. Oracles: any cutting; what servers change does not count; readers with regular
// expressions.
import { createHash } from "node:crypto";
import { messageIdIn } from "../../../src/fetch/destinations/gmail/message-id.ts";
import { canonicalOf } from "../../../src/fetch/destinations/imap/canonical.ts";
import { HeaderDigest, headerDigest, namesOne } from "../../../src/fetch/plan/header-digest.ts";
import { cuts, expectSame, expectThat, octets, text } from "../oracle.ts";

export const FILES: readonly string[] = [
  "fetch/plan/header-digest",
  "fetch/destinations/imap/canonical",
  "fetch/destinations/gmail/message-id",
];
export const TOKENS: readonly string[] = [
  ...[
    "Message-ID: <a@b>\r\n",
    "Date: x\r\n",
    "From: a\r\n",
    "Subject: s\r\n",
    "Received: by b; Thu\r\n",
    "message-id:",
  ],
  ...["\r\n\r\n", "\r\n ", "\r\n\t", "\r\n", "\r", "\n", "\0", "\xff", "<", ">", "@", ":", ";", " "],
];

/** The headers are read up to 64 KiB. */
const MOST = 64 * 1024;

export function fuzz(data: Buffer): void {
  checkHeaders(data);
  checkCanonical(data);
  checkMessageId(text(data));
}

function digestOf(pieces: readonly Buffer[]): string {
  const digest = new HeaderDigest();
  for (const piece of pieces) digest.push(piece);
  return digest.digest();
}

/** Unfolded fields of a header, as RFC 5322 section 2.2.3 has them. */
function fieldsOf(head: string): (readonly [name: string, value: string])[] {
  return head
    .replace(/\r\n([ \t])/g, "$1")
    .split("\r\n")
    .map((line) => {
      const [name = ""] = line.split(":", 1);
      return [
        name.trim().toLowerCase(),
        line
          .slice(name.length + 1)
          .replace(/\s+/g, " ")
          .trim(),
      ] as const;
    });
}

function byTheLetter(message: string): string {
  const fields = fieldsOf(message.slice(0, MOST).split("\r\n\r\n", 1)[0] ?? "");
  const first = (name: string): string => fields.find(([each]) => each === name)?.[1] ?? "";
  const found = ["message-id", "date", "from", "subject"].map(first);
  const received = fields.findLast(([name]) => name === "received")?.[1] ?? "";
  const isStamped = /;\s*\S/.test(received);
  const isNamed = found[0] !== "" || found[1] !== "";
  const values = isNamed || !isStamped ? found : [...found, received];
  const hash = createHash("sha256").update(values.join("\0"), "latin1").digest("hex").slice(0, 32);
  return isNamed || isStamped ? hash : `~${hash}`;
}

function checkHeaders(data: Buffer): void {
  const expected = byTheLetter(text(data));
  expectSame(headerDigest(data), expected, "a digest of headers");
  for (const pieces of cuts(data)) expectSame(digestOf(pieces), expected, "a digest of headers in pieces");
  expectSame(namesOne(expected), !expected.startsWith("~"), "whether headers name one message");
  // A field so long that the header does not end within what is read.
  const padded = Buffer.concat([octets(`X: ${"x".repeat(MOST - (data.length >> 1) - 4)}\r`), data, data]);
  const long = headerDigest(padded);
  expectSame(long, byTheLetter(text(padded)), "a digest of a long header");
  for (const at of [data.length, MOST - 1, MOST, MOST + 1, padded.length - data.length])
    expectSame(
      digestOf([padded.subarray(0, at), padded.subarray(at)]),
      long,
      "a digest of a long header in pieces",
    );
  // A server that moves a message adds fields of its own, and may fold others in another way.
  const [head = "", ...body] = text(data).split("\r\n\r\n");
  const moved = [`Received: by x; now\r\n${head.replace(/\r\n[ \t]+/g, "\r\n\t \t")}`, ...body].join(
    "\r\n\r\n",
  );
  // Without a Message-ID and a Date, the first Received is what tells messages apart.
  const names = fieldsOf(head).map(([name, value]) => (value === "" && name !== "received" ? "" : name));
  const hasFields = ["message-id", "date", "received"].some((name) => names.includes(name));
  if (hasFields && /^[!-9;-~]+:/.test(head))
    expectSame(headerDigest(octets(moved)), expected, "a message that was moved");
}

function checkCanonical(data: Buffer): void {
  const { digest, least, most } = canonicalOf(data);
  const canonical = text(data)
    .replace(/\r*\n/g, "\n")
    .replace(/[\r\n]+$/, "")
    .replaceAll("\n", "\r\n")
    .replace(/[\0\x80-\xff]/g, "X");
  const hash = createHash("sha256").update(canonical, "latin1").digest("base64url").slice(0, 22);
  expectSame(digest, hash, "the canonical form of a message");
  // What servers make of a message.
  const said = text(data);
  for (const stored of [
    said.replace(/\r?\n/g, "\r\n"),
    said.replace(/\r*\n/g, "\r\n"),
    said.replace(/\r\n/g, "\n"),
    `${said.replace(/\r?\n/g, "\r\n").replace(/\r\n$/, "")}\r\n`,
    said.replace(/[\0\x80-\xff]/g, "X"),
  ]) {
    const changed = canonicalOf(octets(stored));
    expectSame(changed.digest, digest, "a message that a server has changed");
    expectThat(
      stored.length >= least && stored.length <= most,
      "the size that a server reports",
      stored.length,
    );
  }
}

function checkMessageId(message: string): void {
  const id = messageIdIn(octets(message));
  expectThat(id === undefined || /^[!-~]{3,500}$/.test(id), "a Message-ID for a search", id);
  expectThat(id === undefined || !/["(){}:\s]/.test(id), "a Message-ID that means something in a search", id);
  // Lines that end in a lone CR or LF, and names with other characters, may be read in several ways.
  if (/\r(?!\n)|(?<!\r)\n/.test(message)) return;
  const head = message.split("\r\n\r\n", 1)[0] ?? "";
  const values = fieldsOf(head).flatMap(([name, value]) => (name === "message-id" ? [value] : []));
  const isOne = values.length === 1 && !/^[ \t]|\n[ \t]*message-id/i.test(head);
  const [, expected] = /^<([\w.!#$%&*+/=?^`|~@-]{3,500})>$/.exec(values[0] ?? "") ?? [];
  if (isOne && expected !== undefined) expectSame(id, expected, "a Message-ID");
}

export function parse(data: Buffer): void {
  headerDigest(data);
  canonicalOf(data);
  messageIdIn(data);
}
