// The digest of the headers: the same however they come, and whatever a server adds.
import { expect, test } from "vitest";
import { HeaderDigest, headerDigest } from "../../src/fetch/header-digest.ts";

const HEAD = "Received: here\r\nMessage-ID: <1@test>\r\nDate: now\r\nFrom: ann\r\nSubject: one\r\n two\r\n";
const of = (text: string): string | undefined => headerDigest(Buffer.from(text, "latin1"));

test("at every cut it is the same", () => {
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

test("what a server adds makes no difference, what the sender wrote does", () => {
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

test("the headers alone, as TOP gives them, do", () => {
  expect(of(HEAD)).toBe(of(`${HEAD}\r\nbody`));
});

test("without any of them there is none", () => {
  expect(of("Received: here\r\n\r\nSubject: in the body\r\n")).toBeUndefined();
  expect(of("")).toBeUndefined();
});

test("endless headers are not collected", () => {
  const digest = new HeaderDigest();
  digest.push(Buffer.from("Subject: begins\r\n"));
  const line = Buffer.from(`X: ${"x".repeat(1020)}\r\n`);
  for (let i = 0; i < 200; i++) digest.push(line);
  digest.push(Buffer.from("Message-ID: <late@test>\r\n\r\n"));
  expect(digest.digest()).toBe(of("Subject: begins\r\n"));
});
