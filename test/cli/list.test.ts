// `popwright list` and `show`: what people see of messages, and what no sender may do to a terminal.
import { expect, test } from "vitest";
import type { Fault, Pop3ServerOptions } from "../../src/testing/index.ts";
import { annsServer, urlOf } from "./ann.ts";
import { capture } from "./capture.ts";
import { Terminal } from "./terminal.ts";

const LUNCH =
  "From: Bob <bob@example.org>\r\nTo: ann@example.com\r\nDate: Sat, 21 Nov 2026 12:00:00 +0000\r\n" +
  "Subject: =?utf-8?Q?Lunch_at_noon=3F_Gr=C3=BC=C3=9Fe?=\r\nContent-Type: text/plain; charset=utf-8\r\n" +
  "\r\nAnn,\r\n\r\nat noon, the usual place? We could also go to the other one, which has a garden and is not as loud.\r\n\r\n> quoted\r\n";
const HOSTILE =
  "From: =?utf-8?Q?=1B[2J=1B]0;owned=07?= <eve@example.org>\r\nSubject: a\x1b[31mb\u202Ec =?utf-8?Q?=0D=0Aforged_=0Dline?=\r\n" +
  "Date: Sat, 21 Nov 2026 12:00:00 +0000\r\n" +
  'Content-Type: multipart/mixed; boundary="b"\r\n\r\n' +
  "--b\r\nContent-Type: text/plain\r\n\r\n\x1b[2Jclear\x07 bell\ttab \x9b31m\r\n--b\r\n" +
  'Content-Type: text/html; name="\x1b[0m.html"\r\nContent-Disposition: attachment; filename="\x1b[1m.html"\r\n\r\n<b>x</b>\r\n--b--\r\n';
const CHINESE =
  "From: =?utf-8?B?546L5bCP5piO?= <wang@example.org>\r\nDate: Sat, 21 Nov 2026 12:00:00 +0000\r\n" +
  `Subject: =?utf-8?B?${Buffer.from("你好世界".repeat(12)).toString("base64")}?=\r\n\r\n`;
const HTML =
  "From: shop@example.org\r\nSubject: Only HTML\r\nContent-Type: text/html\r\n\r\n<p>Hello <b>Ann</b></p><script>alert(1)</script>\r\n";
const MESSAGES = [LUNCH, HOSTILE, CHINESE, HTML, "\r\nno headers\r\n"];

const serverWith = (options: Pop3ServerOptions = {}): ReturnType<typeof annsServer> =>
  annsServer({ users: { ann: { pass: "secret", messages: MESSAGES } }, ...options });

// A control character other than the line end, or a character that reorders text.
const CONTROL = /[^\P{Cc}\n]|\p{Bidi_Control}/u;

test.each([40, 80, 120, undefined])("list at %s columns", async (columns) => {
  await using server = await serverWith();
  const terminal = new Terminal();
  terminal.columns = columns;
  expect(await terminal.run("list", urlOf(server))).toBe(0);
  expect(terminal.out).not.toMatch(CONTROL);
  await expect(capture(terminal)).toMatchFileSnapshot(`captures/list-${String(columns ?? "file")}.txt`);
});

test.each([40, 80, 120])("show at %s columns", async (columns) => {
  await using server = await serverWith();
  const terminal = new Terminal();
  terminal.columns = columns;
  for (const number of ["1", "2", "4", "5"])
    expect(await terminal.run("show", urlOf(server), number)).toBe(0);
  expect(terminal.out).not.toMatch(CONTROL);
  await expect(capture(terminal)).toMatchFileSnapshot(`captures/show-${String(columns)}.txt`);
});

test("the headers are asked for in one round trip, and nothing is retrieved", async () => {
  await using server = await serverWith();
  expect(await new Terminal().run("list", urlOf(server), "--json")).toBe(0);
  expect(server.transcript.toString().match(/^C: TOP \d 0$/gm)).toHaveLength(MESSAGES.length);
  expect(server.transcript.toString()).not.toContain("RETR");
});

test("JSON has sender, date and subject", async () => {
  await using server = await serverWith();
  const terminal = new Terminal();
  await terminal.run("list", urlOf(server), "-j");
  expect(terminal.json[0]).toMatchObject({
    number: 1,
    date: "2026-11-21T12:00:00.000Z",
    from: "Bob <bob@example.org>",
    subject: "Lunch at noon? Grüße",
  });
  const one = new Terminal();
  expect(await one.run("show", urlOf(server), "2", "--json")).toBe(0);
  expect(one.json).toMatchObject([{ number: 2, attachments: [{ contentType: "text/html" }] }]);
  expect(one.out).not.toMatch(CONTROL);
});

test("a server without TOP gets the short list, and a sentence says why", async () => {
  await using server = await serverWith({ top: false });
  const terminal = new Terminal();
  expect(await terminal.run("list", urlOf(server))).toBe(0);
  expect(terminal.out).toMatch(/^1 +\d+ +\S+\n/);
  expect(terminal.err).toContain("the server does not know TOP, so it has no subjects to list");
});

test("a message whose headers the server refuses is listed, and the others as well", async () => {
  const fault: Fault = { on: "TOP", nth: 2, reply: "-ERR cannot read it\r\n" };
  await using server = await serverWith({ faults: [fault] });
  const terminal = new Terminal();
  terminal.columns = 80;
  expect(await terminal.run("list", urlOf(server))).toBe(0);
  expect(terminal.out).toMatch(/^2 +\d+ B +- +- +-$/m);
  expect(terminal.out).toContain("Only HTML");
});

test("show explains that a message does not exist", async () => {
  await using server = await serverWith();
  const terminal = new Terminal();
  expect(await terminal.run("show", urlOf(server), "9")).toBe(66);
  expect(terminal.words).toContain("there is no message 9: the mailbox has 5 messages. Run `popwright list");
});

test("get writes no message to a terminal, unless it is told to", async () => {
  await using server = await serverWith();
  const terminal = new Terminal();
  terminal.columns = 80;
  expect(await terminal.run("get", urlOf(server), "2")).toBe(64);
  expect(terminal.out).toBe("");
  expect(terminal.words).toContain(
    "Run `popwright show` to read it, or write it to a file with --output FILE",
  );
  expect(server.connections).toBe(0);
  expect(await terminal.run("get", urlOf(server), "2", "-o", "-")).toBe(0);
  expect(terminal.out).toBe(HOSTILE);
});

test("colours are for terminals that want them", async () => {
  await using server = await serverWith();
  const runs = [
    [80, {}, true],
    [undefined, {}, false],
    [80, { NO_COLOR: "1" }, false],
    [80, { TERM: "dumb" }, false],
  ] as const;
  for (const [columns, env, isColoured] of runs) {
    const terminal = new Terminal();
    delete terminal.env["NO_COLOR"];
    Object.assign(terminal.env, env);
    terminal.columns = columns;
    await terminal.run("check", urlOf(server));
    await terminal.run("lsit");
    expect(terminal.out.includes("\x1b[32mok")).toBe(isColoured);
    expect(terminal.err.includes("\x1b[31mpopwright:")).toBe(isColoured);
  }
});
