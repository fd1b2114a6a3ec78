// Messages that are cut short, never end, or contain what looks like their end.
import { setTimeout as delay } from "node:timers/promises";
import { expect } from "vitest";
import { Pop3Client } from "popwright";
import { collectGarbage } from "../support/garbage.ts";
import { MIB } from "../support/large-message.ts";
import { turns } from "../support/turns.ts";
import { endless, expectBounded, flooded } from "../support/flooding.ts";
import { maildropScript } from "../support/maildrop-script.ts";
import { ScriptedServer } from "../support/scripted-server.ts";
import { endAs } from "../support/wire-ends.ts";
import type { Case, Row } from "./row.ts";
import { octets, session, TAKES } from "./steps.ts";

/** The same for a Buffer, a stream and a loop. */
function taken(row: Omit<Case, "calls">): readonly Case[] {
  return Object.entries(TAKES).map(([way, take]) => ({ ...row, name: `${row.name}, ${way}`, calls: take }));
}

/** What is sent after `+OK`, and the message that results. */
const BODIES: readonly [row: string, name: string, wire: string, message: string][] = [
  ["3C.81", "an empty message", ".\r\n", ""],
  ["3C.81", "stuffed dots", "..x\r\n..\r\n...\r\n.\r\n", ".x\r\n.\r\n..\r\n"],
  ["3C.81", "a line that begins with a dot, first and last", "..a\r\nb\r\n..c\r\n.\r\n", ".a\r\nb\r\n.c\r\n"],
  ["3C.82", "a dot that should have been stuffed is dropped", ".x\r\ny\r\n.\r\n", "x\r\ny\r\n"],
  [
    "3C.83",
    "a bare LF around a dot, with a reply after it",
    "smuggle\n.\n+OK fake\r\n-ERR fake\r\n.\r\n",
    "smuggle\n.\n+OK fake\r\n-ERR fake\r\n",
  ],
  ...["a\r.\rb\r\n", "a\r\n.\nb\r\n", "a\n.\r\nb\r\n", "a\r\n.\r\r\nb\r\n"].map(
    (text): [string, string, string, string] => [
      "3C.84",
      `${JSON.stringify(text)} does not end the message`,
      `${text}.\r\n`,
      text.replaceAll("\r\n.", "\r\n"),
    ],
  ),
  [
    "3C.88",
    "NULs, octets that are not UTF-8, a lone CR, a lone LF",
    "\0\x01\x80\xff\xfe\xc3(\ra\nb\x7f\r\n.\r\n",
    "\0\x01\x80\xff\xfe\xc3(\ra\nb\x7f\r\n",
  ],
  ["3C.91", "-ERR after a part of the message", "a\r\n-ERR disk error\r\n.\r\n", "a\r\n-ERR disk error\r\n"],
  ["3C.92", "no header", "\r\nbody\r\n.\r\n", "\r\nbody\r\n"],
  ["3C.92", "no body", "Subject: a\r\n.\r\n", "Subject: a\r\n"],
  ["3C.92", "one octet", "a\r\n.\r\n", "a\r\n"],
];

const CUTS: readonly [row: string, name: string, wire: string][] = [
  ["3C.75", "after whole lines", "+OK\r\nline\r\nline\r\n"],
  ["3C.76", "in the middle of a line", "+OK\r\nline\r\nli"],
  ["3C.76", "after CRLF and a dot", "+OK\r\nline\r\n."],
  ["3C.76", "after CRLF, a dot and CR", "+OK\r\nline\r\n.\r"],
];

/** The last answer, which is cut into two packets at every distance from its end. */
const WHOLE = "+OK 12 octets\r\n..stuffed\r\na\r\n.\r\n";

