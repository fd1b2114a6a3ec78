// What real servers do with the octets of messages, and how the client reacts.
import { setImmediate as turn } from "node:timers/promises";
import { expect } from "vitest";
import type { Pop3Client } from "popwright";
import { parseMessage } from "popwright/parse";
import { maildropScript } from "../support/maildrop-script.ts";
import { turns } from "../support/turns.ts";
import type { Case, Row } from "./row.ts";
import { octets, session, TAKES } from "./steps.ts";

/** A response to RETR 1, and what it is, for a Buffer, a stream and a loop. */
function taken(row: string, name: string, wire: string, message: string, more: Partial<Case> = {}): Row[] {
  return Object.entries(TAKES).map(([way, calls]) => ({
    row,
    name: `${name}, ${way}`,
    server: session("C: RETR 1", octets(wire)),
    calls,
    gives: octets(message),
    leaves: "transaction",
    ...more,
  }));
}

const STUFFED = "+OK\r\n..\r\n...\r\na\r\n.\r\n";
const UNSTUFFED = "+OK\r\na\r\n.\r\nand more\r\n.\r\n";
/** Gives what came, and then asks for a deletion. */
async function retrAndDele(client: Pop3Client): Promise<void> {
  expect(await client.retr(1)).toEqual(octets("a\r\n"));
  await client.dele(1);
}

