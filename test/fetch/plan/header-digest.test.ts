// The digest of headers: it does not depend on how they are split, or on headers that a server adds.
import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { HeaderDigest, headerDigest, namesOne } from "../../../src/fetch/plan/header-digest.ts";

const HEAD = "Received: here\r\nMessage-ID: <1@test>\r\nDate: now\r\nFrom: ann\r\nSubject: one\r\n two\r\n";
const of = (text: string): string => headerDigest(Buffer.from(text, "latin1"));

test("is the same however the headers are split", () => {
  const octets = Buffer.from(`${HEAD}\r\nbody\r\n\r\nSubject: not this\r\n`);
  const whole = headerDigest(octets);
  expect(whole).toMatch(/^[0-9a-f]{32}$/);
  for (let cut = 0; cut <= octets.length; cut++) {
    const digest = new HeaderDigest();
    digest.push(octets.subarray(0, cut));
    digest.push(octets.subarray(cut));
    expect(digest.digest()).toBe(whole);
  }
});

test("of headers longer than 64 KiB is the same however they are split", () => {
  const octets = Buffer.from(`X: ${"x".repeat(64 * 1024 - 14)}\r\nDate: now\r\nSubject: one\r\n\r\n`);
  const whole = headerDigest(octets);
  for (let cut = 64 * 1024 - 20; cut <= octets.length; cut++) {
    const digest = new HeaderDigest();
    digest.push(octets.subarray(0, cut));
    digest.push(octets.subarray(cut));
    expect(digest.digest()).toBe(whole);
  }
});

test("ignores headers that a server adds, and uses those that the sender wrote", () => {
  const same = of(`${HEAD}\r\n`);
  expect(of(`X-Moved: yes\r\nStatus: RO\r\n${HEAD}\r\n`)).toBe(same);
  expect(of(HEAD.replace("one\r\n two", "one   two"))).toBe(same);
  expect(of(HEAD.replace("MESSAGE-ID", "message-id"))).toBe(same);
  for (const [from, to] of [
    ["1@test", "2@test"],
    ["now", "then"],
    ["ann", "bob"],
    ["two", "three"],
  ] as const)
    expect(of(`${HEAD.replace(from, to)}\r\n`)).not.toBe(same);
});

test("needs only the headers, as TOP returns them", () => {
  expect(of(HEAD)).toBe(of(`${HEAD}\r\nbody`));
});

test("without Message-ID and Date, it does not identify one message", () => {
  const looks = [
    "",
    "Received: here\r\n\r\nSubject: in the body\r\n",
    "From: a\r\n",
    "Subject: b\r\n",
    "From: a\r\nSubject: b\r\n",
  ];
  for (const text of looks) expect(of(text)).toMatch(/^~[0-9a-f]{32}$/);
  expect(of(looks[1] as string)).toBe(of(""));
  expect(new Set(looks.map(of)).size).toBe(4);
  expect([undefined, of(""), of(HEAD)].map(namesOne)).toEqual([false, false, true]);
});

test("without Message-ID and Date, it uses the time stamp of the oldest Received", () => {
  const first = "Received: from sensor by mx; Sun, 29 Nov 2026 10:00:00 +0000\r\n";
  const alarm = (received: string): string => `${received}From: sensor\r\nSubject: alarm\r\n\r\non\r\n`;
  const digest = of(alarm(first));
  expect(digest).toMatch(/^[0-9a-f]{32}$/);
  // A server that takes it over adds its own.
  expect(of(alarm(`Received: from mx by new; Mon, 30 Nov 2026 00:00:00 +0000\r\n${first}`))).toBe(digest);
  expect(of(alarm(first.replace("10:00:00", "10:00:01")))).not.toBe(digest);
  expect(of(alarm(first).replace("alarm", "all clear"))).not.toBe(digest);
  expect(of(alarm(first.replace(/;.*/, "")))).toMatch(/^~/);
  // It is not used if the header has a Message-ID or a Date.
  expect(of(`${first}${HEAD}`)).toBe(of(HEAD));
});

test("equals the digests in ledgers of older versions", () => {
  expect(of(HEAD)).toBe("681ce9952c975a8760606e7463f48379");
});

test("does not collect endless headers", () => {
  const digest = new HeaderDigest();
  digest.push(Buffer.from("Subject: begins\r\n"));
  const line = Buffer.from(`X: ${"x".repeat(1020)}\r\n`);
  for (let i = 0; i < 200; i++) digest.push(line);
  digest.push(Buffer.from("Message-ID: <late@test>\r\n\r\n"));
  expect(digest.digest()).toBe(of("Subject: begins\r\n"));
});

test("reads exactly the first 64 KiB", () => {
  const date = "Date: now";
  const filled = (length: number): string => `${"X: ".padEnd(length - 2 - date.length, "x")}\r\n${date}`;
  const read = (length: number): string => of(`${filled(length)}, and more\r\n`);
  const LENGTH = 64 * 1024;
  expect(read(LENGTH)).toBe(of(date));
  expect(read(LENGTH + 1)).toBe(of("Date: no"));
  expect(read(LENGTH - 1)).toBe(of("Date: now,"));
});

test("takes the first of several headers, and a name without a colon as an empty header", () => {
  expect(of("From: a\r\nFrom: b\r\n")).toBe(of("From: a\r\n"));
  expect(of("From\r\nFrom: b\r\n")).toBe(of("From:\r\nFrom: b\r\n"));
  expect(of("From\r\n")).toBe(of(""));
  expect(of("Fromx\r\nFrom: b\r\n")).toBe(of("From: b\r\n"));
});

test("ignores white space around the name and the value", () => {
  const digest = of("Message-ID: <1@test>\r\nSubject: a b\r\n");
  for (const other of [
    "Message-ID:<1@test>\r\nSubject:a b\r\n",
    "Message-ID : <1@test> \r\nSubject: \ta \t b  \r\n",
    "Message-ID:\r\n <1@test>\r\nSubject: a\r\n\tb\r\n",
  ])
    expect(of(other)).toBe(digest);
  expect(of("Message-ID: <1@test>\r\nSubject: ab\r\n")).not.toBe(digest);
});

test.each([
  ["x;now", true],
  ["x; now", true],
  ["x;\r\n now", true],
  ["x now", false],
  ["x;", false],
  ["x; \t", false],
])("the time stamp of Received: %j identifies a message: %s", (received, isOne) => {
  expect(namesOne(of(`Received: ${received}\r\nSubject: alarm\r\n`))).toBe(isOne);
});

test.each(["Message-ID: <1@test>", "Date: now"])(
  "%s alone identifies a message, whatever Received says",
  (field) => {
    const digest = of(`${field}\r\n`);
    expect(namesOne(digest)).toBe(true);
    expect(of(`Received: x; then\r\n${field}\r\n`)).toBe(digest);
  },
);

test("ends at the blank line, wherever it is split, also if there is no header", () => {
  const octets = Buffer.from("Date: now\r\n\r\nSubject: in the body\r\n");
  for (let cut = 0; cut <= octets.length; cut++) {
    const digest = new HeaderDigest();
    digest.push(octets.subarray(0, cut));
    digest.push(octets.subarray(cut));
    expect(digest.digest(), String(cut)).toBe(of("Date: now\r\n"));
  }
  expect(of("\r\n\r\nDate: now\r\n")).toBe(of(""));
});

test("is made of bytes, one for each character", () => {
  const bytes = Buffer.from("\0\0\xe9\0", "latin1");
  expect(of("From: \xe9\r\n")).toBe(`~${createHash("sha256").update(bytes).digest("hex").slice(0, 32)}`);
});