export const MESSAGES: readonly Row[] = [
  ...CUTS.flatMap(([row, name, wire]) =>
    taken({
      row,
      name: `FIN ${name}`,
      server: session("C: RETR 1", octets(wire), "* close"),
      fails: "POP3_TRUNCATED",
    }),
  ),
  ...taken({
    row: "3C.77",
    name: "RST in the middle of a message",
    server: maildropScript({
      RETR: async (peer) => {
        await peer.send("+OK\r\nline\r\n");
        await endAs(peer, "reset");
        return undefined;
      },
    }),
    fails: "POP3_RESET",
  }),
  ...taken({
    row: "3C.78",
    name: "silence in the middle of a message",
    server: session("C: RETR 1", "S: +OK", "S: line"),
    options: { timeouts: { body: 60 } },
    fails: "POP3_IDLE_TIMEOUT",
  }),
  ...taken({
    row: "3C.79",
    name: "a trickle without end",
    server: maildropScript({
      RETR: async (peer) => {
        await peer.send("+OK\r\n");
        while (!peer.over) {
          await peer.send("x");
          await delay(3);
        }
        return undefined;
      },
    }),
    options: { timeouts: { body: 150 }, limits: { minRate: 1_000_000 } },
    fails: "POP3_TOTAL_TIMEOUT",
  }),
  ...[1, 2, 3, 4, 5, 6].flatMap((cut) =>
    taken({
      row: "3C.80",
      name: `the end of a message is cut ${cut} octets before its last`,
      server: maildropScript({
        RETR: async (peer) => {
          await peer.send(WHOLE.slice(0, -cut));
          await turns(5);
          return WHOLE.slice(-cut);
        },
      }),
      gives: octets(".stuffed\r\na\r\n"),
      leaves: "transaction",
    }),
  ),
  ...[1, Infinity].flatMap((chunk) =>
    taken({
      row: "3C.80",
      name: chunk === 1 ? "every octet in a packet of its own" : "the whole response in one packet",
      server: session("C: RETR 1", octets(WHOLE)),
      how: { chunk },
      gives: octets(".stuffed\r\na\r\n"),
      leaves: "transaction",
    }),
  ),
  ...BODIES.flatMap(([row, name, wire, message]) =>
    [1, Infinity].flatMap((chunk) =>
      taken({
        row,
        name: chunk === 1 ? `${name}, octet by octet` : name,
        server: session("C: RETR 1", octets(`+OK\r\n${wire}`)),
        how: { chunk },
        gives: octets(message),
        leaves: "transaction",
      }).slice(0, chunk === 1 ? 1 : 3),
    ),
  ),
  {
    row: "3C.85",
    name: "a server that ends its lines in LF alone: the greeting",
    differs: "there is no lenient mode: it is unknown what such a server reads as a line",
    server: [octets("+OK hello\n")],
    secret: "nowhere",
    fails: "POP3_PROTOCOL",
  },
  {
    row: "3C.85",
    name: "a server that ends a message by LF alone",
    differs: "there is no lenient mode: its octets are text until a timeout ends the session",
    server: session("C: RETR 1", octets("+OK\r\nSubject: a\n\nb\n.\n")),
    options: { timeouts: { body: 60 } },
    calls: (client) => client.retr(1),
    fails: "POP3_IDLE_TIMEOUT",
  },
  {
    row: "3C.86",
    name: "a message announced with 100 octets that does not end, in memory",
    play: async () => {
      const answers = { RETR: endless("+OK 100 octets\r\n", `${"x".repeat(78)}\r\n`) };
      const result = await flooded(answers, (client) => client.retr(1), { limits: { message: MIB } });
      expect(result.code).toBe("POP3_MESSAGE_TOO_LARGE");
      expectBounded(result, MIB);
    },
  },
  ...[`${"x".repeat(78)}\r\n`, "x"].map((again): Row => ({
    row: again === "x" ? "3C.87" : "3C.86",
    name: `100 MiB of a ${again === "x" ? "single line" : "message without end"}, as a stream: memory stays flat`,
    play: async () => {
      await using server = await ScriptedServer.listen(
        maildropScript({ RETR: endless("+OK 100\r\n", again) }),
      );
      const client = await Pop3Client.connect(server.options());
      let [size, looked, most] = [0, 0, 0];
      const before = process.memoryUsage().arrayBuffers;
      for await (const piece of client.retrStream(1)) {
        size += (piece as Buffer).length;
        if (size > looked + 5 * MIB) {
          looked = size;
          collectGarbage();
          most = Math.max(most, process.memoryUsage().arrayBuffers - before);
        }
        if (size > 100 * MIB) break;
      }
      expect(looked).toBeGreaterThan(90 * MIB);
      expect(most).toBeLessThan(32 * MIB);
      client.close();
      await server.peers[0]?.gone;
    },
  })),
  {
    row: "3C.89",
    name: "a reply after the message that no command asked for: the message is returned, and no command is sent",
    server: session("C: RETR 1", "S: +OK", "S: body", "S: .", "S: +OK next"),
    calls: async (client) => {
      expect((await client.retr(1)).toString()).toBe("body\r\n");
      return client.dele(1);
    },
    fails: "POP3_UNSOLICITED",
  },
  {
    row: "3C.90",
    name: "TOP returns the whole message",
    server: session("C: TOP 1 0", "S: +OK", "S: Subject: a", "S: ", "S: body", "S: ."),
    calls: async (client) => (await client.top(1)).toString(),
    gives: "Subject: a\r\n\r\nbody\r\n",
    leaves: "transaction",
  },
  {
    row: "3C.90",
    name: "TOP is unknown to the server",
    differs: "POP3_REFUSED: the refusal may be about the message as well; `supports` finds out",
    server: session("C: TOP 1 0", "S: -ERR unknown command"),
    calls: (client) => client.top(1),
    fails: "POP3_REFUSED",
    leaves: "transaction",
  },
  ...taken({
    row: "3C.91",
    name: "a message that no longer exists",
    server: session("C: RETR 1", "S: -ERR no such message"),
    fails: "POP3_REFUSED",
    error: { text: "no such message" },
    leaves: "transaction",
  }),
];