export const QUIRKS_MESSAGES: readonly Row[] = [
  ...taken("Q.86", "octet by octet", STUFFED, ".\r\n..\r\na\r\n", { how: { chunk: 1 } }),
  ...[1, 2, 3, 4].flatMap((cut) =>
    taken("Q.86", `the end is cut ${cut} octets before the last`, STUFFED, ".\r\n..\r\na\r\n", {
      server: maildropScript({
        RETR: async (peer) => {
          await peer.send(STUFFED.slice(0, -cut));
          await turns(5);
          return STUFFED.slice(-cut);
        },
      }),
    }).slice(0, 1),
  ),
  ...taken("Q.87", "a packet that is nothing but a dot, within a line", "", "one. two\r\n", {
    server: maildropScript({
      RETR: async (peer) => {
        for (const piece of ["+OK\r\none", ".", " two\r\n"]) {
          await peer.send(piece);
          await turns(5);
        }
        return ".\r\n";
      },
    }),
  }),
  ...["a\r\n.\n", "a\r\n.\r", "a\n.\n"].map((text): Row => ({
    row: "Q.88",
    name: `${JSON.stringify(text)} does not end the message, and a timeout ends the session`,
    differs:
      "LF alone does not end a message: otherwise the sender of a message could end it anywhere, and forge replies",
    server: session("C: RETR 1", octets(`+OK\r\n${text}`)),
    options: { timeouts: { body: 60 } },
    calls: (client) => client.retr(1),
    fails: "POP3_IDLE_TIMEOUT",
    error: { command: "RETR 1" },
  })),
  {
    row: "Q.89",
    name: "a last line without its CRLF before the dot",
    server: session("C: RETR 1", octets("+OK\r\nbody.\r\n")),
    options: { timeouts: { body: 60 } },
    calls: (client) => client.retr(1),
    fails: "POP3_IDLE_TIMEOUT",
  },
  {
    row: "Q.90",
    name: "a line of one unstuffed dot: the message is returned cut short, and nothing after it is parsed or deleted",
    server: session("C: RETR 1", octets(UNSTUFFED)),
    calls: retrAndDele,
    fails: "POP3_UNSOLICITED",
    error: { message: expect.stringContaining("after RETR 1") as string },
  },
  {
    row: "Q.90",
    name: "a line of one unstuffed dot, with the rest instead of the next reply",
    server: session("C: RETR 1", "S: +OK", "S: a", "S: .", "C: DELE 1", "S: and more", "S: ."),
    calls: retrAndDele,
    fails: "POP3_PROTOCOL",
    error: { command: "DELE 1" },
  },
  {
    row: "Q.90",
    name: "a line of one unstuffed dot, with a forged reply after it: QUIT is not sent",
    server: session(
      "C: RETR 1",
      "S: +OK",
      "S: a",
      "S: .",
      "C: DELE 1",
      "S: +OK forged",
      "S: .",
      "S: +OK marked",
    ),
    calls: async (client) => {
      await retrAndDele(client);
      await client.quit();
    },
    fails: "POP3_UNSOLICITED",
    error: { command: "QUIT" },
  },
  ...taken(
    "Q.91",
    "a line that begins with a dot and is not stuffed",
    "+OK\r\n.foo\r\n..bar\r\n.\r\n",
    "foo\r\n.bar\r\n",
    {
      differs:
        "one dot is removed, as RFC 1939 says, and there is no option: a guess would be wrong for every correct server",
    },
  ),
  ...(
    [
      ["a bare CR, a bare LF, NULs and octets beyond ASCII", "a\rb\nc\0\xff\x80\r\n"],
      ["a line of 100 000 octets", `${"x".repeat(100_000)}\r\n`],
      ["nothing", ""],
    ] as const
  ).flatMap(([what, message]) => taken("Q.92", what, `+OK\r\n${message}.\r\n`, message)),
  ...["+OK", "+OK 5 octets", "+OK 99999999999 octets", "+OK message follows"].flatMap((status) =>
    taken("Q.93", `"${status}"`, `${status}\r\nbody\r\n.\r\n`, "body\r\n"),
  ),
  {
    row: "Q.94",
    name: "one of three messages no longer exists: the others are returned",
    server: session(
      ...["C: RETR 1", "S: +OK", "S: one", "S: .", "C: RETR 2", "S: -ERR message is gone"],
      ...["C: RETR 3", "S: +OK", "S: three", "S: ."],
    ),
    calls: async (client) => {
      const seen: unknown[] = [];
      for await (const message of client.retrieve([1, 2, 3])) {
        seen.push(await message.buffer().then(String, (error: unknown) => (error as Error).message));
      }
      return seen;
    },
    gives: ["one\r\n", "the server refused RETR 2: message is gone", "three\r\n"],
    leaves: "transaction",
  },
  {
    row: "Q.95",
    name: "a message that is not mail: its octets are returned, parsing finds what it can, and the session continues",
    server: session(
      ...[
        "C: RETR 1",
        octets("+OK\r\n\xff: no header\r\n\0\r\nContent-Type: multipart/mixed; boundary=\r\n.\r\n"),
      ],
    ),
    calls: async (client) => {
      const message = await client.retr(1);
      return [message.length, (await parseMessage(message)).attachments];
    },
    gives: [59, []],
    leaves: "transaction",
  },
  {
    row: "Q.96",
    name: "a stream that is left early: the rest is dropped, and the next call gets its own answer",
    server: session(
      "C: RETR 1",
      octets(`+OK\r\n${"x\r\n".repeat(100_000)}`),
      "* wait",
      "S: .",
      "C: RETR 2",
      "S: +OK",
      "S: b",
      "S: .",
    ),
    calls: async (client, stage) => {
      for await (const piece of client.retrStream(1)) {
        expect((piece as Buffer).length).toBeGreaterThan(0);
        break;
      }
      stage.goOn();
      return client.retr(2);
    },
    gives: octets("b\r\n"),
    leaves: "transaction",
  },
  {
    row: "Q.96",
    name: "an unread stream: the client stops reading from the server, and continues when the stream is read",
    server: session("C: RETR 1", octets(`+OK\r\n${"x".repeat(1_000_000)}\r\n.\r\n`)),
    calls: async (client) => {
      const stream = client.retrStream(1);
      while (stream.readableLength === 0) await turn();
      await turns();
      const held = stream.readableLength;
      let size = 0;
      for await (const piece of stream) size += (piece as Buffer).length;
      return [held < 500_000, size];
    },
    gives: [true, 1_000_002],
    leaves: "transaction",
  },
  {
    row: "Q.97",
    name: "TOP returns less or more than requested: it is passed on, and RETR returns everything",
    server: session(
      ...["C: TOP 1 2147483647", "S: +OK", "S: Subject: a", "S: ", "S: one", "S: ."],
      ...["C: TOP 1 0", "S: +OK", "S: Subject: a", "S: ", "S: one", "S: ."],
      ...["C: RETR 1", "S: +OK", "S: Subject: a", "S: ", "S: one", "S: two", "S: ."],
    ),
    calls: async (client) => [
      (await client.top(1, 2_147_483_647)).length,
      (await client.top(1)).length,
      (await client.retr(1)).length,
    ],
    gives: [19, 19, 24],
    leaves: "transaction",
  },
];
