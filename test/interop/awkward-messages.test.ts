// Content with a special meaning for the protocol, the operating system or mail software arrives unchanged.
import { buffer } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Pop3Client, type Pop3ClientOptions } from "../../src/index.ts";
import { Dovecot, servedOctets } from "../servers/dovecot.ts";
import { sha256 } from "./sha256.ts";
import { reach } from "../servers/transport.ts";

const header = "Subject: awkward\r\n\r\n";
const octets = (text: string): Buffer => Buffer.from(text, "latin1");
const everyOctet = Buffer.from(Array.from({ length: 256 }, (_, octet) => octet));

const messages = {
  "NUL everywhere": octets(`\0Subject: \0\r\n\r\n\0\0\r\n\0.\r\n.\0\r\n\0`),
  "every octet": Buffer.concat([octets(header), everyOctet, octets("\r\n"), everyOctet.toReversed()]),
  "8-bit": octets(`Subject: \xe4\xff\x80\r\n\r\n${"\xfc\xc3\xfe".repeat(1000)}\r\n`),
  "UTF-8": Buffer.from("Subject: 花子 🔑\r\n\r\nZeile für Zeile €\r\n"),
  "CR without LF": octets(`${header}a\rb\r\rc\r\r\n\r.\r\n\r`),
  "LF without CR": octets("Subject: LF\n\nA line.\n.\n..\n\n"),
  "CR, LF, dots": octets(`${header}\r.\r\n.\r.\n.\r\n\n.\r\r\n.\n\r\n.\r`),
  "a line of 10 MB": octets(`${header}.${"x".repeat(10_000_000)}\r\nbehind it\r\n`),
  "a line of 10 MB of dots": octets(`${header}${".".repeat(10_000_000)}`),
  "dots alone": octets(`${header}.\r\n..\r\n...\r\n.a\r\n\r\n.\r\n`),
  "a dot at the very end": octets(`${header}text\r\n.`),
  replies: octets(`${header}+OK\r\n-ERR\r\n+OK 2 messages\r\n.\r\n+OK bye\r\n`),
  "an empty body": octets(header),
  "a body of empty lines": octets(`${header}${"\r\n".repeat(1000)}`),
  "headers without the empty line": octets("Subject: headers only\r\nX-More: yes\r\n"),
  "an unfinished header": octets("Subject"),
  "no headers": octets("\r\nA body.\r\n"),
  "no final newline": octets(`${header}the end`),
  "one octet": octets("x"),
  "one empty line": octets("\r\n"),
  nothing: Buffer.alloc(0),
};
const cases = Object.entries(messages).map(([name, stored], index) => ({
  name,
  number: index + 1,
  served: servedOctets(stored),
}));

/** The header, the empty line and the first `lines` lines of the body, as TOP must return them. */
function head(served: Buffer, lines: number): Buffer {
  const text = served.toString("latin1");
  const empty = text.startsWith("\r\n") ? 0 : text.indexOf("\r\n\r\n") + 2;
  if (empty === 1) return served;
  let end = empty + 2;
  for (let line = 0; line < lines && end < text.length; line++) end = text.indexOf("\r\n", end) + 2;
  return served.subarray(0, end);
}

describe("awkward messages", () => {
  let server: Dovecot;
  const connect = (options: Partial<Pop3ClientOptions> = {}): Promise<Pop3Client> =>
    Pop3Client.connect({ ...reach(server, "TLS port"), auth: { user: "ann", pass: "secret" }, ...options });

  beforeAll(async () => {
    server = await Dovecot.start({ users: { ann: "secret" } });
    await server.deliver("ann", Object.values(messages));
  });

  afterAll(() => server.stop());

  it.each(cases)("$name: by RETR, RETR as a stream, and TOP", async ({ number, served }) => {
    await using client = await connect();
    const whole = await client.retr(number);
    const streamed = await buffer(client.retrStream(number));
    expect([whole.length, streamed.length]).toEqual([served.length, served.length]);
    expect([sha256(whole), sha256(streamed)]).toEqual([sha256(served), sha256(served)]);
    for (const lines of [0, 1, 2, 1_000_000]) {
      const top = await client.top(number, lines);
      expect(`${lines}: ${sha256(top)}`).toBe(`${lines}: ${sha256(head(served, lines))}`);
    }
    await client.quit();
  });

  it.each(["auto", false] as const)("one after the other (pipelining: %s)", async (pipelining) => {
    await using client = await connect({ pipelining });
    const retrieved: unknown[] = [];
    for await (const message of client.retrieve()) {
      const { number } = message;
      // Every other one as a stream.
      const whole = number % 2 === 0 ? await buffer(message.stream()) : await message.buffer();
      retrieved.push({ name: cases[number - 1]?.name, hash: sha256(whole) });
    }
    expect(retrieved).toEqual(cases.map(({ name, served }) => ({ name, hash: sha256(served) })));
    await client.quit();
  });
});
